"""What ``randomization verify`` finds in the database itself: rows that do not open, a log that was changed."""

from __future__ import annotations

from typing import Any

import pytest

from randomization.methods.lists import sealing
from randomization.methods.lists.sealing import SealBroken
from randomization.models import Allocation, RandomizationList
from randomization.queries import lists
from randomization.queries.lists import list_findings
from tests.randomization.list_making import MINIMISED, SITE, allocated, list_in_force
from trialmgr.overview.rehearsal.cast import Cast


def said(listed: RandomizationList) -> list[str]:
    return [str(each) for each in list_findings(listed)]


def test_a_row_that_was_exchanged_does_not_open_and_is_named(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = list_in_force(cast, length_per_stratum=4)
    really = sealing.open_row

    def exchanged(key: bytes, number: str, stratum: str, position: int, sealed: bytes) -> str:
        return really(key, number, stratum, 4 if (stratum, position) == ("site=UMCG", 3) else position, sealed)

    monkeypatch.setattr(sealing, "open_row", exchanged)
    with pytest.raises(SealBroken):
        exchanged(b"0" * 32, "2", "site=UMCG", 3, b"")
    assert said(listed) == ["Stratum site=UMCG, position 3: what is kept there is not what the list says."]


@pytest.fixture
def minimised(cast: Cast) -> RandomizationList:
    listed = list_in_force(cast, factors=(SITE,), **MINIMISED)
    for site in ("UMCG", "LUMC", "UMCG"):
        allocated(cast, site)
    return listed


@pytest.mark.parametrize(
    ("part", "value", "told"),
    [
        ("words", ["0" * 16], "words is"),
        ("levels", {"site": "AUMC"}, "the log has other levels"),
        ("counts", {"site": [7, 7]}, "counts is"),
        ("scores", [0, 9], "scores is"),
        ("preferred", [], "preferred is"),
        ("p", "1/2", "p is"),
        ("position", 9, "position is"),
        ("arm", "none", "arm is"),
    ],
)
def test_each_changed_part_of_the_log_of_minimisation_is_found(
    minimised: RandomizationList, monkeypatch: pytest.MonkeyPatch, part: str, value: Any, told: str
) -> None:
    assert said(minimised) == []
    changed = list(lists.allocations_from(minimised))
    assert changed[1].log is not None
    changed[1].log = changed[1].log | {part: value}
    monkeypatch.setattr(lists, "allocations_from", lambda listed: changed)
    assert any(f"Allocation 2: {told}" in each for each in said(minimised))


def test_a_line_of_the_log_that_is_gone_is_found(minimised: RandomizationList, monkeypatch: pytest.MonkeyPatch) -> None:
    changed: list[Allocation] = list(lists.allocations_from(minimised))
    changed[1].log = None
    monkeypatch.setattr(lists, "allocations_from", lambda listed: changed)
    assert said(minimised)[0].startswith("Allocation 2 of the log cannot be replayed")
