"""Where a participant would get a place: the list in force, the levels they have now, the places that are left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from django.conf import settings

from crf.lookup import StoredValues
from randomization.methods.designs import Minimisation, design_from
from randomization.methods.lists.rows import UNSTRATIFIED, canonical_stratum_key
from randomization.models import ListPurpose, ListStatus, RandomizationList, Stratum
from trialmgr.participants.models import Participant


@dataclass(frozen=True, slots=True)
class Aim:
    """Where in a list a participant with these levels gets a place. A level is "" where its item has no value."""

    listed: RandomizationList
    levels: dict[str, str]

    @property
    def stratum_key(self) -> str:
        """Under minimisation the whole trial is one stratum."""
        return UNSTRATIFIED if is_minimised(self.listed) else canonical_stratum_key(self.levels)

    @property
    def is_complete(self) -> bool:
        return all(self.levels.values())


def purpose_here() -> ListPurpose:
    """A demo installation allocates from rehearsal lists alone, any other from live lists alone."""
    return ListPurpose.REHEARSAL if settings.TRIALMGR_DEMO else ListPurpose.LIVE


def active_list() -> RandomizationList | None:
    return RandomizationList.objects.filter(status=ListStatus.ACTIVE.value, purpose=purpose_here().value).first()


def aim_of(participant: Participant) -> Aim | None:
    """None while no list is active."""
    listed = active_list()
    return Aim(listed, levels_of(participant, listed)) if listed else None


def levels_of(participant: Participant, listed: RandomizationList) -> dict[str, str]:
    """Factor -> level as it stands now; "" where the item that holds it has no value."""
    stored = StoredValues(participant)
    return {
        factor: participant.site.code if source == "site" else stored(*source.split(".")) or ""
        for factor, source in listed.factors.items()
    }


def levels_in(stratum: Stratum) -> dict[str, str]:
    """Factor -> level of a stratum, from its key."""
    return {} if stratum.key == UNSTRATIFIED else dict(part.split("=", 1) for part in stratum.key.split(";"))


def is_minimised(listed: RandomizationList) -> bool:
    """Whether its rows are made one at a time."""
    return bool(listed.design.get("method") == Minimisation.method)


def minimisation_of(listed: RandomizationList) -> Minimisation:
    """The design of a list for which ``is_minimised``."""
    return cast(Minimisation, design_from(listed.design))


def has_place(aim: Aim) -> bool:
    """Whether somebody with these levels can be given a place."""
    return takes(aim, Stratum.objects.filter(list=aim.listed, key=aim.stratum_key).first())


def takes(aim: Aim, stratum: Stratum | None) -> bool:
    """Whether the stratum of these levels exists and has a place left."""
    if is_minimised(aim.listed) and not _knows(minimisation_of(aim.listed), aim.levels):
        return False
    return stratum is not None and next_position(stratum) is not None


def _knows(design: Minimisation, levels: Mapping[str, str]) -> bool:
    return all(levels.get(factor.name) in factor.levels for factor in design.factors)


def next_position(stratum: Stratum) -> int | None:
    """The place after the one used last, passing over those kept for envelopes; None when none is left."""
    following = stratum.used + 1
    if stratum.reserved_from is not None and stratum.reserved_to is not None:
        following = stratum.reserved_to + 1 if stratum.reserved_from <= following <= stratum.reserved_to else following
    return following if following <= stratum.length else None


def places_left(stratum: Stratum) -> int:
    """Places that the cursor can still come to; those kept for envelopes are none of them."""
    ahead = 0
    if stratum.reserved_from is not None and stratum.reserved_to is not None and stratum.reserved_from > stratum.used:
        ahead = stratum.reserved_to - stratum.reserved_from + 1
    return stratum.length - stratum.used - ahead
