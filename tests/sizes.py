"""How large the large tests are: small every day, at full size under ``make test-full`` (``TRIALMGR_FULL=1``)."""

from __future__ import annotations

import os
from typing import Final, TypeVar

FULL: Final = os.environ.get("TRIALMGR_FULL", "0") == "1"

Size = TypeVar("Size")


def size(small: Size, full: Size) -> Size:
    """What a test takes of something here: participants, kills, worlds, seconds."""
    return full if FULL else small
