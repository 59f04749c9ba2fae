"""What a participant's casebook waits for next: one rule for the list, the casebook and the work list.

Pure: facts in, one step out. Who reads sees the steps of the visits and forms within their sight.
"""

from __future__ import annotations

import datetime
import enum
from collections.abc import Iterator
from dataclasses import dataclass

from trialmgr.participants.states import Status
from trialmgr.people.visibility import Sight
from trialmgr.protocol.expressions import parse
from trialmgr.protocol.model import Gate, StudyDefinition, VisitDefinition


class Step(enum.StrEnum):
    CONSENT = "consent"
    VISIT = "visit"
    FORM = "form"
    JUDGE = "judge"
    RANDOMISE = "randomise"
    GATE = "gate"
    END = "end"


class When(enum.StrEnum):
    """A step by its window: that is past, open, about to open, or opens after ``SOON``."""

    LATE = "late"
    NOW = "now"
    NEXT = "next"
    LATER = "later"


SOON = datetime.timedelta(days=14)


def when(earliest: datetime.date | None, latest: datetime.date | None, today: datetime.date) -> When:
    """Where today stands to a window; what has no bound on a side is open on that side."""
    if latest is not None and latest < today:
        return When.LATE
    if earliest is None or earliest <= today:
        return When.NOW
    return When.NEXT if earliest - today <= SOON else When.LATER


@dataclass(frozen=True, slots=True)
class VisitFacts:
    """One planned visit as it stands. ``defined``: by its version; ``complete``: keys of complete forms."""

    key: str
    defined: VisitDefinition
    ordinal: int
    target_on: datetime.date | None
    earliest_on: datetime.date | None
    latest_on: datetime.date | None
    took_place: bool
    not_done: bool
    complete: frozenset[str]


@dataclass(frozen=True, slots=True)
class CaseFacts:
    """``verdict``: eligible or not, None while not judged. ``decided``: phases whose gate is not asked any more.

    ``consented``: a consent stands. ``withdrew``: there was one, and none stands.
    """

    status: Status
    consented: bool
    verdict: bool | None
    decided: frozenset[str]
    visits: tuple[VisitFacts, ...]
    withdrew: bool = False


@dataclass(frozen=True, slots=True)
class Due:
    """The next step. ``visit``, ``form`` and ``phase`` name its place where it has one."""

    step: Step
    visit: VisitFacts | None = None
    form: str = ""
    phase: str = ""
    when: When = When.NOW


def next_due(definition: StudyDefinition, sight: Sight, case: CaseFacts, today: datetime.date) -> Due | None:
    """The first step that is open, or None when nothing is."""
    if case.status not in {Status.SCREENING, Status.ON_STUDY}:
        return None
    pending = _first_pending(sight, case, today)
    if sight.blinded:
        return None if case.withdrew and pending and pending.step is Step.VISIT else pending
    if not case.consented:
        # Nobody who withdrew is asked again.
        return Due(Step.END) if case.withdrew else Due(Step.CONSENT)
    decision = _screening_step if case.status is Status.SCREENING else _trial_step
    return decision(definition, case, pending)


def _screening_step(definition: StudyDefinition, case: CaseFacts, pending: Due | None) -> Due:
    if case.verdict is False:
        return Due(Step.END)
    if case.verdict is None and _eligibility_visit_done(definition, case):
        return Due(Step.JUDGE)
    if pending is not None or definition.is_randomised:
        return pending or Due(Step.RANDOMISE)
    return Due(Step.GATE, phase=definition.entry_phase.key)


def _trial_step(definition: StudyDefinition, case: CaseFacts, pending: Due | None) -> Due:
    for phase in definition.phases:
        if phase.gate and phase.key not in case.decided:
            for visit in _decided_at(case, phase.gate.visit):
                return _wanted_by(phase.gate, visit) or Due(Step.GATE, phase=phase.key)
    return pending or Due(Step.END)


def _decided_at(case: CaseFacts, key: str) -> Iterator[VisitFacts]:
    """The visit of a gate, once it is complete; or once it was not done: the decision is owed all the same."""
    return (visit for visit in case.visits if visit.key == key and (visit.not_done or _visit_complete(visit)))


def _wanted_by(gate: Gate, visit: VisitFacts) -> Due | None:
    """A form of the gate's own visit that the visit can do without, but the rule reads."""
    if visit.not_done:
        return None
    read = {path[1] for path in parse(gate.rule).references if path[0] == gate.visit}
    wanting = [form for form in visit.defined.forms if form in read and form not in visit.complete]
    return Due(Step.FORM, visit, form=wanting[0]) if wanting else None


def _first_pending(sight: Sight, case: CaseFacts, today: datetime.date) -> Due | None:
    for visit in case.visits:
        due = _pending(visit.defined, sight, visit, today)
        if due is not None:
            return due
    return None


def _pending(defined: VisitDefinition, sight: Sight, visit: VisitFacts, today: datetime.date) -> Due | None:
    if defined.kind != "scheduled" or visit.not_done or not any(form in sight.forms for form in defined.forms):
        return None
    if not visit.took_place:
        return Due(Step.VISIT, visit, when=when(visit.earliest_on, visit.latest_on, today))
    wanting = [form for form in defined.must_complete if form in sight.forms and form not in visit.complete]
    # A visit that took place before its window is there to be filled in.
    return Due(Step.FORM, visit, form=wanting[0], when=when(None, visit.latest_on, today)) if wanting else None


def _eligibility_visit_done(definition: StudyDefinition, case: CaseFacts) -> bool:
    """Every form of the visit that holds the eligibility form is complete."""
    keys = {form.key for form in definition.forms if form.eligibility}
    return any(keys & set(visit.defined.forms) and _visit_complete(visit) for visit in case.visits)


def _visit_complete(visit: VisitFacts) -> bool:
    return set(visit.defined.must_complete) <= visit.complete
