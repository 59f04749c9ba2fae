"""May this participant be allocated now? Asked inside the allocation's own transaction, every refusal named.

Source: ``docs/randomization.md``, operations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from audit.acts import ActionRefused, reasons_against
from crf.loaded_casebook import LoadedCasebook
from crf.policies import reasons_not_ready
from randomization.methods.designs import Minimisation
from randomization.methods.lists.rows import UNSTRATIFIED, canonical_stratum_key
from randomization.models import (
    Allocation,
    RandomizationList,
    Stratum,
)
from randomization.policies.limits import reasons_of_limits
from randomization.policies.lists import active_list, is_minimised, minimisation_of
from randomization.policies.supply import next_position
from trialmgr.participants.models import Participant
from trialmgr.participants.policies import reasons_same_person, same_person
from trialmgr.people.models import User
from trialmgr.studies.clock import today
from trialmgr.studies.queries import current_definition


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


def aim_of(participant: Participant) -> Aim | None:
    """None while no list is active."""
    listed = active_list()
    return Aim(listed, levels_of(participant, listed)) if listed else None


def levels_of(participant: Participant, listed: RandomizationList) -> dict[str, str]:
    """Factor -> level as it stands now; "" where the item that holds it has no value."""
    stored = LoadedCasebook(participant)
    return {
        factor: participant.site.code if source == "site" else stored(*source.split(".")) or ""
        for factor, source in listed.factors.items()
    }


def levels_in(stratum: Stratum) -> dict[str, str]:
    """Factor -> level of a stratum, from its key."""
    return {} if stratum.key == UNSTRATIFIED else dict(part.split("=", 1) for part in stratum.key.split(";"))


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


class StratumUsedUp(ActionRefused):
    """A participant waits and their stratum has no place left: the unblinded statistician has to be told."""

    def __init__(self, aim: Aim, *reasons: str) -> None:
        super().__init__(*reasons)
        self.aim = aim


def reasons_not_allocatable(participant: Participant, by: User) -> tuple[str, ...]:
    """Every reason why this participant cannot be randomised now; empty when they can.

    ``by``: what is said of a participant who seems to be the same person depends on what they may see.
    """
    return reasons_against(check_allocatable, participant, by, aim_of(participant))


def can_allocate(participant: Participant, by: User) -> bool:
    return not reasons_not_allocatable(participant, by)


def reasons_of_participant(participant: Participant, by: User) -> list[str]:
    """Those that have nothing to do with the list: they are noted, not refused, when an envelope was opened."""
    site = participant.site
    reasons = reasons_not_ready(participant, current_definition())
    if Allocation.objects.filter(participant=participant).exists():
        reasons.append(_("The participant has been randomised already."))
    if not site.is_active(today()):
        reasons.append(
            _("%(site)s is not active in this trial: an administrator activates the site first.") % {"site": site.name}
        )
    return reasons + reasons_of_limits(site) + reasons_same_person(by, same_person(participant))


def check_allocatable(participant: Participant, by: User, aim: Aim | None) -> Aim:
    """The aim, when nothing stands against it. StratumUsedUp when the list has no place for these levels."""
    reasons = [*reasons_of_participant(participant, by), *_reasons_of_levels(aim)]
    if aim is not None and aim.is_complete and not has_place(aim):
        # Neutral on purpose: how many rows a stratum holds is for the unblinded statistician.
        used_up = _("Randomisation is not possible now. The trial statistician has to extend the list.")
        raise StratumUsedUp(aim, *reasons, used_up)
    if reasons or aim is None:
        raise ActionRefused(*reasons)
    return aim


def _reasons_of_levels(aim: Aim | None) -> list[str]:
    if aim is None:
        return [_("No randomisation list is in force: the trial statistician makes one, a second person activates it.")]
    missing = _("The stratification factor %(factor)s has no value: fill it in on its form first.")
    return [missing % {"factor": factor} for factor, level in aim.levels.items() if not level]


def check_asked_for(allocation: Allocation, participant: Participant) -> None:
    """One key stands for one request, and so for one participant."""
    if allocation.participant_id != participant.pk:
        raise ActionRefused(_("This request key has been used for another participant: choose a new one."))
