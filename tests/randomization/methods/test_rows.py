from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from itertools import permutations
from typing import Any

import pytest

from randomization.methods.designs import Design, PermutedBlocks, complete_randomization, permuted_blocks
from randomization.methods.findings import DesignRefused
from randomization.methods.lists.rows import (
    LONGEST_LIST,
    Manifest,
    Row,
    canonical_json,
    canonical_stratum_key,
    commitment,
    list_hash,
    make_manifest,
    make_rows,
    manifest_hash,
    rows_hash,
)

SECRET = bytes(range(32))
DESIGN = permuted_blocks({"ect": 1, "esketamine": 1}, {4: 1, 6: 1})
NOON = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)


def listed(design: Design = DESIGN, **changed: Any) -> list[Row]:
    given: dict[str, Any] = {"trial_id": "T", "purpose": "live", "stratum_key": "site=UMCG", "count": 200}
    return make_rows(design, secret=SECRET, **given | changed)


def manifest(lengths: dict[str, int], **changed: Any) -> Manifest:
    given: dict[str, Any] = {"trial_id": "T", "purpose": "live", "made_by": "Ada", "made_at": NOON}
    return make_manifest(DESIGN, secret=SECRET, lengths=lengths, **given | changed)


# --- rows


def test_positions_and_blocks_count_from_one_and_blocks_hold_the_ratio() -> None:
    rows = listed()
    assert [row.position for row in rows] == list(range(1, 201))
    for block in range(1, rows[-1].block):
        arms = Counter(row.arm for row in rows if row.block == block)
        assert arms["ect"] == arms["esketamine"] in (2, 3)


@pytest.mark.parametrize("design", [DESIGN, complete_randomization({"a": 2, "b": 1})])
def test_a_longer_list_keeps_its_prefix_and_any_part_can_be_made(design: Design) -> None:
    longer = listed(design, count=5000)
    assert listed(design, count=200) == longer[:200]
    assert listed(design, start=1500, count=700) == longer[1499:2199]
    assert listed(design, count=0) == []


def test_a_design_without_blocks_has_block_zero() -> None:
    assert {row.block for row in listed(complete_randomization({"a": 1, "b": 1}))} == {0}


@pytest.mark.parametrize(
    "wrong", [{"start": 0}, {"count": -1}, {"count": LONGEST_LIST + 1}, {"start": LONGEST_LIST, "count": 2}]
)
def test_rows_outside_a_list_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(DesignRefused, match=r"positions run from 1 to 1000000"):
        listed(**wrong)


# --- strata


def test_the_order_of_factors_plays_no_part() -> None:
    one = canonical_stratum_key({"site": "UMCG", "age": "18-64"})
    assert one == canonical_stratum_key({"age": "18-64", "site": "UMCG"}) == "age=18-64;site=UMCG"


def test_a_trial_without_factors_has_one_stratum() -> None:
    assert canonical_stratum_key({}) == "all"


@pytest.mark.parametrize("levels", [{"site": "a=b"}, {"site": "a;b"}, {"site": ""}, {"": "a"}, {"é": "a"}])
def test_a_level_that_could_be_mistaken_for_another_is_refused(levels: dict[str, str]) -> None:
    with pytest.raises(DesignRefused, match="cannot name a stratum"):
        canonical_stratum_key(levels)


def test_adding_a_stratum_changes_no_other() -> None:
    before = manifest({"site=UMCG": 40, "site=LUMC": 60})
    after = manifest({"site=AMC": 30, "site=LUMC": 60, "site=UMCG": 40})
    assert {key: after["strata"][key] for key in before["strata"]} == before["strata"]


# --- commitment and manifest


def test_the_commitment_binds_secret_and_trial() -> None:
    made = {commitment(SECRET, "T"), commitment(SECRET, "U"), commitment(bytes(32), "T")}
    assert len(made) == 3
    assert all(len(each) == 64 for each in made)


def test_a_hash_of_rows_depends_on_rows_and_secret_and_place() -> None:
    rows = listed(count=4)
    hashes = {
        rows_hash(rows, secret=SECRET, trial_id="T", purpose="live", stratum_key="site=UMCG"),
        rows_hash(rows[:3], secret=SECRET, trial_id="T", purpose="live", stratum_key="site=UMCG"),
        rows_hash(rows, secret=bytes(32), trial_id="T", purpose="live", stratum_key="site=UMCG"),
        rows_hash(rows, secret=SECRET, trial_id="U", purpose="live", stratum_key="site=UMCG"),
        rows_hash(rows, secret=SECRET, trial_id="T", purpose="test", stratum_key="site=UMCG"),
        rows_hash(rows, secret=SECRET, trial_id="T", purpose="live", stratum_key="site=LUMC"),
    }
    assert len(hashes) == 6


def test_a_manifest_says_what_a_list_is_without_the_list() -> None:
    made = manifest({"site=UMCG": 40, "site=LUMC": 60}, made_at=NOON.astimezone(timezone(timedelta(hours=2))))
    assert (made["algorithm"], made["origin"]) == ("trialmgr-list/1", "generated")
    assert made["parameters"] == DESIGN.parameters()
    assert made["commitment"] == commitment(SECRET, "T")
    assert (made["made_by"], made["made_at"]) == ("Ada", "2027-03-01T12:00:00+00:00")
    assert made["rows"] == 100
    assert made["strata"]["site=LUMC"]["rows"] == 60
    assert made["list_hash"] == list_hash(made["strata"])
    assert set(made["versions"]) == {"python", "cryptography", "numpy"}
    assert SECRET.hex() not in canonical_json(made)


def test_the_order_of_strata_changes_no_manifest() -> None:
    one, other = manifest({"site=A1": 4, "site=B1": 6}), manifest({"site=B1": 6, "site=A1": 4})
    assert canonical_json(one) == canonical_json(other)
    assert manifest_hash(one) == manifest_hash(other)
    assert manifest_hash(one) != manifest_hash(manifest({"site=A1": 4, "site=B1": 7}))


def test_a_manifest_needs_a_time_with_a_zone() -> None:
    with pytest.raises(ValueError, match="time zone"):
        manifest({"all": 4}, made_at=NOON.replace(tzinfo=None))


def test_canonical_json_has_one_spelling() -> None:
    assert canonical_json({"b": "é", "a": [1, True]}) == '{"a":[1,true],"b":"é"}'


# --- the law of the output (fixed secret, so these pass or fail for good)


def chi_square(counts: Counter[Any], probabilities: dict[Any, float]) -> float:
    total = counts.total()
    return sum((counts[key] - total * p) ** 2 / (total * p) for key, p in probabilities.items())


def blocks_of(
    design: PermutedBlocks, blocks: int, rows_a_block: int, stratum_key: str = "all"
) -> list[tuple[str, ...]]:
    arms = [row.arm for row in listed(design, count=blocks * rows_a_block, stratum_key=stratum_key)]
    return [tuple(arms[first : first + rows_a_block]) for first in range(0, len(arms), rows_a_block)]


@pytest.mark.parametrize(
    ("ratio", "size", "orders", "critical"),
    [({"a": 1, "b": 1}, 4, 6, 20.52), ({"a": 2, "b": 1}, 3, 3, 13.82), ({"a": 1, "b": 1, "c": 1}, 3, 6, 20.52)],
)  # critical: 99.9 % of the chi-square law with orders - 1 degrees of freedom
def test_every_order_of_a_block_is_equally_likely(
    ratio: dict[str, int], size: int, orders: int, critical: float
) -> None:
    design = permuted_blocks(ratio, {size: 1})
    contents = [arm for arm, share in ratio.items() for _ in range(share * size // sum(ratio.values()))]
    expected = dict.fromkeys(set(permutations(contents)), 1 / orders)
    assert len(expected) == orders
    assert chi_square(Counter(blocks_of(design, 60_000, size)), expected) < critical


def sizes_in(stratum_key: str, blocks: int) -> list[int]:
    design = permuted_blocks({"a": 1, "b": 1}, {2: 1, 4: 2, 6: 1})
    rows = listed(design, count=6 * blocks, stratum_key=stratum_key)
    sizes = Counter(row.block for row in rows)
    return [sizes[block] for block in range(1, blocks + 1)]


def correlation(one: list[int], other: list[int]) -> float:
    n, mean_one, mean_other = len(one), sum(one) / len(one), sum(other) / len(other)
    covariance = sum((a - mean_one) * (b - mean_other) for a, b in zip(one, other, strict=True)) / n
    variances = [sum((a - mean) ** 2 for a in each) / n for each, mean in ((one, mean_one), (other, mean_other))]
    return float(covariance / (variances[0] * variances[1]) ** 0.5)


def test_block_sizes_come_as_often_as_their_weights_and_without_memory() -> None:
    one, other = sizes_in("site=A1", 20_000), sizes_in("site=B1", 20_000)
    assert chi_square(Counter(one), {2: 0.25, 4: 0.5, 6: 0.25}) < 13.82  # 99.9 %, 2 degrees of freedom
    assert abs(correlation(one[:-1], one[1:])) < 3.3 / 20_000**0.5
    assert abs(correlation(one, other)) < 3.3 / 20_000**0.5


def test_arms_of_two_strata_have_nothing_to_do_with_each_other() -> None:
    design = permuted_blocks({"a": 1, "b": 1}, {4: 1})
    one, other = (
        [int(row.arm == "a") for row in listed(design, count=40_000, stratum_key=key)] for key in ("site=A1", "site=B1")
    )
    assert abs(correlation(one, other)) < 3.3 / 40_000**0.5


def test_complete_randomization_keeps_the_ratio_on_average() -> None:
    arms = Counter(row.arm for row in listed(complete_randomization({"a": 2, "b": 1}), count=60_000))
    assert chi_square(arms, {"a": 2 / 3, "b": 1 / 3}) < 10.83  # 99.9 %, 1 degree of freedom


def test_four_to_two_keeps_the_ratio_at_every_step_of_the_block() -> None:
    blocks = blocks_of(permuted_blocks({"a": 2, "b": 1}, {6: 1}), 20_000, 6)
    for step in range(6):
        assert chi_square(Counter(block[step] for block in blocks), {"a": 2 / 3, "b": 1 / 3}) < 10.83


def test_new_names_in_the_same_order_give_the_same_list() -> None:
    renamed = {"a": "ect", "b": "esketamine"}
    rows = listed(permuted_blocks({"a": 1, "b": 1}, {4: 1, 6: 1}))
    assert [row._replace(arm=renamed[row.arm]) for row in rows] == listed()


def test_exchanging_the_names_exchanges_the_law() -> None:
    exchange = {"a": "b", "b": "a"}
    there = Counter(blocks_of(permuted_blocks({"a": 2, "b": 1}, {3: 1}), 60_000, 3))
    back = Counter(blocks_of(permuted_blocks({"a": 1, "b": 2}, {3: 1}), 60_000, 3))
    named = Counter({tuple(exchange[arm] for arm in block): times for block, times in back.items()})
    assert chi_square(there, {block: times / 60_000 for block, times in named.items()}) < 2 * 13.82  # both are drawn
