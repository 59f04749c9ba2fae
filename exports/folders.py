"""Where a release that was made on the pages is kept."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings


def kept_folder(number: int) -> Path:
    """Where a release made on the pages is kept, and the pages look for one."""
    return Path(settings.TRIALMGR_RELEASES) / str(number)
