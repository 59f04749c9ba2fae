"""The work list: what waits for this person now, at their sites, in their sight, the most urgent first.

Each duty is one function from a desk (who, which day, which study) to its tasks. The number of database queries is the
same for ten participants as for two thousand. Counts are of everything; of a long duty the first tasks are shown.
"""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import Case, Count, Exists, F, IntegerField, OuterRef, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crf.models import EntryStatus, FormEntry, Freeze, GateDecision, Query, QueryStatus, Signature, Visit
from randomization.models import ListStatus, RandomizationList
from randomization.policies import active_list, purpose_here
from randomization.queries import Screening, in_screening, ready_to_randomise, strata_running_low
from trialmgr.participants.models import Consent, Participant, ParticipantQuerySet
from trialmgr.participants.states import Status
from trialmgr.people.models import Site, User
from trialmgr.protocol.model import Gate, StudyDefinition, VisitDefinition
from trialmgr.studies.clock import today
from trialmgr.studies.queries import current_definition

SHOWN = 15
"""Tasks of one duty on the work list; the page of that duty alone shows all."""
_ACTIVE = (Status.SCREENING.value, Status.ON_STUDY.value)


@dataclass(frozen=True, slots=True)
class Link:
    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to do: ``link`` leads to it, ``day`` is when it is or was due, ``more`` are its parts."""

    about: str
    link: Link
    status: str
    kind: str
    day: datetime.date | None = None
    more: tuple[Link, ...] = ()


@dataclass(frozen=True, slots=True)
class Duty:
    key: str
    heading: str
    count: int
    tasks: Sequence[Task]


@dataclass(frozen=True)
class Desk:
    """The person at work. ``limit``: most tasks a duty shows."""

    user: User
    definition: StudyDefinition
    today: datetime.date
    limit: int | None

    @property
    def language(self) -> str:
        return get_language() or "nl"

    @property
    def sites(self) -> list[Site | None]:
        """The sites worked at; None stands for all of them."""
        if self.user.works_everywhere:
            return [None]
        found = {membership.site_id: membership.site for membership in self.user.memberships_now}
        return [found[key] for key in sorted(found, key=str)]

    def participants(self, permission: str) -> ParticipantQuerySet:
        """Those in reach for whom the person holds this permission."""
        rows: ParticipantQuerySet = Participant.objects.for_user(self.user)
        return rows.filter(_at(site for site in self.sites if self.user.may(permission, site=site)))

    @cached_property
    def entered(self) -> list[tuple[Q, frozenset[str]]]:
        """Forms that the person enters, by the sites where they do."""
        sight = self.user.sight(self.definition)
        seen = [form for form in self.definition.forms if sight.form(form)]
        by_forms: dict[frozenset[str], list[Site | None]] = defaultdict(list)
        for site in self.sites:
            roles = self.user.roles_at(site)
            by_forms[frozenset(form.key for form in seen if roles & set(form.entered_by))].append(site)
        return [(_at(sites), forms) for forms, sites in by_forms.items() if forms]

    def enters(self, form: str) -> bool:
        return any(form in forms for _sites, forms in self.entered)

    @cached_property
    def screening(self) -> list[Screening]:
        return in_screening(Participant.objects.for_user(self.user))

    def form_label(self, key: str) -> str:
        return self.definition.form(key).label(self.language)


def _at(sites: Iterable[Site | None], path: str = "") -> Q:
    listed = list(sites)
    return Q() if None in listed else Q(**{f"{path}site__in": listed})


DutyFunction = Callable[[Desk], Duty]
_duties: list[tuple[str, DutyFunction]] = []


def work_list(user: User, *, only: str = "", limit: int | None = SHOWN) -> list[Duty]:
    """Every duty in which something waits; ``only``: that one alone, if the person has it."""
    desk = Desk(user, current_definition(), today(), limit)
    duties = [make(desk) for make in DUTIES if only in ("", make.__name__)]
    return [duty for duty in duties if duty is not None and duty.count]
