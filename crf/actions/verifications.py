"""Source data verification: values held against their source, one by one."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils import timezone
from django.utils.translation import gettext as _

from audit.actions import action
from audit.acts import ActionRefused
from crf.actions.trail import item_reveals, note_entry
from crf.models import FormEntry, Verification
from crf.policies import check_unchanged
from trialmgr.people.models import User


@action(
    "items.verified",
    permission="entries.verify",
    site=lambda entry, **_k: entry.visit.participant.site,
    makes=lambda rows: rows[0],
)
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
