"""Scores whose course over a participant's visits can be drawn, and the level at which a gate holds. Pure.

A score has a course when its form is filled in at more than one moment. Those that a gate reads come first. The level
is read off the gate's rule: ``percent_fall(baseline.madrs.total, week_8.madrs.total) >= 50`` gives half of the
baseline, ``week_8.madrs.total <= 10`` gives 10.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from trialmgr.protocol.expressions import parse
from trialmgr.protocol.expressions.nodes import Call, Comparison, Constant, Junction, Node, Reference
from trialmgr.protocol.model import Form, Item, StudyDefinition, VisitDefinition


@dataclass(frozen=True, slots=True)
class Scored:
    """A score on a form: what is drawn."""

    form: Form
    item: Item

    @property
    def key(self) -> str:
        return f"{self.form.key}.{self.item.key}"


@dataclass(frozen=True, slots=True)
class Level:
    """A height that a gate compares the score with: ``share`` of the value at ``visit``, or ``share`` itself."""

    share: Decimal
    visit: str = ""

    def height(self, first: Decimal | None) -> Decimal | None:
        """``first``: the value at ``visit``; without it such a level has no height."""
        if not self.visit:
            return self.share
        return None if first is None else first * self.share


def scores(definition: StudyDefinition) -> tuple[Scored, ...]:
    """Every score with a course: those that a gate reads first, then as the study has its forms."""
    returning = {form.key for form in definition.forms if not form.repeating and _moments(definition, form) > 1}
    found = [
        Scored(form, item)
        for form in definition.forms
        if form.key in returning
        for item in form.plain_items
        if item.score is not None
    ]
    decisive = {path[1:] for rule in _gate_rules(definition) for path in parse(rule).references}
    return tuple(sorted(found, key=lambda one: (one.form.key, one.item.key) not in decisive))


def _moments(definition: StudyDefinition, form: Form) -> int:
    return sum(_times(visit) for visit in definition.visits if form.key in visit.forms)


def _times(visit: VisitDefinition) -> int:
    """A visit that a person adds may be added again."""
    return 2 if visit.kind == "unscheduled" else len(visit.occurrences())


def levels(definition: StudyDefinition, scored: Scored) -> tuple[Level, ...]:
    """The levels of all gates, each once."""
    found = (level for rule in _gate_rules(definition) for level in _levels(parse(rule).root, scored))
    return tuple(dict.fromkeys(found))


def _gate_rules(definition: StudyDefinition) -> Iterator[str]:
    return (phase.gate.rule for phase in definition.phases if phase.gate is not None)


def _levels(node: Node, scored: Scored) -> Iterator[Level]:
    match node:
        case Junction(parts=parts):
            for part in parts:
                yield from _levels(part, scored)
        case Comparison(left=Reference(path=path), right=Constant(content=Decimal() as content)):
            if _is_of(path, scored):
                yield Level(content)
        case Comparison(left=Call(name="percent_fall", parts=parts), right=Constant(content=Decimal() as content)):
            yield from _fallen(parts, content, scored)


def _fallen(parts: tuple[Node, ...], percent: Decimal, scored: Scored) -> Iterator[Level]:
    match parts:
        case (Reference(path=first), Reference(path=then)) if _is_of(first, scored) and _is_of(then, scored):
            yield Level(1 - percent / 100, first[0])


def _is_of(path: tuple[str, ...], scored: Scored) -> bool:
    return path[1:] == (scored.form.key, scored.item.key)
