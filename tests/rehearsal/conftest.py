from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.db import transaction
from django.test import override_settings

from trialmgr.overview.rehearsal.likeness import likeness
from trialmgr.overview.rehearsal.trial import rehearse


@pytest.fixture
def demo(db: None) -> Iterator[None]:
    """The test installation as a demo, which alone may rehearse."""
    with override_settings(TRIALMGR_DEMO=True):
        yield


@pytest.fixture
def rehearsed(demo: None) -> Callable[[int, int], dict[str, list[dict[str, object]]]]:
    """The likeness of a rehearsal to its end, which leaves nothing behind."""

    def run(participants: int, seed: int) -> dict[str, list[dict[str, object]]]:
        with transaction.atomic():
            rehearse(participants=participants, seed=seed)
            found = likeness()
            transaction.set_rollback(True)
        return found

    return run
