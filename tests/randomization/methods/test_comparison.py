"""Designs side by side: simulated alike, drawn without style or script, and one is advised with a reason."""

import csv
import io
import json
from xml.etree import ElementTree

import pytest

from randomization.methods.comparison.figures import (
    COLUMNS,
    Compared,
    advice,
    compared,
    drawing,
    label,
    table,
    usual_designs,
)
from randomization.methods.comparison.files import (
    as_lines,
    csv_of_designs,
    csv_of_strata,
    packed,
    report,
    unpacked,
)
from randomization.methods.comparison.simulation import Recruitment
from randomization.methods.designs import (
    METHODS,
    biased_coin_with_tolerance,
    big_stick,
    complete_randomization,
    permuted_blocks,
    urn,
)
from trialmgr.protocol.model import Language

EQUAL = {"ect": 1, "esketamine": 1}
FACTORS = {"site": {f"S{number}": 1 for number in range(5)}, "age": {"old": 1, "young": 1}}
LEVELS = {name: list(shares) for name, shares in FACTORS.items()}
TRIAL = Recruitment.over(172, FACTORS)
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def rows() -> list[Compared]:
    return list(compared(usual_designs(EQUAL, LEVELS), TRIAL, seed="comparison", trials=400))


def method(design: object) -> str:
    return str(design.parameters()["method"])  # type: ignore[attr-defined]  # any design has them


def test_the_usual_designs_of_two_equal_arms_are_compared(rows: list[Compared]) -> None:
    assert len(rows) == 12
    assert {method(each.design) for each in rows} == set(METHODS) - {"urn", "biased_coin"}
    blocks_of_four = rows[0].figures
    assert blocks_of_four.overall.mean_absolute == pytest.approx(2.21, abs=0.2)
    assert blocks_of_four.correct == pytest.approx(0.697, abs=0.01)


def test_designs_that_an_unequal_ratio_does_not_allow_are_left_out() -> None:
    methods = [method(design) for design in usual_designs({"a": 2, "b": 1}, LEVELS)]
    assert sorted(set(methods)) == ["block_urn", "complete", "minimisation", "permuted_blocks"]
    assert methods.count("permuted_blocks") == 4
    assert [method(d) for d in usual_designs({"a": 60, "b": 1}, {})] == ["block_urn", "complete"]


def test_an_open_label_trial_is_advised_what_is_hard_to_foresee_and_keeps_balance(rows: list[Compared]) -> None:
    given = advice(rows, open_label=True)
    chosen = next(each for each in rows if each.design == given.design)
    assert all(each.figures.correct >= chosen.figures.correct for each in rows if each.is_balanced)
    assert method(given.design) != "complete"
    assert "The trial is open-label" in given.reason.en
    assert "1 of the designs." in given.reason.en
    assert "De studie is open-label" in given.reason.nl
    assert f"{100 * chosen.figures.correct:.1f}".replace(".", ",") in given.reason.nl


def test_a_blinded_trial_is_advised_what_keeps_the_best_balance(rows: list[Compared]) -> None:
    given = advice(rows, open_label=False)
    assert method(given.design) == "minimisation"
    assert "do not see the allocation" in given.reason.en
    assert "blijft geblindeerd" in given.reason.nl


def test_when_no_design_keeps_balance_all_are_weighed() -> None:
    small = Recruitment(4, TRIAL.strata)
    alone = list(compared([complete_randomization(EQUAL)], small, seed="s", trials=50))
    assert not alone[0].is_balanced
    assert advice(alone, open_label=True).design == complete_randomization(EQUAL)


def test_nothing_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="no design to compare"):
        advice([], open_label=True)


@pytest.mark.parametrize(
    ("design", "nl", "en"),
    [
        (permuted_blocks(EQUAL, {4: 1}), "Gepermuteerde blokken van 4", "Permuted blocks of 4"),
        (
            permuted_blocks(EQUAL, {4: 1, 6: 1, 8: 1}),
            "Gepermuteerde blokken van 4, 6 en 8",
            "Permuted blocks of 4, 6 and 8",
        ),
        (urn(EQUAL, a=0, b=1), "Urn van Wei (0, 1)", "Wei's urn (0, 1)"),
        (
            biased_coin_with_tolerance(EQUAL, p="2/3", mti=3),
            "Onzuivere munt, 2/3, verschil tot 3",
            "Biased coin, 2/3, imbalance up to 3",
        ),
    ],
)  # fmt: skip
def test_a_design_has_a_name_in_both_languages(design: object, nl: str, en: str) -> None:
    assert (label(design).nl, label(design).en) == (nl, en)  # type: ignore[arg-type]  # given as object above


def test_the_table_has_a_row_for_each_design(rows: list[Compared]) -> None:
    head, first, *_ = table(rows, "nl")
    assert head == ["Methode", *(column.nl for column in COLUMNS)]
    assert first[0] == "Gepermuteerde blokken van 4"
    assert all("," in number for number in first[1:])
    assert len(table(rows, "en")) == len(rows) + 1


@pytest.mark.parametrize("language", ["nl", "en"])
def test_the_drawing_is_whole_accessible_and_free_of_style_and_script(rows: list[Compared], language: Language) -> None:
    advised = advice(rows, open_label=True).design
    drawn = drawing(rows, language, advised)
    root = ElementTree.fromstring(drawn)  # noqa: S314  # our own text
    named = {element.get("id"): element.text or "" for element in root if element.get("id")}
    assert [named[key] for key in (root.get("aria-labelledby") or "").split()]
    assert all(label(each.design)(language) in named["comparison-desc"] for each in rows)
    tags = {element.tag for element in root.iter()}
    assert tags == {SVG + tag for tag in ("svg", "title", "desc", "text", "rect")}
    assert not any("style" in element.attrib or "class" in element.attrib for element in root.iter())
    assert len(root.findall(f"{SVG}rect")) == 5 * len(rows) + 1
    assert drawn == drawing(rows, language, advised)


def test_a_drawing_of_nothing_and_of_zeros_is_still_a_drawing() -> None:
    assert ElementTree.fromstring(drawing([], "en")).tag == SVG + "svg"  # noqa: S314  # our own text
    even = list(compared([big_stick(EQUAL, mti=1)], Recruitment(2, TRIAL.strata[:1]), seed="s", trials=4))
    assert 'width="0.0"' in drawing(even, "en")


# --- files -----------------------------------------------------------------------------------------------------------


def test_the_csv_holds_a_row_for_each_design_and_each_stratum(rows: list[Compared]) -> None:
    designs = list(csv.DictReader(io.StringIO(csv_of_designs(rows))))
    assert [row["design"] for row in designs][:4] == ["blocks:4", "blocks:6", "blocks:4,6", "blocks:2,4,6"]
    assert float(designs[0]["guessed_right"]) == pytest.approx(rows[0].figures.correct, abs=1e-4)
    assert int(designs[0]["imbalance_of_a_stratum_95"]) == rows[0].usual_of_a_stratum
    strata = list(csv.DictReader(io.StringIO(csv_of_strata(rows[:1]))))
    assert [row["stratum"] for row in strata][:2] == ["age=old;site=S0", "age=old;site=S1"]
    assert sum(float(row["expected"]) for row in strata) == pytest.approx(172)
    assert float(strata[0]["mean_imbalance"]) == pytest.approx(rows[0].figures.by_stratum[0].mean_absolute, abs=1e-4)


def test_what_was_simulated_is_read_back_from_json(rows: list[Compared]) -> None:
    for each in rows:
        assert unpacked(json.loads(json.dumps(packed(each))), TRIAL) == each


@pytest.mark.parametrize("language", ["nl", "en"])
def test_the_report_says_what_was_done_what_came_out_and_what_is_advised(
    rows: list[Compared], language: Language
) -> None:
    text = report(rows, study="T", seed="s", trials=400, open_label=True, language=language)
    for said in (
        "400",
        "172",
        "10 strata",
        advice(rows, open_label=True).reason(language),
        label(rows[3].design)(language),
    ):
        assert said in text
    assert text.count("\n| ") == len(rows) + 1


def test_a_printed_table_stands_in_columns(rows: list[Compared]) -> None:
    lines = as_lines(table(rows, "en"))
    assert len({len(line) for line in lines}) == 1
    assert lines[1].startswith("Permuted blocks of 4 ")
