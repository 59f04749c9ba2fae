"""The worked vectors of the instruments, and the laws every total obeys."""

from __future__ import annotations

import itertools
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from trialmgr.protocol.scoring import FUNCTIONS, ScoreFunction, described
from trialmgr.protocol.scoring.bands import band


def score(name: str, *answers: int | None) -> Decimal | None:
    return FUNCTIONS[name]([None if answer is None else Decimal(answer) for answer in answers])


def test_madrs_total_adds_ten_items() -> None:
    assert score("madrs_total", *[0] * 10) == 0
    assert score("madrs_total", *[6] * 10) == 60
    assert score("madrs_total", 4, 4, 3, 2, 2, 3, 4, 3, 3, 2) == 30


@pytest.mark.parametrize(
    ("name", "items", "missing", "total"),
    [
        ("madrs_total_prorated", 10, 1, 30),
        ("madrs_total_prorated", 10, 2, None),
        ("madrs_total_prorated", 10, 10, None),
        ("ids_sr_total_prorated", 30, 5, 84),
        ("ids_sr_total_prorated", 30, 6, None),
    ],
)
def test_a_prorated_total_takes_few_missing_answers_as_the_mean(
    name: str, items: int, missing: int, total: int | None
) -> None:
    assert score(name, *[3] * (items - missing), *[None] * missing) == total


def test_a_prorated_total_half_way_between_two_numbers_goes_up() -> None:
    """Nine points on 24 of the 28 scored answers are 10.5 on all of them."""
    assert score("ids_sr_total_prorated", *[3] * 3, *[0] * 23, *[None] * 4) == 11


def test_a_prorated_total_is_whole_and_that_of_a_complete_questionnaire_is_the_sum() -> None:
    assert score("madrs_total_prorated", None, 4, 3, 2, 2, 3, 4, 3, 3, 2) == 29
    assert score("madrs_total_prorated", 4, 4, 3, 2, 2, 3, 4, 3, 3, 2) == 30


HDRS_HIGHEST = [4, 4, 4, 2, 2, 2, 4, 4, 4, 4, 4, 2, 2, 2, 4, 2, 2]


def test_hdrs17_leaves_out_a_weight_that_was_not_assessed() -> None:
    assert score("hdrs17_total", *HDRS_HIGHEST) == 52
    assert score("hdrs17_total", *HDRS_HIGHEST[:15], 3, 2) == 50
    assert score("hdrs17_total", *[1] * 17) == 17
    assert score("hdrs17_total", *[1] * 15, None, 1) is None


IDS_VECTORS = [
    ([3] * 30, 84, 27),
    ([1] * 10 + [1, 0, 1, 0] + [1] * 16, 28, 9),
    ([2, 1, 3, 0, 2, 1, 2, 1, 0, 2, 2, 0, 1, 0, 2, 3, 3, 1, 2, 2, 2, 3, 1, 0, 1, 1, 0, 0, 2, 2], 42, 18),
    ([2, 2, 2, 0, 2, 2, 2, 2, 1, 2, 0, 1, 0, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 0, 1, 2, 2], 47, 19),
]


@pytest.mark.parametrize(("answers", "ids", "qids"), IDS_VECTORS)
def test_one_ids_form_gives_both_totals(answers: list[int], ids: int, qids: int) -> None:
    assert score("ids_sr_total", *answers) == ids
    assert score("qids_from_ids", *answers) == qids


ENOUGH_FOR_TABLES = settings(max_examples=60)

# The official table of equivalent totals; highest IDS-SR total for each QIDS total from 0 on (ids-qids.org).
IDS_UP_TO = (3, 5, 6, 8, 11, 13, 16, 18, 21, 23, 25, 28, 30, 33, 36, 38, 40, 43, 45, 47, 48, 53, 55, 58, 61, 64, 67, 84)


@pytest.mark.parametrize(("answers", "ids", "qids"), IDS_VECTORS)
def test_the_two_totals_lie_near_the_published_conversion(answers: list[int], ids: int, qids: int) -> None:
    converted = next(total for total, highest in enumerate(IDS_UP_TO) if ids <= highest)
    assert abs(converted - qids) <= 3


# The same table for the HDRS-17: lowest and highest total beside each QIDS total (ids-qids.org).
HRSD_BESIDE = (
    *(
        (0, 0),
        (1, 2),
        (3, 3),
        (4, 4),
        (5, 6),
        (7, 7),
        (8, 8),
        (9, 10),
        (11, 11),
        (12, 12),
        (13, 13),
        (14, 15),
        (16, 16),
    ),
    *((17, 17), (18, 19), (18, 19), (20, 20), (21, 22), (23, 23), (24, 24), (25, 25), (26, 27), (28, 28), (29, 29)),
    *((30, 31), (32, 32), (33, 35), (36, 52)),
)


def test_the_conversion_table_is_whole() -> None:
    assert len(IDS_UP_TO) == len(HRSD_BESIDE) == LIMITS["qids_from_ids"][1] + 1
    assert list(IDS_UP_TO) == sorted(set(IDS_UP_TO))
    assert (IDS_UP_TO[-1], HRSD_BESIDE[-1][1]) == (LIMITS["ids_sr_total"][1], LIMITS["hdrs17_total"][1])
    assert all(low <= high for low, high in HRSD_BESIDE)
    assert all(now <= then for (now, _), (then, _) in itertools.pairwise(HRSD_BESIDE))


@ENOUGH_FOR_TABLES
@given(worst=st.integers(0, 3), ids=st.lists(st.integers(0, 1), min_size=30, max_size=30))
def test_both_totals_of_one_form_fall_in_bands_that_touch(worst: int, ids: list[int]) -> None:
    """Somebody who answers evenly is told about the same by both scores: at most one band apart."""
    even = [min(max(worst - step, 0), 3) for step in ids]
    total, qids = score("ids_sr_total", *even), score("qids_from_ids", *even)
    assert total is not None
    assert qids is not None
    names = ["none", "mild", "moderate", "severe", "very_severe"]
    assert abs(names.index(band("ids_sr", total)) - names.index(band("qids_sr", qids))) <= 1


def qids_items_as_ids(q: list[int]) -> list[int]:
    """The sixteen QIDS items in their places among the thirty of the IDS; the other items score 0."""
    ids = [0] * 30
    places = (1, 2, 3, 4, 5, 11, 12, 13, 14, 15, 16, 18, 19, 20, 23, 24)
    for place, answer in zip(places, q, strict=True):
        ids[place - 1] = answer
    return ids


@pytest.mark.parametrize(
    ("q", "total"),
    [
        ([0] * 16, 0),
        ([3] * 16, 27),
        ([2, 0, 1, 0, 2, 1, 0, 0, 2, 1, 2, 1, 2, 2, 0, 1], 15),
        ([0, 3, 1, 0, 3, 0, 2, 0, 1, 2, 3, 2, 3, 3, 1, 2], 23),
        ([1, 1, 1, 1, 1, 1, 0, 1, 0, 1, 1, 1, 1, 1, 1, 1], 9),
    ],
)
def test_the_vectors_of_the_qids_hold_when_read_from_the_ids(q: list[int], total: int) -> None:
    assert score("qids_from_ids", *qids_items_as_ids(q)) == total


def test_of_appetite_and_of_weight_one_question_is_enough() -> None:
    one_of_each = [1] * 10 + [None, 2, 1, None] + [1] * 16
    assert score("ids_sr_total", *one_of_each) == 29
    assert score("qids_from_ids", *one_of_each) == 10
    neither_weight = [1] * 10 + [1, None, None, None] + [1] * 16
    assert score("ids_sr_total", *neither_weight) is None
    assert score("qids_from_ids", *neither_weight) == 9
    assert score("qids_from_ids", *[1] * 10, *[None] * 4, *[1] * 16) is None


@pytest.mark.parametrize("blank", [0, 3, 4, 9, 14, 22, 29])
def test_any_other_blank_makes_the_ids_total_missing(blank: int) -> None:
    answers: list[int | None] = [1] * 30
    answers[blank] = None
    assert score("ids_sr_total", *answers) is None


@pytest.mark.parametrize(
    ("answers", "ideation"),
    [
        ((0, 0, 0, 0, 0), 0),
        ((1, 0, 0, 0, 0), 1),
        ((1, 1, 0, 0, 0), 2),
        ((1, 1, 1, 0, 0), 3),
        ((0, 0, 0, 1, 0), 4),
        ((1, 1, 1, 1, 1), 5),
        ((0, 0, None, None, None), 0),
        ((1, 0, None, None, None), 1),
        ((None, None, None, None, 1), 5),
        ((1, 1, 0, 0, None), None),
        ((1, 1, None, 0, 0), None),
        ((None, 0, None, None, None), None),
        ((1, None, 0, 0, 0), None),
    ],
)
def test_ideation_is_the_highest_category_that_is_certain(
    answers: tuple[int | None, ...], ideation: int | None
) -> None:
    assert score("cssrs_ideation", *answers) == ideation


@pytest.mark.parametrize(
    ("state", "index"),
    [
        ("11111", "1.000"),
        ("21111", "0.918"),
        ("55511", "0.390"),
        ("44444", "-0.289"),
        ("55555", "-0.446"),
        ("11112", "0.883"),
        ("11121", "0.887"),
        ("11211", "0.914"),
        ("12111", "0.915"),
        ("32523", "0.455"),
        ("21232", "0.717"),
        ("12345", "0.048"),
        ("11115", "0.532"),
        ("11155", "0.117"),
    ],
)
def test_the_dutch_tariff_gives_the_published_index(state: str, index: str) -> None:
    found = score("eq5d5l_nl_index", *map(int, state))
    assert found is not None
    assert found.quantize(Decimal("0.001"), rounding=ROUND_HALF_UP) == Decimal(index)


@pytest.mark.parametrize(
    ("state", "unrounded"),
    [
        ("21111", 0.9176223),
        ("31111", 0.8964805),
        ("41111", 0.7870737),
        ("33333", 0.5126986),
        ("43455", -0.3017744),
        ("12345", 0.0476468),
        ("11112", 0.8834547),
        ("11121", 0.8871808),
        ("11115", 0.5324406),
        ("55511", 0.3895309),
        ("55555", -0.4463194),
    ],
)
def test_the_index_agrees_with_the_unrounded_value_set(state: str, unrounded: float) -> None:
    index = score("eq5d5l_nl_index", *map(int, state))
    assert index is not None
    assert float(index) == pytest.approx(unrounded, abs=1e-7)


def test_the_short_whodas_takes_one_missing_answer_as_the_mean_of_the_others_and_no_more() -> None:
    assert score("whodas12_simple", *[2] * 11, None) == 24
    assert score("whodas12_simple", None, *[1] * 5, *[2] * 6) == Decimal(17) + Decimal(17) / 11
    assert score("whodas12_simple", *[2] * 10, None, None) is None


def test_a_dimension_without_answer_leaves_no_index() -> None:
    assert score("eq5d5l_nl_index", 1, 1, None, 1, 1) is None


def test_cadss6_total_adds_six_items() -> None:
    assert score("cadss6_total", *[4] * 6) == 24
    assert score("cadss6_total", 0, 1, 2, 3, 4, 0) == 10
    assert score("cadss6_total", 0, 1, 2, 3, 4, None) is None


def test_the_number_of_answers_must_be_the_instruments() -> None:
    with pytest.raises(ValueError, match="madrs_total scores 10 items, not 9"):
        score("madrs_total", *[0] * 9)


def test_every_function_names_its_version_and_source() -> None:
    for name, function in FUNCTIONS.items():
        assert (function.name, bool(function.version), bool(function.source)) == (name, True, True)


PERCENTAGES: dict[str, tuple[Decimal | int, Decimal | int]] = {
    name: (0, 100) for name in FUNCTIONS if name.startswith("whodas") and not name.endswith("simple")
}
LIMITS: dict[str, tuple[Decimal | int, Decimal | int]] = {
    **PERCENTAGES,
    "madrs_total": (0, 60),
    "madrs_total_prorated": (0, 60),
    "ids_sr_total_prorated": (0, 84),
    "hdrs17_total": (0, 52),
    "ids_sr_total": (0, 84),
    "qids_sr16_total": (0, 27),
    "qids_from_ids": (0, 27),
    "cssrs_ideation": (0, 5),
    "cssrs_intensity": (2, 25),
    "cgi_rating": (1, 7),
    "cgi_efficacy_index": (1, 16),
    "ymrs_total": (0, 60),
    "bprs18_total": (1, 126),
    "bprs_psychosis": (1, 28),
    "eq5d5l_nl_index": (Decimal("-0.4463194"), 1),
    "whodas36_simple": (0, 144),
    "whodas32_simple": (0, 128),
    "whodas12_simple": (0, 48),
    "cadss23_total": (0, 92),
    "cadss6_total": (0, 24),
    "moca_total": (0, 30),
    "audit_total": (0, 40),
    "audit_c_total": (0, 12),
    "msm_total": (3, 15),
}

# Here 0 stands for "not assessed", so a complete questionnaire begins at 1.
FROM_ONE = {"cgi_rating", "bprs18_total", "bprs_psychosis"}
ORDER_MATTERS_NOT = {
    *("madrs_total", "cadss23_total", "cadss6_total", "audit_total", "audit_c_total", "bprs18_total", "bprs_psychosis"),
    "whodas12_simple",
}


def answers_of(function: ScoreFunction) -> st.SearchStrategy[list[int]]:
    from_one = function.name in FROM_ONE
    return st.tuples(*(st.integers(max(lowest, int(from_one)), highest) for lowest, highest in function.bounds)).map(
        list
    )


EVERY = sorted(FUNCTIONS)
ENOUGH = settings(max_examples=40)


def test_limits_are_known_of_every_function() -> None:
    assert LIMITS.keys() == FUNCTIONS.keys()


@pytest.mark.parametrize("name", EVERY)
@ENOUGH
@given(data=st.data())
def test_a_complete_questionnaire_scores_within_its_limits(name: str, data: st.DataObject) -> None:
    total = score(name, *data.draw(answers_of(FUNCTIONS[name])))
    lowest, highest = LIMITS[name]
    assert total is not None
    assert lowest <= total <= highest


@pytest.mark.parametrize("name", EVERY)
@ENOUGH
@given(data=st.data())
def test_a_worse_answer_never_gives_a_better_score(name: str, data: st.DataObject) -> None:
    function = FUNCTIONS[name]
    answers = data.draw(answers_of(function))
    place = data.draw(st.integers(0, len(answers) - 1))
    assume(answers[place] < function.bounds[place][1])
    # Code 3 of the weight item of the HDRS-17 is no grade but "not assessed".
    assume(not (name == "hdrs17_total" and place == 15 and answers[place] == 2))
    worse = [*answers[:place], answers[place] + 1, *answers[place + 1 :]]
    before, after = score(name, *answers), score(name, *worse)
    assert before is not None
    assert after is not None
    falls = name == "eq5d5l_nl_index" or (name == "moca_total" and place == 1)
    assert after <= before if falls else after >= before


@pytest.mark.parametrize("name", sorted(ORDER_MATTERS_NOT))
@ENOUGH
@given(data=st.data())
def test_where_items_weigh_the_same_their_order_is_nothing(name: str, data: st.DataObject) -> None:
    answers = data.draw(answers_of(FUNCTIONS[name]))
    assert score(name, *data.draw(st.permutations(answers))) == score(name, *answers)


# Rules under which a blank is no missing answer: one of a pair, a category not asked, one answer of a domain or of the
# 12-item version.
BLANKS_ALLOWED = {
    "madrs_total_prorated",
    "ids_sr_total_prorated",
    "ids_sr_total",
    "qids_from_ids",
    "qids_sr16_total",
    "cssrs_ideation",
} | {name for name in FUNCTIONS if name.startswith("whodas")}


@pytest.mark.parametrize("name", EVERY)
@ENOUGH
@given(data=st.data())
def test_a_missing_answer_is_never_counted_as_zero(name: str, data: st.DataObject) -> None:
    answers: list[int | None] = list(data.draw(answers_of(FUNCTIONS[name])))
    answers[data.draw(st.integers(0, len(answers) - 1))] = None
    if name not in BLANKS_ALLOWED:
        assert score(name, *answers) is None
    assert score(name, *[None] * len(answers)) is None


@pytest.mark.parametrize("name", EVERY)
def test_a_described_score_tells_its_version_and_source(name: str) -> None:
    function = FUNCTIONS[name]
    assert described(name) == f"version {function.version}, {function.source}"


@pytest.mark.parametrize(
    ("q", "total"),
    [
        ([0] * 16, 0),
        ([3] * 16, 27),
        ([2, 0, 1, 0, 2, 1, 0, 0, 2, 1, 2, 1, 2, 2, 0, 1], 15),
        ([0, 3, 1, 0, 3, 0, 2, 0, 1, 2, 3, 2, 3, 3, 1, 2], 23),
        ([1, 1, 1, 1, 1, 1, 0, 1, 0, 1, 1, 1, 1, 1, 1, 1], 9),
    ],
)
def test_the_vectors_of_the_qids_hold(q: list[int], total: int) -> None:
    assert score("qids_sr16_total", *q) == total


def test_a_qids_without_an_answer_about_sadness_has_no_total_and_one_of_each_pair_may_be_blank() -> None:
    assert score("qids_sr16_total", *[1] * 4, None, *[1] * 11) is None
    assert score("qids_sr16_total", *[1] * 5, None, 2, 1, None, *[1] * 7) == 10


def test_what_was_not_assessed_counts_for_nothing() -> None:
    assert score("cgi_rating", 0) is None
    assert score("cgi_rating", 4) == 4
    assert score("bprs18_total", *[1] * 18) == 18
    assert score("bprs18_total", *[7] * 18) == 126
    assert score("bprs18_total", 0, *[1] * 17) == 17
    assert score("bprs18_total", *[0] * 18) is None
    assert score("bprs18_total", None, *[1] * 17) is None


def test_the_efficacy_index_counts_effect_in_fours() -> None:
    assert [score("cgi_efficacy_index", effect, side) for effect, side in ((1, 1), (2, 3), (4, 4))] == [1, 7, 16]
    assert score("cgi_efficacy_index", 1, None) is None
    assert score("cgi_efficacy_index", None, 1) is None


WHODAS = {
    "d1": (2, 1, 2, 1, 0, 1),
    "d2": (1, 0, 0, 2, 2),
    "d3": (0, 1, 0, 1),
    "d4": (2, 1, 0, 2, 3),
    "d5_household": (2, 2, 3, 3),
    "d5_work": (3, 3, 3, 4),
    "d6": (2, 1, 1, 2, 4, 1, 2, 3),
}
ALL_36 = [answer for part in WHODAS.values() for answer in part]
ALL_32 = [answer for domain, part in WHODAS.items() if domain != "d5_work" for answer in part]


def places(value: Decimal | None) -> str:
    return "missing" if value is None else f"{value:.2f}"


def test_the_mixed_vector_of_the_whodas_holds_in_every_domain_and_total() -> None:
    domains = {domain: places(score(f"whodas_{domain}", *part)) for domain, part in WHODAS.items()}
    assert domains == {
        "d1": "35.00",
        "d2": "31.25",
        "d3": "20.00",
        "d4": "50.00",
        "d5_household": "70.00",
        "d5_work": "85.71",
        "d6": "58.33",
    }
    assert places(score("whodas36_complex", *ALL_36)) == "50.00"
    assert places(score("whodas32_complex", *ALL_32)) == "44.57"
    assert score("whodas36_simple", *ALL_36) == 61
    assert score("whodas32_simple", *ALL_32) == 48


@pytest.mark.parametrize(
    ("answer", "with_work", "without"),
    [(0, "0.00", "0.00"), (1, "33.96", "34.78"), (2, "50.00", "50.00"), (3, "83.96", "84.78"), (4, "100.00", "100.00")],
)
def test_the_even_vectors_of_the_whodas_hold(answer: int, with_work: str, without: str) -> None:
    assert places(score("whodas36_complex", *[answer] * 36)) == with_work
    assert places(score("whodas32_complex", *[answer] * 32)) == without


def test_one_missing_answer_a_domain_takes_the_mean_of_the_domain_and_two_leave_no_score() -> None:
    one: list[int | None] = [None, *[2] * 35]
    assert score("whodas36_simple", *one) == 72
    assert score("whodas36_complex", *one) == 50
    two: list[int | None] = [None, None, *[2] * 34]
    assert score("whodas36_simple", *two) is None
    assert score("whodas36_complex", *two) is None
    spread: list[int | None] = [None, *[2] * 5, None, *[2] * 29]
    assert score("whodas36_complex", *spread) == 50


def test_a_participant_without_work_has_the_score_of_32_items() -> None:
    not_asked = [*ALL_36[:24], *[None] * 4, *ALL_36[28:]]
    assert score("whodas36_complex", *not_asked) is None
    assert places(score("whodas32_complex", *ALL_32)) == "44.57"


def test_the_moca_gives_a_point_for_little_education_and_never_exceeds_thirty() -> None:
    assert [score("moca_total", *pair) for pair in ((25, 12), (25, 13), (30, 8))] == [26, 25, 30]
    assert score("moca_total", 25, None) is None
    assert score("moca_total", None, 12) is None


@pytest.mark.parametrize(
    ("answers", "total"),
    [
        ((30, 4, 8, 1, 0), 12),
        ((1, 1, 1, 0, 0), 3),
        ((25, 5, 11, 1, 1), 15),
        ((12, 1, 2, 0, 0), 3),
        ((13, 1, 3, 0, 0), 5),
    ],
)
def test_the_vectors_of_the_maudsley_staging_hold(answers: tuple[int, ...], total: int) -> None:
    assert score("msm_total", *answers) == total
    assert score("msm_total", None, *answers[1:]) is None


@pytest.mark.parametrize(
    ("instrument", "total", "name"),
    [
        ("madrs", 30, "moderate"),
        ("madrs", 6, "none"),
        ("madrs", 7, "mild"),
        ("madrs", 35, "severe"),
        ("hdrs17", 17, "moderate"),
        ("hdrs17", 23, "very_severe"),
        ("ids_sr", 84, "very_severe"),
        ("ids_sr", 28, "moderate"),
        ("ids_sr", 42, "severe"),
        ("qids_sr", 0, "none"),
        ("qids_sr", 27, "very_severe"),
        ("qids_sr", 15, "moderate"),
        ("qids_sr", 9, "mild"),
        ("msm", 12, "severe"),
    ],
)
def test_a_total_falls_in_its_published_band(instrument: str, total: int, name: str) -> None:
    assert band(instrument, Decimal(total)) == name


def test_a_total_above_the_highest_has_no_band() -> None:
    with pytest.raises(ValueError, match="above the highest total"):
        band("madrs", Decimal(61))


@pytest.mark.parametrize("state", ["".join(levels) for levels in itertools.product("135", repeat=5)])
def test_the_index_of_any_state_is_the_sum_of_its_parts(state: str) -> None:
    """One less the constant and what each dimension alone costs, as the states with one problem tell."""
    index = score("eq5d5l_nl_index", *map(int, state))
    constant = Decimal("0.0469233")
    parts = [
        score("eq5d5l_nl_index", *[int(level) if place == at else 1 for at in range(5)])
        for place, level in enumerate(state)
    ]
    lost = sum((1 - part - constant for part in parts if part is not None and part != 1), Decimal(0))
    assert index == (1 if state == "11111" else 1 - constant - lost)
