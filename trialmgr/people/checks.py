"""Unsafe configuration as system checks with stable ids."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from django.conf import settings
from django.core import checks


def register() -> None:
    checks.register(second_factor_is_demanded, checks.Tags.security)
    checks.register(keys_are_set, deploy=True)
    checks.register(emails_can_be_sent, deploy=True)


def second_factor_is_demanded(**_kwargs: Any) -> list[checks.CheckMessage]:
    if settings.TRIALMGR_SECOND_FACTOR:
        return []
    if settings.TRIALMGR_DEMO:
        return [
            checks.Warning(
                "Sign-in works without a second factor.",
                hint="This is the demo. Unset TRIALMGR_DEMO for anything with real participants.",
                id="trialmgr.W001",
            )
        ]
    return [
        checks.Error(
            "The second factor is switched off outside the demo.",
            hint="Remove TRIALMGR_SECOND_FACTOR=0 from the environment.",
            id="trialmgr.E001",
        )
    ]


def keys_are_set(**_kwargs: Any) -> list[checks.CheckMessage]:
    return [
        checks.Error(
            f"{name} is not 32 bytes in URL-safe base64.",
            hint="Make one with: openssl rand -base64 32 | tr '+/' '-_'",
            id=f"trialmgr.{code}",
        )
        for name, code in (("TRIALMGR_LIST_KEY", "E002"), ("TRIALMGR_CONTACT_KEY", "E003"))
        if not _is_key(getattr(settings, name))
    ]


def emails_can_be_sent(**_kwargs: Any) -> list[checks.CheckMessage]:
    if settings.EMAIL_HOST or settings.TRIALMGR_DEMO:
        return []
    return [
        checks.Warning(
            "No e-mails are sent: of a broken code the sponsor learns on the work list alone.",
            hint="Set TRIALMGR_MAIL_HOST to a mail server.",
            id="trialmgr.W002",
        )
    ]


def _is_key(text: str) -> bool:
    try:
        return len(base64.urlsafe_b64decode(text)) == 32
    except (binascii.Error, ValueError):
        return False
