from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import override_settings


@pytest.fixture(autouse=True)
def kept(tmp_path: Path) -> Iterator[Path]:
    """Where the pages keep releases, for one test."""
    with override_settings(TRIALMGR_RELEASES=tmp_path / "kept"):
        yield tmp_path / "kept"
