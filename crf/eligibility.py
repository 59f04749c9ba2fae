"""The criteria in force for one participant, held against the answers and the rules, criterion by criterion."""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext as _

from crf.casebook import Tag
from crf.gates import as_asked
from crf.loaded_casebook import LoadedCasebook
from crf.models import EntryStatus, FormEntry
from crf.places import CasebookPlace, spoken
from crf.policies import eligibility_entry
from trialmgr.participants.queries import criteria_for, form_for
from trialmgr.protocol.evaluation import Scope, read, truth_of
from trialmgr.protocol.expressions import parse
from trialmgr.protocol.judgements import judge
from trialmgr.protocol.model import Criterion, Form
from trialmgr.protocol.rule_words import Clause, clauses


@dataclass(frozen=True, slots=True)
class CriterionLine:
    """``rule``: what the rule says of the stored values; ``has_rule`` tells an unknown outcome from no rule.

    ``clauses``: the rule in words, part by part, with the values that are in the reader's sight.
    """

    id: str
    text: str
    wanted: bool
    answer: bool | None
    has_rule: bool
    rule: bool | None
    clauses: tuple[Clause, ...]

    @property
    def tag(self) -> Tag:
        parts = {self.answer, self.rule if self.has_rule else self.wanted}
        if (not self.wanted) in parts:
            return Tag(_("Not met") if self.wanted else _("Excludes"), "stop")
        if None in parts:
            return Tag(_("Not known yet"), "todo")
        return Tag(_("Met") if self.wanted else _("Does not exclude"), "done")


@dataclass(frozen=True, slots=True)
class Assessment:
    """``eligible``: by answers and rules, None while something is wanting."""

    version: str
    inclusion: tuple[CriterionLine, ...]
    exclusion: tuple[CriterionLine, ...]
    eligible: bool | None
    not_met: tuple[str, ...]
    is_complete: bool
    form_url: str

    @property
    def outcome(self) -> Tag:
        if self.eligible is None:
            return Tag(_("Not known yet"), "todo")
        return Tag(_("Eligible"), "done") if self.eligible else Tag(_("Not eligible"), "stop")


def assess(place: CasebookPlace) -> Assessment | None:
    """None where the eligibility form is out of this person's sight."""
    keys = [form.key for form in place.definition.forms if form.eligibility and place.sees_form(form.key)]
    if not keys:
        return None
    entry = eligibility_entry(place.participant)
    definition = entry.study_version.definition if entry else place.definition
    version = criteria_for(place.participant, definition)
    form = form_for(place.participant, definition, keys[0])
    values = entry.data if entry else {}
    stored = LoadedCasebook(place.participant)
    known = {key: read(definition, form.item(key), raw) for key, raw in values.items()}
    scope = Scope(definition, form, stored, known)
    lines = [_line(place, criterion, scope) for criterion in version.criteria]
    eligible, not_met = judge(definition, version, values, stored)
    return Assessment(
        version=version.version,
        inclusion=tuple(line for line in lines if line.wanted),
        exclusion=tuple(line for line in lines if not line.wanted),
        eligible=eligible,
        not_met=not_met,
        is_complete=_is_complete(entry),
        form_url=_form_url(place, form),
    )


def _line(place: CasebookPlace, criterion: Criterion, scope: Scope) -> CriterionLine:
    answer = scope((criterion.id.lower(),))
    return CriterionLine(
        id=criterion.id,
        text=criterion.text(spoken()),
        wanted=criterion.kind == "inclusion",
        answer=answer if isinstance(answer, bool) else None,
        has_rule=criterion.rule is not None,
        rule=truth_of(criterion.rule, scope) if criterion.rule else None,
        clauses=_clauses(place, criterion.rule, scope) if criterion.rule else (),
    )


def _clauses(place: CasebookPlace, rule: str, scope: Scope) -> tuple[Clause, ...]:
    """Without the values where one of them is out of sight."""
    read = [path for path in parse(rule).references if len(path) > 1]
    seen = all(
        place.sees_form(path[1]) and place.sight.item(place.definition.form(path[1]).item(path[-1])) for path in read
    )
    return clauses(place.definition, rule, scope if seen else as_asked(place.definition, {}), spoken())


def _is_complete(entry: FormEntry | None) -> bool:
    return entry is not None and entry.status == EntryStatus.COMPLETE


def _form_url(place: CasebookPlace, form: Form) -> str:
    visit = next(visit.key for visit in place.definition.visits if form.key in visit.forms)
    return reverse("crf:entry", args=[place.participant.number, visit, form.key])
