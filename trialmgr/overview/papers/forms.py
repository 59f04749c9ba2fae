"""Blank forms on paper, to be filled in by hand: a form, the forms of a visit, or every form of the study."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from django.utils.translation import gettext as _

from crf.layout.boxes import DATES, laid_out
from crf.layout.fields import FieldView, SectionView, build_fields
from crf.places import spoken
from crf.wording import wording_for
from trialmgr.overview.papers.frames import Paper, printed
from trialmgr.participants.queries import form_on
from trialmgr.people.models import User
from trialmgr.people.visibility import Sight
from trialmgr.printing import typeset
from trialmgr.protocol.expressions import Path as Named
from trialmgr.protocol.expressions import parse
from trialmgr.protocol.model import Form, Item, ItemType, StudyDefinition, VisitDefinition
from trialmgr.protocol.rule_words import rule_in_words
from trialmgr.studies.clock import today
from trialmgr.studies.queries import current_definition

TEMPLATE = Path(__file__).parents[1] / "templates/overview/forms/blank.typ"
KINDS = {**dict.fromkeys(DATES, "date"), ItemType.LONG_TEXT: "text", ItemType.FILE: "file", ItemType.TIME: "time"}


@dataclass(frozen=True, slots=True)
class Sheet:
    """A form to print, and the visits at which it is filled in."""

    form: Form
    visits: tuple[VisitDefinition, ...]


def visits_in_sight(definition: StudyDefinition, sight: Sight) -> list[VisitDefinition]:
    """What reveals the allocation in one version does so in every other."""
    known = current_definition()
    return [visit for visit in definition.visits if sight.visit(visit) and sight.visit(known.visit(visit.key))]


def sheets_of(
    definition: StudyDefinition, sight: Sight, visits: Sequence[VisitDefinition], key: str = ""
) -> list[Sheet]:
    """Each form of these visits once, in the order of the study; of the form ``key`` alone where one is named."""
    wanted = [form.key for form in definition.forms if form.key in sight.forms and key in ("", form.key)]
    held = {each: tuple(visit for visit in visits if each in visit.forms) for each in wanted}
    return [Sheet(form_on(today(), definition, each), at) for each, at in held.items() if at or key]


def blank_paper(user: User, definition: StudyDefinition, sheets: Sequence[Sheet], at: datetime.datetime) -> bytes:
    """The PDF, in the language of the page. ``at``: when it is printed."""
    paper = blank_document(user, definition, sheets, at)
    return typeset(TEMPLATE, paper, title=_("Blank forms"), language=spoken(), at=at)


def blank_document(user: User, definition: StudyDefinition, sheets: Sequence[Sheet], at: datetime.datetime) -> Paper:
    """What stands on the paper, as plain data."""
    sight = user.sight(current_definition())
    return {
        "study": definition.short_title,
        "kind": _("Study version %(version)s, blank form") % {"version": definition.version},
        "made": printed(user, None, at),
        "head": [_("Participant number"), _("Visit and day"), _("Initials"), _("Signature")],
        "words": {
            "missing": _("No value, because:"),
            "date": _("day – month – year"),
            "time": _("hours : minutes"),
            "file": _("Keep the file with this paper."),
            "derived": _("Calculated by the system."),
        },
        "sheets": [_sheet(definition, sight, sheet) for sheet in sheets],
    }


def _sheet(definition: StudyDefinition, sight: Sight, sheet: Sheet) -> Paper:
    form, language, wording = sheet.form, spoken(), wording_for(definition)
    laid = laid_out(form, spare=True)
    hidden = frozenset(item.key for item in laid.items if not sight.item(item))
    sections = build_fields(definition, laid, {}, {}, {}, language, hidden=hidden, wording=wording)
    recall = wording.recall_period(form)
    conditions = {item.key: _condition(definition, form, item, sight) for item in laid.items}
    lines = [
        _("Visit: %(visits)s") % {"visits": ", ".join(visit.label(language) for visit in sheet.visits)}
        if sheet.visits
        else "",
        _("About %(period)s.") % {"period": recall(language)} if recall else "",
        _("One sheet for each row.") if form.repeating else "",
        _("Copy this page where a group has more rows.") if form.groups else "",
    ]
    return {
        "label": wording.form_label(form)(language),
        "lines": [line for line in lines if line],
        "sections": [_section(section, conditions) for section in sections],
        "reasons": "; ".join(reason.label(language) for reason in definition.missing_reasons.items),
    }


def _section(section: SectionView, conditions: dict[str, str]) -> Paper:
    return {
        "label": section.label,
        "hint": section.hint,
        "items": [_item(field, conditions[field.key]) for field in section.fields],
    }


def _item(field: FieldView, condition: str) -> Paper:
    """``kind``: what there is to write in; ``hints``: under the question."""
    return {
        "label": field.label,
        "hints": [said for said in (condition, field.hint, _range(field)) if said],
        "kind": "derived" if field.derived else _kind(field),
        "several": field.type == ItemType.MULTI_CHOICE,
        "choices": [label for _code, label in field.choices],
        "unit": field.unit,
        "missing": field.missing_allowed and not field.derived,
    }


def _kind(field: FieldView) -> str:
    return "choices" if field.choices else KINDS.get(ItemType(field.type), "line")


def _range(field: FieldView) -> str:
    return _("Range: %(range)s") % {"range": field.bounds} if field.bounds and not field.choices else ""


def _condition(definition: StudyDefinition, form: Form, item: Item, sight: Sight) -> str:
    """When the question is asked; nothing where the rule reads what this person does not meet."""
    if item.ask_if is None or not all(_is_seen(definition, form, path, sight) for path in parse(item.ask_if).reads):
        return ""
    return _("Only if: %(rule)s") % {"rule": rule_in_words(definition, item.ask_if, spoken(), form)}


def _is_seen(definition: StudyDefinition, form: Form, path: Named, sight: Sight) -> bool:
    """An item of this form is named alone; one of another with its visit and form."""
    if len(path) < 3:
        return all(sight.item(one) for one in form.items if one.key == path[-1])
    visit = path[0].partition("-")[0]
    home = definition.form(path[1])
    is_at = not definition.has_visit(visit) or sight.visit(definition.visit(visit))
    return is_at and sight.form(home) and all(sight.item(one) for one in home.items if one.key == path[-1])
