"""Envelopes: which place is in one, may it be entered for this participant, and what is odd about it?"""

from __future__ import annotations

import datetime

from django.utils import timezone
from django.utils.translation import gettext as _

from audit.acts import ActionRefused
from randomization.methods.envelopes import letters, name_read
from randomization.models import Allocation, ListRow, RandomizationList, Stratum
from randomization.policies.allocations import levels_in, levels_of, reasons_of_participant
from randomization.policies.lists import purpose_here
from trialmgr.participants.models import Participant
from trialmgr.participants.policies import can_transition
from trialmgr.people.models import User


def envelope_name(listed: RandomizationList, stratum: Stratum, position: int) -> str:
    """The name on the envelope of a reserved place. ValueError for a place that is not reserved.

    Reserved places of a stratum never move once they are set, so a name is for life.
    """
    if stratum.reserved_from is None or not is_reserved(stratum, position):
        raise ValueError(f"position {position} of stratum {stratum.key} is not reserved for an envelope")
    earlier = Stratum.objects.filter(list=listed, pk__lt=stratum.pk).count()
    return f"{listed.number}-{letters(earlier + 1)}-{position - stratum.reserved_from + 1:02d}"


def is_reserved(stratum: Stratum, position: int) -> bool:
    first, last = stratum.reserved_from, stratum.reserved_to
    return first is not None and last is not None and first <= position <= last


def envelope_row(name: str) -> ListRow | None:
    """The row in an envelope; None for a name that no envelope has. Small letters and spaces around it are forgiven."""
    found = name_read(name)
    if found is None:
        return None
    listed, place, number = found
    strata = list(Stratum.objects.filter(list__number=listed).order_by("pk"))
    if place > len(strata) or number < 1:
        return None
    stratum = strata[place - 1]
    position = (stratum.reserved_from or 0) + number - 1
    if not is_reserved(stratum, position):
        return None
    return ListRow.objects.filter(stratum=stratum, position=position).first()


def check_envelope(participant: Participant, name: str, opened_at: datetime.datetime) -> ListRow:
    """The row in this envelope. Every reason why it cannot be this participant's is named."""
    row, reasons = envelope_row(name), []
    if row is None:
        reasons.append(_("There is no envelope %(name)s: read again what is printed on it.") % {"name": name.strip()})
    elif not _was_in_force(row.stratum.list, opened_at):
        reasons.append(_("The list of this envelope was not in force at that moment."))
    if opened_at > timezone.now():
        reasons.append(_("An envelope cannot have been opened in the future: correct the day and the time."))
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
        raise ActionRefused(
            _("This envelope has been entered already, for another participant: read again what is printed on it.")
        )


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
