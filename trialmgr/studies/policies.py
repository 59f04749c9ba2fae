from __future__ import annotations

from django.utils.translation import gettext as _

from audit.acts import ActionRefused
from trialmgr.studies.queries import open_lock


def check_not_locked() -> None:
    """Source: ICH E6(R3) 3.16.1(r): edit access is withdrawn before the final analysis."""
    lock = open_lock()
    if lock is not None:
        raise ActionRefused(_("The study is locked since %(time)s UTC.") % {"time": f"{lock.locked_at:%Y-%m-%d %H:%M}"})
