"""The casebook on one screen: three sizes, two languages, an unblinded and a blinded person, without script."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.conftest import PASSWORD
from tests.journeys.conftest import Hire
from tests.journeys.trial import Trial
from trialmgr.people.permissions import Role

pytestmark = pytest.mark.journey

SCREEN, TABLET, PHONE = (1366, 768), (820, 1180), (390, 844)
# On one screen with the name of the trial, the menu and the banner of the demo above it.
HIGHEST = 1.1 * 768
_LOWEST = """(selector) => Math.max(...Array.from(document.querySelectorAll(selector))
  .map((one) => one.getBoundingClientRect().bottom))"""


@pytest.mark.parametrize("language", ["nl", "en"])
def test_a_casebook_of_many_visits_is_read_at_a_glance(one_day: Trial, hire: Hire, language: str) -> None:
    number = one_day.prepare("not_responding")
    for role in (Role.COORDINATOR, Role.RATER):
        person = hire(one_day, role, language=language)
        person.sign_in()
        person.open(f"/participants/{number}/")
        assert person.fits(*SCREEN) <= HIGHEST
        assert person.page.evaluate(_LOWEST, ".tm-matrix, .tm-course") <= SCREEN[1]
        person.fits(*TABLET)
        assert person.page.locator(".tm-matrix").is_visible()
        person.fits(*PHONE)
        assert not person.page.locator(".tm-matrix").is_visible()
        assert person.page.locator(".tm-days").is_visible()
        assert (person.page.locator(".tm-sessions").count() > 0) is (role is Role.COORDINATOR)
        person.look()


def test_the_casebook_does_without_script_what_it_does_with_it(one_day: Trial, browser: Browser) -> None:
    number = one_day.prepare("not_responding")
    context = browser.new_context(base_url=one_day.address, java_script_enabled=False)
    context.add_cookies([{"name": "django_language", "value": "en", "url": one_day.address}])
    page = context.new_page()
    page.goto("/account/login/")
    page.locator("[name=login]").fill("coordinator-umcg")
    page.locator("[name=password]").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_label("Participant number").fill(number)
    page.get_by_role("button", name="Find", exact=True).click()
    assert page.url.endswith(f"/participants/{number}/")
    assert page.locator(".tm-matrix a[tabindex]").count() == 0, "every cell is a stop of Tab"
    page.locator(".tm-case__more summary").click()
    with page.expect_download() as taken:
        page.get_by_role("button", name="Casebook as PDF").click()
    assert taken.value.suggested_filename == f"casebook-{number}.pdf"
    page.get_by_role("link", name="Not verified").click()
    assert page.locator(".tm-switches [aria-current=true]").inner_text().startswith("Not verified")
    page.get_by_role("link", name="All forms").click()
    page.locator(".tm-sessions summary").click()
    page.locator(".tm-sessions__list a").first.click()
    assert "/visits/session_" in page.url
    context.close()
