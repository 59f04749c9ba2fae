"""Where sites stand, as a monitor and an investigator work from it: the presses that costs, and how the pages look."""

from __future__ import annotations

import re

import pytest

from tests.journeys.conftest import Hire
from tests.journeys.staff import SITE, Member
from tests.journeys.trial import Trial
from trialmgr.people.permissions import Role

pytestmark = pytest.mark.journey

LIST, VERIFY, SIGN = "Verify all on this page", "Verified against the source", "Sign these forms"


class Presses:
    """Counts links and buttons."""

    def __init__(self, member: Member) -> None:
        self.member, self.count = member, 0

    def follow(self, name: str | re.Pattern[str]) -> None:
        self.member.follow(name)
        self.count += 1

    def press(self, name: str) -> None:
        self.member.press(name)
        self.count += 1

    def open_figure(self, figure: str) -> None:
        """The figure of the own site, which leads to its list."""
        with self.member.page.expect_navigation():
            self.member.page.locator(f'a[href="/standing/{figure}/?site={SITE}"]').click()
        self.count += 1


def test_a_page_of_forms_is_verified_in_four_presses(one_day: Trial, hire: Hire) -> None:
    one_day.prepare("screened")
    monitor = hire(one_day, Role.MONITOR)
    monitor.sign_in()
    presses = Presses(monitor)
    presses.follow("Standing of sites")
    monitor.look("standing")
    presses.open_figure("unverified")
    monitor.look("standing-list")
    found = monitor.page.locator("input[name=here]").count()
    presses.press(LIST)
    monitor.look("selection", answered=True)
    presses.press(VERIFY)
    monitor.reads(f"Done: {found}.")
    assert (presses.count, found > 1) == (4, True)


def test_one_form_is_verified_in_two_presses(one_day: Trial, hire: Hire) -> None:
    number = one_day.prepare("screened")
    monitor = hire(one_day, Role.MONITOR)
    monitor.sign_in()
    monitor.open(f"/participants/{number}/visits/screening/forms/madrs/")
    presses = Presses(monitor)
    presses.follow("Verify against the source")
    monitor.look(answered=True)
    presses.press("Verified: all 10 planned answers")
    monitor.reads("verified 10 of 10 planned")
    assert presses.count == 2


def test_all_forms_of_a_visit_are_signed_in_two_presses_and_a_password(one_day: Trial, hire: Hire) -> None:
    number = one_day.prepare("screened")
    investigator = hire(one_day, Role.INVESTIGATOR)
    investigator.sign_in()
    investigator.open(f"/participants/{number}/visits/screening/")
    investigator.follow("Sign 1 form of this visit")
    investigator.reads(f"{number}, Screening, Eligibility")
    investigator.look()
    investigator.sign_again(SIGN)
    investigator.reads("Done: 1.")


def test_what_is_open_before_a_lock_is_counted_and_listed(one_day: Trial, hire: Hire) -> None:
    monitor = hire(one_day, Role.MONITOR)
    monitor.sign_in()
    monitor.follow("Open points")
    monitor.look("open-points")
    with monitor.page.expect_navigation():
        monitor.page.locator('a[href="/open-points/participant_active/"]').click()
    monitor.look("open-points-list")
