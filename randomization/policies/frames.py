"""What every act of this room may ask: a reason, and a person who is not blinded."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.utils.translation import gettext as _

from audit.acts import ActionRefused
from trialmgr.people.models import User
from trialmgr.studies.queries import current_definition


def check_unblinded(user: User) -> None:
    """For pages that exist for unblinded people alone: the same answer whatever there is to see."""
    if user.sight(current_definition()).blinded:
        raise PermissionDenied(_("Your role does not allow this."))


def check_reason(reason: str) -> None:
    if not reason.strip():
        raise ActionRefused(_("Give the reason."))
