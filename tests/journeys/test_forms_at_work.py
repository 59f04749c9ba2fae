"""Forms as people fill them in all day: the keys, page loads and screens that costs, and what is said meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from tests.journeys.conftest import Hire
from tests.journeys.staff import usual
from tests.journeys.trial import Trial
from trialmgr.people.permissions import Role
from trialmgr.protocol.model import Form, Item, ItemType, StudyDefinition

pytestmark = pytest.mark.journey

DESK: ViewportSize = {"width": 1366, "height": 768}
TABLET: ViewportSize = {"width": 820, "height": 1180}
MOST_KEYS_OF_A_MADRS = 15
MOST_STEPS = 200
WHY = "both on one day, for the travelling"
_FOCUS = """() => {
  const one = document.activeElement;
  return { name: one.name || "", tag: one.tagName, type: one.type || "", id: one.id, words: one.innerText || "" };
}"""
# Whether the foot lies over what has the focus, or that lies outside the screen.
_COVERED = """() => {
  const one = document.activeElement, foot = document.querySelector(".tm-foot");
  if (one === document.body || foot.contains(one)) return "";
  const box = (one.closest("label") || one).getBoundingClientRect(), edge = foot.getBoundingClientRect();
  const hidden = box.bottom > window.innerHeight + 1 || box.top < -1;
  const under = edge.top < box.bottom - 1 && edge.bottom > box.top + 1 && one.compareDocumentPosition(foot) & 4;
  return hidden || under ? one.outerHTML.slice(0, 120) : "";
}"""


class Keyboard:
    """Counts what is pressed, and how often the page is loaded."""

    def __init__(self, page: Page) -> None:
        self.page, self.keys, self.loads = page, 0, 0
        page.on("load", lambda _page: self._loaded())

    def _loaded(self) -> None:
        self.loads += 1

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
            self.keys += 1

    def send(self) -> None:
        """Press the button in focus."""
        with self.page.expect_navigation(wait_until="load"):
            self.press("Enter")

    @property
    def focus(self) -> dict[str, str]:
        found: dict[str, str] = self.page.evaluate(_FOCUS)
        return found


@contextmanager
def _at(page: Page, size: ViewportSize) -> Iterator[None]:
    before = page.viewport_size
    page.set_viewport_size(size)
    yield
    if before:
        page.set_viewport_size(before)


def _screens(page: Page) -> float:
    """How many screens of a desk the page is high."""
    with _at(page, DESK):
        return float(page.evaluate("document.documentElement.scrollHeight")) / DESK["height"]


def test_a_madrs_costs_ten_digits_and_one_load(one_day: Trial, hire: Hire, reset_trd: StudyDefinition) -> None:
    number = one_day.prepare("screened")
    rater = hire(one_day, Role.RATER)
    rater.sign_in()
    rater.record_visit(number, "baseline", why=WHY)
    rater.open(f"/participants/{number}/visits/baseline/forms/madrs/")
    assert _screens(rater.page) <= 1
    keyboard = Keyboard(rater.page)
    expect(rater.page.locator("[data-wanting]")).to_have_text("10 wanting")
    for digit in "3432433323":
        keyboard.press(digit)
    expect(rater.page.locator("[data-total]")).to_have_text("30")
    expect(rater.page.locator("[data-wanting]")).to_have_text("Nothing wanting")
    keyboard.send()
    assert (keyboard.keys, keyboard.loads) == (11, 1)
    assert keyboard.keys <= MOST_KEYS_OF_A_MADRS
    rater.reads("MADRS is saved and complete.")
    assert rater.path.endswith("/forms/hdrs17/")
    rater.look(answered=False)


def test_a_baseline_of_six_forms_is_entered_without_going_back(
    one_day: Trial, hire: Hire, reset_trd: StudyDefinition
) -> None:
    number = one_day.prepare("screened")
    coordinator = hire(one_day, Role.COORDINATOR)
    coordinator.sign_in()
    coordinator.record_visit(number, "baseline", why=WHY)
    visit = coordinator.path
    keyboard = Keyboard(coordinator.page)
    coordinator.page.get_by_role("link", name="Start: ").focus()
    keyboard.send()
    entered, by_loads = [], keyboard.loads
    while coordinator.path != visit:
        form = reset_trd.form(coordinator.path.rstrip("/").rpartition("/")[2])
        assert _screens(coordinator.page) <= (3 if form.key == "whodas" else 2)
        entered.append(form.key)
        _fill_in(keyboard, form, one_day)
        expect(coordinator.page.locator("[data-wanting]")).to_have_text("Nothing wanting")
        keyboard.send()
    assert entered == ["ids_sr", "vital_signs", "kset_base", "eq5d5l", "whodas", "ticp"]
    assert keyboard.loads == by_loads + len(entered)
    coordinator.reads("TiC-P is saved and complete.")
    coordinator.look()


def _fill_in(keyboard: Keyboard, form: Form, trial: Trial) -> None:
    """From box to box as the focus goes, until it stands on the button that saves."""
    for _step in range(MOST_STEPS):
        focus = keyboard.focus
        if focus["tag"] == "BUTTON":
            assert focus["words"].startswith("Save and")
            return
        _, key, *part = focus["name"].split(".")
        _answer(keyboard, form.item(key), focus, part, trial)
    raise AssertionError(f"{form.key}: no end after {MOST_STEPS} steps, at {keyboard.focus}")


def _answer(keyboard: Keyboard, item: Item, focus: dict[str, str], part: list[str], trial: Trial) -> None:
    value = usual(item, trial.today)
    if part:
        value = dict(zip(("year", "month", "day"), value.split("-"), strict=True))[part[0]]
    if focus["type"] == "radio" and item.type is ItemType.YES_NO:
        keyboard.press(value[0])
    elif focus["type"] == "radio":
        keyboard.press(*value)
    else:
        keyboard.press(*value, "Enter")


def test_a_session_with_five_pressures_on_a_tablet(one_day: Trial, hire: Hire, reset_trd: StudyDefinition) -> None:
    number = one_day.prepare("treated")
    team = hire(one_day, Role.TREATING_TEAM)
    team.sign_in()
    page = team.page
    page.set_viewport_size(TABLET)
    team.open(f"/participants/{number}/visits/session_esk-1/forms/session_esketamine/")
    for key, value in (("weight_kg", "74.5"), ("systolic_before", "128"), ("diastolic_before", "82")):
        page.locator(f"#item-{key}").fill(value)
    page.get_by_role("radiogroup", name="Dose given").get_by_role("radio", name="Yes").click()
    table = page.get_by_role("table", name="After the dose")
    expect(table.get_by_role("row", name="30 minutes")).to_be_visible()
    assert _screens(page) <= 2
    for minutes, (systolic, diastolic) in zip(
        (30, 60, 90, 120, 150), ((146, 91), (139, 88), (134, 86), (130, 84), (128, 82)), strict=True
    ):
        table.get_by_label(f"Systolic pressure, {minutes} minutes").fill(str(systolic))
        table.get_by_label(f"Diastolic pressure, {minutes} minutes").fill(str(diastolic))
    assert page.evaluate("document.documentElement.scrollWidth") == TABLET["width"]
    team.press("Save")
    team.reads("Saved. Still missing: ")
    expect(page.locator("#item-systolic_150")).to_have_value("128")
    team.look()


def test_what_a_rule_says_stands_at_the_box_once_it_is_left(one_day: Trial, hire: Hire) -> None:
    number = one_day.prepare("screened")
    coordinator = hire(one_day, Role.COORDINATOR)
    coordinator.sign_in()
    coordinator.record_visit(number, "baseline", why=WHY)
    coordinator.open(f"/participants/{number}/visits/baseline/forms/vital_signs/")
    page, keyboard = coordinator.page, Keyboard(coordinator.page)
    systolic, said = page.locator("#item-systolic"), page.locator("[data-item=systolic] .tm-said")
    expect(systolic).to_be_focused()
    keyboard.press("9", "0", "0")
    page.locator("form[data-unsettled]").wait_for(state="detached")
    expect(said).to_have_count(0)
    keyboard.press("Enter")
    expect(page.locator("#item-diastolic")).to_be_focused()
    expect(said).to_contain_text("300")
    expect(page.locator("[data-said]")).to_have_text(said.inner_text())
    expect(systolic).to_have_attribute("aria-invalid", "true")
    expect(systolic).to_have_accessible_description(f"40 – 300 mmHg {said.inner_text()}")
    coordinator.look(answered=True)
    systolic.fill("128")
    keyboard.press("Enter")
    expect(said).to_be_hidden()
    expect(systolic).not_to_have_attribute("aria-invalid", "true")


def test_a_reason_for_no_value_is_one_key_away_and_no_stop_of_the_tab_key(one_day: Trial, hire: Hire) -> None:
    number = one_day.prepare("screened")
    rater = hire(one_day, Role.RATER)
    rater.sign_in()
    rater.record_visit(number, "baseline", why=WHY)
    rater.open(f"/participants/{number}/visits/baseline/forms/madrs/")
    page, keyboard = rater.page, Keyboard(rater.page)
    keyboard.press("Tab")
    assert keyboard.focus["id"] == "item-madrs_2-0"
    keyboard.press("/")
    assert keyboard.focus["id"] == "item-madrs_2-missing-0"
    keyboard.press("/")
    assert keyboard.focus["id"] == "item-madrs_2-0"
    keyboard.press("/", "Space", "Enter")
    assert keyboard.focus["id"] == "item-madrs_3-0"
    expect(page.locator("#item-madrs_2-missing-0")).to_be_checked()
    expect(page.locator("[data-wanting]")).to_have_text("9 wanting")
    page.locator("[data-item=madrs_4] summary").click()
    expect(page.locator("#item-madrs_4-missing-0")).to_be_visible()
    with page.expect_navigation():
        keyboard.press("Control+Enter")
    rater.reads("MADRS is saved. Still missing: Apparent sadness")


@pytest.mark.parametrize("size", [DESK, TABLET], ids=["desk", "tablet"])
def test_the_foot_never_lies_over_what_has_the_focus(one_day: Trial, hire: Hire, size: ViewportSize) -> None:
    number = one_day.prepare("screened")
    coordinator = hire(one_day, Role.COORDINATOR)
    coordinator.sign_in()
    coordinator.record_visit(number, "baseline", why=WHY)
    coordinator.open(f"/participants/{number}/visits/baseline/forms/whodas/")
    page = coordinator.page
    page.set_viewport_size(size)
    for key in ("Tab", "Shift+Tab"):
        for _stop in range(60):
            page.keyboard.press(key)
            assert page.evaluate(_COVERED) == ""


def test_without_script_a_form_is_sent_by_enter_and_a_visit_dated_by_its_button(one_day: Trial, hire: Hire) -> None:
    number = one_day.prepare("screened")
    coordinator = hire(one_day, Role.COORDINATOR, scripts=False)
    coordinator.sign_in()
    coordinator.open(f"/participants/{number}/visits/baseline/")
    page = coordinator.page
    page.locator("[name=reason]").fill(WHY)
    page.locator("[name=on_today]").click()
    coordinator.reads("The day of the visit is saved.")
    coordinator.open(f"/participants/{number}/visits/baseline/forms/vital_signs/")
    page.locator("#item-systolic").fill("128")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"
    page.locator("#item-systolic").press("Enter")
    coordinator.reads("Saved. Still missing: ")
    for key, value in (("diastolic", "82"), ("pulse", "72"), ("weight_kg", "74.5")):
        page.locator(f"#item-{key}").fill(value)
    coordinator.press("Save and next: KSET, baseline")
    coordinator.reads("Vital signs is saved and complete.")


def test_a_date_that_is_pasted_whole_is_spread_over_its_boxes(one_day: Trial, hire: Hire) -> None:
    number = one_day.prepare("screened")
    coordinator = hire(one_day, Role.COORDINATOR)
    coordinator.context.grant_permissions(["clipboard-read", "clipboard-write"])
    coordinator.sign_in()
    coordinator.open(f"/participants/{number}/visits/screening/forms/demographics/")
    page = coordinator.page
    page.evaluate("navigator.clipboard.writeText('3-12-2024')")
    page.locator("[name$='.day']").first.focus()
    page.keyboard.press("Control+v")
    assert [box.input_value() for box in page.locator(".tm-date input").all()] == ["3", "12", "2024"]
