"""A list made elsewhere is refused with the row that is wrong."""

import hashlib
from itertools import cycle, islice
from typing import Any

import pytest

from randomization.methods.designs import complete_randomization, permuted_blocks
from randomization.methods.findings import DesignRefused
from randomization.methods.lists.imports import ImportedList, imported_list, strata_factors, text_of
from randomization.methods.lists.rows import LONGEST_LIST, make_rows

EQUAL = {"ect": 1, "esketamine": 1}
STRATA = ({"site": "LUMC", "age": "old"}, {"site": "UMCG", "age": "old"})
HEAD = "site,age,position,block,arm"

Line = list[Any]


def lines(design: Any = None, count: int = 12) -> list[Line]:
    """A list as a good statistician would send it, row by row."""
    made = design or permuted_blocks(EQUAL, {4: 1})
    place: dict[str, Any] = {"secret": bytes(range(32)), "trial_id": "T", "purpose": "live", "count": count}
    return [
        [levels["site"], levels["age"], row.position, row.block, row.arm]
        for levels in STRATA
        for row in make_rows(made, stratum_key=f"site={levels['site']}", **place)
    ]


def csv_of(rows: list[Line], head: str = HEAD, comma: str = ",") -> str:
    return "".join(comma.join(map(str, row)) + "\n" for row in [head.split(","), *rows])


def read(text: str, ratio: dict[str, int] = EQUAL, strata: Any = STRATA) -> ImportedList:
    return imported_list(text, ratio=ratio, strata=strata)


def refusals(text: str, **changed: Any) -> list[str]:
    with pytest.raises(DesignRefused) as refusal:
        read(text, **changed)
    return [str(each) for each in refusal.value.findings]


def one_stratum(arms: str, blocks: str = "", ratio: dict[str, int] | None = None) -> list[str]:
    """Refusals of a list of one stratum; arms and blocks a letter or figure a row."""
    rows = [
        [place, *([block] if blocks else []), arm]
        for place, (arm, block) in enumerate(zip(arms, blocks or arms, strict=True), 1)
    ]
    head = "position,block,arm" if blocks else "position,arm"
    try:
        read(csv_of(rows, head), ratio or {"a": 1, "b": 1}, [{}])
    except DesignRefused as refusal:
        return [str(each) for each in refusal.findings]
    return []


# --- lists that are good


def test_a_good_list_is_read_stratum_by_stratum() -> None:
    text = csv_of(lines())
    listed = read(text)
    assert list(listed.strata) == ["age=old;site=LUMC", "age=old;site=UMCG"]
    assert [row.position for row in listed.strata["age=old;site=UMCG"]] == list(range(1, 13))
    assert [row.arm for row in listed.strata["age=old;site=LUMC"]] == [row[4] for row in lines()[:12]]
    assert listed.sha256 == hashlib.sha256(text.encode()).hexdigest()


def test_the_order_of_rows_and_columns_semicolons_a_mark_and_empty_rows_change_nothing() -> None:
    good = read(csv_of(lines()))
    assert read("\ufeff" + csv_of(lines()[::-1], comma=";").replace("\n", " \r\n") + ";;;;\n").strata == good.strata
    turned = csv_of([row[::-1] for row in lines()], head="arm,block,position,age,site")
    assert read(turned).strata == good.strata


def test_blocks_of_several_sizes_of_which_the_last_is_cut_off_are_good() -> None:
    for count in range(20, 60):
        assert read(csv_of(lines(permuted_blocks(EQUAL, {4: 1, 6: 1}), count))).strata
        three = csv_of(lines(permuted_blocks({"ect": 2, "esketamine": 1}, {3: 1, 6: 1}), count))
        assert read(three, ratio={"ect": 2, "esketamine": 1}).strata


def test_a_list_without_blocks_is_good_when_it_is_near_the_ratio() -> None:
    rows = [[*row[:3], row[4]] for row in lines(complete_randomization(EQUAL), 200)]
    assert read(csv_of(rows, head="site,age,position,arm")).strata


def test_a_trial_without_factors_has_a_list_without_levels() -> None:
    assert one_stratum("abbaabba") == []
    assert strata_factors([]) == ()


# --- lists that are not


def test_a_position_that_stands_there_twice_is_named() -> None:
    rows = lines()
    rows[5][2] = 5
    assert refusals(csv_of(rows)) == [
        "Row 7: position 5 of stratum age=old;site=LUMC stands in row 6 already.",
        "Row 8: position 7 of stratum age=old;site=LUMC stands where 6 should; a position is missing.",
    ]


def test_a_position_that_is_missing_is_named() -> None:
    rows = lines()
    del rows[16], rows[0]
    assert refusals(csv_of(rows)) == [
        "Row 2: position 2 of stratum age=old;site=LUMC stands where 1 should; a position is missing.",
        "Row 17: position 6 of stratum age=old;site=UMCG stands where 5 should; a position is missing.",
    ]


def test_an_arm_that_is_not_of_the_trial_is_named() -> None:
    rows = lines()
    rows[3][4] = "ECT"
    assert refusals(csv_of(rows)) == ["Row 5: the arm 'ECT' is none of this trial. Its arms: ect, esketamine."]


def test_a_stratum_without_rows_is_named() -> None:
    assert refusals(csv_of(lines()[:12])) == ["The list has no row for stratum age=old;site=UMCG."]
    assert len(refusals(HEAD + "\n")) == 2


@pytest.mark.parametrize("level", ["AUMC", "a b", ""])
def test_a_stratum_that_is_not_of_the_trial_is_named(level: str) -> None:
    rows = lines()
    rows[1][0] = level
    assert refusals(csv_of(rows)) == [f"Row 3: age 'old'; site {level!r} is no stratum of this trial."]


def test_a_list_sorted_by_arm_is_named_at_the_row_where_the_next_arm_begins() -> None:
    arms = "a" * 10 + "b" * 10
    assert one_stratum(arms) == [
        "Row 12: the list of stratum all is sorted by arm: first all of a, from here b. Restore the random order."
    ]
    assert "sorted by arm" in one_stratum(arms, "1" * 4 + "2" * 4 + "3" * 4 + "4" * 4 + "5" * 4)[0]


def test_a_short_list_may_look_sorted_by_chance() -> None:
    assert one_stratum("aabb") == []
    assert one_stratum("aabb", "1111") == []


def test_a_list_of_one_arm_has_the_wrong_ratio() -> None:
    assert one_stratum("a" * 20) == [
        "Rows 2-21: stratum all has a 20 times; its share is 1 of 2.",
        "Rows 2-21: stratum all has b 0 times; its share is 1 of 2.",
    ]


def test_a_wrong_ratio_is_named() -> None:
    arms = "".join(islice(cycle("aab"), 240))
    found = one_stratum(arms)
    assert found[0] == "Rows 2-241: stratum all has a 160 times; its share is 1 of 2."
    assert one_stratum(arms, ratio={"a": 2, "b": 1}) == []


def test_a_block_that_does_not_hold_the_ratio_is_named() -> None:
    assert one_stratum("abbaabbbabba", "111122223333") == [
        "Rows 6-9: block 2 of stratum all does not hold the ratio (a 1, b 3)."
    ]
    assert one_stratum("abbaabb", "1111222") == []
    assert "block 1" in one_stratum("abbaab", "111222")[0]


def test_a_last_block_that_could_never_hold_the_ratio_is_named() -> None:
    assert one_stratum("abbabbb", "1111222") == ["Rows 6-8: block 2 of stratum all does not hold the ratio (a 0, b 3)."]
    assert one_stratum("bb", "11") == []  # the only block, and cut off: nothing to tell by
    assert one_stratum("abbabb", "111122") == []


def test_a_block_that_goes_on_after_another_is_named() -> None:
    assert one_stratum("abab", "1221") == ["Row 5: block 1 of stratum all goes on after another block."]


def test_blocks_that_all_have_one_order_are_named() -> None:
    found = one_stratum("abba" * 6, "".join(str(block) * 4 for block in range(1, 7)))
    assert found == ["Rows 2-25: every block of stratum all has the same order (a, b, b, a), so it is not random."]
    assert one_stratum("abba" * 2, "11112222") == []


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ("site,age,position,block", ["Row 1: there is no column arm."]),
        ("site,position,arm", ["Row 1: there is no column age."]),
        ("site,age,position,arm,name", ["Row 1: the column 'name' is not expected, or stands there twice."]),
        ("site,age,position,arm,arm", ["Row 1: the column 'arm' is not expected, or stands there twice."]),
    ],
)
def test_a_head_that_is_wrong_is_named(head: str, said: list[str]) -> None:
    assert refusals(head + "\n") == said


def test_an_empty_file_has_no_columns() -> None:
    assert len(refusals("")) == 4


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("LUMC,old,1,1", "Row 2 has 4 fields; 5 are expected."),
        ("LUMC,old,0,1,ect", "Row 2: the position '0' is no whole number from 1."),
        ("LUMC,old,1,one,ect", "Row 2: the block 'one' is no whole number from 1."),
        (f"LUMC,old,{LONGEST_LIST + 1},1,ect", "stands where 1 should; a position is missing."),
    ],
)
def test_a_row_that_cannot_be_read_is_named(row: str, said: str) -> None:
    assert any(said in refusal for refusal in refusals(f"{HEAD}\n{row}\n"))


def test_a_list_beyond_the_longest_is_refused() -> None:
    found = refusals(f"{HEAD}\nLUMC,old,{LONGEST_LIST + 1},1,ect\n")
    assert f"Row 2: position {LONGEST_LIST + 1} of stratum age=old;site=LUMC lies beyond 1000000" in found[2]


def test_a_file_that_is_no_csv_is_refused() -> None:
    (found,) = refusals(f'{HEAD}\n"LUMC"x,old,1,1,ect\n')
    assert found.startswith("The file cannot be read as comma-separated values (")


def test_findings_have_an_end() -> None:
    rows = [["X1", "old", 1, 1, "ect"]] * 500
    assert len(refusals(csv_of(rows))) == 100


def test_a_file_in_another_encoding_is_refused_with_the_place() -> None:
    assert text_of("é".encode()) == "é"
    with pytest.raises(DesignRefused, match="from byte 6 on"):
        text_of("site,é".encode("latin-1"))
