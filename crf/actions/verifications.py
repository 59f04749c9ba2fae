"""Source data verification: values held against their source, one by one, of one form or of many at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from django.utils import timezone
from django.utils.translation import gettext as _

from audit.actions import action
from audit.acts import ActionRefused
from audit.many import Many, each
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
    known = {row.item: row for row in entry.verifications.filter(item__in=items)}
    return [_verify(known.get(item) or Verification(entry=entry, item=item), by) for item in items]


@action("entries.verified", permission="entries.verify", makes=lambda done: done.made[0][0])
def verify_entries(*, by: User, chosen: Iterable[tuple[str, FormEntry, Sequence[str]]]) -> Many[list[Verification]]:
    """Of many forms, each with what it is called and its items; what is refused is named and left out."""
    ordered = sorted(chosen, key=lambda one: one[1].visit.participant_id)
    return each((name, partial(verify_items, by=by, entry=entry, items=items)) for name, entry, items in ordered)


def _verify(row: Verification, by: User) -> Verification:
    entry, item = row.entry, row.item
    row.reveals_allocation = item_reveals(entry, entry.form, item)
    row.digest = entry.item_digest(item)
    row.verified_at, row.verified_by, row.stands = timezone.now(), by.actor_name, True
    row.save()
    note_entry(entry, item=item, restricted=row.reveals_allocation)
    return row
