"""Everything by the keyboard: sign in, find a form, make a mistake, be led to it, mend it, save."""

from __future__ import annotations

import re

import pytest

from tests.conftest import PASSWORD
from tests.journeys.conftest import Hire
from tests.journeys.staff import Member
from tests.journeys.trial import Trial
from trialmgr.people.permissions import Role

pytestmark = pytest.mark.journey

MOST_STOPS = 120
# The element in focus as a screen reader would name it, and whether its focus can be seen.
_IN_FOCUS = """() => {
  const one = document.activeElement;
  if (one === document.body) return { name: "", seen: true };  // between the last stop and the first
  const style = getComputedStyle(one);
  const label = one.labels && one.labels.length ? one.labels[0].innerText
    : one.getAttribute("aria-label") || one.innerText || "";
  return { name: label.trim(), seen: style.outlineStyle !== "none" || style.boxShadow !== "none" };
}"""


def test_a_form_is_entered_without_a_mouse(one_day: Trial, hire: Hire) -> None:
    number = one_day.prepare("screened")
    coordinator = hire(one_day, Role.COORDINATOR, language="nl")
    _signs_in(coordinator)
    _go(coordinator, "Deelnemers")
    _go(coordinator, re.compile(f"^{number}"))
    _goes_by_arrows(coordinator)
    _type_over(coordinator, "Systolische bloeddruk", "900")
    _go(coordinator, "Opslaan")
    _mends_the_mistake(coordinator)


def _signs_in(coordinator: Member) -> None:
    coordinator.open("/account/login/")
    keyboard = coordinator.page.keyboard
    keyboard.press("Tab")
    assert _in_focus(coordinator) == "Direct naar de inhoud"
    _tab_to(coordinator, "Gebruikersnaam")
    keyboard.type(coordinator.username)
    _tab_to(coordinator, "Wachtwoord")
    keyboard.type(PASSWORD)
    _go(coordinator, "Inloggen")
    coordinator.reads("Werklijst")


def _goes_by_arrows(coordinator: Member) -> None:
    """The matrix is one stop of Tab; arrows go from form to form and from visit to visit, Enter opens."""
    keyboard = coordinator.page.keyboard
    _tab_to(coordinator, re.compile("^Vitale functies, "))
    keyboard.press("ArrowUp")
    assert _in_focus(coordinator).endswith(("Screening: Vond plaats", "Beginmeting: Nu aan de beurt"))
    keyboard.press("Control+End")
    assert not _in_focus(coordinator).startswith("Vitale functies")
    keyboard.press("Home")
    keyboard.press("Control+Home")
    keyboard.press("ArrowDown")
    assert _in_focus(coordinator).startswith("Vitale functies, Screening")
    keyboard.press("ArrowRight")
    assert _in_focus(coordinator).startswith("Vitale functies, Beginmeting")
    keyboard.press("ArrowLeft")
    with coordinator.page.expect_navigation():
        keyboard.press("Enter")


def _mends_the_mistake(coordinator: Member) -> None:
    page, keyboard = coordinator.page, coordinator.page.keyboard
    assert page.evaluate("document.activeElement.hasAttribute('data-error-summary')")
    assert _in_focus(coordinator).startswith("Er klopt iets niet")
    _tab_to(coordinator, re.compile("^Systolische bloeddruk: "))
    keyboard.press("Enter")
    assert _in_focus(coordinator) == "Systolische bloeddruk"
    assert page.locator("#item-systolic").input_value() == "900"
    keyboard.press("ControlOrMeta+a")
    keyboard.type("126")
    _tab_to(coordinator, "Reden van de wijziging")
    keyboard.type("Typefout")
    _go(coordinator, "Opslaan")
    coordinator.reads("Opgeslagen. Het formulier is volledig.")
    assert page.locator("#item-systolic").input_value() == "126"


def _type_over(member: Member, label: str, value: str) -> None:
    _tab_to(member, label)
    member.page.keyboard.press("ControlOrMeta+a")
    member.page.keyboard.type(value)


def _go(member: Member, name: str | re.Pattern[str]) -> None:
    """Tab to a link or button and press Enter on it."""
    _tab_to(member, name)
    with member.page.expect_navigation():
        member.page.keyboard.press("Enter")


def _tab_to(member: Member, name: str | re.Pattern[str]) -> None:
    """Tab on until the element of this name has the focus; wherever the focus is, it can be seen."""
    stops = []
    for _stop in range(MOST_STOPS):
        member.page.keyboard.press("Tab")
        stops.append(_in_focus(member))
        if stops[-1] == name if isinstance(name, str) else name.search(stops[-1]):
            return
    raise AssertionError(f"{member.path}: no stop called {name!r}, only {stops}")


def _in_focus(member: Member) -> str:
    found = member.page.evaluate(_IN_FOCUS)
    assert found["seen"], f"{member.path}: the focus on {found['name']!r} cannot be seen"
    return str(found["name"])
