"""A blinded rater does not learn what follows from a correction out of their sight: not by an answer, nor by its time.

Two installations differ in the arms and in all that reads the rater's scores: in one, every correction changes an
outcome, which is verified, signed and asked about; in the other there is none. The rater corrects the same in both.
"""

from __future__ import annotations

import datetime
import difflib
import statistics
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.blinding.test_blinding import ONE_WORLD, OTHER_WORLD
from tests.installation import copied, installation

pytestmark = [pytest.mark.slow, pytest.mark.on_both]  # statements are counted on each
WORKER = ("-m", "tests.blinding.corrections")
PAIRS = 200
NEAR = 0.05
LEAST_ASKED = 100
LEAST_FOLLOWED = 40


class World(NamedTuple):
    """Of each answer what was asked, its status, the digest of all that came back, and the statements it took."""

    folder: Path
    told: list[list[object]]
    followed: int

    def text(self, name: object) -> list[str]:
        return (self.folder / str(name)).read_text("utf-8").splitlines()


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, World]:
    now = datetime.datetime.now(tz=datetime.UTC).isoformat()
    folder = tmp_path_factory.mktemp("corrections")
    folders = [folder / world for world in ("much", "little")]
    for each in folders:
        each.mkdir()
    with installation(folder) as start:
        start.run(*WORKER, "prepare")
        with copied(start, folders[0] / "database") as one, copied(start, folders[1] / "database") as other:
            children = [
                site.start(*WORKER, "correct", ",".join(arms), where.name, str(where), now)
                for site, arms, where in zip((one, other), (ONE_WORLD, OTHER_WORLD), folders, strict=True)
            ]
            told = [World(where, **child.answer()) for where, child in zip(folders, children, strict=True)]
    return told[0], told[1]


def test_what_a_rater_is_told_after_a_correction_does_not_tell_what_followed(worlds: tuple[World, World]) -> None:
    one, other = worlds
    print([each[:2] for each in one.told], one.followed, other.followed)
    assert len(one.told) >= LEAST_ASKED
    assert [each[:2] for each in one.told] == [each[:2] for each in other.told]
    assert {each[1] for each in one.told} >= {200, 201, 302, 422}
    pairs = [(a, b) for a, b in zip(one.told, other.told, strict=True) if a[2] != b[2]]
    assert [(a[0], *difflib.unified_diff(one.text(a[2]), other.text(b[2]), n=0)) for a, b in pairs] == []
    assert one.followed >= LEAST_FOLLOWED
    assert other.followed == 0


def test_a_correction_takes_as_many_statements_whatever_follows_from_it(worlds: tuple[World, World]) -> None:
    one, other = worlds
    pairs = enumerate(zip(one.told, other.told, strict=True))
    differing = {number: (a[0], a[3], b[3]) for number, (a, b) in pairs if a[3] != b[3]}
    for number in differing:
        print(*difflib.unified_diff(one.text(f"{number}.sql"), other.text(f"{number}.sql"), n=0), sep="\n")
    assert differing == {}


@pytest.mark.full
def test_a_correction_takes_as_long_whatever_follows_from_it(tmp_path: Path) -> None:
    """Saves by page, in turn, in two casebooks of one installation; medians."""
    with installation(tmp_path) as site:
        site.run(*WORKER, "prepare")
        taken = site.ask(*WORKER, "time", str(PAIRS))
    much, little = (statistics.median(taken[world]) for world in ("much", "little"))
    print(f"\na correction of a score: {little * 1000:.1f} ms where nothing follows, ratio {much / little:.3f}")
    assert abs(much / little - 1) < NEAR
