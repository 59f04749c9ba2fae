"""What somebody typed and has not saved: sealed and opened, and how long it lives.

Encrypted with AES-256-GCM, bound to author and place. Its key, and those with which a browser encrypts what it cannot
send, are HMAC-SHA-256 of a purpose under the key of contact details: both keep what tells of a person.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import hmac
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from audit.acts import ActionRefused
from crf.models import Draft, Visit
from crf.policies import can_role_enter
from trialmgr.people.models import User
from trialmgr.protocol.model import Form
from trialmgr.studies.models import StudyVersion
from trialmgr.studies.queries import current_definition

KEPT = datetime.timedelta(days=7)
_NONCE = 12
Pair = tuple[str, str]
"""The value of one question and the reason why it has none; one of the two, or neither, is there."""


@dataclass(frozen=True, slots=True)
class Typing:
    """What stands in the boxes of a page: answers, reasons for none, and why saved values change (choice, words)."""

    values: Mapping[str, str]
    missing: Mapping[str, str]
    reason: Pair = ("", "")

    def pair(self, key: str) -> Pair:
        return self.values.get(key, ""), self.missing.get(key, "")

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys([*self.values, *self.missing]))

    def is_same(self, other: Typing) -> bool:
        keys = dict.fromkeys([*self.keys, *other.keys])
        return self.reason == other.reason and all(self.pair(key) == other.pair(key) for key in keys)


@dataclass(frozen=True, slots=True)
class DraftPlace:
    """Where something is typed: a row of a form at a visit, 0 for one not yet begun, by which version."""

    visit: Visit
    form: Form
    occurrence: int
    version: StudyVersion
    begun: bool


# --- keys and sealing -------------------------------------------------------------------------------------------------


def _key(purpose: str) -> bytes:
    """Refused where the installation has no usable key: nothing is encrypted with one that anybody could make."""
    try:
        secret = base64.urlsafe_b64decode(settings.TRIALMGR_CONTACT_KEY)
    except (binascii.Error, ValueError):
        secret = b""
    if len(secret) != 32:
        raise ActionRefused(_("No draft can be kept: TRIALMGR_CONTACT_KEY is not set, or is no key of 32 bytes."))
    return hmac.digest(secret, purpose.encode(), "sha256")


def browser_key(user: User) -> str:
    """With which the browser of this person encrypts what it cannot send; base64. The same each time, never stored."""
    return base64.b64encode(_key(f"trialmgr-draft-browser/1:{user.pk}")).decode()


def person_mark(user: User) -> str:
    """By which a browser tells people apart without learning who they are."""
    return salted_hmac("crf.drafts", str(user.pk), algorithm="sha256").hexdigest()[:32]


def seal(typing: Typing, draft: Draft) -> bytes:
    nonce = os.urandom(_NONCE)
    content = json.dumps([dict(typing.values), dict(typing.missing), list(typing.reason)]).encode()
    return nonce + AESGCM(_key("trialmgr-draft/1")).encrypt(nonce, content, draft.bound_to)


def opened(draft: Draft) -> Typing:
    sealed = bytes(draft.sealed)
    content = AESGCM(_key("trialmgr-draft/1")).decrypt(sealed[:_NONCE], sealed[_NONCE:], draft.bound_to)
    values, missing, (choice, words) = json.loads(content)
    return Typing(values, missing, (choice, words))


# --- whose, and how long ----------------------------------------------------------------------------------------------


def drafts_of(author: User, place: DraftPlace) -> QuerySet[Draft]:
    """The newest first."""
    return Draft.objects.filter(author=author, visit=place.visit, form_key=place.form.key, occurrence=place.occurrence)


def lives(draft: Draft) -> bool:
    """Whether its author may still enter, and sees, what it is about, and typed it within the week."""
    definition, author = current_definition(), draft.author
    site, sight = draft.visit.participant.site, author.sight(definition)
    enters = author.may("entries.enter", site=site) and can_role_enter(author, draft.visit, form_of(draft))
    sees = draft.form_key in sight.forms and not (sight.blinded and draft.visit.reveals_allocation)
    return enters and sees and draft.typed_at > timezone.now() - KEPT


def living_drafts(author: User) -> list[Draft]:
    """All of this person that they may still go on with, the newest first; what was typed stays closed."""
    rows = Draft.objects.filter(author=author).select_related("visit__participant__site", "study_version")
    found = list(rows.defer("sealed", "study_version__document"))
    for draft in found:
        draft.author = author
    return [draft for draft in found if lives(draft)]


def draft_url(draft: Draft) -> str:
    """The page on which it comes back."""
    place = [draft.visit.participant.number, draft.visit.slug, draft.form_key]
    if not form_of(draft).repeating:
        return reverse("crf:entry", args=place)
    return (
        reverse("crf:row", args=[*place, draft.occurrence]) if draft.occurrence else reverse("crf:new_row", args=place)
    )


def form_of(draft: Draft) -> Form:
    """By the newest version that has it: that one says who enters it."""
    newest = current_definition()
    return (newest if newest.has_form(draft.form_key) else draft.study_version.definition).form(draft.form_key)
