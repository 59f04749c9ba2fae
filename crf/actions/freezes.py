"""Freezing a casebook, and freeing it again."""

from __future__ import annotations

from django.utils import timezone
from django.utils.translation import gettext as _

from audit.actions import action, itself
from audit.acts import ActionRefused, record
from crf import policies
from crf.models import Freeze
from trialmgr.participants.models import Participant
from trialmgr.people.models import User


@action("casebook.frozen", permission="entries.freeze", makes=itself)
def freeze(*, by: User, participant: Participant) -> Freeze:
    policies.lock_casebook(participant.pk)
    if policies.is_frozen(participant):
        raise ActionRefused(_("The casebook of this participant is frozen: a data manager can unfreeze it."))
    row = Freeze(participant=participant, frozen_at=timezone.now(), frozen_by=by.actor_name)
    row.save()
    _note(participant, "frozen")
    return row


# The audit trail keeps the name that this act had in the first version.
@action("casebook.thawed", permission="entries.freeze")
def unfreeze(*, by: User, participant: Participant, reason: str) -> Freeze:
    policies.lock_casebook(participant.pk)
    row = Freeze.objects.filter(participant=participant, unfrozen_at=None).first()
    if row is None or not reason.strip():
        raise ActionRefused(_("Only a frozen casebook can be unfrozen, with a reason."))
    row.unfrozen_at, row.unfrozen_by = timezone.now(), by.actor_name
    row.save()
    _note(participant, "unfrozen")
    return row


def _note(participant: Participant, new: str) -> None:
    record(
        object_type="participant",
        object_id=participant.number,
        site=participant.site.code,
        participant=participant.number,
        item="casebook",
        new=new,
    )
