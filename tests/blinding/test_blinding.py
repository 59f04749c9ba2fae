"""A blinded person meets no trace of the arm: not by following every link, not by guessing every address.

Two proofs. By words: no answer (status, headers, file name, body; pages, API, errors) holds a word that names an arm.
By worlds: of two installations that differ in the arms alone, a blinded person gets the same answer to every question,
and to an empty POST at every address.
Left out of the comparison, for they are random by design: CSRF tokens and the values of cookies; and ``/static``.
"""

from __future__ import annotations

import datetime
import difflib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.blinding.reader import BLINDED, Asked
from tests.installation import copied, installation
from tests.sizes import size
from trialmgr.people.permissions import Role

# Both worlds are read once for all tests here; answers are held against one another, whatever the database: the table
# test asks both databases.
pytestmark = [pytest.mark.slow, pytest.mark.only_on("sqlite")]
ONE_WORLD = ("esketamine", "ect", "esketamine")
OTHER_WORLD = ("ect", "esketamine", "ect")
# So that a broken crawl cannot pass for a clean one: links alone lead each person to at least so many answers.
LEAST_CRAWLED = {Role.RATER: size(100, 200), Role.STATISTICIAN: size(5, 10), Role.ADMINISTRATOR: size(100, 200)}
LEAST_ASKED = {Role.RATER: size(2000, 5000), Role.STATISTICIAN: size(200, 500), Role.ADMINISTRATOR: size(350, 700)}
WORKER = ("-m", "tests.blinding.one_world")


class Answered(NamedTuple):
    """``digest``: of all that came back; the text itself stands under it in the folder of its world."""

    status: int
    digest: str


@dataclass(frozen=True)
class Told:
    """Everything one person was told in one world. ``traces``: questions whose answer names an arm."""

    folder: Path
    crawled: int
    answers: dict[Asked, Answered]
    traces: list[list[str]]

    def text(self, asked: Asked) -> list[str]:
        return (self.folder / self.answers[asked].digest).read_text("utf-8").splitlines()


Worlds = dict[Role, tuple[Told, Told]]


@pytest.fixture(scope="module")
def worlds() -> Iterator[Worlds]:
    """Both are built from the same installation at the same moment, and read to the end side by side."""
    now = datetime.datetime.now(tz=datetime.UTC).isoformat()
    with tempfile.TemporaryDirectory(prefix="trialmgr-worlds-") as name:
        folders = [Path(name) / place for place in ("one", "other")]
        for folder in folders:
            folder.mkdir()
        with installation(Path(name)) as start:
            start.run(*WORKER, "prepare")
            with copied(start, folders[0] / "database") as one, copied(start, folders[1] / "database") as other:
                commands = [
                    [*WORKER, ",".join(arms), now, str(folder)]
                    for arms, folder in zip((ONE_WORLD, OTHER_WORLD), folders, strict=True)
                ]
                told = [child.answer() for child in [one.start(*commands[0]), other.start(*commands[1])]]
        yield {role: (_told(told[0], role, folders[0]), _told(told[1], role, folders[1])) for role in BLINDED}


def _told(world: dict[str, Any], role: Role, folder: Path) -> Told:
    given = world[role.value]
    answers = {(method, language, url): Answered(*rest) for method, language, url, *rest in given["answers"]}
    return Told(folder, given["crawled"], answers, given["traces"])


@pytest.mark.parametrize("role", BLINDED)
def test_the_reading_was_wide_enough(worlds: Worlds, role: Role) -> None:
    for arms, told in zip((ONE_WORLD, OTHER_WORLD), worlds[role], strict=True):
        print(f"{role.value}, {'/'.join(arms)}: {told.crawled} crawled, {len(told.answers)} asked in all")
        assert told.crawled >= LEAST_CRAWLED[role]
        assert len(told.answers) >= LEAST_ASKED[role]
        assert told.answers[("get", "nl", "/")].status == 200


@pytest.mark.parametrize("role", BLINDED)
def test_nothing_a_blinded_person_reads_names_an_arm(worlds: Worlds, role: Role) -> None:
    assert [trace for told in worlds[role] for trace in told.traces] == []


@pytest.mark.parametrize("role", BLINDED)
def test_a_blinded_person_is_told_the_same_in_both_worlds(worlds: Worlds, role: Role) -> None:
    one, other = worlds[role]
    assert sorted(one.answers) == sorted(other.answers)
    differing = [asked for asked in one.answers if one.answers[asked] != other.answers[asked]]
    assert [(asked, *difflib.unified_diff(one.text(asked), other.text(asked), n=0)) for asked in differing] == []


@pytest.mark.parametrize("role", BLINDED)
def test_no_answer_is_a_failure_of_the_server(worlds: Worlds, role: Role) -> None:
    assert [asked for told in worlds[role] for asked, answer in told.answers.items() if answer.status >= 500] == []
