"""Signing a form, or many at once, with one signature each. Source: 21 CFR Part 11 11.50 and 11.70."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from django.utils import timezone
from django.utils.translation import gettext as _

from audit.actions import action, itself
from audit.acts import ActionRefused
from audit.many import Many, each
from crf.actions.trail import note_entry
from crf.models import EntryStatus, FormEntry, Signature
from crf.policies import check_unchanged
from trialmgr.people.models import User


@action("entry.signed", permission="entries.sign", site=lambda entry, **_k: entry.visit.participant.site, makes=itself)
def sign_entry(*, by: User, entry: FormEntry, meaning: str) -> Signature:
    """The caller has the person sign in again first."""
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


@action("entries.signed", permission="entries.sign", makes=lambda done: done.made[0])
def sign_entries(*, by: User, chosen: Iterable[tuple[str, FormEntry]], meaning: str) -> Many[Signature]:
    """As ``sign_entry``, each with what it is called; what is refused is named and left out."""
    ordered = sorted(chosen, key=lambda one: one[1].visit.participant_id)
    return each((name, partial(sign_entry, by=by, entry=entry, meaning=meaning)) for name, entry in ordered)
