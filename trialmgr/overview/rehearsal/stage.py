"""What all stories of one rehearsal share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.overview.rehearsal.invention.profile import Profile
from trialmgr.protocol import expressions
from trialmgr.protocol.model import Form, StudyDefinition


@dataclass(frozen=True)
class Stage:
    definition: StudyDefinition
    cast: Cast
    profile: Profile
    seed: int

    @cached_property
    def decisive(self) -> dict[tuple[str, str], frozenset[str]]:
        """(visit, form) -> the items that a gate or a criterion reads: such visits happen, such forms are whole."""
        rules = [phase.gate.rule for phase in self.definition.phases if phase.gate is not None]
        rules += [rule.rule for version in self.definition.eligibility for rule in version.criteria if rule.rule]
        found: dict[tuple[str, str], frozenset[str]] = {}
        for path in (path for rule in rules for path in expressions.parse(rule).references if len(path) == 3):
            place = (path[0], path[1])
            found[place] = found.get(place, frozenset()) | {path[2]}
        return found

    def visit_is_decisive(self, visit: str) -> bool:
        return any(visit == named for named, _form in self.decisive)

    @cached_property
    def gate_visits(self) -> frozenset[str]:
        """Visits at which a phase is decided."""
        return frozenset(phase.gate.visit for phase in self.definition.phases if phase.gate is not None)

    @cached_property
    def stop_form(self) -> Form | None:
        """The form that says a treatment stopped."""
        return next((form for form in self.definition.forms if form.closes_visits), None)

    @cached_property
    def end_form(self) -> Form | None:
        return next((form for form in self.definition.forms if form.ends_participation), None)
