"""Which version of the study one visit follows: the one in force at the participant's site on the day it belongs to.

That is the day the visit took place; today for one still to come, and for the running log. What was begun keeps the
version under which it was begun: an entry knows its own.
"""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Q

from trialmgr.participants.models import Participant
from trialmgr.protocol.key_names import KeyNames
from trialmgr.protocol.key_names import key_names as names_of
from trialmgr.protocol.model import StudyDefinition, VisitDefinition
from trialmgr.studies.clock import today
from trialmgr.studies.models import StudyVersion
from trialmgr.studies.queries import current_definition, timeline


def version_for(participant: Participant, day: datetime.date | None) -> StudyVersion:
    """``day``: the day a visit took place, or None. With one version in force nobody asks for the site."""
    known = timeline()
    return known.only or known.at(participant.site.code, day or today())


def definition_for(participant: Participant, day: datetime.date | None) -> StudyDefinition:
    return version_for(participant, day).definition


def planned_as(participant: Participant, key: str, day: datetime.date | None) -> VisitDefinition:
    """A visit as its own version has it; one that this version dropped, as it last was."""
    definition = definition_for(participant, day)
    return definition.visit(key) if definition.has_visit(key) else current_definition().visit(key)


@dataclass(frozen=True, slots=True)
class Stretch:
    """``definition`` counts at ``sites`` (codes; None for all) on days from ``begins`` until before ``ends``."""

    definition: StudyDefinition
    sites: tuple[str, ...] | None = None
    begins: datetime.date | None = None
    ends: datetime.date | None = None
    is_now: bool = True

    def visit(self, key: str) -> VisitDefinition:
        """As this stretch plans it; a visit that it dropped, as it last was."""
        return (self.definition if self.definition.has_visit(key) else current_definition()).visit(key)

    @property
    def of_visits(self) -> Q:
        """The visits that follow this definition, by site and day; those still to come by what counts today."""
        if self.sites is None:
            return Q()
        days = Q(took_place_on__isnull=False)
        days &= Q(took_place_on__gte=self.begins) if self.begins else Q()
        days &= Q(took_place_on__lt=self.ends) if self.ends else Q()
        return Q(participant__site__code__in=self.sites) & (days | Q(took_place_on=None) if self.is_now else days)


def stretches() -> list[Stretch]:
    """Where and when each version counts, without a gap: for questions put to all visits at once."""
    only = timeline().only
    if only is not None:
        return [Stretch(only.definition)]
    sites: dict[tuple[StudyVersion, datetime.date | None, datetime.date | None], list[str]] = defaultdict(list)
    for site in current_definition().sites:
        for stretch in _at_site(site.code):
            sites[stretch].append(site.code)
    return [
        Stretch(version.definition, tuple(codes), begins, ends, _holds_today(begins, ends))
        for (version, begins, ends), codes in sites.items()
    ]


def _at_site(code: str) -> Iterator[tuple[StudyVersion, datetime.date | None, datetime.date | None]]:
    """(version, first day, day after the last) in order; the first reaches back, the last on, without end."""
    known = timeline()
    days = known.days_of_effect(code)
    for number, day in enumerate(days):
        ends = days[number + 1] if number + 1 < len(days) else None
        yield known.at(code, day), day if number else None, ends


def _holds_today(begins: datetime.date | None, ends: datetime.date | None) -> bool:
    return (begins is None or begins <= today()) and (ends is None or today() < ends)


def key_names() -> KeyNames:
    """What the versions that an entry may stand on call their items otherwise."""
    spans = () if timeline().only else timeline().spans
    return names_of(span.version.definition for span in spans)
