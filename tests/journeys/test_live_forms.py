"""A form follows what is typed before it is saved: questions come and go, scores are calculated, the focus stays."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.journeys.conftest import Hire
from tests.journeys.staff import Member
from tests.journeys.trial import Trial
from trialmgr.people.permissions import Role
from trialmgr.protocol.model import StudyDefinition

pytestmark = pytest.mark.journey

INTENSITY = ("cs_frequency", "cs_duration", "cs_control", "cs_deterrents", "cs_reasons")


def test_questions_and_scores_follow_the_answers_before_saving(
    one_day: Trial, hire: Hire, reset_trd: StudyDefinition
) -> None:
    number = one_day.prepare("screened")
    coordinator, rater = hire(one_day, Role.COORDINATOR), hire(one_day, Role.RATER)
    coordinator.sign_in()
    _reckons_in_a_row(coordinator, number)
    coordinator.record_visit(number, "baseline", why="both on one day, for the travelling")
    rater.sign_in()
    rater.open(f"/participants/{number}/visits/baseline/forms/cssrs_since/")
    _meets_the_questions(rater)
    _watches_the_score(rater)
    _loses_the_question_in_focus(rater.page)
    _saves_before_the_answer_came(rater)
    given = dict.fromkeys(INTENSITY, "4") | {"cs_wish_dead": "yes"}
    rater.answer(reset_trd.form("cssrs_since"), given)
    rater.page.get_by_label("Reason for the change").select_option("typing")
    rater.save_complete()
    expect(_output(rater.page, "cs_intensity")).to_have_text("20")


def _reckons_in_a_row(coordinator: Member, number: str) -> None:
    coordinator.open(f"/participants/{number}/visits/screening/forms/treatment_history/")
    page = coordinator.page
    page.locator("[id='item-trials.1.th_dose']").fill("150")
    page.locator("[id='item-trials.1.th_ddd']").fill("100")
    expect(_output(page, "trials.1.th_ratio")).to_have_text("1.50")
    _types(page, "trials.1.th_ddd", "trials.1.th_ratio")
    coordinator.press("Add an empty row")
    expect(_output(page, "trials.1.th_ratio")).to_have_text("1.50")
    page.locator("[id='item-trials.2.th_dose']").fill("50")
    page.locator("[id='item-trials.2.th_ddd']").fill("100")
    expect(_output(page, "trials.2.th_ratio")).to_have_text("0.50")
    page.once("dialog", lambda dialog: dialog.accept())  # nothing of it is to be kept


def _types(page: Page, item: str, outcome: str) -> None:
    """A key of a person who types asks nothing by itself; what is out of range counts as not answered."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.url.endswith("/live/") else None)
    page.locator("form[data-unsettled]").wait_for(state="detached")
    box = page.locator(f"[id='item-{item}']")
    box.focus()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("54321", delay=20)
    expect(_output(page, outcome)).to_have_text("–")
    assert len(asked) == 1
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("100")
    expect(_output(page, outcome)).to_have_text("1.50")
    expect(box).to_be_focused()


def _meets_the_questions(rater: Member) -> None:
    """The questions about intensity are asked after a wish to be dead or after thoughts."""
    page = rater.page
    frequency = page.locator("#item-cs_frequency-0")
    expect(frequency).to_be_hidden()
    expect(frequency).to_be_disabled()
    expect(page.get_by_role("heading", name="Intensity")).to_be_hidden()
    for name in ("cs_wish_dead", "cs_thoughts"):
        _choose(page, name, "yes")
        expect(frequency).to_be_visible()
        expect(page.get_by_role("heading", name="Intensity")).to_be_visible()
        expect(page.locator("[data-news]")).to_contain_text("Now asked: Frequency; ")
        _choose(page, name, "no")
        expect(frequency).to_be_hidden()
        expect(page.locator("[data-news]")).to_contain_text("No longer asked: Frequency; ")
    _choose(page, "cs_wish_dead", "yes")
    expect(frequency).to_be_enabled()


def _watches_the_score(rater: Member) -> None:
    page = rater.page
    for place, item in enumerate(INTENSITY, start=1):
        _choose(page, item, str(place))
    total = _output(page, "cs_intensity")
    expect(total).to_have_text("15")
    _choose(page, INTENSITY[-1], "2")
    expect(total).to_have_text("12")
    rater.look("form-live", answered=True)


def _loses_the_question_in_focus(page: Page) -> None:
    """The answer is slow and the person already a question further, which then goes: the next one gets the focus."""
    held: list[Route] = []
    page.route("**/live/", lambda route: held.append(route))
    with page.expect_request("**/live/"):
        _choose(page, "cs_wish_dead", "no")
    page.locator("#item-cs_frequency-0").focus()
    expect(page.locator("#item-cs_frequency-0")).to_be_focused()
    held[0].continue_()
    page.unroute("**/live/")
    expect(page.locator("#item-cs_frequency-0")).to_be_hidden()
    assert page.evaluate("document.activeElement.name") == "item.cs_preparatory"


def _saves_before_the_answer_came(rater: Member) -> None:
    """Nothing that stands behind a question still hidden is lost."""
    page = rater.page
    page.locator("form[data-unsettled]").wait_for(state="detached")
    page.route("**/live/", lambda _route: None)
    _choose(page, "cs_wish_dead", "yes")
    reasons = page.locator('[name="item.cs_reasons"][value="2"]')
    expect(reasons).to_be_hidden()
    rater.press("Save")
    page.unroute("**/live/")
    expect(reasons).to_be_checked()


def _choose(page: Page, item: str, code: str) -> None:
    page.locator(f'[name="item.{item}"][value="{code}"]').check()


def _output(page: Page, item: str) -> Locator:
    return page.locator(f'[data-item="{item}"] output')
