"""One save can be followed: from the view to the commit a POST of a form passes few modules. ``-s`` prints them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable

import pytest
from django.test import Client

from crf.actions import set_visit_day
from crf.models import FormEntry, Visit
from crf.views import entries
from tests import walk
from tests.audit.recipes import the
from tests.crf.modules_of_a_post import Passed, module_of, passed_by
from tests.crf.pages import Reader, boxes, form_url
from tests.house.tree import ROOT
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.permissions import Role

SignedIn = Callable[..., Client]

OF_THE_ROOM = 11
"""Modules of ``crf``, where a save is at home; those of other rooms only answer what it asks them."""
OF_A_FIRST_SAVE = 33
OF_A_CORRECTION = 34
"""Of a form with a score, which others read, so that what follows is worked out."""
ROWS = re.findall(r"^\| `([\w.]+)` \| [^|]+ \|$", (ROOT / "docs/finding-your-way.md").read_text("utf-8"), re.MULTILINE)
"""Each module of a correction and why it is passed."""


def _screening(cast: Cast) -> Visit:
    visit = walk.visit_of(walk.consented(cast), "screening")
    return set_visit_day(by=the(cast, Role.COORDINATOR), visit=visit, on=visit.participant.registered_on)


def _sent(reader: Reader, visit: Visit, form: str, values: dict[str, str], **more: str) -> Passed:
    """What the save passes; the page was opened before, so that nothing is read or imported for the first time."""
    url = form_url(visit, form)
    reader.get(url)
    with passed_by(entries.entry) as passed:
        reader.post(url, boxes(values) | more)
    print(f"\n{passed}")
    return passed


def test_a_form_that_nothing_hangs_on_is_saved_through_few_modules(signed_in: SignedIn, cast: Cast) -> None:
    coordinator = Reader(signed_in, cast, Role.COORDINATOR)
    _sent(coordinator, _screening(cast), "vital_signs", {"pulse": "66"})
    passed = _sent(coordinator, _screening(cast), "vital_signs", {"pulse": "66"})
    assert FormEntry.objects.filter(form_key="vital_signs").count() == 2
    assert len(passed.modules) <= OF_A_FIRST_SAVE
    assert len(passed.of("crf")) <= OF_THE_ROOM


def test_a_correction_from_which_something_follows_passes_few_modules(signed_in: SignedIn, cast: Cast) -> None:
    visit = walk.visit_of(walk.screened(cast), "screening")
    rater = Reader(signed_in, cast, Role.RATER)
    entry = visit.entries.get(form_key="madrs")
    for revision in (1, 2):
        more = {"revision": str(revision), "reason_choice": "typing"}
        passed = _sent(rater, visit, "madrs", dict(entry.entered.values) | {"madrs_1": str(revision)}, **more)
    entry.refresh_from_db()
    assert entry.revision == 3
    assert len(passed.modules) <= OF_A_CORRECTION
    assert len(passed.of("crf")) <= OF_THE_ROOM
    assert set(ROWS) == set(passed.modules)


def test_only_functions_of_the_rooms_count() -> None:
    assert module_of(inspect.unwrap(entries.entry).__code__) == "crf.views.entries"
    assert module_of(Reader.get.__code__) is None
    assert module_of(pytest.fixture.__code__) is None
