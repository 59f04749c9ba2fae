"""A blinded person meets no trace of the arm: not by following every link, not by guessing every address.

Two proofs. By words: no answer (status, headers, file name, body; pages, API, errors) holds a word that names an arm.
By worlds: of two installations that differ in the arms alone, a blinded person gets the same answer to every question,
and to an empty POST at every address.
Left out of the comparison, for they are random by design: CSRF tokens and the values of cookies; and ``/static``.
"""

from __future__ import annotations

import datetime
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
import time_machine
from django.db import transaction
from pytest_django import DjangoDbBlocker

from tests.blinding.reader import Asked, Reader, echo_free, guesses
from tests.blinding.words import arm_words
from tests.blinding.worlds import build
from trialmgr.overview.rehearsal.cast import standing_cast
from trialmgr.people.models import User
from trialmgr.people.permissions import Role
from trialmgr.protocol.model import StudyDefinition

pytestmark = pytest.mark.xdist_group("blinding")  # both worlds are read once for all tests here
ONE_WORLD = ("esketamine", "ect", "esketamine")
OTHER_WORLD = ("ect", "esketamine", "ect")
BLINDED = (Role.RATER, Role.STATISTICIAN, Role.ADMINISTRATOR)
START = ("/", "/api/schema/", "/api/v1/participants/", "/api/v1/queries/", "/api/v1/study/")
# So that a broken crawl cannot pass for a clean one: links alone lead each person to at least so many answers.
LEAST_CRAWLED = {Role.RATER: 200, Role.STATISTICIAN: 10, Role.ADMINISTRATOR: 200}
LEAST_ASKED = {Role.RATER: 2500, Role.STATISTICIAN: 500, Role.ADMINISTRATOR: 700}
A_FEW = 12


@dataclass
class Told:
    """World -> role -> everything that person was told."""

    readers: dict[tuple[str, ...], dict[Role, Reader]] = field(default_factory=dict)

    def everything(self) -> Iterator[tuple[Role, Asked, str]]:
        for readers in self.readers.values():
            for role, reader in readers.items():
                for asked, answer in reader.answers.items():
                    yield role, asked, answer.whole


@pytest.fixture(scope="module")
def told(django_db_setup: None, django_db_blocker: DjangoDbBlocker, reset_trd: StudyDefinition) -> Told:
    """Both worlds are built at the same moment, read to the end, and taken back."""
    told = Told()
    logging.disable(logging.ERROR)  # every refusal is a line in the log, and there are thousands
    now = datetime.datetime.now(tz=datetime.UTC)
    for arms in (ONE_WORLD, OTHER_WORLD):
        with django_db_blocker.unblock(), transaction.atomic(), time_machine.travel(now, tick=False):
            told.readers[arms] = _read_everything(reset_trd, arms)
            transaction.set_rollback(True)
    logging.disable(logging.NOTSET)
    return told


def _read_everything(definition: StudyDefinition, arms: tuple[str, ...]) -> dict[Role, Reader]:
    """The rater, who works with participants, asks everything; the others, who meet none, each address a few times."""
    cast = standing_cast()
    numbers = [person.number for person in build(cast, arms)]
    people = list(User.objects.values_list("username", flat=True))
    everything = guesses(definition, numbers, people)
    some = {name: urls[:A_FEW] for name, urls in everything.items()}
    return {role: _read(cast.at("UMCG", role), everything if role is Role.RATER else some, some) for role in BLINDED}


def _read(user: User, guessed: dict[str, list[str]], pressed: dict[str, list[str]]) -> Reader:
    reader = Reader.signed_in(user)
    for language in ("nl", "en"):
        reader.crawl(START, language)
    reader.guess(guessed)
    reader.press(pressed)
    return reader


@pytest.mark.django_db
@pytest.mark.slow
@pytest.mark.only_on("sqlite")  # it holds answers against one another; the table test asks both databases
def test_the_reading_was_wide_enough(told: Told) -> None:
    for arms, readers in told.readers.items():
        for role, reader in readers.items():
            print(f"{role.value}, {'/'.join(arms)}: {reader.crawled} crawled, {len(reader.answers)} asked in all")
            assert reader.crawled >= LEAST_CRAWLED[role]
            assert len(reader.answers) >= LEAST_ASKED[role]
            assert reader.answers[("get", "nl", "/")].status == 200


@pytest.mark.django_db
@pytest.mark.slow
@pytest.mark.only_on("sqlite")  # it holds answers against one another; the table test asks both databases
def test_nothing_a_blinded_person_reads_names_an_arm(told: Told, reset_trd: StudyDefinition) -> None:
    words = arm_words(reset_trd)
    traces = [
        (role.value, asked, found.group())
        for role, asked, text in told.everything()
        if (found := words.search(echo_free(asked[2], text)))
    ]
    assert traces == []


@pytest.mark.django_db
@pytest.mark.slow
@pytest.mark.only_on("sqlite")  # it holds answers against one another; the table test asks both databases
@pytest.mark.parametrize("role", BLINDED)
def test_a_blinded_person_is_told_the_same_in_both_worlds(told: Told, role: Role) -> None:
    one, other = (told.readers[arms][role].answers for arms in (ONE_WORLD, OTHER_WORLD))
    assert sorted(one) == sorted(other)
    assert [asked for asked in one if one[asked] != other[asked]] == []


@pytest.mark.django_db
@pytest.mark.slow
@pytest.mark.only_on("sqlite")  # it holds answers against one another; the table test asks both databases
def test_no_answer_is_a_failure_of_the_server(told: Told) -> None:
    failed = {
        asked
        for readers in told.readers.values()
        for reader in readers.values()
        for asked, answer in reader.answers.items()
        if answer.status >= 500
    }
    assert failed == set()
