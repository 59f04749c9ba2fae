"""Does the state of the study allow a lock, an unlock, a release?"""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.utils.translation import gettext as _

from audit.acts import ActionRefused
from exports.open_points import OpenPoint, open_points, stored_otherwise, summaries
from trialmgr.people.models import User
from trialmgr.studies.models import StudyLock
from trialmgr.studies.queries import current_definition, open_lock

__all__ = [
    "OpenPoint",
    "can_lock",
    "check_lockable",
    "check_nothing_false",
    "check_reason",
    "check_sees_allocation",
    "locked_study",
    "open_points",
    "sees_allocation",
]


def check_lockable() -> None:
    """Raises ActionRefused with one sentence for each kind of open point and its count."""
    reasons = summaries(open_points())
    if reasons:
        raise ActionRefused(*reasons)


def check_nothing_false() -> None:
    """Raises ActionRefused naming the entries of which something is stored otherwise than it should."""
    reasons = summaries(stored_otherwise())
    if reasons:
        raise ActionRefused(*reasons)


def can_lock() -> bool:
    return open_lock() is None and not open_points()


def check_reason(reason: str) -> None:
    if not reason.strip():
        raise ActionRefused(_("Give the reason."))


def locked_study() -> StudyLock:
    """The lock that stands. Raises ActionRefused when the study is not locked."""
    lock = open_lock()
    if lock is None:
        raise ActionRefused(_("The study is not locked: lock it first."))
    return lock


def sees_allocation(user: User) -> bool:
    return not user.sight(current_definition()).blinded


def check_sees_allocation(user: User) -> None:
    """A release that holds the allocation is for unblinded people alone. Source: ICH E6(R3) 4.1."""
    if not sees_allocation(user):
        raise PermissionDenied(_("Your role is blinded: make a release without the allocation."))
