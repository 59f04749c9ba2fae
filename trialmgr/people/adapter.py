from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.utils.translation import gettext_lazy as _

from trialmgr.people.actions import change_password
from trialmgr.people.models import User


class ClosedDoorAdapter(DefaultAccountAdapter):
    """Accounts are made by an administrator; nobody signs up."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "username_password_mismatch": _("The user name or the password is not right: type both again."),
        "incorrect_password": _("The password is not right: type it again."),
    }

    def is_open_for_signup(self, request: Any) -> bool:
        return False

    def set_password(self, user: User, password: str) -> None:
        change_password(by=user, password=password)
