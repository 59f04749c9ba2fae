"""The person at work: which sites, which forms, which day; and the shape of what waits for them."""

from __future__ import annotations

import datetime
import enum
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from django.db.models import Q
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from crf.due import When, when
from crf.models import Visit
from randomization.queries.allocations import Screening, in_screening
from trialmgr.participants.models import Participant, ParticipantQuerySet
from trialmgr.people.models import Site, User
from trialmgr.people.permissions import PERMISSIONS, ROLE_LABELS, Role
from trialmgr.protocol.model import StudyDefinition


@dataclass(frozen=True, slots=True)
class Link:
    label: str
    url: str


class Band(enum.IntEnum):
    """Where a task stands on the list: what is dangerous first, then by its window; what has none waits in between."""

    SAFETY = 0
    TODAY = 1
    LATE = 2
    WAITING = 3
    NEXT = 4
    LATER = 5


_BANDS = {When.LATE: Band.LATE, When.NOW: Band.TODAY, When.NEXT: Band.NEXT, When.LATER: Band.LATER}


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to do. ``link`` leads to it, ``more`` to its parts.

    ``participant``: a number, "" for what is about the trial. ``place``: the visit and form, or what else it is about.
    ``said``: the question itself. ``since``: from when it waits; ``begins`` and ``until``: its window; ``when`` says in
    words what no window says. ``turn``: the roles that do it.
    """

    link: Link
    status: str
    kind: str
    participant: str = ""
    place: str = ""
    said: str = ""
    since: datetime.date | None = None
    begins: datetime.date | None = None
    until: datetime.date | None = None
    when: str = ""
    turn: str = ""
    band: Band = Band.TODAY
    more: tuple[Link, ...] = ()

    @property
    def about(self) -> str:
        return " · ".join(filter(None, (self.participant, self.place)))

    @property
    def window(self) -> str:
        """The beginning of a window that has not opened, the end of any other, or what is said instead."""
        if self.begins is not None and self.band in (Band.NEXT, Band.LATER):
            return said_of(self.begins, _("from %(day)s"))
        return said_of(self.until, _("until %(day)s")) if self.until else ""

    @property
    def by_urgency(self) -> tuple[int, datetime.date, datetime.date]:
        until = self.begins if self.band in (Band.NEXT, Band.LATER) else self.until
        return self.band, until or datetime.date.max, self.since or datetime.date.max


@dataclass(frozen=True, slots=True)
class Duty:
    """``count`` is of all that waits, ``tasks`` are the first of them, the most urgent first."""

    key: str
    heading: str | Promise
    count: int
    tasks: list[Task]


@dataclass(frozen=True)
class Desk:
    """``limit``: most tasks to show of one duty; None for all."""

    user: User
    definition: StudyDefinition
    today: datetime.date
    limit: int | None

    @property
    def language(self) -> str:
        return get_language() or "nl"

    @cached_property
    def sites(self) -> list[Site | None]:
        """The sites worked at; None alone stands for all of them."""
        if self.user.works_everywhere:
            return [None]
        found = {membership.site_id: membership.site for membership in self.user.memberships_now}
        return [found[key] for key in sorted(found, key=str)]

    def sites_with(self, permission: str) -> list[Site | None]:
        return [site for site in self.sites if self.user.may(permission, site=site)]

    def participants(self, permission: str) -> ParticipantQuerySet:
        """Those in reach for whom the person holds this permission."""
        rows: ParticipantQuerySet = Participant.objects.for_user(self.user)
        return rows.filter(within(self.sites_with(permission), "site"))

    @cached_property
    def entered(self) -> list[tuple[list[Site | None], frozenset[str]]]:
        """The forms that this person enters, with the sites where they do."""
        sight = self.user.sight(self.definition)
        by_forms: dict[frozenset[str], list[Site | None]] = defaultdict(list)
        for site in self.sites:
            roles = self.user.roles_at(site)
            forms = [form for form in self.definition.forms if sight.form(form) and roles & set(form.entered_by)]
            by_forms[frozenset(form.key for form in forms)].append(site)
        return [(sites, forms) for forms, sites in by_forms.items() if forms]

    @cached_property
    def screening(self) -> list[Screening]:
        return in_screening(Participant.objects.for_user(self.user))

    def band(self, begins: datetime.date | None, until: datetime.date | None) -> Band:
        return _BANDS[when(begins, until, self.today)]

    def turn_with(self, permission: str) -> str:
        """The roles of the study that hold a permission."""
        known = {role.key for role in self.definition.roles}
        return _labels(role for role in Role if role in known and permission in PERMISSIONS[role])

    def turn_on(self, *forms: str) -> str:
        """The roles that enter one of these forms."""
        entering = {role for form in forms for role in self.definition.form(form).entered_by}
        return _labels(role for role in Role if role in entering)

    def age(self, task: Task) -> str:
        """How long it waits."""
        days = (self.today - task.since).days if task.since else -1
        if days < 1:
            return _("today") if days == 0 else ""
        return ngettext("%(n)s day", "%(n)s days", days) % {"n": days}

    def form_label(self, key: str) -> str:
        return self.definition.form(key).label(self.language)

    def at(self, visit: Visit, form: str = "") -> str:
        """Visit and form in words."""
        return " · ".join(filter(None, (visit.label(self.language), form)))


def _labels(roles: Iterable[Role]) -> str:
    return ", ".join(str(ROLE_LABELS[role]) for role in roles)


def said_of(day: datetime.date, sentence: str) -> str:
    """The sentence with its ``%(day)s`` filled in, in the language of the page."""
    return sentence % {"day": date_format(day)}


def within(sites: Iterable[Site | None], path: str) -> Q:
    """Rows at these sites; no site at all gives no row."""
    listed = list(sites)
    return Q() if None in listed else Q(**{f"{path}__in": listed})
