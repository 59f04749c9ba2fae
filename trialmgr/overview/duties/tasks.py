"""The person at work: which sites, which forms, which day; and the shape of what waits for them."""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from django.db.models import Q
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import get_language

from crf.models import Visit
from randomization.queries.allocations import Screening, in_screening
from trialmgr.participants.models import Participant, ParticipantQuerySet
from trialmgr.people.models import Site, User
from trialmgr.protocol.model import StudyDefinition


@dataclass(frozen=True, slots=True)
class Link:
    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to do. ``link`` leads to it, ``more`` to its parts; ``when`` says until or since which day it waits."""

    about: str
    link: Link
    status: str
    kind: str
    when: str = ""
    more: tuple[Link, ...] = ()


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

    def form_label(self, key: str) -> str:
        return self.definition.form(key).label(self.language)

    def at(self, visit: Visit) -> str:
        """Participant and visit in words."""
        return f"{visit.participant.number} · {visit.label(self.language)}"


def said_of(day: datetime.date, sentence: str) -> str:
    """The sentence with its ``%(day)s`` filled in, in the language of the page."""
    return sentence % {"day": date_format(day)}


def within(sites: Iterable[Site | None], path: str) -> Q:
    """Rows at these sites; no site at all gives no row."""
    listed = list(sites)
    return Q() if None in listed else Q(**{f"{path}__in": listed})
