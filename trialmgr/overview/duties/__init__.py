"""The work list: what waits for a person now, at their sites, in their sight, the most urgent first.

Each duty is one function from a desk (who, which day, which study) to its tasks. The number of database queries is the
same for ten participants as for two thousand. Counts are of everything; of a long duty the first tasks are shown.
"""

from __future__ import annotations

from collections.abc import Callable

from trialmgr.overview.duties import allocations, casebooks, lists, participants, versions
from trialmgr.overview.duties.tasks import Desk, Duty, Link, Task
from trialmgr.people.models import User
from trialmgr.studies.clock import today
from trialmgr.studies.queries import current_definition

__all__ = ["DUTIES", "Desk", "Duty", "Link", "Task", "duty", "work_list"]

SHOWN = 15

DUTIES: dict[str, Callable[[Desk], Duty]] = {
    "breaks": allocations.code_breaks,
    "waiting": allocations.waiting,
    "supply": lists.supply,
    "activation": lists.activation,
    "approval": versions.approval,
    "countersign": allocations.countersignatures,
    "strata": allocations.strata,
    "randomise": participants.randomise,
    "enrol": participants.enrol,
    "decisions": participants.decisions,
    "contradicted": participants.contradicted,
    "eligibility": participants.eligibility,
    "consent": participants.consent,
    "consent_again": versions.consent_again,
    "forms": casebooks.forms,
    "answer": casebooks.queries_to_answer,
    "close": casebooks.queries_to_close,
    "signatures": casebooks.signatures,
    "frozen": casebooks.frozen,
    "ending": participants.ending,
}


def work_list(user: User) -> list[Duty]:
    """Every duty in which something waits, with its first tasks."""
    desk = Desk(user, current_definition(), today(), SHOWN)
    return [found for found in (make(desk) for make in DUTIES.values()) if found.count]


def duty(user: User, key: str) -> Duty:
    """One duty with all its tasks. KeyError for a key that is not in ``DUTIES``."""
    return DUTIES[key](Desk(user, current_definition(), today(), None))
