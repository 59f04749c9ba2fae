"""One participant from screening to the locked and exported data, each step by the right person, in the browser."""

from __future__ import annotations

import pytest

from tests.journeys.conftest import Hire
from tests.journeys.trial import Trial
from trialmgr.people.permissions import Role

pytestmark = pytest.mark.journey


def test_start(two_years: Trial, hire: Hire) -> None:
    coordinator = hire(two_years, Role.COORDINATOR)
    coordinator.open("/account/login/")
    coordinator.look("sign-in")
    coordinator.give_password("something else")
    coordinator.press("Sign in")
    coordinator.look("sign-in-error", answered=True)
    coordinator.give_password()
    coordinator.press("Sign in")
    coordinator.look()
    print(coordinator.text())
