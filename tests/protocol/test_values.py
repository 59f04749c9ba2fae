from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trialmgr.protocol.model import CodeList, CodeListItem, Item, ItemType, Text
from trialmgr.protocol.values import (
    LONGEST_RAW,
    PartialDate,
    ValueProblem,
    check_unmistakable,
    iso_day,
    parse_value,
    typed,
)

LABEL = Text(nl="Vraag", en="Question")
COLOURS = CodeList(
    key="colours", items=tuple(CodeListItem(code=code, label=LABEL) for code in ("red", "green", "blue", "2"))
)


def item(type_: ItemType, **more: Any) -> Item:
    return Item(key="question", type=type_, label=LABEL, **more)


def codelist_of(question: Item) -> CodeList | None:
    return COLOURS if question.type in (ItemType.CHOICE, ItemType.MULTI_CHOICE) else None


@pytest.mark.parametrize(
    ("type_", "raw", "canonical"),
    [
        (ItemType.INTEGER, " 12 ", "12"),
        (ItemType.INTEGER, "+007", "7"),
        (ItemType.INTEGER, "-0", "0"),
        (ItemType.INTEGER, "\u22125", "-5"),
        (ItemType.DECIMAL, "72,5", "72.5"),
        (ItemType.DECIMAL, "072.50", "72.50"),
        (ItemType.DECIMAL, "-0,0", "0.0"),
        (ItemType.DECIMAL, "-0,1", "-0.1"),
        (ItemType.DECIMAL, "3", "3"),
        (ItemType.TEXT, "  cafe\u0301 ", "café"),
        (ItemType.LONG_TEXT, "one\r\ntwo\tthree", "one\ntwo\tthree"),
        (ItemType.DATE, "2026-5-1", "2026-05-01"),
        (ItemType.PARTIAL_DATE, "2026", "2026"),
        (ItemType.PARTIAL_DATE, "2026-5", "2026-05"),
        (ItemType.PARTIAL_DATE, "2026-05-01", "2026-05-01"),
        (ItemType.TIME, "9:05", "09:05"),
        (ItemType.TIME, "23:59", "23:59"),
        (ItemType.CHOICE, " red ", "red"),
        (ItemType.MULTI_CHOICE, "blue  red blue", "red blue"),
        (ItemType.YES_NO, "Yes", "yes"),
        (ItemType.YES_NO, "nee", "no"),
    ],
)
def test_what_is_typed_becomes_one_canonical_string(type_: ItemType, raw: str, canonical: str) -> None:
    question = item(type_)
    assert parse_value(question, raw, codelist_of(question)) == canonical


@pytest.mark.parametrize(
    ("type_", "raw"),
    [
        (ItemType.INTEGER, ""),
        (ItemType.INTEGER, "   "),
        (ItemType.INTEGER, "1.0"),
        (ItemType.INTEGER, "\u0663"),
        (ItemType.INTEGER, "1" * 16),
        (ItemType.DECIMAL, "1,2,3"),
        (ItemType.DECIMAL, ",5"),
        (ItemType.DECIMAL, "NaN"),
        (ItemType.DECIMAL, "1e5"),
        (ItemType.DECIMAL, "0.1234567"),
        (ItemType.TEXT, "two\nlines"),
        (ItemType.TEXT, "bell\x07"),
        (ItemType.TEXT, "half \ud800"),
        (ItemType.TEXT, "x" * 501),
        (ItemType.LONG_TEXT, "x" * 10_001),
        (ItemType.LONG_TEXT, "null\x00"),
        (ItemType.DATE, "2026-02-30"),
        (ItemType.DATE, "5/4/2026"),
        (ItemType.DATE, "31 mai 2026"),
        (ItemType.DATE, "31-5-26"),
        (ItemType.DATE, "2026-05"),
        (ItemType.DATE, "1026-05-31"),
        (ItemType.PARTIAL_DATE, "2026-13"),
        (ItemType.PARTIAL_DATE, "May 2026"),
        (ItemType.TIME, "24:00"),
        (ItemType.TIME, "12:60"),
        (ItemType.TIME, "noon"),
        (ItemType.CHOICE, "purple"),
        (ItemType.MULTI_CHOICE, "red purple"),
        (ItemType.YES_NO, "maybe"),
        (ItemType.TEXT, "x" * (LONGEST_RAW + 1)),
    ],
)
def test_what_is_no_value_is_refused_in_both_languages(type_: ItemType, raw: str) -> None:
    question = item(type_)
    with pytest.raises(ValueProblem) as refusal:
        parse_value(question, raw, codelist_of(question))
    assert refusal.value.text.nl
    assert refusal.value.text.en
    assert refusal.value.text.nl != refusal.value.text.en


def test_a_decimal_has_at_most_the_places_of_its_item() -> None:
    weight = item(ItemType.DECIMAL, decimals=1)
    assert parse_value(weight, "72,5", None) == "72.5"
    with pytest.raises(ValueProblem, match="at most 1 decimal"):
        parse_value(weight, "72,55", None)


def test_the_item_may_set_its_own_longest_text() -> None:
    with pytest.raises(ValueProblem, match="at most 3"):
        parse_value(item(ItemType.TEXT, max_length=3), "four", None)


@pytest.mark.parametrize("type_", [ItemType.CHOICE, ItemType.MULTI_CHOICE])
def test_without_a_code_list_no_code_is_a_value(type_: ItemType) -> None:
    with pytest.raises(ValueProblem):
        parse_value(item(type_), "red", None)


@pytest.mark.parametrize(
    ("type_", "canonical", "value"),
    [
        (ItemType.INTEGER, "-5", Decimal(-5)),
        (ItemType.DECIMAL, "72.50", Decimal("72.5")),
        (ItemType.TEXT, "café", "café"),
        (ItemType.LONG_TEXT, "a\nb", "a\nb"),
        (ItemType.DATE, "2026-05-01", dt.date(2026, 5, 1)),
        (ItemType.PARTIAL_DATE, "2026-05-01", dt.date(2026, 5, 1)),
        (ItemType.PARTIAL_DATE, "2024-02", PartialDate(dt.date(2024, 2, 1), dt.date(2024, 2, 29))),
        (ItemType.PARTIAL_DATE, "2026-12", PartialDate(dt.date(2026, 12, 1), dt.date(2026, 12, 31))),
        (ItemType.PARTIAL_DATE, "2026", PartialDate(dt.date(2026, 1, 1), dt.date(2026, 12, 31))),
        (ItemType.TIME, "09:05", dt.time(9, 5)),
        (ItemType.CHOICE, "2", "2"),
        (ItemType.MULTI_CHOICE, "red blue", ("red", "blue")),
        (ItemType.YES_NO, "yes", True),
        (ItemType.YES_NO, "no", False),
    ],
)
def test_a_canonical_string_has_a_typed_value(type_: ItemType, canonical: str, value: object) -> None:
    assert typed(item(type_), canonical) == value


NEAR_VALUES = st.from_regex(r"[-+0-9., :a-zA-Z]{0,14}", fullmatch=True) | st.dates().map(str) | st.times().map(str)


@given(type_=st.sampled_from(ItemType), raw=st.text() | NEAR_VALUES)
def test_a_canonical_string_is_its_own_canonical_string(type_: ItemType, raw: str) -> None:
    question = item(type_)
    try:
        canonical = parse_value(question, raw, codelist_of(question))
    except ValueProblem:
        return
    assert parse_value(question, canonical, codelist_of(question)) == canonical
    assert typed(question, canonical) is not None


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=2))
def test_a_number_means_the_same_with_a_comma_or_a_dot(number: Decimal) -> None:
    question = item(ItemType.DECIMAL, decimals=2)
    canonical = parse_value(question, f"{number:f}".replace(".", ","), None)
    assert typed(question, canonical) == number


@pytest.mark.parametrize(
    ("raw", "doubtful"),
    [
        ("1,500", True),
        ("12.000", True),
        ("-999,125", True),
        ("0,500", False),
        ("1,50", False),
        ("1,5000", False),
        ("1500,125", False),
        ("1500", False),
    ],
)
def test_what_may_be_a_thousand_or_a_fraction_is_asked_about(raw: str, doubtful: bool) -> None:
    dose = item(ItemType.DECIMAL)
    if doubtful:
        with pytest.raises(ValueProblem, match=r"Is this \d+\.\d{3} or \d+\? Enter \d+, or \d+\.\d{4}\."):
            check_unmistakable(dose, raw)
    else:
        check_unmistakable(dose, raw)


def test_an_item_that_says_it_has_three_decimals_takes_them() -> None:
    check_unmistakable(item(ItemType.DECIMAL, decimals=3), "1,500")


@pytest.mark.parametrize("sign", ["\u200b", "\u200e", "\ufeff", "\u00ad", "\ue000"])
def test_characters_that_nobody_sees_are_refused_by_name(sign: str) -> None:
    with pytest.raises(ValueProblem, match=f"U\\+{ord(sign):04X}"):
        check_unmistakable(item(ItemType.TEXT), f"rash{sign}")


def test_what_was_stored_before_is_read_as_it_was() -> None:
    assert typed(item(ItemType.DECIMAL), parse_value(item(ItemType.DECIMAL), "1.500", None)) == Decimal("1.5")


@pytest.mark.parametrize(
    "written",
    ["2026-12-03", "3-12-2026", "03.12.2026", "3 12 2026", "3 dec 2026", "3 December 2026", "3-dec-2026", "2026/12/3"],
)
def test_a_date_is_taken_as_people_write_it_here(written: str) -> None:
    assert parse_value(item(ItemType.DATE), written, None) == "2026-12-03"
    assert parse_value(item(ItemType.PARTIAL_DATE), written, None) == "2026-12-03"


@pytest.mark.parametrize(
    ("written", "day"), [("31/5/2026", "2026-05-31"), ("5/5/2026", "2026-05-05"), ("1 mrt 2026", "2026-03-01")]
)
def test_a_date_that_can_be_read_in_one_way_is_read_so(written: str, day: str) -> None:
    assert iso_day(written) == day


def test_a_date_that_may_be_two_days_is_refused_with_both() -> None:
    with pytest.raises(ValueProblem) as refusal:
        iso_day("3/12/2026")
    assert refusal.value.text.nl == ("Is 3/12/2026 dag 3 van maand 12, of andersom? Schrijf 2026-12-03 of 2026-03-12.")
    with pytest.raises(ValueProblem, match="four digits"):
        iso_day("3 dec 26")


@pytest.mark.parametrize("written", ["", "yesterday", "3-12", "3-12.2026", "2026-5", "3 wim 2026"])
def test_what_is_no_date_is_left_to_the_reader(written: str) -> None:
    assert iso_day(written) is None
