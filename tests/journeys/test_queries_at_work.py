"""Queries in the browser: how many clicks to raise one, and how many keys and loads to answer one and the next."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.conftest import Hire
from tests.journeys.staff import Member
from tests.journeys.test_forms_at_work import Keyboard
from tests.journeys.trial import Trial
from trialmgr.people.permissions import Role

pytestmark = pytest.mark.journey

MOST_CLICKS_TO_RAISE = 4
MOST_KEYS_TO_ANSWER = 2
WHERE = "visits/screening/forms/madrs/"


_COUNTED = """addEventListener("mousedown", () => {
  sessionStorage.setItem("presses", Number(sessionStorage.getItem("presses")) + 1);
}, true)"""


class Mouse:
    """Counts presses on the pages that come after, and how often one is loaded."""

    def __init__(self, page: Page) -> None:
        self.page, self.loads = page, 0
        page.add_init_script(_COUNTED)
        page.on("load", lambda _page: self._loaded())

    def _loaded(self) -> None:
        self.loads += 1

    @property
    def clicks(self) -> int:
        return int(self.page.evaluate("Number(sessionStorage.getItem('presses'))"))


def _raises(monitor: Member, number: str, item: str, question: str) -> None:
    """From the work list, with the mouse, the keyboard for words alone."""
    page = monitor.page
    page.get_by_label("Participant number").click()
    page.keyboard.type(number)
    with page.expect_navigation():
        page.keyboard.press("Enter")
    with page.expect_navigation():
        page.locator(f"main a[href$='{WHERE}']:visible").first.click()
    monitor.follow(re.compile(rf"^Raise a query\s*: {item}"))
    expect(page.get_by_label("Your question")).to_be_focused()
    page.keyboard.type(question)
    monitor.press("Raise the query")


def test_a_query_is_raised_in_four_clicks_and_answered_in_one_load(one_day: Trial, hire: Hire) -> None:
    number = one_day.prepare("screened")
    monitor, rater = hire(one_day, Role.MONITOR), hire(one_day, Role.RATER)
    monitor.sign_in()
    mouse = Mouse(monitor.page)
    monitor.open("/")
    mouse.loads = 0
    _raises(monitor, number, "Inner tension", "The source says 4.")
    monitor.reads("The query is raised.", "Query 1: Inner tension", "The source says 4.")
    assert (mouse.clicks, mouse.loads) == (4, 4)
    assert mouse.clicks <= MOST_CLICKS_TO_RAISE
    monitor.open("/")
    _raises(monitor, number, "Appetite", "And this?")
    rater.sign_in()
    rater.open("/queries/?turn=mine")
    rater.look(answered=False)
    rater.page.get_by_role("link", name="The source says 4.").focus()
    keyboard = Keyboard(rater.page)
    keyboard.send()
    assert keyboard.focus["id"] == "query-1"
    rater.look(answered=False)
    keyboard.loads = keyboard.keys = 0
    rater.page.keyboard.type("It was 3.")
    keyboard.press("Tab")
    assert keyboard.focus["words"] == "Answer and go to the next"
    keyboard.send()
    assert (keyboard.keys, keyboard.loads) == (2, 1)
    assert keyboard.keys <= MOST_KEYS_TO_ANSWER
    assert keyboard.focus["id"] == "query-2"
    rater.page.keyboard.type("Yes.")
    with rater.page.expect_navigation():
        keyboard.press("Control+Enter")
    rater.reads("Your message is saved.")
    rater.open(f"/participants/{number}/{WHERE}")
    rater.reads("Query 2: Appetite\nAnswered")


def test_without_script_a_query_is_raised_assigned_and_answered_beside_its_item(one_day: Trial, hire: Hire) -> None:
    number = one_day.prepare("screened")
    monitor, investigator = (hire(one_day, role, scripts=False) for role in (Role.MONITOR, Role.INVESTIGATOR))
    monitor.sign_in()
    monitor.open(f"/participants/{number}/visits/screening/forms/vital_signs/?ask=pulse#ask")
    monitor.page.get_by_label("Your question").fill("Is this right?")
    monitor.press("Raise the query")
    monitor.reads("The query is raised.", "assigned to nobody")
    monitor.unfold("Assign")
    monitor.page.get_by_label("Assign to").select_option(label="Investigator UMCG")
    monitor.press("Assign")
    monitor.reads("The query is assigned to Investigator UMCG.")
    investigator.sign_in()
    investigator.reads("Assigned to you")
    investigator.open("/queries/?assigned=me")
    investigator.follow("Is this right?")
    investigator.page.get_by_label("Your answer").fill("Yes.")
    investigator.press("Answer")
    investigator.reads("Your message is saved.", "Answered")
