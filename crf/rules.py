"""A new rule over stored data, before it is switched on: on which entries it is true, false or unknown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from crf.lookup import StoredValues
from crf.models import FormEntry
from crf.outcomes import stored_entries
from crf.participant_forms import form_for
from trialmgr.people.models import User
from trialmgr.people.visibility import Sight
from trialmgr.protocol import integrity
from trialmgr.protocol.evaluation import RowScope, Scope, read, truth_of
from trialmgr.protocol.model import Check, Form, StudyDefinition, Text, VisitDefinition

TRIED = "tried_rule"


class RuleRefused(Exception):
    """The rule cannot be read, or reads what this form or person does not have; each line says what and the mend."""


@dataclass(frozen=True, slots=True)
class Tried:
    """``fires``: what the rule says of this entry; None when a value that it needs is missing."""

    entry: FormEntry
    fires: bool | None


def check_named(definition: StudyDefinition, key: str) -> tuple[Form, Check]:
    """The check ``form.check`` of a definition. RuleRefused when there is none."""
    form_key, _dot, check_key = key.partition(".")
    if definition.has_form(form_key):
        form = definition.form(form_key)
        for check in form.checks:
            if check.key == check_key:
                return form, check
    known = ", ".join(f"{form.key}.{check.key}" for form in definition.forms for check in form.checks)
    raise RuleRefused(f"there is no check “{key}”: name one as form.check, of {known or 'none'}")


def rule_as_check(definition: StudyDefinition, form_key: str, rule: str) -> tuple[Form, Check]:
    """A rule of one form, as an edit check that nobody has switched on. RuleRefused when there is no such form."""
    if not definition.has_form(form_key):
        raise RuleRefused(f"there is no form “{form_key}”: use one of {', '.join(sorted(_forms(definition)))}")
    form = definition.form(form_key)
    message = Text(nl="Regel op proef.", en="Rule on trial.")
    check = Check(key=TRIED, severity="soft", fires_if=rule, items=(form.items[0].key,), message=message)
    return form, check


def _forms(definition: StudyDefinition) -> set[str]:
    return {form.key for form in definition.forms}


def try_rule(by: User, definition: StudyDefinition, form: Form, check: Check) -> Iterator[Tried]:
    """Each standing entry of the form in this person's sight. RuleRefused before the first one is read.

    The rule is read by ``definition``, cut to what this person sees: a rule cannot ask what they may not know.
    """
    seen = in_sight(definition, by.sight(definition))
    _check_readable(seen, form.key, check)
    stored: StoredValues | None = None
    for entry in stored_entries(by, forms=[form.key]):
        if stored is None or stored.participant.pk != entry.visit.participant_id:
            stored = StoredValues(entry.visit.participant)
        own = form_for(entry.visit.participant, seen, form.key)
        yield Tried(entry, _truth(seen, own, check, entry, stored))


def in_sight(definition: StudyDefinition, sight: Sight) -> StudyDefinition:
    """Without the visits, forms and items that do not exist for this person."""
    return definition.model_copy(
        update={
            "visits": tuple(_holding(visit, sight) for visit in definition.visits if sight.visit(visit)),
            "forms": tuple(_cut(form, sight) for form in definition.forms if sight.form(form)),
        }
    )


def _holding(visit: VisitDefinition, sight: Sight) -> VisitDefinition:
    return visit.model_copy(update={"forms": tuple(key for key in visit.forms if key in sight.forms)})


def _cut(form: Form, sight: Sight) -> Form:
    sections = (
        section.model_copy(update={"items": tuple(item for item in section.items if sight.item(item))})
        for section in form.sections
    )
    return form.model_copy(update={"sections": tuple(section for section in sections if section.items)})


def _check_readable(definition: StudyDefinition, form_key: str, check: Check) -> None:
    number = next((n for n, form in enumerate(definition.forms) if form.key == form_key), None)
    if number is None:
        raise RuleRefused(f"there is no form “{form_key}”: use one of {', '.join(sorted(_forms(definition)))}")
    form = definition.forms[number]
    # Found by its place: the last check of the form.
    tried = form.model_copy(update={"checks": (*(one for one in form.checks if one.key != check.key), check)})
    forms = (*definition.forms[:number], tried, *definition.forms[number + 1 :])
    place = ("forms", number, "checks", len(tried.checks) - 1)
    whole = definition.model_copy(update={"forms": forms})
    faults = [found for found in integrity.findings(whole) if found.path[:4] == place]
    if faults:
        raise RuleRefused("\n".join(f"{found.message}: {found.mend}" for found in faults))


def _truth(
    definition: StudyDefinition, form: Form, check: Check, entry: FormEntry, stored: StoredValues
) -> bool | None:
    known = {key: read(definition, form.item(key), raw) for key, raw in entry.data.items() if form.holds(key)}
    scope = Scope(definition, form, stored, known, entry.visit.slug)
    group = form.group_of_check(check)
    if group is None:
        return truth_of(check.fires_if, scope)
    truths = {truth_of(check.fires_if, RowScope(scope, group, row)) for row in scope.row_numbers(group)}
    return True if True in truths else None if None in truths else False
