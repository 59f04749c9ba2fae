"""Sealing of contact details with Fernet (AES-128-CBC with HMAC-SHA-256), key from the environment; identity marks.

Source: GDPR article 32; EDPB guidelines 01/2025: identifiers kept apart from study data, with their own key.

An identity mark is HMAC-SHA-256 of one normalised detail, under a key made of the same one. Without that key it can
neither be read nor guessed; with it, equal details at two sites give equal marks. A name alone gives none: people share
names.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import unicodedata

from cryptography.fernet import Fernet
from django.conf import settings

FIELDS = ("name", "born_on", "email", "telephone")
_TELEPHONE_DIGITS = 9
"""The last digits of a number: those behind 0, +31 and 0031."""


def seal(details: dict[str, str]) -> bytes:
    return Fernet(settings.TRIALMGR_CONTACT_KEY).encrypt(json.dumps(details).encode())


def seal_bytes(content: bytes) -> bytes:
    """A file of a participant may show who it is, so it is kept as contact details are."""
    return Fernet(settings.TRIALMGR_CONTACT_KEY).encrypt(content)


def unseal_bytes(sealed: bytes | memoryview) -> bytes:
    return Fernet(settings.TRIALMGR_CONTACT_KEY).decrypt(bytes(sealed))


def unseal(sealed: bytes | memoryview) -> dict[str, str]:
    details: dict[str, str] = json.loads(Fernet(settings.TRIALMGR_CONTACT_KEY).decrypt(bytes(sealed)))
    return dict.fromkeys(FIELDS, "") | details


def identity_marks(details: dict[str, str]) -> dict[str, str]:
    """Kind -> mark, for each kind of detail that is filled: "person" (name with day of birth), "spelling" (the
    same, with letters and umlauts as they are written elsewhere), "email", "telephone".
    """
    key = hmac.digest(settings.TRIALMGR_CONTACT_KEY.encode(), b"trialmgr-identity-mark/1", "sha256")
    return {
        kind: hmac.new(key, f"{kind}:{text}".encode(), hashlib.sha256).hexdigest()
        for kind, text in _normalised(details).items()
        if text
    }


def _normalised(details: dict[str, str]) -> dict[str, str]:
    name, born_on = _letters(details.get("name", "")), details.get("born_on", "").strip()
    digits = "".join(each for each in details.get("telephone", "") if each.isdecimal())
    spelling = _letters(_as_spelled_elsewhere(details.get("name", "")))
    return {
        "person": f"{name} {born_on}" if name and born_on else "",
        "spelling": f"{spelling} {born_on}" if spelling and born_on else "",
        "email": details.get("email", "").strip().casefold(),
        "telephone": digits[-_TELEPHONE_DIGITS:] if len(digits) >= _TELEPHONE_DIGITS else "",
    }


# Letters with a stroke, which Unicode takes for letters of their own, and ligatures.
_ELSEWHERE = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "ħ": "h", "ŧ": "t", "ı": "i", "þ": "th", "æ": "a", "œ": "o", "ĳ": "ij"}
)
_UMLAUTS = {"ae": "a", "oe": "o", "ue": "u"}


def _as_spelled_elsewhere(name: str) -> str:
    """ "Łukasz" as Lukasz, "Mueller" as Muller: to be compared, never to be shown."""
    plain = name.casefold().translate(_ELSEWHERE)
    for written, meant in _UMLAUTS.items():
        plain = plain.replace(written, meant)
    return plain


def _letters(name: str) -> str:
    """Letters alone, small, without accents, in one run: "De Vriès, Jan" and "jan de vries" are one name."""
    plain = unicodedata.normalize("NFKD", name).casefold()
    words = "".join(each if each.isalpha() else " " for each in plain if not unicodedata.combining(each)).split()
    return "".join(sorted(words))
