"""A site's own wording pack on the pages of a form: read in place of our short labels, and nothing else changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from crf.models import FormEntry, Visit
from tests import walk
from tests.crf.pages import Reader, boxes, form_url
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.permissions import Role

SignedIn = Callable[..., Client]

# Words made up for this test; they stand for the licensed ones.
PACK = """
licence: letter of a day long ago
instruments:
  MADRS:
    items:
      madrs_1:
        {nl: Vraag één zoals de licentie zegt, en: Question one as the licence has it, hint: {nl: Kijk, en: Look},
         answers: {"0": {nl: niets, en: nothing}, "6": {nl: alles, en: everything}}}
"""


@pytest.fixture
def pack(tmp_path: Path, settings: Settings) -> Path:
    settings.TRIALMGR_WORDING = str(tmp_path)
    path = tmp_path / "madrs.yaml"
    path.write_text(PACK, "utf-8")
    return path


@pytest.fixture
def visit(cast: Cast) -> Visit:
    return walk.visit_of(walk.screened(cast), "screening")


@pytest.mark.usefixtures("pack")
def test_the_words_of_the_pack_are_shown_and_answers_in_words_become_choices(
    signed_in: SignedIn, cast: Cast, visit: Visit
) -> None:
    rater = Reader(signed_in, cast, Role.RATER)
    page = rater.get(form_url(visit, "madrs"))
    assert "Question one as the licence has it" in page
    assert "Look" in page
    assert "6: everything" in page
    entry = FormEntry.objects.get(form_key="madrs")
    typed = {key: value for key, value in entry.data.items() if key != "madrs_total"} | {"madrs_1": "missing:refused"}
    rater.send(form_url(visit, "madrs"), boxes(typed, revision=1, reason_choice="typing"))
    entry.refresh_from_db()
    assert entry.missing == {"madrs_1": "refused"}


def test_a_pack_that_does_not_fit_is_left_aside_and_the_log_says_why(
    signed_in: SignedIn, cast: Cast, visit: Visit, pack: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pack.write_text(PACK.replace("madrs_1", "madrs_77"), "utf-8")
    page = Reader(signed_in, cast, Role.RATER).get(form_url(visit, "madrs"))
    assert "as the licence has it" not in page
    assert "madrs_77" in caplog.text


@pytest.mark.usefixtures("pack")
def test_a_code_list_is_read_in_the_words_of_the_pack(
    signed_in: SignedIn, cast: Cast, visit: Visit, pack: Path
) -> None:
    (pack.parent / "sex.yaml").write_text(
        "forms: {demographics: {codelists: {sex: {f: {nl: Dame, en: Lady}}}}}", "utf-8"
    )
    assert "Lady" in Reader(signed_in, cast, Role.COORDINATOR).get(form_url(visit, "demographics"))
