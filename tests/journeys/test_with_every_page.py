"""All journeys together have looked at every page there is, and keep a picture of every screen. Runs last."""

from __future__ import annotations

import pytest
from django.urls import resolve

from tests.addresses import addresses
from tests.journeys import screens
from tests.journeys.reader import Looks

pytestmark = pytest.mark.journey

# Addresses that answer with something other than a page.
NO_PAGE = {
    "overview:set_language": "answers with a redirect",
    "overview:trail_export": "answers with a file",
    "overview:casebook_paper": "answers with a file",
    "overview:trail_paper": "answers with a file",
    "overview:blank_forms": "answers with a file",
    "crf:file": "answers with a file",
    "crf:draft": "answers the page's script",
    "crf:draft_new_row": "answers the page's script",
    "crf:draft_key": "answers the page's script",
    "crf:choose_draft": "answers with a redirect",
    "crf:discard_draft": "answers with a redirect",
    "crf:discard_draft_new_row": "answers with a redirect",
    "people:session": "answers the page's script",
    "crf:do_chosen": "answers with a redirect",
    "crf:live": "answers the page's script",
    "crf:live_new_row": "answers the page's script",
    "exports:file": "answers with a file",
    "overview:flow_file": "answers with a file",
    "randomization:balance_csv": "answers with a file",
    "randomization:compare_file": "answers with a file",
    "randomization:compare_step": "answers with a part of a page",
    "randomization:confirmation": "answers with a file",
    "randomization:description_file": "answers with a file",
    "mfa_download_recovery_codes": "answers with a file",
}


def test_every_page_was_looked_at(every_journey: Looks) -> None:
    pages = {address.name for address in addresses() if not address.name.startswith("api:")}
    seen = {resolve(path).view_name for path in every_journey.paths}
    assert sorted(pages - NO_PAGE.keys() - seen) == []


def test_every_screen_has_its_picture(every_journey: Looks) -> None:
    assert set(screens.SCREENS) == every_journey.names
    kept = {path.name: path.stat().st_size for path in screens.FOLDER.iterdir()}
    assert sorted(kept) == sorted(screens.path_of(name).name for name in screens.SCREENS)
    assert {name: size for name, size in kept.items() if size > screens.MOST_BYTES} == {}


def test_the_page_of_screenshots_lists_them_in_order() -> None:
    if screens.ANEW or not screens.PAGE.exists():
        screens.PAGE.write_text(screens.page(), "utf-8")
    assert screens.PAGE.read_text("utf-8") == screens.page(), "made anew by TRIALMGR_SCREENSHOTS=1"
