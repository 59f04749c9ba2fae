"""The work list: what waits for a person now, at their sites, in their sight, by participant, the most urgent first.

Each duty is one function from a desk (who, which day, which study) to its tasks. The number of database queries is the
same for ten participants as for two thousand. Counts are of everything; of a long duty the first tasks are shown.
"""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from trialmgr.overview.duties import allocations, casebooks, lists, participants, versions
from trialmgr.overview.duties.tasks import Band, Desk, Duty, Link, Task
from trialmgr.people.models import User
from trialmgr.studies.clock import today
from trialmgr.studies.queries import current_definition

__all__ = ["DUTIES", "SORTS", "Band", "Case", "Desk", "Duty", "Link", "Task", "WorkList", "duty", "work_list"]

SHOWN = 15

DUTIES: dict[str, Callable[[Desk], Duty]] = {
    "dangers": casebooks.dangers,
    "breaks": allocations.code_breaks,
    "drafts": casebooks.drafts,
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
    "coming": casebooks.coming,
}

# Who holds none of these anywhere has nothing to do there, and the database is not asked.
NEEDED: dict[str, tuple[str, ...]] = {
    "dangers": ("entries.enter",),
    "breaks": ("breaks.notice",),
    "drafts": ("entries.enter",),
    "waiting": ("lists.view",),
    "supply": ("lists.view",),
    "activation": ("lists.activate",),
    "approval": ("study.approve",),
    "countersign": ("allocation.countersign",),
    "strata": ("allocation.correct", "queries.raise", "lists.view"),
    "randomise": ("participants.randomise",),
    "enrol": ("participants.gate",),
    "decisions": ("participants.gate",),
    "contradicted": ("participants.judge",),
    "eligibility": ("participants.judge",),
    "consent": ("participants.consent",),
    "consent_again": ("participants.consent",),
    "forms": ("entries.enter",),
    "answer": ("queries.answer",),
    "close": ("queries.close",),
    "signatures": ("entries.sign",),
    "frozen": ("entries.freeze",),
    "ending": ("entries.enter",),
    "coming": ("entries.enter",),
}


@dataclass(frozen=True, slots=True)
class Row:
    """A task on the page. ``age``: how long it waits, in words."""

    task: Task
    age: str


@dataclass(frozen=True, slots=True)
class Case:
    """What waits of one participant; ``number`` is "" for what is about the trial. ``url``: their casebook."""

    number: str
    url: str
    rows: tuple[Row, ...]

    @property
    def first(self) -> Task:
        return self.rows[0].task


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of the list under one heading; "" where it is sorted otherwise than by urgency."""

    heading: str | Promise
    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True)
class WorkList:
    """``duties``: those in which something waits, each with its first tasks; ``parts``: these by participant."""

    duties: tuple[Duty, ...]
    parts: tuple[Part, ...]


_PARTS: tuple[tuple[str | Promise, frozenset[Band]], ...] = (
    (_("Today"), frozenset({Band.SAFETY, Band.TODAY})),
    (_("Late"), frozenset({Band.LATE})),
    (_("Without a date"), frozenset({Band.WAITING})),
    (_("Next and later"), frozenset({Band.NEXT, Band.LATER})),
)
_LAST = datetime.date.max

SORTS: Mapping[str, str | Promise] = {
    "": _("Urgency"),
    "participant": _("Participant"),
    "age": _("Age"),
    "until": _("Until when"),
}


def work_list(user: User, sort: str = "") -> WorkList:
    """Every duty in which something waits. ``sort``: a key of ``SORTS``; anything else is by urgency."""
    desk = Desk(user, current_definition(), today(), SHOWN)
    held = [key for key, needed in NEEDED.items() if any(user.may(permission) for permission in needed)]
    return _listed(desk, [DUTIES[key](desk) for key in held], sort)


def duty(user: User, key: str) -> Duty:
    """One duty with all its tasks. KeyError for a key that is not in ``DUTIES``."""
    return DUTIES[key](_whole_desk(user))


def list_of_one(user: User, key: str, sort: str = "") -> tuple[Duty, WorkList]:
    """One duty with all its tasks, by participant."""
    desk = _whole_desk(user)
    found = DUTIES[key](desk)
    return found, _listed(desk, [found], sort)


def _whole_desk(user: User) -> Desk:
    return Desk(user, current_definition(), today(), None)


def _listed(desk: Desk, duties: Iterable[Duty], sort: str) -> WorkList:
    waiting = tuple(found for found in duties if found.count)
    return WorkList(waiting, tuple(_parts(_cases(desk, [task for one in waiting for task in one.tasks], sort), sort)))


def _cases(desk: Desk, tasks: list[Task], sort: str) -> list[Case]:
    by_number: dict[str, list[Task]] = defaultdict(list)
    for task in sorted(tasks, key=lambda one: one.by_urgency):
        by_number[task.participant].append(task)
    looks = desk.user.may("participants.view")
    cases = [
        Case(
            number,
            reverse("participants:detail", args=[number]) if number and looks else "",
            tuple(Row(task, desk.age(task)) for task in found),
        )
        for number, found in by_number.items()
    ]
    return sorted(cases, key=_ORDERS.get(sort, _by_urgency))


def _by_urgency(case: Case) -> tuple[object, ...]:
    return *case.first.by_urgency, *_by_number(case)


def _by_number(case: Case) -> tuple[object, ...]:
    """Site by site; of two numbers of a site the longer is the later."""
    return case.number.rpartition("-")[0], len(case.number), case.number


def _by_age(case: Case) -> tuple[object, ...]:
    return min(row.task.since or _LAST for row in case.rows), *_by_number(case)


def _by_window(case: Case) -> tuple[object, ...]:
    return min(row.task.until or _LAST for row in case.rows), *_by_number(case)


_ORDERS: dict[str, Callable[[Case], tuple[object, ...]]] = {
    "participant": _by_number,
    "age": _by_age,
    "until": _by_window,
}


def _parts(cases: list[Case], sort: str) -> Iterable[Part]:
    if sort in _ORDERS:
        yield Part("", tuple(cases))
        return
    for heading, bands in _PARTS:
        found = tuple(case for case in cases if case.first.band in bands)
        if found:
            yield Part(heading, found)
