"""Sign-ins, sign-outs and failures as ledger entries. Source: ICH E6(R3) 4.2.2(a)(i), NEN 7513."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from allauth.mfa.signals import authenticator_added, authenticator_removed, authenticator_reset
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed

from trialmgr.people import actions
from trialmgr.people.models import SYSTEM, User

_FACTOR_CHANGES = {"added": authenticator_added, "removed": authenticator_removed, "renewed": authenticator_reset}


def connect() -> None:
    user_logged_in.connect(_signed_in, dispatch_uid="people.signed_in")
    user_logged_out.connect(_signed_out, dispatch_uid="people.signed_out")
    user_login_failed.connect(_failed, dispatch_uid="people.sign_in_failed")
    for change, signal in _FACTOR_CHANGES.items():
        signal.connect(_factor_changed(change), weak=False, dispatch_uid=f"people.second_factor_{change}")


def _signed_in(sender: Any, user: User, **_kwargs: Any) -> None:
    actions.note_sign_in(by=user)


def _signed_out(sender: Any, user: User | None, **_kwargs: Any) -> None:
    if user is not None:
        actions.note_sign_out(by=user)


def _factor_changed(change: str) -> Callable[..., None]:
    def note(sender: Any, user: User, authenticator: Any, **_kwargs: Any) -> None:
        actions.note_second_factor(by=user, kind=str(authenticator.type), change=change)

    return note


def _failed(sender: Any, credentials: dict[str, Any], **_kwargs: Any) -> None:
    actions.note_failed_sign_in(by=SYSTEM, username=str(credentials.get("username", "")))
