"""Sealing of contact details with Fernet (AES-128-CBC with HMAC-SHA-256), key from the environment only.

Source: GDPR article 32; EDPB guidelines 01/2025: identifiers kept apart from study data, with their own key.
"""

from __future__ import annotations

import json

from cryptography.fernet import Fernet
from django.conf import settings

FIELDS = ("name", "email", "telephone")


def seal(details: dict[str, str]) -> bytes:
    return Fernet(settings.TRIALMGR_CONTACT_KEY).encrypt(json.dumps(details).encode())


def unseal(sealed: bytes | memoryview) -> dict[str, str]:
    details: dict[str, str] = json.loads(Fernet(settings.TRIALMGR_CONTACT_KEY).decrypt(bytes(sealed)))
    return details
