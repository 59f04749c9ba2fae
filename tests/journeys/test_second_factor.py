"""Where real participants are, nobody gets in by a password alone."""

from __future__ import annotations

import time

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value

from tests.conftest import PASSWORD
from tests.journeys.conftest import Hire
from tests.journeys.live_settings import MFA_TOTP_PERIOD
from tests.journeys.staff import Member
from tests.journeys.trial import Trial
from trialmgr.people.permissions import Role

pytestmark = pytest.mark.journey

ROOM = 20  # seconds in which a code is surely still valid


def test_a_second_factor_is_set_up_at_once_and_asked_ever_after(live: Trial, hire: Hire) -> None:
    coordinator = hire(live, Role.COORDINATOR)
    coordinator.sign_in()
    key, spare = _sets_up(coordinator)
    _signs_out(coordinator)

    coordinator.sign_in()
    assert coordinator.path == "/account/2fa/authenticate/"
    coordinator.look("second-factor-code")
    coordinator.open("/participants/")
    assert coordinator.path == "/account/2fa/authenticate/", "a password alone opens a page"
    code = code_now(key)
    _gives(coordinator, code)
    coordinator.reads("Work list")
    _signs_out(coordinator)

    coordinator.sign_in()
    _gives(coordinator, code)
    coordinator.reads("There is a problem")
    coordinator.look("second-factor-used", answered=True)
    _gives(coordinator, spare)
    coordinator.reads("Work list")
    coordinator.follow("Coordinator UMCG")
    coordinator.reads("In use", "9 unused codes are left.")
    coordinator.look("second-factor")
    coordinator.open("/account/2fa/totp/deactivate/")
    _confirms(coordinator)
    coordinator.look("second-factor-stop")
    coordinator.open("/account/2fa/recovery-codes/generate/")
    coordinator.look()
    coordinator.open("/account/2fa/reauthenticate/?next=/")
    coordinator.look()


def _sets_up(coordinator: Member) -> tuple[str, str]:
    """(key of the app, a recovery code); until then every page leads here."""
    _confirms(coordinator)
    assert coordinator.path == "/account/2fa/totp/activate/"
    coordinator.open("/participants/")
    assert coordinator.path == "/account/2fa/totp/activate/"
    key = coordinator.page.locator(".tm-key").inner_text()
    coordinator.look("second-factor-set-up", answered=True)
    coordinator.page.locator("[name=code]").fill(code_now(key))
    coordinator.press("Set up")
    coordinator.open("/account/2fa/recovery-codes/")
    coordinator.look("recovery-codes")
    codes = coordinator.page.locator(".tm-codes li").all_inner_texts()
    assert len(set(codes)) == 10
    coordinator.open("/participants/")
    coordinator.reads("Participants")
    return key, codes[0]


def _confirms(member: Member) -> None:
    """Changing how one signs in asks for the password again."""
    assert member.path == "/account/reauthenticate/"
    member.page.locator("[name=password]").fill(PASSWORD)
    member.press("Continue")


def _signs_out(member: Member) -> None:
    member.press("Sign out")
    assert member.path == "/account/login/"


def _gives(member: Member, code: str) -> None:
    member.page.locator("[name=code]").fill(code)
    member.press("Sign in")


def code_now(key: str) -> str:
    """What the app shows; after a wait if that is about to change."""
    if (left := MFA_TOTP_PERIOD - time.time() % MFA_TOTP_PERIOD) < ROOM:
        time.sleep(left + 1)
    return str(format_hotp_value(hotp_value(key, int(time.time()) // MFA_TOTP_PERIOD)))
