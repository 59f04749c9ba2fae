"""Nothing typed is lost, on five forms: language, session, connection, browser, windows; and nobody else finds it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, Error, Page, Response, expect

from tests.journeys.conftest import FLAGS, Hire
from tests.journeys.reader import SETTINGS, Looks
from tests.journeys.staff import SITE, Member, give
from tests.journeys.trial import Trial
from tests.sizes import size
from trialmgr.overview.rehearsal.cast import username_of
from trialmgr.people.permissions import Role
from trialmgr.protocol.model import Form, StudyDefinition

pytestmark = pytest.mark.journey

Answer = tuple[str, str]


@dataclass(frozen=True)
class Half:
    """A form half filled in: four answers, one typed before each thing that goes wrong; ``otherwise``: the last one,
    as it is typed in a second window. ``row``: the end of the address of a new row.
    """

    key: str
    role: Role
    slug: str
    answers: tuple[Answer, Answer, Answer, Answer]
    otherwise: str
    row: str = ""
    treated: bool = False


FORMS = (
    Half(
        "madrs",
        Role.RATER,
        "screening",
        (("madrs_1", "1"), ("madrs_2", "2"), ("madrs_3", "3"), ("madrs_4", "4")),
        otherwise="5",
    ),
    Half(
        "vital_signs",
        Role.COORDINATOR,
        "screening",
        (("systolic", "128"), ("diastolic", "82"), ("pulse", "72"), ("weight_kg", "74.5")),
        otherwise="75.4",
    ),
    Half(
        "treatment_history",
        Role.COORDINATOR,
        "screening",
        (
            ("trials.1.th_drug", "sertraline"),
            ("trials.1.th_dose", "150"),
            ("trials.1.th_ddd", "100"),
            ("trials.1.th_weeks", "6"),
        ),
        otherwise="8",
    ),
    Half(
        "concomitant_medication",
        Role.COORDINATOR,
        "log",
        (("cm_name", "lithium"), ("cm_reason", "augmentation"), ("cm_ongoing", "yes"), ("cm_dose", "400")),
        otherwise="600",
        row="rows/new/",
    ),
    Half(
        "session_esketamine",
        Role.TREATING_TEAM,
        "session_esk-1",
        (("weight_kg", "78.4"), ("systolic_before", "128"), ("diastolic_before", "82"), ("dose_given", "no")),
        otherwise="yes",
        treated=True,
    ),
)


class AtWard(Member):
    """At a computer of the ward: a browser with a profile on disk, which others use too and which can be killed."""

    profile: Path

    def _opened(self, browser: Browser) -> BrowserContext:
        path = os.environ.get("CHROMIUM", "/usr/bin/chromium")
        return browser.browser_type.launch_persistent_context(
            self.profile, executable_path=path, args=FLAGS, base_url=self.address, **SETTINGS
        )

    def kill(self) -> None:
        """As when the power goes: the browser can write nothing any more."""
        for process in Path("/proc").iterdir():
            if process.name.isdecimal() and str(self.profile).encode() in _command(process):
                os.kill(int(process.name), signal.SIGKILL)
        self.close()

    def close(self) -> None:
        with suppress(Error):  # it may just have noticed that its browser is gone
            self.context.close()


def _command(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""  # it ended meanwhile


Ward = Callable[[Trial, Role], AtWard]


@pytest.fixture
def ward(browser: Browser, looks: Looks, tmp_path: Path) -> Iterator[Ward]:
    """``ward(trial, role)``: that person before the one browser of the ward, which is started for them."""
    there: list[AtWard] = []

    class Here(AtWard):
        profile = tmp_path / "profile"

    def come(trial: Trial, role: Role) -> AtWard:
        for before in there:
            before.close()
        there[:] = [Here(browser, trial, looks, role, site=SITE, language="en")]
        there[0].context.clear_cookies()  # a browser that was killed may bring the session back
        there[0].speak("en")
        return there[0]

    yield come
    for last in there:
        last.close()


@pytest.mark.parametrize("half", size(FORMS[:2], FORMS), ids=lambda half: half.key)
def test_what_was_typed_is_there_whatever_happens(
    one_day: Trial, ward: Ward, half: Half, reset_trd: StudyDefinition
) -> None:
    writer = _Writer(ward, one_day, half, reset_trd.form(half.key))
    first, second, third, fourth = half.answers
    writer.comes()
    writer.types(first)
    writer.changes_the_language()
    writer.has(first)
    writer.is_signed_out_and_types(second)
    writer.has(first, second)
    writer.loses_the_connection_and_types(third)
    writer.at.kill()
    writer.comes()
    writer.is_given_back()
    writer.has(first, second, third)
    writer.types_in_two_windows(fourth)
    writer.has(first, second, third, fourth)
    writer.leaves_and_another_comes()
    writer.comes()
    writer.has(first, second, third, fourth)
    writer.signs_out_and_another_comes()
    writer.comes()
    writer.saves()


def test_whoever_saves_second_sees_both_values_and_chooses(
    one_day: Trial, hire: Hire, reset_trd: StudyDefinition
) -> None:
    coordinator, investigator = hire(one_day, Role.COORDINATOR), hire(one_day, Role.INVESTIGATOR)
    number, _treated = one_day.prepare("half_way").split()
    url = f"/participants/{number}/visits/screening/forms/vital_signs/"
    for member, systolic in ((coordinator, "128"), (investigator, "138")):
        member.sign_in()
        member.open(url)
        member.answer(reset_trd.form("vital_signs"), {"systolic": systolic})
    investigator.save_complete()
    coordinator.press("Save")
    coordinator.reads("138 mmHg – saved by", "128 mmHg – typed by you", "Nothing is saved by this.")
    coordinator.look(answered=True)
    coordinator.page.get_by_label("138 mmHg").check()
    coordinator.press("Put these in the form")
    coordinator.reads("The form stays as it was saved.")
    coordinator.page.locator("[name='item.pulse']").fill("71")
    coordinator.page.locator("[name=reason_text]").fill("counted again")
    with coordinator.page.expect_response(_keeps):
        coordinator.page.evaluate("document.activeElement.blur()")
    coordinator.page.once("dialog", lambda dialog: dialog.accept())
    coordinator.open(url)
    coordinator.reads("and did not save it")
    coordinator.look(answered=True)
    coordinator.press("Discard what was typed")
    coordinator.reads("What was typed and not saved is thrown away.")


def test_a_warning_comes_before_the_session_ends_and_one_press_stays(one_day: Trial, hire: Hire) -> None:
    rater = hire(one_day, Role.RATER)
    rater.sign_in()
    rater.open("/participants/")
    dialog = rater.page.get_by_role("dialog")
    _comes_back_to_the_tab(rater.page)
    expect(dialog).to_be_hidden()
    one_day.prepare("nearly_signed_out")
    _comes_back_to_the_tab(rater.page)
    expect(dialog).to_contain_text("signed out in less than two minutes")
    expect(dialog.get_by_role("button", name="Stay signed in")).to_be_focused()
    rater.page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    one_day.prepare("nearly_signed_out")
    _comes_back_to_the_tab(rater.page)
    expect(dialog).to_be_visible()
    rater.look(answered=True)
    dialog.get_by_role("button", name="Stay signed in").focus()
    rater.page.keyboard.press("Escape")  # whoever presses a key is there
    expect(dialog).to_be_hidden()
    one_day.prepare("signed_out")
    _comes_back_to_the_tab(rater.page)
    expect(dialog).to_contain_text("You are signed out")
    rater.follow("Sign in again")
    rater.give_password()
    rater.press("Sign in")
    assert rater.path == "/participants/"


def _comes_back_to_the_tab(page: Page) -> None:
    with page.expect_response("**/account/session/"):
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def test_a_dangerous_answer_is_red_at_once_and_asks_to_be_saved(one_day: Trial, hire: Hire) -> None:
    rater = hire(one_day, Role.RATER)
    rater.sign_in()
    number, _treated = one_day.prepare("half_way").split()
    rater.open(f"/participants/{number}/visits/screening/forms/madrs/")
    dangers = rater.page.locator("[data-dangers]")
    expect(dangers).to_be_hidden()
    _answers(rater.page, "madrs_10", "5")
    expect(dangers).to_contain_text("Suicidal thoughts: Speak to the investigator on duty now")
    ask = dangers.get_by_text("save it now")
    expect(ask).to_be_visible()
    here = rater.page.locator('[data-item="madrs_10"] .tm-danger__here')
    expect(here).to_contain_text("Speak to the investigator")
    rater.look(answered=True)
    _answers(rater.page, "madrs_10", "1")
    expect(dangers).to_be_hidden()
    expect(here).to_have_count(0)
    _answers(rater.page, "madrs_10", "5")
    expect(dangers).to_be_visible()
    rater.press("Save")
    expect(dangers).to_contain_text("Speak to the investigator")
    expect(ask).to_be_hidden()
    expect(here).to_be_visible()


def _answers(page: Page, item: str, value: str) -> None:
    page.locator(f'[name="item.{item}"][value="{value}"]').check()


class _Writer:
    """Who fills in one form at the ward, and meets everything that can go wrong meanwhile."""

    at: AtWard

    def __init__(self, ward: Ward, trial: Trial, half: Half, form: Form) -> None:
        self.ward, self.trial, self.half, self.form = ward, trial, half, form
        fresh, treated = trial.prepare("half_way").split()
        number = treated if half.treated else fresh
        self.url = f"/participants/{number}/visits/{half.slug}/forms/{half.key}/{half.row}"

    @property
    def page(self) -> Page:
        return self.at.page

    def comes(self) -> None:
        """Starts the browser, signs in and opens the form."""
        self.at = self.ward(self.trial, self.half.role)
        self.at.sign_in()
        self.at.open(self.url)

    def gives(self, answer: Answer, page: Page | None = None) -> None:
        """Types it, and goes on to another box."""
        key, value = answer
        give(page or self.page, self.form.item(key).model_copy(update={"key": key}), value)
        (page or self.page).evaluate("document.activeElement.blur()")

    def types(self, answer: Answer, page: Page | None = None) -> None:
        with (page or self.page).expect_response(_keeps):
            self.gives(answer, page)
        expect((page or self.page).locator("[data-draft-kept]")).to_contain_text("Kept as a draft at")

    def is_given_back(self) -> None:
        expect(self.page.locator("[data-draft-restored]")).to_contain_text("is not saved yet")

    def has(self, *answers: Answer) -> None:
        """At once, or as soon as the page has sent what was kept in the browser."""
        for key, value in answers:
            wanted = [f"item.{key}", value]
            self.page.wait_for_function(f"([name, value]) => String(({_IN_BOXES})(name)) === value", arg=wanted)

    def changes_the_language(self) -> None:
        """The browser asks first; then everything is there in the other language."""
        asked: list[str] = []

        def go_on(dialog: Dialog) -> None:
            asked.append(dialog.type)
            dialog.accept()

        self.page.once("dialog", go_on)
        self.at.press("NL Nederlands")
        assert asked == ["beforeunload"]
        expect(self.page.locator("[data-draft-restored]")).to_contain_text("nog niet opgeslagen")
        self.at.press("EN English")
        self.is_given_back()

    def is_signed_out_and_types(self, answer: Answer) -> None:
        """The page says so, and leads back to itself; meanwhile what is typed is kept in this browser."""
        self.trial.prepare("signed_out")
        self.gives(answer)
        expect(self.page.locator("[data-draft-news]")).to_contain_text("You are signed out.")
        self._is_kept_here(answer)
        self.at.follow("Sign in again")
        self.at.give_password()
        self.at.press("Sign in")
        self._nothing_is_kept_here()
        self.is_given_back()

    def loses_the_connection_and_types(self, answer: Answer) -> None:
        """It is kept in this browser, and no press of a button sends it into nowhere."""
        self._loses_the_connection()
        self.gives(answer)
        news = self.page.locator("[data-draft-news]")
        expect(news).to_contain_text("kept, encrypted, in this browser")
        self._is_kept_here(answer)
        self.page.get_by_role("button", name="Save", exact=True).click()
        expect(news).to_contain_text("Not sent: there is no connection")

    def types_in_two_windows(self, answer: Answer) -> None:
        """Both values are kept and shown, and one is chosen; a new row is another one in another window."""
        key, _value = answer
        other = self.at.context.new_page()
        other.goto(self.url)
        self.types((key, self.half.otherwise), other)
        other.close()
        self.types(answer)
        self.page.once("dialog", lambda dialog: dialog.accept())
        self.page.goto(self.url)
        if not self.half.row:
            self.at.reads("saved, or typed in another window")
            assert self.page.get_by_text("typed by you on").count() == 2, self.at.text()
            self.page.locator(".tm-choice", has_text="typed by you on").first.click()
            self.at.press("Put these in the form")
        self.is_given_back()

    def leaves_and_another_comes(self) -> None:
        """Goes away with something kept in the browser; whoever signs in there next, blinded, finds nothing of it."""
        self._loses_the_connection()
        self.gives((self.half.answers[3][0], self.half.otherwise))
        self._is_kept_here(self.half.answers[3])
        self.at.kill()  # closed in peace, it might still send what it kept, as it should
        self.at = self.ward(self.trial, self.other)
        self.at.sign_in()
        self._finds_nothing()
        self.page.goto(self.url)
        self._finds_nothing()

    def signs_out_and_another_comes(self) -> None:
        """In the same window, where the way back leads over the pages of the one before."""
        self.page.once("dialog", lambda dialog: dialog.accept())
        self.at.press("Sign out")
        self._nothing_is_kept_here()
        self.at.username = username_of(self.other, SITE)
        self.at.sign_in()
        self._finds_nothing()
        while self.page.go_back() and self.page.url.startswith("http"):
            self._finds_nothing()

    @property
    def other(self) -> Role:
        return Role.COORDINATOR if self.half.role is Role.RATER else Role.RATER

    def _finds_nothing(self) -> None:
        self._nothing_is_kept_here()
        # htmx keeps the address of the page that is shown, and nothing else.
        assert set(self.page.evaluate("Object.values({...localStorage, ...sessionStorage})")) <= {self.at.path}
        assert self.page.evaluate("caches.keys()") == []
        assert self.page.locator("[data-draft-restored]").count() == 0
        assert self.page.locator(f"main a[href^='{self.url}']", has_text="Go on typing").count() == 0
        assert not [key for key, _value in self.half.answers if self.page.evaluate(_IN_BOXES, f"item.{key}")]

    def saves(self) -> None:
        self.at.press("Save")
        self.at.reads("Saved.")

    def _loses_the_connection(self) -> None:
        """Also for what is sent to outlive its page, which Chromium now and then sends although it plays offline."""
        self.at.context.set_offline(True)
        self.page.evaluate("() => { window.fetch = () => Promise.reject(new TypeError('no connection')); }")

    def _is_kept_here(self, answer: Answer) -> None:
        """Nobody can read it, nor of which form it is."""
        self.page.wait_for_function(f"({_COPIES})().then((copies) => copies.length === 1)")
        (kept,) = self.page.evaluate(_COPIES)
        assert not [word for word in (f"item.{answer[0]}", "participants", self.half.slug) if word in kept]

    def _nothing_is_kept_here(self) -> None:
        self.page.wait_for_function(f"({_COPIES})().then((copies) => copies.length === 0)")


def _keeps(response: Response) -> bool:
    return response.url.endswith("/draft/") and response.ok


_IN_BOXES = """(name) => {
  const form = document.getElementById("entry");
  return form ? new FormData(form).getAll(name).filter((value) => value !== "") : [];
}"""
_COPIES = """async () => {
  const names = (await indexedDB.databases()).map((one) => one.name);
  if (!names.includes("trialmgr-drafts")) return [];
  const database = await new Promise((resolve) => {
    const asked = indexedDB.open("trialmgr-drafts");
    asked.onsuccess = () => resolve(asked.result);
  });
  const copies = await new Promise((resolve) => {
    const asked = database.transaction("copies").objectStore("copies").getAll();
    asked.onsuccess = () => resolve(asked.result);
  });
  database.close();
  return copies.map((one) => one.slot + one.who + String.fromCharCode(...new Uint8Array(one.sealed)));
}"""
