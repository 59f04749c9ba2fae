from __future__ import annotations

import datetime

import pytest
import time_machine

from trialmgr.studies.clock import NoDemo, pretend, today

DAY = datetime.date(2024, 2, 29)


def test_the_day_is_the_local_day_at_the_sites() -> None:
    with time_machine.travel(datetime.datetime(2026, 5, 31, 22, 30, tzinfo=datetime.UTC), tick=False):
        assert today() == datetime.date(2026, 6, 1)


@pytest.mark.usefixtures("demo")
def test_a_rehearsal_pretends_a_day_and_gives_it_back() -> None:
    with pretend(DAY):
        assert today() == DAY
    assert today() != DAY


def test_outside_a_demo_nothing_is_pretended() -> None:
    with pytest.raises(NoDemo), pretend(DAY):
        today()
