from typing import Any

import pytest

from randomization.methods.designs import (
    CompleteRandomization,
    Design,
    PermutedBlocks,
    State,
    complete_randomization,
    design_from,
    permuted_blocks,
)
from randomization.methods.findings import DesignRefused, gettext_noop
from randomization.methods.words import Words, chunks

EQUAL = {"ect": 1, "esketamine": 1}


def words() -> Words:
    return Words(chunks(bytes(range(32)), "T", "test", "all"))


def refusals_of(parameters: dict[str, Any]) -> list[str]:
    with pytest.raises(DesignRefused) as refusal:
        design_from(parameters)
    return [str(each) for each in refusal.value.findings]


def blocks(ratio: dict[str, Any], sizes: dict[str, Any]) -> dict[str, Any]:
    return {"method": "permuted_blocks", "ratio": ratio, "block_sizes": sizes}


def test_a_block_holds_the_ratio_and_the_next_one_begins_when_it_is_empty() -> None:
    design, state, source, seen = permuted_blocks({"b": 1, "a": 2}, {6: 1}), State(), words(), []
    for _ in range(12):
        arm, state = design.step(state, source)
        seen.append((state.block, arm))
    assert [block for block, _ in seen] == [1] * 6 + [2] * 6
    assert sorted(arm for _, arm in seen[:6]) == ["a"] * 4 + ["b"] * 2
    assert state.waiting == ()


def test_a_step_leaves_the_earlier_state_as_it_was() -> None:
    design = permuted_blocks(EQUAL, {4: 1})
    source = words()
    _, first = design.step(State(), source)
    assert design.step(first, source) == design.step(first, source)


def test_complete_randomization_draws_each_arm_by_its_share() -> None:
    design = complete_randomization({"b": 1, "a": 2})
    source = Words([b"".join(word.to_bytes(8, "little") for word in range(6))])
    assert [design.step(State(), source) for _ in range(6)] == [(arm, State()) for arm in "aabaab"]


def test_the_order_in_which_arms_and_sizes_are_given_plays_no_part() -> None:
    assert permuted_blocks({"b": 1, "a": 2}, {6: 2, 3: 1}) == permuted_blocks({"a": 2, "b": 1}, {3: 1, 6: 2})
    assert complete_randomization({"b": 1, "a": 2}) == CompleteRandomization((("a", 2), ("b", 1)))


@pytest.mark.parametrize(
    "design", [permuted_blocks({"a": 2, "b": 1, "c": 1}, {4: 3, 8: 1}), complete_randomization({"a": 2, "b": 1})]
)
def test_a_design_is_read_back_from_its_parameters(design: Design) -> None:
    assert design_from(design.parameters()) == design


def test_parameters_are_plain_json_in_a_fixed_form() -> None:
    assert permuted_blocks(EQUAL, {4: 1, 6: 2}).parameters() == {
        "method": "permuted_blocks",
        "ratio": {"ect": 1, "esketamine": 1},
        "block_sizes": {"4": 1, "6": 2},
    }


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        (blocks(EQUAL, {"5": 1}), "A block of 5 cannot hold the ratio: its size must be a multiple of 2"),
        (blocks({"a": 2, "b": 1}, {"4": 1}), "must be a multiple of 3"),
        (blocks(EQUAL, {"0": 1}), "block size 0 must be a whole number from 1 to 100"),
        (blocks(EQUAL, {"102": 1}), "block size 102"),
        (blocks(EQUAL, {"four": 1}), "block size 0"),
        (blocks(EQUAL, {"4": 0}), "weight of block size 4 must be a whole number from 1 to 1000, not 0"),
        (blocks(EQUAL, {"4": True}), "not True"),
        (blocks(EQUAL, {}), "at least one block size"),
        (blocks({"a": 1}, {"4": 1}), "at least two arms"),
        (blocks({"a": 1, "b": 1.0}, {"4": 1}), "share of arm b must be a whole number from 1 to 1000, not 1.0"),
        (blocks({"a": 1, "b b": 1}, {"4": 1}), "The arm name 'b b' cannot be used"),
        ({"method": "complete", "ratio": {"a": 1}}, "at least two arms"),
        ({"method": "complete"}, "cannot be read (KeyError('ratio'))"),
        ({"method": "complete", "ratio": 7}, "cannot be read (TypeError"),
        ({"method": "complete", "ratio": ["a", "b"]}, "cannot be read (AttributeError"),
        (
            {"method": "coin"},
            "method coin is not known. Known methods: asymptotic_maximal, biased_coin, biased_coin_with_tolerance, ",
        ),
        ({}, "method None is not known"),
    ],
)
def test_a_design_that_cannot_be_is_refused_with_the_reason(parameters: dict[str, Any], said: str) -> None:
    (refused,) = refusals_of(parameters)
    assert said in refused


def test_every_reason_is_named_at_once() -> None:
    assert len(refusals_of(blocks({"a": 0}, {"4": 0}))) == 3
    assert len(refusals_of(blocks(EQUAL, {"3": 1, "5": 1}))) == 2


def test_a_block_size_that_is_no_whole_number_is_refused() -> None:
    with pytest.raises(DesignRefused, match=r"block size 4\.0"):
        permuted_blocks(EQUAL, {4.0: 1})  # type: ignore[dict-item]  # the point of the test


def warned(design: Design, *, open_label: bool) -> str:
    return " ".join(str(each) for each in design.warnings(open_label=open_label))


def test_a_block_of_two_is_warned_of_in_any_trial() -> None:
    assert "In a block of 2" in warned(permuted_blocks(EQUAL, {2: 1, 4: 1}), open_label=False)


def test_small_blocks_in_an_open_label_trial_are_warned_of_with_the_share_of_correct_guesses() -> None:
    design = permuted_blocks(EQUAL, {4: 1, 6: 1})
    assert "will be right in 69.3% of the" in warned(design, open_label=True)
    assert warned(design, open_label=False) == ""


def test_large_blocks_are_not_warned_of() -> None:
    assert permuted_blocks(EQUAL, {6: 1, 8: 1}).warnings(open_label=True) == ()


def test_complete_randomization_is_warned_of_because_it_may_drift() -> None:
    assert "may leave the arms unequal" in warned(complete_randomization(EQUAL), open_label=True)


def test_a_finding_can_be_translated_before_it_is_filled_in() -> None:
    (finding,) = permuted_blocks(EQUAL, {4: 1}).warnings(open_label=True)
    assert gettext_noop(finding.message) % finding.values == str(finding)


def test_plain_data_made_by_hand_is_the_same_design() -> None:
    assert permuted_blocks(EQUAL, {4: 1}) == PermutedBlocks((("ect", 1), ("esketamine", 1)), ((4, 1),))
