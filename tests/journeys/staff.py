"""A member of the trial's staff at work in the browser: signs in, finds pages, fills in forms as a person does."""

from __future__ import annotations

import datetime
import fnmatch
from collections.abc import Mapping
from decimal import Decimal

from playwright.sync_api import Browser, Locator, Page

from tests.conftest import PASSWORD
from tests.journeys.reader import Looks, Reader
from tests.journeys.trial import Trial
from trialmgr.overview.rehearsal.cast import username_of
from trialmgr.people.permissions import Role
from trialmgr.protocol.model import Form, Item, ItemType, Section, StudyDefinition

SITE = "UMCG"
# What is usual; every other number is the middle of its range.
USUAL = {
    "systolic*": "128",
    "diastolic*": "82",
    "pulse": "72",
    "weight_kg": "74.5",
    "birth_year": "1978",
    "dose_mg_per_kg": "1.00",
    "dose_mg": "74.5",
    "dose_time": "09:30",
    "effects_any": "no",
    "complications_any": "no",
    "ids_18": "0",
    "i[0-9]": "yes",
    "e[0-9]": "no",
    "ae_serious": "no",
    "ae_ongoing": "no",
    "ae_term": "hoofdpijn",
    "cs_*": "no",
    "kf_extra": "no",
    "kf_blood": "no",
    "kb_used": "no",
    "kb_bladder": "no",
    "kb_liver": "no",
    "k[abf]_*": "0",
    "moca_points": "28",
    "benzodiazepine": "no",
    "mini_psychotic": "no",
    "mh_*": "no",
    "bg_first_age": "20",
}
# Rows of groups, with what is otherwise than usual: two drugs failed, and one augmentation.
ROWS = {"trials": ({"th_augmentation": "no"}, {"th_augmentation": "no"}, {"th_augmentation": "yes"})}


class Member(Reader):
    """Someone in a role; ``site`` empty for a role that serves the whole trial."""

    def __init__(
        self,
        browser: Browser,
        trial: Trial,
        looks: Looks,
        role: Role,
        *,
        site: str,
        language: str,
        scripts: bool = True,
    ) -> None:
        super().__init__(browser, trial.address, looks, language, scripts=scripts)
        self.trial, self.username = trial, username_of(role, site)
        self.has_signed_again = False

    def sign_in(self) -> None:
        self.open("/account/login/")
        self.give_password()
        self.press({"nl": "Inloggen", "en": "Sign in"}[self.language])

    def give_password(self, password: str = PASSWORD) -> None:
        self.page.locator("[name=login]").fill(self.username)
        self.page.locator("[name=password]").fill(password)

    def sign_again(self, button: str, *, look: str = "") -> None:
        """Press the button of an act that counts as a signature, and give the password that is asked for.

        It is always asked for the first time; an act within a minute of the last one goes through at once.
        """
        self.press(button)
        asked = self.path == "/account/reauthenticate/"
        assert asked or self.has_signed_again, f"{self.path}: nobody asked {self.username} to sign in again"
        if asked:
            self.has_signed_again = True
            if look:
                self.look(look)
            self.go_on_by_password()

    def go_on_by_password(self) -> None:
        """On the page that asks to sign in again."""
        self.page.locator("[name=password]").fill(PASSWORD)
        self.press({"nl": "Doorgaan", "en": "Continue"}[self.language])

    # --- the casebook ---------------------------------------------------------------------------------------------

    def record_visit(self, number: str, slug: str, why: str = "") -> None:
        """The visit took place today. ``why``: where the day is an unexpected one."""
        self.open(f"/participants/{number}/visits/{slug}/")
        self.give_day("on", self.trial.today)
        if why:
            self.page.locator("[name=reason]").fill(why)
        self.press({"nl": "Opslaan", "en": "Save"}[self.language])

    def give_day(self, name: str, day: datetime.date) -> None:
        for part, value in (("day", day.day), ("month", day.month), ("year", day.year)):
            self.page.locator(f"[name={name}_{part}]").fill(str(value))

    def enter(self, number: str, slug: str, form: Form, given: Mapping[str, str] | None = None) -> None:
        """Open the form of a visit, fill it in, save it; it must then be complete."""
        self.open(f"/participants/{number}/visits/{slug}/forms/{form.key}/")
        self.answer(form, given)
        self.save_complete()

    def save_complete(self) -> None:
        self.press({"nl": "Opslaan", "en": "Save"}[self.language])
        said = {"nl": "Opgeslagen. Het formulier is volledig.", "en": "Saved. The form is complete."}
        self.reads(said[self.language])

    def answer(self, form: Form, given: Mapping[str, str] | None = None) -> None:
        """Answer every question that the page asks, from top to bottom."""
        known = given or {}
        for item in form.plain_items:
            if not item.is_derived:
                give(self.page, item, known.get(item.key) or usual(item, self.trial.today))
        for group in form.groups.values():
            for row, answers in enumerate(ROWS.get(group.key, ()), start=1):
                self._answer_row(group, row, {**known, **answers})

    def _answer_row(self, group: Section, row: int, given: Mapping[str, str]) -> None:
        if row > 1:
            self.press({"nl": "Lege rij toevoegen", "en": "Add an empty row"}[self.language])
        for item in group.items:
            if not item.is_derived:
                here = item.model_copy(update={"key": group.row_key(row, item.key)})
                give(self.page, here, given.get(item.key) or usual(item, self.trial.today))


def _is_asked(page: Page, box: Locator) -> bool:
    """Whether the page shows the question: at once by a rule that its script knows, or once the server has said so."""
    if not box.locator("xpath=ancestor::*[@data-show-when-name]").count():
        page.locator("form[data-unsettled]").wait_for(state="detached")
    return box.is_visible()


def give(page: Page, item: Item, value: str) -> None:
    """Answer one question, if the page asks it."""
    name = f"item.{item.key}"
    boxes = page.locator(f'[name="{name}"], [name^="{name}."]')
    if item.ask_if is not None and not _is_asked(page, boxes.first):
        return
    match item.type:
        case ItemType.DATE | ItemType.PARTIAL_DATE:
            year, month, day = value.split("-")
            for part, text in (("day", day), ("month", month), ("year", year)):
                page.locator(f'[name="{name}.{part}"]').fill(text)
        case ItemType.YES_NO | ItemType.CHOICE | ItemType.MULTI_CHOICE:
            _choose(page, name, value.split())
        case _ if page.locator(f'[name="{name}"][type=radio]').count():  # a number of a scale
            _choose(page, name, [value])
        case _:
            page.locator(f'[name="{name}"]').fill(value)


def _choose(page: Page, name: str, codes: list[str]) -> None:
    """From buttons or boxes; a long code list is a menu."""
    menu = page.locator(f'select[name="{name}"]')
    if menu.count():
        menu.select_option(codes)
        return
    for code in codes:
        page.locator(f'[name="{name}"][value="{code}"]').check()


def usual(item: Item, day: datetime.date) -> str:
    """An answer that raises no question."""
    for pattern, value in USUAL.items():
        if fnmatch.fnmatch(item.key, pattern):
            return value
    match item.type:
        case ItemType.INTEGER | ItemType.DECIMAL:
            return _middle(item)
        case ItemType.DATE | ItemType.PARTIAL_DATE:
            return day.isoformat()
        case ItemType.YES_NO:
            return "yes"
        case ItemType.TIME:
            return "10:00"
        case _:
            return "tekst"


def first_codes(definition: StudyDefinition, form: Form) -> dict[str, str]:
    """The first code of every code list of the form."""
    lists = {item.key: item.codelist for item in form.items if item.codelist}
    return {key: definition.codelist(name).items[0].code for key, name in lists.items()}


def madrs(form: Form, total: int) -> dict[str, str]:
    """Ratings that add up to the total, spread over the items as evenly as it goes."""
    items = [item.key for item in form.items if not item.is_derived]
    return {key: str((total + len(items) - 1 - place) // len(items)) for place, key in enumerate(items)}


def _middle(item: Item) -> str:
    bounds = item.soft_range or item.range
    low = bounds.min if bounds and bounds.min is not None else Decimal(0)
    high = bounds.max if bounds and bounds.max is not None else low + 2
    places = (item.decimals or 0) if item.type is ItemType.DECIMAL else 0
    return f"{(low + high) / 2:.{places}f}"
