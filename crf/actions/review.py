from __future__ import annotations

from collections.abc import Sequence

from django.utils import timezone
from django.utils.translation import gettext as _

from audit.acts import ActionRefused, action, record
from crf import policies
from crf.actions.latest import check_unchanged
from crf.actions.lines import item_reveals, note_entry
from crf.models import EntryStatus, FormEntry, Freeze, Signature, Verification
from trialmgr.participants.models import Participant
from trialmgr.people.models import Site, User


def _site(entry: FormEntry, **_kwargs: object) -> Site:
    return entry.visit.participant.site


@action("items.verified", permission="entries.verify", site=_site)
def verify_items(*, by: User, entry: FormEntry, items: Sequence[str]) -> list[Verification]:
    """Held against source, value by value; verifying again after a change renews the same row."""
    check_unchanged(entry)
    unknown = [item for item in items if item not in entry.data and item not in entry.missing]
    if unknown or not items:
        raise ActionRefused(_("Choose items that hold a value."))
    return [_verify(entry, item, by) for item in items]


def _verify(entry: FormEntry, item: str, by: User) -> Verification:
    row = entry.verifications.filter(item=item).first() or Verification(entry=entry, item=item)
    row.reveals_allocation = item_reveals(entry, entry.form, item)
    row.digest = entry.item_digest(item)
    row.verified_at, row.verified_by, row.stands = timezone.now(), by.actor_name, True
    row.save()
    note_entry(entry, item=item, restricted=row.reveals_allocation)
    return row


@action("entry.signed", permission="entries.sign", site=_site)
def sign_entry(*, by: User, entry: FormEntry, meaning: str) -> Signature:
    """Source: 21 CFR Part 11 11.50 and 11.70. The caller has the person sign in again first."""
    check_unchanged(entry)
    if entry.status != EntryStatus.COMPLETE:
        raise ActionRefused(_("Only a complete form can be signed: fill in what is missing first."))
    role = by.role_names(entry.visit.participant.site)
    if entry.signatures.filter(lapsed_at=None, role=role).exists():
        raise ActionRefused(_("This form carries your signature already."))
    signature = Signature(
        entry=entry,
        signer=by,
        signer_name=by.actor_name,
        role=role,
        meaning=meaning,
        signed_at=timezone.now(),
        digest=entry.digest,
    )
    signature.save()
    note_entry(entry, new=signature.digest, detail={"meaning": meaning})
    return signature


@action("casebook.frozen", permission="entries.freeze")
def freeze(*, by: User, participant: Participant) -> Freeze:
    if policies.is_frozen(participant):
        raise ActionRefused(_("The casebook of this participant is frozen: a data manager can unfreeze it."))
    row = Freeze(participant=participant, frozen_at=timezone.now(), frozen_by=by.actor_name)
    row.save()
    _note(participant, "frozen")
    return row


# The audit trail keeps the name that this act had in the first version.
@action("casebook.thawed", permission="entries.freeze")
def unfreeze(*, by: User, participant: Participant, reason: str) -> Freeze:
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
