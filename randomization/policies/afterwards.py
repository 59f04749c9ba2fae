"""What may be done to an allocation that stands: correct a level, flag an error, break the code."""

from __future__ import annotations

from django.utils.translation import gettext as _

from audit.acts import ActionRefused
from randomization.methods.definition import levels_of as levels_of_source
from randomization.models import Allocation, CodeBreak, RandomisedInError
from trialmgr.participants.models import Participant
from trialmgr.people.models import User
from trialmgr.protocol.model import StratificationFactor
from trialmgr.studies.queries import current_definition


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
        raise ActionRefused(_("This code break has been acknowledged already."))
