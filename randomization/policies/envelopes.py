"""May this envelope be entered for this participant, and what is odd about it?"""

from __future__ import annotations

import datetime

from django.utils import timezone
from django.utils.translation import gettext as _

from audit.acts import ActionRefused
from randomization.envelopes import envelope_row
from randomization.models import Allocation, ListRow, RandomizationList
from randomization.policies.aims import levels_in, levels_of, purpose_here
from randomization.policies.allocating import reasons_of_participant
from trialmgr.participants.models import Participant
from trialmgr.participants.policies import can_transition
from trialmgr.people.models import User


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
