"""What is judged and decided of a participant, as pages show it: the rules, the values they read, what comes of them.

The gate of a phase; the criteria of eligibility in force for one participant, one by one; and a judgement that the
values contradict, with each value as it was judged and as it stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext as _

from crf.casebook import Tag
from crf.judgements import contradicted, judgement_url
from crf.layout.fields import shown_value
from crf.loaded_casebook import LoadedCasebook
from crf.models import EntryStatus, FormEntry, GateDecision
from crf.places import CasebookPlace, spoken
from crf.policies import contradiction_of, eligibility_entry, is_gate_missed
from trialmgr.participants.queries import criteria_for, form_for
from trialmgr.participants.states import Status
from trialmgr.protocol.evaluation import Scope, read, truth_of
from trialmgr.protocol.expressions import parse
from trialmgr.protocol.judgements import ELIGIBILITY, Contradiction, gate_outcome, judge
from trialmgr.protocol.model import Criterion, Form, Gate, StudyDefinition
from trialmgr.protocol.rule_words import Clause, clauses, rule_in_words


@dataclass(frozen=True, slots=True)
class GateView:
    """``outcome``: what the rule says now, None while a value is missing. ``decision``: if it was taken.

    ``words``: the rule in words; ``clauses``: its parts, with what each came to. ``score``: the first one it reads.
    ``missed``: a value stays missing, for its visit was not done or its form is complete without it.
    """

    label: str
    rule: str
    words: str
    clauses: tuple[Clause, ...]
    score: str
    if_true: str
    if_false: str
    inputs: tuple[dict[str, str], ...]
    outcome: bool | None
    decision: GateDecision | None
    missed: bool

    @property
    def consequence(self) -> str:
        if self.outcome is None and self.missed:
            return _("A value was not measured: with a reason it is recorded that the phase does not open.")
        if self.outcome is None:
            return _("The rule cannot be decided yet: a value is missing.")
        return self.if_true if self.outcome else self.if_false


def gate_view(place: CasebookPlace, phase: str, gate: Gate) -> GateView:
    stored = LoadedCasebook(place.participant)
    decision = GateDecision.objects.filter(participant=place.participant, phase=phase).first()
    outcome = gate_outcome(place.definition, gate, stored)
    asked = decision.inputs if decision else stored.asked
    rule = (decision.rule if decision else "") or gate.rule
    return GateView(
        label=gate.label(spoken()),
        rule=rule,
        words=rule_in_words(place.definition, rule, spoken()),
        clauses=clauses(place.definition, rule, as_asked(place.definition, asked), spoken()),
        score=next((".".join(path[1:]) for path in sorted(parse(rule).references)), ""),
        if_true=gate.if_true(spoken()),
        if_false=gate.if_false(spoken()),
        inputs=tuple(read_line(place, path, value) for path, value in asked.items()),
        outcome=decision.opened if decision else outcome,
        decision=decision,
        missed=outcome is None and decision is None and is_gate_missed(place.participant, stored.asked),
    )


def as_asked(definition: StudyDefinition, asked: Mapping[str, str | None]) -> Scope:
    """Just the values that a decision rests on."""
    return Scope(definition, None, lambda *path: asked.get(".".join(path)))


def read_line(place: CasebookPlace, path: str, value: str | None) -> dict[str, str]:
    """A row of a summary list: where the value stands, and the value in words."""
    visit, form_key, item_key = path.split(".", 2)
    form = form_for(place.participant, place.definition, form_key)
    label = f"{place.definition.visit(visit.partition('-')[0]).label(spoken())}, {form.item(item_key).label(spoken())}"
    return {"key": label, "value": shown_value(place.definition, form.item(item_key), value or "", spoken())}


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
    lines = [_criterion_line(place, criterion, scope) for criterion in version.criteria]
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


def _criterion_line(place: CasebookPlace, criterion: Criterion, scope: Scope) -> CriterionLine:
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


@dataclass(frozen=True, slots=True)
class ContradictionView:
    """``values``: rows of a summary list, of forms in sight. ``confirm_url``: "" for who may not, or cannot yet."""

    sentence: str
    values: tuple[dict[str, str], ...]
    confirm_url: str


def contradiction_view(place: CasebookPlace, about: str) -> ContradictionView | None:
    found = contradiction_of(place.participant, about)
    if found is None:
        return None
    confirmable = about != ELIGIBILITY or place.participant.state is not Status.SCREENING
    may = confirmable and place.may("participants.judge")
    return ContradictionView(
        sentence=contradicted(found),
        values=tuple(_changed_line(place, path, *pair) for path, pair in seen_changes(place, found).items()),
        confirm_url=judgement_url(place.participant, found.judged, "confirm_") if may else "",
    )


def seen_changes(place: CasebookPlace, found: Contradiction) -> dict[str, tuple[str | None, str | None]]:
    """By path, the values in sight that are others now: as they were judged, as they stand."""
    return {path: pair for path, pair in found.changed.items() if place.sees_form(path.split(".")[1])}


def _changed_line(place: CasebookPlace, path: str, then: str | None, now: str | None) -> dict[str, str]:
    judged, stands = (read_line(place, path, value) for value in (then, now))
    said = _("judged on %(then)s, now %(now)s")
    none = _("no value")
    return {"key": stands["key"], "value": said % {"then": judged["value"] or none, "now": stands["value"] or none}}
