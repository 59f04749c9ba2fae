"""The gate of a phase as a page shows it: the rule, the values it reads, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from crf.layout.fields import shown_value
from crf.loaded_casebook import LoadedCasebook
from crf.models import GateDecision
from crf.places import CasebookPlace, spoken
from crf.policies import is_gate_missed
from trialmgr.participants.queries import form_for
from trialmgr.protocol.evaluation import Scope
from trialmgr.protocol.expressions import parse
from trialmgr.protocol.judgements import gate_outcome
from trialmgr.protocol.model import Gate, StudyDefinition
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
