"""The balance report: counts by part, held against what the design gives when it is run again."""

from __future__ import annotations

import csv
import datetime
import io
from collections.abc import Callable
from xml.etree import ElementTree

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from randomization.methods.balance.figures import Balance, Placed, balance_of
from randomization.methods.balance.files import csv_of_balance, drawing
from randomization.methods.designs import Design, big_stick, complete_randomization, minimisation, permuted_blocks
from randomization.methods.lists.rows import make_rows
from randomization.models import Allocation, RandomizationList
from tests import walk
from tests.amendments import put_in_force
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people import permissions
from trialmgr.people.permissions import Role
from trialmgr.protocol.model import StudyDefinition

EQUAL = {"a": 1, "b": 1}
DAY = datetime.date(2026, 1, 1)
BLOCKS = permuted_blocks(EQUAL, {4: 1})


def placed(arms: str, sites: str = "", *, listed: int = 1) -> list[Placed]:
    """One letter an allocation; its day counts from the first."""
    at = sites or "S" * len(arms)
    return [
        Placed(
            listed, {"site": site, "sex": "f" if number % 2 else "m"}, site, arm, DAY + datetime.timedelta(days=number)
        )
        for number, (arm, site) in enumerate(zip(arms, at, strict=True))
    ]


def report(arms: str, sites: str = "", design: Design | None = BLOCKS) -> Balance:
    return balance_of(placed(arms, sites), EQUAL, {1: design}, trials=400)


def test_counts_are_given_overall_by_stratum_by_site_and_by_level() -> None:
    found = report("aabbab", "SSSTTT")
    assert (found.overall.counts, found.overall.imbalance) == ((3, 3), 0)
    assert {part: {line.name: line.counts for line in lines} for part, lines in found.parts.items()} == {
        "stratum": {
            "sex=f;site=S": (1, 0),
            "sex=f;site=T": (0, 2),
            "sex=m;site=S": (1, 1),
            "sex=m;site=T": (1, 0),
        },
        "site": {"S": (2, 1), "T": (1, 2)},
        "sex": {"f": (1, 2), "m": (2, 1)},
    }
    assert found.worst is not None
    assert found.worst.name == "sex=f;site=T"
    assert [point.imbalance for point in found.course] == [1, 2, 1, 0, 1, 0]


def test_what_is_expected_is_what_the_design_gives() -> None:
    """Blocks of 4 in one stratum: after eight allocations always even, after six the law of a half block."""
    even = balance_of([Placed(1, {}, "S", arm, DAY) for arm in "abababab"], EQUAL, {1: BLOCKS}, trials=400)
    assert even.overall.expected is not None
    assert even.overall.expected == (0.0, 0)
    half = balance_of([Placed(1, {}, "S", arm, DAY) for arm in "ababab"], EQUAL, {1: BLOCKS}, trials=4000)
    assert half.overall.expected is not None
    assert half.overall.expected.mean == pytest.approx(2 / 3, abs=0.05)
    assert [point.usual for point in half.course] == [1, 2, 1, 0, 1, 2]


def test_a_list_used_wrongly_stands_out_and_a_list_used_rightly_does_not() -> None:
    wrong = balance_of([Placed(1, {}, "S", "a", DAY) for _ in range(8)], EQUAL, {1: BLOCKS}, trials=400)
    assert wrong.overall.is_unusual
    rows = make_rows(BLOCKS, secret=bytes(32), trial_id="t", purpose="live", stratum_key="all", count=40)
    right = balance_of([Placed(1, {}, "S", row.arm, DAY) for row in rows], EQUAL, {1: BLOCKS}, trials=400)
    assert not right.overall.is_unusual
    assert all(point.usual is not None and abs(point.imbalance) <= 2 for point in right.course)


@given(st.text(alphabet="ab", min_size=1, max_size=30), st.data())
def test_every_part_counts_every_participant_once(arms: str, data: st.DataObject) -> None:
    sites = data.draw(st.text(alphabet="STU", min_size=len(arms), max_size=len(arms)))
    found = balance_of(placed(arms, sites), EQUAL, {1: None})
    for lines in found.parts.values():
        assert [sum(column) for column in zip(*(line.counts for line in lines), strict=True)] == list(
            found.overall.counts
        )
    assert sum(found.overall.counts) == len(arms) == len(found.course)
    assert found.course[-1].imbalance == found.overall.imbalance == arms.count("a") - arms.count("b")


def test_two_lists_are_each_run_again_by_their_own_design() -> None:
    both = placed("abab") + placed("aaaa", listed=2)
    found = balance_of(both, EQUAL, {1: BLOCKS, 2: complete_randomization(EQUAL)}, trials=400)
    assert found.overall.expected is not None
    assert found.overall.expected.usual >= 2
    assert balance_of(both, EQUAL, {1: BLOCKS, 2: None}).overall.expected is None


def test_minimisation_is_run_again_with_the_levels_of_the_participants() -> None:
    factors = {"site": ("S", "T"), "sex": ("f", "m")}
    design = minimisation(EQUAL, factors=factors, weights=dict.fromkeys(factors, 1), measure="range", p="4/5")
    found = report("abbaabab", "SSTTSTST", design)
    assert found.overall.expected is not None
    assert 0 < found.overall.expected.mean < 3


def test_more_strata_than_can_be_simulated_are_only_counted() -> None:
    many = [Placed(1, {"p": f"{number}"}, "S", "ab"[number % 2], DAY) for number in range(256)]
    assert balance_of(many, EQUAL, {1: BLOCKS}).overall.expected is None
    assert balance_of(many[:255], EQUAL, {1: BLOCKS}, trials=10).overall.expected is not None


def test_unequal_shares_and_three_arms_are_brought_to_the_same_share() -> None:
    two_to_one = {"a": 2, "b": 1}
    found = balance_of(placed("aabaab"), two_to_one, {1: permuted_blocks(two_to_one, {3: 1})}, trials=50)
    assert (found.overall.counts, found.overall.imbalance) == ((4, 2), 0)
    three = {"a": 1, "b": 1, "c": 1}
    found = balance_of(placed("abca"), three, {1: big_stick(three, mti=2)}, trials=50)
    assert (found.overall.counts, found.overall.imbalance) == ((2, 1, 1), 1)
    assert ElementTree.fromstring(drawing(found, "en")).tag.endswith("svg")  # noqa: S314  our own text


def test_before_the_first_allocation_there_is_an_empty_report() -> None:
    found = balance_of([], EQUAL, {})
    assert (found.overall.counts, found.worst, found.course) == ((0, 0), None, ())
    assert ElementTree.fromstring(drawing(found, "nl")) is not None  # noqa: S314  our own text
    assert csv_of_balance(found).splitlines() == [
        "part,name,a,b,imbalance,expected_mean,expected_95",
        "overall,,0,0,0,0.0000,0",
    ]


def test_the_csv_holds_every_line() -> None:
    found = report("abab")
    rows = list(csv.DictReader(io.StringIO(csv_of_balance(found))))
    assert [row["part"] for row in rows] == ["overall", "stratum", "stratum", "site", "sex", "sex"]
    assert rows[0]["a"] == rows[0]["b"] == "2"
    assert {row["expected_95"] for row in csv.DictReader(io.StringIO(csv_of_balance(report("ab", design=None))))} == {
        ""
    }


def test_the_drawing_has_a_line_and_a_band_and_no_style_or_script() -> None:
    root = ElementTree.fromstring(drawing(report("aabb"), "en"))  # noqa: S314  our own text
    tags = [element.tag.rpartition("}")[2] for element in root.iter()]
    assert {"polyline", "polygon", "title", "desc"} <= set(tags)
    assert not {"style", "script"} & set(tags)
    assert not any({"style", "class"} & set(element.attrib) for element in root.iter())
    assert "polygon" not in drawing(report("aabb", design=None), "en")


# --- pages -----------------------------------------------------------------------------------------------------------


def test_the_page_and_the_file_count_what_was_allocated(cast: Cast, enter: Callable[..., Client]) -> None:
    for site in ("UMCG", "UMCG", "LUMC"):
        walk.randomised(cast, site)
    client = enter(Role.UNBLINDED_STATISTICIAN, "")
    page = client.get("/randomization/balance/").content.decode()
    for said in ("Why there is no p value", "By stratum", "site=UMCG", "As expected", "<svg", "Oral esketamine"):
        assert said in page
    assert "By site" not in page, "the strata are the sites"
    answer = client.get("/randomization/balance/balance.csv")
    rows = {row["name"]: row for row in csv.DictReader(io.StringIO(answer.content.decode()))}
    ect = Allocation.objects.filter(arm="ect").count()
    assert (rows[""]["ect"], rows[""]["esketamine"]) == (str(ect), str(3 - ect))
    assert int(rows["LUMC"]["ect"]) + int(rows["LUMC"]["esketamine"]) == 1
    assert answer["Content-Disposition"] == 'attachment; filename="balance.csv"'


def test_before_anybody_is_randomised_the_page_stands(enter: Callable[..., Client]) -> None:
    page = enter(Role.UNBLINDED_STATISTICIAN, "").get("/randomization/balance/").content.decode()
    assert "Nothing to show yet." not in page.split("By ")[0]
    assert "largest imbalance" not in page


def test_an_imported_list_is_counted_and_not_judged(
    cast: Cast, enter: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    walk.randomised(cast)
    listed = RandomizationList.objects.get(status="active")
    listed.design = {"method": "imported", "ratio": {"ect": 1, "esketamine": 1}}
    monkeypatch.setattr(RandomizationList.objects, "all", lambda: [listed])
    page = enter(Role.UNBLINDED_STATISTICIAN, "").get("/randomization/balance/").content.decode()
    assert "As expected" not in page
    assert "–" in page


def test_a_difference_that_the_design_never_gives_is_marked(
    cast: Cast, enter: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    walk.randomised(cast)
    exact = balance_of(
        [Placed(1, {"site": "UMCG"}, "UMCG", "ect", DAY)] * 8, {"ect": 1, "esketamine": 1}, {1: BLOCKS_HERE}
    )
    monkeypatch.setattr("randomization.views.balance.balance_of", lambda *_given: exact)
    assert (
        "Rare for this design" in enter(Role.UNBLINDED_STATISTICIAN, "").get("/randomization/balance/").content.decode()
    )


BLOCKS_HERE = permuted_blocks({"ect": 1, "esketamine": 1}, {4: 1})


def test_with_another_factor_the_sites_have_a_table_of_their_own(
    cast: Cast, enter: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    walk.randomised(cast)
    given = [Placed(1, {"sex": "f"}, "UMCG", "ect", DAY)]
    found = balance_of(given, {"ect": 1, "esketamine": 1}, {1: BLOCKS_HERE}, trials=10)
    monkeypatch.setattr("randomization.views.balance.balance_of", lambda *_given: found)
    page = enter(Role.UNBLINDED_STATISTICIAN, "").get("/randomization/balance/").content.decode()
    assert "By site" in page
    assert "By sex" in page


def test_the_blinded_and_all_others_are_refused_in_one_way(
    cast: Cast, enter: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    urls = ("/randomization/balance/", "/randomization/balance/balance.csv")
    for role in set(Role) - {Role.UNBLINDED_STATISTICIAN}:
        assert {enter(role).get(url).status_code for url in urls} == {403}
    monkeypatch.setitem(permissions.PERMISSIONS, Role.STATISTICIAN, frozenset({"lists.view", "allocation.view"}))
    assert {enter(Role.STATISTICIAN, "").get(url).status_code for url in urls} == {403}


def test_a_list_of_another_ratio_than_that_in_force_is_not_judged(
    cast: Cast, enter: Callable[..., Client], reset_trd: StudyDefinition
) -> None:
    walk.randomised(cast)
    arms = (reset_trd.arms[0].model_copy(update={"ratio": 2}), reset_trd.arms[1])
    put_in_force(reset_trd.model_copy(update={"arms": arms, "version": "9"}))
    page = enter(Role.UNBLINDED_STATISTICIAN, "").get("/randomization/balance/").content.decode()
    assert "As expected" not in page
