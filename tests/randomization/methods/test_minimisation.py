"""Minimisation: its scores by hand, the measures that differ, its refusals, and a log that replays."""

import json
from collections import Counter
from fractions import Fraction
from random import Random
from typing import Any

import pytest

from randomization.methods.designs import Minimisation, MinimisedAllocation, State, design_from, minimisation, replay
from randomization.methods.designs.minimisation import Factor
from randomization.methods.findings import DesignRefused
from randomization.methods.words import Words, chunks

EQUAL = {"a": 1, "b": 1}
FACTORS = {"site": ["UMCG", "LUMC", "AMC"], "age": ["old", "young"]}


def made(measure: str = "range", ratio: dict[str, int] = EQUAL, **changed: Any) -> Minimisation:
    given: dict[str, Any] = {"factors": FACTORS, "p": "4/5"}
    return minimisation(ratio, measure=measure, **given | changed)


def source() -> Any:
    return chunks(bytes(range(32)), "T", "live", "all")


def a_trial(design: Minimisation, participants: int) -> list[MinimisedAllocation]:
    random = Random(7)  # noqa: S311  # chooses test cases
    words, state, log = Words(source()), State(), []
    for position in range(1, participants + 1):
        levels = {factor.name: random.choice(factor.levels) for factor in design.factors}
        record, state = design.allocate(state, words, levels, position=position)
        log.append(record)
    return log


# --- scores


def test_the_measures_prefer_different_arms_on_the_same_margins() -> None:
    factors = {name: ["x", "y"] for name in "abcd"}
    margins = ((3, 0), (0, 1), (0, 1), (0, 1))  # differences +3, -1, -1, -1
    by_range, by_variance = (made(measure, factors=factors) for measure in ("range", "variance"))
    assert by_range.scores(margins) == (4, 8)
    assert by_variance.scores(margins) == (16, 16)
    assert by_range.weights(by_range.scores(margins)) == (4, 1)
    assert by_variance.weights(by_variance.scores(margins)) == (1, 1)


def test_weights_of_factors_count() -> None:
    design = made("variance", weights={"site": 3})
    assert design.factors == (Factor("age", ("old", "young"), 1), Factor("site", ("AMC", "LUMC", "UMCG"), 3))
    assert design.scores(((2, 0), (0, 1))) == (9 + 0, 1 + 3 * 4)


def test_with_three_arms_one_of_the_preferred_has_p_and_the_rest_is_shared() -> None:
    design = made(ratio={"a": 1, "b": 1, "c": 1})
    assert design.weights((1, 2, 2)) == (8, 1, 1)
    assert [Fraction(w, 20) for w in design.weights((1, 1, 2))] == [Fraction(9, 20), Fraction(9, 20), Fraction(1, 10)]
    assert design.weights((2, 2, 2)) == (1, 1, 1)


def test_two_to_one_is_had_with_three_equal_pseudo_arms() -> None:
    design = made(ratio={"a": 4, "b": 2})
    assert design.pseudo_arms == (0, 0, 1)
    arms = Counter(record["arm"] for record in a_trial(design, 600))
    assert abs(arms["a"] - 400) <= 3
    assert {(record["pseudo_arm"], record["arm"]) for record in a_trial(design, 60)} == {(0, "a"), (1, "a"), (2, "b")}


# --- allocation and log


def test_the_log_of_an_allocation_holds_all_that_decided_it() -> None:
    first, second = a_trial(made(), 2)
    levels = {"age": "old", "site": "LUMC"}
    word = f"{Words(source()).word():016x}"
    state = State(counts=made().with_one(made().no_counts(), made().places(levels), 1))
    record, after = made().allocate(state, Words(source()), levels, position=2)
    assert [first["position"], second["position"]] == [1, 2]
    assert record == {
        "position": 2,
        "levels": levels,
        "counts": {"age": [0, 1], "site": [0, 1]},
        "scores": [0, 4],
        "preferred": [0],
        "p": "4/5",
        "words": [word],
        "pseudo_arm": int(int(word, 16) % 5 == 4),
        "arm": "ab"[int(word, 16) % 5 == 4],
    }
    assert sum(after.counts) == 4


def test_a_step_gives_the_arm_of_one_participant() -> None:
    levels = {"site": "UMCG", "age": "old"}
    arm, state = made().step(State(), Words(source()), levels)
    assert arm == made().allocate(State(), Words(source()), levels, position=1)[0]["arm"]
    assert sum(state.counts) == 2


def test_a_level_that_the_design_does_not_know_is_refused_and_so_is_none() -> None:
    with pytest.raises(DesignRefused) as refusal:
        made().step(State(), Words(source()), {"site": "AUMC"})
    assert [str(each) for each in refusal.value.findings] == [
        "Minimisation needs the level of age before it can allocate; '' is none that the design knows.",
        "Minimisation needs the level of site before it can allocate; 'AUMC' is none that the design knows.",
    ]


def test_the_order_of_factors_levels_and_arms_changes_no_allocation() -> None:
    turned = minimisation(
        {"b": 1, "a": 1},
        factors={name: FACTORS[name][::-1] for name in reversed(FACTORS)},
        weights={"site": 1},
        measure="range",
        p="8/10",
    )
    assert turned == made()
    assert a_trial(turned, 50) == a_trial(made(), 50)


def test_a_level_added_later_changes_no_earlier_allocation() -> None:
    log = a_trial(made(), 50)
    longer = made(factors=FACTORS | {"site": [*FACTORS["site"], "VUMC"]})
    assert replay(longer, log, source()) == []


@pytest.mark.parametrize("measure", ["range", "variance"])
@pytest.mark.parametrize("ratio", [EQUAL, {"a": 2, "b": 1}, {"a": 1, "b": 1, "c": 1}])
def test_a_log_replays_exactly_also_after_it_was_written_as_json(measure: str, ratio: dict[str, int]) -> None:
    design = made(measure, ratio)
    log: list[MinimisedAllocation] = json.loads(json.dumps(a_trial(design, 172)))
    again = design_from(json.loads(json.dumps(design.parameters())))
    assert isinstance(again, Minimisation)
    assert again == design
    assert replay(again, log) == []
    assert replay(again, log, source()) == []


@pytest.mark.parametrize(
    ("part", "value", "said"),
    [
        ("arm", "c", "Allocation 3: arm is c in the log, but the replay gives "),
        ("scores", [0, 0], "Allocation 3: scores is [0, 0] in the log"),
        ("position", 4, "Allocation 3: position is 4 in the log, but the replay gives 3"),
        ("p", "3/4", "Allocation 3: p is 3/4 in the log, but the replay gives 4/5"),
        ("levels", {"site": "X1"}, "Allocation 3 of the log cannot be replayed (Minimisation needs the level of age"),
        ("levels", None, "Allocation 3 of the log cannot be replayed ("),
        ("words", [], "Allocation 3 of the log cannot be replayed (StopIteration)"),
        ("words", ["g"], "Allocation 3 of the log cannot be replayed ("),
        ("words", ["1" * 17], "Allocation 3 of the log cannot be replayed ("),
    ],
)
def test_a_changed_line_of_the_log_is_named(part: str, value: Any, said: str) -> None:
    log: list[Any] = a_trial(made(), 10)
    log[2] = log[2] | {part: value}
    assert str(replay(made(), log)[0]).startswith(said)


def test_words_that_are_not_the_trials_own_are_found_once_the_secret_is_known() -> None:
    log: list[Any] = a_trial(made(), 10)
    other = f"{(int(log[4]['words'][0], 16) + 10) % 2**64:016x}"  # reads the same by 2 and by 5
    log[4] = log[4] | {"words": [other]}
    assert replay(made(), log) == []
    assert "Allocation 5: words is" in str(replay(made(), log, source())[0])


def test_a_rejected_word_stands_in_the_log_and_replays() -> None:
    words = Words([b"\xff" * 8 + (3).to_bytes(8, "little")])
    design, levels = made(p="3/5"), {"site": "UMCG", "age": "old"}
    state = State(counts=design.with_one(design.no_counts(), design.places(levels), 0))
    record, _ = design.allocate(state, words, levels, position=2)
    assert record["words"] == ["f" * 16, "0" * 15 + "3"]
    assert record["arm"] == "b"


def test_arms_are_preferred_as_often_as_p_says() -> None:
    log = a_trial(made(), 5_000)
    decided = [record for record in log if len(record["preferred"]) == 1]
    followed = sum(record["pseudo_arm"] in record["preferred"] for record in decided)
    assert abs(followed - 0.8 * len(decided)) < 3.3 * (0.16 * len(decided)) ** 0.5
    ties = [record["arm"] for record in log if len(record["preferred"]) == 2]
    assert abs(ties.count("a") - len(ties) / 2) < 3.3 * (len(ties) / 4) ** 0.5


# --- refusals and warnings


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"factors": {}}, "needs at least one factor"),
        ({"factors": {"site": ["A1"]}}, "The factor site needs at least two levels, each named once."),
        ({"factors": {"site": ["A1", "A1"]}}, "each named once"),
        ({"factors": {"site": ["A 1", "B1"]}}, "'A 1' cannot be used"),
        ({"factors": {"site": [f"S{number}" for number in range(1001)]}}, "may have 1000 levels together"),
        ({"weights": {"sex": 2}}, "a weight for sex, which is no factor"),
        ({"weights": {"site": 0}}, "weight of factor site must be a whole number from 1 to 1000, not 0"),
        ({"measure": "sd"}, "The measure of imbalance sd is not known. Known measures: range, variance."),
        ({"p": "1/2"}, "above 1/2"),
        ({"ratio": {"a": 2, "b": 1}, "p": "1/3"}, "above 1/3"),
        ({"ratio": {"a": 20, "b": 1}}, "into 21 equal pseudo-arms; 20 is the most"),
        ({"ratio": {"a": 1}}, "at least two arms"),
    ],
)
def test_a_design_that_cannot_be_is_refused_with_the_reason(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(DesignRefused) as refusal:
        made(**{"measure": "range"} | changed)
    assert said in str(refusal.value)


def test_a_probability_near_certainty_is_warned_of_in_an_open_label_trial() -> None:
    (warned,) = made(p="9/10").warnings(open_label=True)
    assert "lets someone who knows the counts foretell" in str(warned)
    assert made(p="9/10").warnings(open_label=False) == ()
    assert made().warnings(open_label=True) == ()
