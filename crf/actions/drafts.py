"""Keeping what somebody types, and throwing it away. It is no act on the record, so the trail has no line of it.

Only that typed answers were thrown away unsaved stands there: whose, of which form, from when, and no value.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterable

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.actions import action
from audit.acts import ActionRefused, Actor, record
from crf import policies
from crf.drafts import KEPT, DraftPlace, Typing, drafts_of, form_of, lives, seal
from crf.models import Draft
from trialmgr.people.models import SYSTEM, User

LARGEST = 100_000  # bytes, encrypted; the largest form that ships takes a tenth
MOST = 100  # of one person at a time


def keep_draft(
    *,
    by: User,
    place: DraftPlace,
    slot: str,
    typing: Typing,
    saved: Typing,
    revision: int,
    taken: Collection[str] = (),
    age: datetime.timedelta = datetime.timedelta(),
) -> Draft | None:
    """Keep what stands in the boxes of one page; None where that is what is ``saved``: there is nothing to keep then.

    ``taken``: tokens of drafts that the page has in its boxes, which go. ``age``: how long ago it was typed.
    The form must be open to this person, as for a save. Raises ActionRefused, PermissionDenied.
    """
    by.check_may("entries.enter", site=place.visit.participant.site)
    policies.check_role_enters(by, place.visit, place.form)
    policies.check_entry_open(place.visit, place.form, begun=place.begun)
    with transaction.atomic():
        forget_drafts(by=by, place=place, taken=taken)
        if typing.is_same(saved):
            forget_drafts(by=by, place=place, slot=slot)
            return None
        own = drafts_of(by, place).filter(slot=slot).first() or _begun(by, place, slot)
        own.turn += 1
        own.revision, own.typed_at = revision, timezone.now() - min(max(age, datetime.timedelta()), KEPT)
        own.sealed = seal(typing, own)
        if len(own.sealed) > LARGEST:
            raise ActionRefused(_("This is more than can be kept as a draft: save the form."))
        own.save()
    _expire_old()
    return own


def forget_drafts(*, by: User, place: DraftPlace, taken: Collection[str] = (), slot: str = "") -> None:
    """What was saved, or is thrown away by its author: the draft of a page, and those that it has in its boxes."""
    for draft in drafts_of(by, place):
        if draft.token in taken or draft.slot == slot:
            draft.delete()


@action("draft.expired", permission=None, works_when_locked=True)
def expire_drafts(*, by: Actor, drafts: Iterable[Draft]) -> None:
    """Typed answers that nobody saved within a week, or whose author may not enter or see them any more."""
    for draft in drafts:
        participant = draft.visit.participant
        record(
            object_type="draft",
            object_id=draft.name,
            site=participant.site.code,
            participant=participant.number,
            visit=draft.visit.slug,
            form=draft.form_key,
            occurrence=str(draft.occurrence or ""),
            detail={"author": draft.author.username, "typed_at": draft.typed_at.isoformat()},
            restricted=draft.visit.reveals_allocation or form_of(draft).reveals_allocation,
        )
        draft.delete()


def expire_dead_drafts(author: User | None = None) -> int:
    """Throw away those that are dead, of one person or of all; how many."""
    rows = Draft.objects.select_related("author", "visit__participant__site", "study_version")
    own = rows.filter(author=author) if author else rows
    dead = [draft for draft in own.defer("study_version__document") if not lives(draft)]
    if dead:
        expire_drafts(by=SYSTEM, drafts=dead)
    return len(dead)


def _expire_old() -> None:
    if Draft.objects.filter(typed_at__lt=timezone.now() - KEPT).exists():
        expire_dead_drafts()


def _begun(by: User, place: DraftPlace, slot: str) -> Draft:
    if Draft.objects.filter(author=by).count() >= MOST:
        raise ActionRefused(_("You have %(n)s drafts that are not saved: save or discard some first.") % {"n": MOST})
    return Draft(
        author=by,
        visit=place.visit,
        form_key=place.form.key,
        occurrence=place.occurrence,
        slot=slot,
        turn=0,
        study_version=place.version,
    )
