"""May this participant be allocated now? Asked inside the allocation's own transaction, every refusal named.

Source: ``docs/randomization.md``, operations.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.acts import ActionRefused
from crf.lookup import StoredValues
from crf.policies import reasons_not_ready
from randomization.definition import levels_of as levels_of_source
from randomization.designs import Minimisation, design_from
from randomization.envelopes import envelope_row
from randomization.lists import UNSTRATIFIED, canonical_stratum_key
from randomization.models import (
    Allocation,
    AllocationCap,
    AllocationHold,
    CodeBreak,
    ListExtension,
    ListPurpose,
    ListRow,
    ListStatus,
    RandomisedInError,
    RandomizationList,
    Stratum,
)
from trialmgr.participants.models import Participant
from trialmgr.participants.policies import can_transition, reasons_same_person, same_person
from trialmgr.people.models import Site, User
from trialmgr.protocol.model import StratificationFactor
from trialmgr.studies.clock import today
from trialmgr.studies.queries import current_definition, open_lock


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


class StratumUsedUp(ActionRefused):
    """A participant waits and their stratum has no place left: the unblinded statistician has to be told."""

    def __init__(self, aim: Aim, *reasons: str) -> None:
        super().__init__(*reasons)
        self.aim = aim


def purpose_here() -> ListPurpose:
    """A demo installation allocates from rehearsal lists alone, any other from live lists alone."""
    return ListPurpose.REHEARSAL if settings.TRIALMGR_DEMO else ListPurpose.LIVE


def active_list() -> RandomizationList | None:
    return RandomizationList.objects.filter(status=ListStatus.ACTIVE.value, purpose=purpose_here().value).first()


def aim_of(participant: Participant) -> Aim | None:
    """None while no list is active."""
    listed = active_list()
    return Aim(listed, levels_of(participant, listed)) if listed else None


def reasons_not_allocatable(participant: Participant, by: User) -> list[str]:
    """Every reason why this participant cannot be randomised now; empty when they can.

    ``by``: what is said of a participant who seems to be the same person depends on what they may see.
    """
    return [*reasons_of_participant(participant, by), *_reasons_of_list(aim_of(participant))]


def reasons_of_participant(participant: Participant, by: User) -> list[str]:
    """Those that have nothing to do with the list: they are noted, not refused, when an envelope was opened."""
    site = participant.site
    reasons = reasons_not_ready(participant, current_definition())
    if Allocation.objects.filter(participant=participant).exists():
        reasons.append(_("The participant has been randomised already."))
    if not site.is_active(today()):
        reasons.append(_("%(site)s is not active in this trial.") % {"site": site.name})
    reasons += [_hold_reason(hold) for hold in holds_at(site)]
    reasons += [_cap_reason(cap) for cap in caps_at(site) if is_reached(cap)]
    return reasons + reasons_same_person(by, same_person(participant))


def _reasons_of_list(aim: Aim | None) -> Iterator[str]:
    if aim is None:
        yield _("No randomisation list is active.")
        return
    for factor, level in aim.levels.items():
        if not level:
            yield _("The stratification factor %(factor)s has no value.") % {"factor": factor}
    if aim.is_complete and not has_place(aim):
        # Neutral on purpose: how many rows a stratum holds is for the unblinded statistician.
        yield _("Randomisation is not possible now. The trial statistician has to extend the list.")


def check_allocatable(participant: Participant, by: User, aim: Aim | None) -> Aim:
    """The aim, when nothing stands against it. StratumUsedUp when the list has no place for these levels."""
    reasons = [*reasons_of_participant(participant, by), *_reasons_of_list(aim)]
    if aim is not None and aim.is_complete and not has_place(aim):
        raise StratumUsedUp(aim, *reasons)
    if reasons or aim is None:
        raise ActionRefused(*reasons)
    return aim


def check_asked_for(allocation: Allocation, participant: Participant) -> None:
    """One key stands for one request, and so for one participant."""
    if allocation.participant_id != participant.pk:
        raise ActionRefused(_("This request key has been used for another participant: choose a new one."))


def can_allocate(participant: Participant, by: User) -> bool:
    return not reasons_not_allocatable(participant, by)


def levels_of(participant: Participant, listed: RandomizationList) -> dict[str, str]:
    """Factor -> level as it stands now; "" where the item that holds it has no value."""
    stored = StoredValues(participant)
    return {
        factor: participant.site.code if source == "site" else stored(*source.split(".")) or ""
        for factor, source in listed.factors.items()
    }


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


def holds_at(site: Site) -> QuerySet[AllocationHold]:
    """Holds that stand for a site: its own and that of the whole trial."""
    return AllocationHold.objects.filter(Q(site=site) | Q(site=None), lifted_at=None).order_by("pk")


def caps_at(site: Site) -> QuerySet[AllocationCap]:
    """In one order, so that those who lock them never wait for each other in a ring."""
    return AllocationCap.objects.filter(Q(site=site) | Q(site=None)).order_by("pk")


def is_reached(cap: AllocationCap) -> bool:
    return allocated_under(cap) >= cap.participants


def allocated_under(cap: AllocationCap) -> int:
    """Everybody who was ever randomised there, in error or not."""
    rows = Allocation.objects.all()
    return (rows if cap.site_id is None else rows.filter(participant__site=cap.site_id)).count()


def _hold_reason(hold: AllocationHold) -> str:
    # The reason of the hold is for those who run the trial: it may be that of a data monitoring committee.
    if hold.site is None:
        return _("Randomisation is on hold in the whole trial.")
    return _("Randomisation is on hold at %(site)s.") % {"site": hold.site.name}


def _cap_reason(cap: AllocationCap) -> str:
    if cap.site is None:
        return _("The trial has reached its cap of %(cap)s participants.") % {"cap": cap.participants}
    return _("%(site)s has reached its cap of %(cap)s participants.") % {"site": cap.site.name, "cap": cap.participants}


def levels_in(stratum: Stratum) -> dict[str, str]:
    """Factor -> level of a stratum, from its key."""
    return {} if stratum.key == UNSTRATIFIED else dict(part.split("=", 1) for part in stratum.key.split(";"))


def check_envelope(participant: Participant, name: str, opened_at: datetime.datetime) -> ListRow:
    """The row in this envelope. Every reason why it cannot be this participant's is named."""
    row, reasons = envelope_row(name), []
    if row is None:
        reasons.append(_("There is no envelope %(name)s.") % {"name": name.strip()})
    elif not _was_in_force(row.stratum.list, opened_at):
        reasons.append(_("The list of this envelope was not in force at that moment."))
    if opened_at > timezone.now():
        reasons.append(_("An envelope cannot have been opened in the future."))
    if Allocation.objects.filter(participant=participant).exists():
        reasons.append(_("The participant has been randomised already."))
    elif not can_transition(participant, "participant.enrolled"):
        reasons.append(_("The participant is in the state “%(state)s”.") % {"state": participant.get_status_display()})
    if reasons or row is None:
        raise ActionRefused(*reasons)
    return row


def _was_in_force(listed: RandomizationList, at: datetime.datetime) -> bool:
    """A list that was closed since counts; one of another purpose than this installation never does."""
    return listed.purpose == purpose_here() and listed.activated_at is not None and listed.activated_at <= at


def check_envelope_unused(row: ListRow) -> None:
    if Allocation.objects.filter(row=row).exists():
        raise ActionRefused(_("This envelope has been entered already, for another participant."))


def wanting_for_envelope(participant: Participant, row: ListRow, by: User) -> list[str]:
    """What would have refused an allocation, and what is odd about this envelope; to be noted."""
    reasons = reasons_of_participant(participant, by)
    stands, held = levels_of(participant, row.stratum.list), levels_in(row.stratum)
    reasons += [
        _("The envelope is of %(factor)s %(held)s; the casebook says %(stands)s.")
        % {"factor": factor, "held": level, "stands": stands.get(factor) or _("nothing")}
        for factor, level in held.items()
        if stands.get(factor) != level
    ]
    if _skips_envelopes(row):
        reasons.append(_("An earlier envelope of this stratum has not been entered."))
    return reasons


def _skips_envelopes(row: ListRow) -> bool:
    """Envelopes are opened in order, so each one before this should have been entered."""
    before = ListRow.objects.filter(stratum=row.stratum, position__lt=row.position)
    return before.filter(position__gte=row.stratum.reserved_from, allocation=None).exists()


def levels_corrected(allocation: Allocation) -> dict[str, str]:
    """Factor -> level: as randomised, or as the newest correction has it."""
    corrections = allocation.corrections.order_by("corrected_at", "pk")
    return {**allocation.levels, **{one.factor: one.corrected for one in corrections}}


def check_correction(allocation: Allocation, factor: str, corrected: str) -> None:
    known = levels_known(allocation)
    if factor not in known:
        raise ActionRefused(_("The list was not stratified by %(factor)s.") % {"factor": factor})
    if corrected not in known[factor]:
        raise ActionRefused(_("%(level)s is no level of %(factor)s.") % {"level": corrected, "factor": factor})
    if corrected == levels_corrected(allocation)[factor]:
        raise ActionRefused(_("This level stands already."))


def levels_known(allocation: Allocation) -> dict[str, tuple[str, ...]]:
    """Factor -> the levels that the newest study definition knows, for each factor of the allocation's list."""
    definition = current_definition()
    sources = allocation.row.stratum.list.factors
    return {
        factor: levels_of_source(definition, StratificationFactor(key=factor, source=sources[factor]))
        for factor in allocation.levels
    }


def form_of(allocation: Allocation, factor: str) -> str:
    """The form whose item holds a factor, so that its trail is read by whoever reads the form; "" for the site."""
    source: str = allocation.row.stratum.list.factors[factor]
    return "" if source == "site" else source.split(".")[1]


def check_not_flagged(allocation: Allocation) -> None:
    if RandomisedInError.objects.filter(allocation=allocation).exists():
        raise ActionRefused(_("This participant is flagged as randomised in error already."))


def check_countersignable(flag: RandomisedInError, by: User) -> None:
    if flag.countersigned_at is not None:
        raise ActionRefused(_("This is countersigned already."))
    if flag.flagged_by_id == by.pk:
        raise ActionRefused(_("A second person countersigns: not the one who flagged it."))


def can_countersign(flag: RandomisedInError, by: User) -> bool:
    return flag.countersigned_at is None and flag.flagged_by_id != by.pk


def check_breakable(participant: Participant) -> Allocation:
    allocation: Allocation | None = (
        Allocation.objects.filter(participant=participant).select_related("participant__site").first()
    )
    if allocation is None:
        raise ActionRefused(_("The participant has not been randomised: there is no code to break."))
    return allocation


def check_not_noticed(broken: CodeBreak) -> None:
    if broken.noticed_at is not None:
        raise ActionRefused(_("Notice of this code break was taken already."))


def check_unblinded(user: User) -> None:
    """For pages that exist for unblinded people alone: the same answer whatever there is to see."""
    if user.sight(current_definition()).blinded:
        raise PermissionDenied(_("Your role does not allow this."))


def check_reason(reason: str) -> None:
    if not reason.strip():
        raise ActionRefused(_("Give the reason."))


def check_second_person(listed: RandomizationList, by: User) -> None:
    if listed.status != ListStatus.MADE:
        raise ActionRefused(_("Only a list that was just made can be activated."))
    if listed.made_by_id == by.pk:
        raise ActionRefused(_("A second person activates the list: not the one who made it."))
    if listed.purpose != purpose_here():
        raise ActionRefused(_("This list is of another purpose than this installation."))


def check_extendable(listed: RandomizationList, reason: str) -> None:
    check_reason(reason)
    reasons = reasons_not_extendable(listed)
    if reasons:
        raise ActionRefused(*reasons)


def reasons_not_in_force(listed: RandomizationList) -> list[str]:
    reasons = []
    if listed.status != ListStatus.ACTIVE:
        reasons.append(_("List %(number)s is not in force.") % {"number": listed.number})
    if listed.purpose != purpose_here():
        reasons.append(_("This list is of another purpose than this installation."))
    return reasons


def reasons_not_extendable(listed: RandomizationList) -> list[str]:
    reasons = reasons_not_in_force(listed)
    if listed.extensions.filter(activated_at=None).exists():
        reasons.append(_("An extension of this list waits to be activated: that comes first."))
    return reasons


def check_second_person_extends(extension: ListExtension, listed: RandomizationList, by: User) -> None:
    if listed.status != ListStatus.ACTIVE or extension.activated_at is not None:
        raise ActionRefused(_("Only an extension that was just made, of the list in force, can be activated."))
    if extension.made_by_id == by.pk:
        raise ActionRefused(_("A second person activates the extension: not the one who made it."))
    if listed.purpose != purpose_here():
        raise ActionRefused(_("This list is of another purpose than this installation."))


def check_revealable(by: User) -> None:
    """The list is open to anybody once it is revealed, so nobody may be allocated any more."""
    check_unblinded(by)
    if open_lock() is None:
        raise ActionRefused(_("A list is revealed after the study has been locked: lock it first."))
