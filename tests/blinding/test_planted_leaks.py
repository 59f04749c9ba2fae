"""The proofs of blinding notice a leak: a view that names the arm, and one that only counts."""

from __future__ import annotations

import datetime

import pytest
import time_machine
from django.db import transaction
from django.test import override_settings

from tests.blinding.reader import Answer, Reader
from tests.blinding.test_blinding import ONE_WORLD, OTHER_WORLD
from tests.blinding.words import arm_words
from tests.blinding.worlds import build
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.permissions import Role
from trialmgr.protocol.model import StudyDefinition


def _answers(cast: Cast, arms: tuple[str, ...], now: datetime.datetime) -> dict[str, Answer]:
    with transaction.atomic(), time_machine.travel(now, tick=False):
        build(cast, arms)
        reader = Reader.signed_in(cast.at("UMCG", Role.RATER))
        given = {url: reader.ask("get", url) for url in ("/loud/", "/quiet/", "/participants/")}
        transaction.set_rollback(True)
    return given


@pytest.mark.django_db
@override_settings(ROOT_URLCONF="tests.blinding.leaking_urls")
def test_both_leaks_are_noticed_and_an_honest_page_is_not_accused(cast: Cast, reset_trd: StudyDefinition) -> None:
    now = datetime.datetime.now(tz=datetime.UTC)
    one, other = (_answers(cast, arms, now) for arms in (ONE_WORLD, OTHER_WORLD))
    words = arm_words(reset_trd)
    assert {url for url, answer in one.items() if words.search(answer.whole)} == {"/loud/"}
    assert {url for url in one if one[url] != other[url]} == {"/loud/", "/quiet/"}
    assert one["/participants/"].status == 200


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("ECT", True),
        ("ect-behandeling", True),
        ("Esketamine", True),
        ("elektroconvulsietherapie", True),
        ("S-KETAMINE", True),
        ("/visits/session_esk-1/", True),
        ("effect, direct, select, hectare", False),
        ("De behandeling is begonnen", False),
    ],
)
def test_the_words_are_found_and_no_others(reset_trd: StudyDefinition, text: str, names: bool) -> None:
    assert bool(arm_words(reset_trd).search(text)) is names
