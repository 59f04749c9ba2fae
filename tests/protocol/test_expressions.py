from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trialmgr.protocol.expressions import DEEPEST, ExpressionError, Kind, parse
from trialmgr.protocol.values import PartialDate, Value

MAY = PartialDate(dt.date(2026, 5, 1), dt.date(2026, 5, 31))

KNOWN: dict[tuple[str, ...], Value] = {
    ("three",): Decimal(3),
    ("zero",): Decimal(0),
    ("huge",): Decimal("9e999999"),
    ("sex",): "f",
    ("ill",): True,
    ("well",): False,
    ("codes",): ("nausea", "other"),
    ("begin",): dt.date(2026, 5, 1),
    ("may",): MAY,
    ("nine",): dt.time(9, 0),
    ("ten",): dt.time(10, 0),
    ("baseline", "madrs", "total"): Decimal(30),
}


def value(text: str) -> Value:
    return parse(text).evaluate(KNOWN.get)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("three + 2 * 3", Decimal(9)),
        ("(three + 2) * 3", Decimal(15)),
        ("three - 2 - 1", Decimal(0)),
        ("-three", Decimal(-3)),
        ("-three + 4", Decimal(1)),
        ("12 / 4 / 3", Decimal(1)),
        ("three = 3.0", True),
        ("three != 3", False),
        ("three < 4", True),
        ("three <= 3", True),
        ("three > 3", False),
        ("three >= 3", True),
        ("sex = 'f'", True),
        ("sex != 'f'", False),
        ("ill = true", True),
        ("well = false", True),
        ("nine < ten", True),
        ("begin = date('2026-05-01')", True),
        ("begin < date('2026-05-02')", True),
        ("not ill", False),
        ("not not ill", True),
        ("ill and well", False),
        ("ill or well", True),
        ("well or well or ill", True),
        ("ill and ill and well", False),
        ("three in (1, 3)", True),
        ("sex in ('m', 'x')", False),
        ("-three in (-3, 4)", True),
        ("begin in (date('2026-05-01'))", True),
        ("codes has 'nausea'", True),
        ("codes has 'pain'", False),
        ("three is present", True),
        ("three is missing", False),
        ("absent is missing", True),
        ("absent is present", False),
        ("three / zero is missing", True),
        ("abs(2 - three)", Decimal(1)),
        ("min(three, 2, 5)", Decimal(2)),
        ("max(three, 2, 5)", Decimal(5)),
        ("percent_fall(baseline.madrs.total, 15) >= 50", True),
        ("percent_fall(baseline.madrs.total, 16) >= 50", False),
        ("percent_fall(31, 16) >= 50", False),
        ("percent_fall(31, 15) >= 50", True),
        ("days_between(begin, date('2026-05-31'))", Decimal(30)),
        ("age_in_years(date('2008-05-31'), date('2026-05-30'))", Decimal(17)),
        ("age_in_years(date('2008-05-31'), date('2026-05-31'))", Decimal(18)),
        ("age_in_years(2008, date('2026-12-30'))", Decimal(17)),
        ("age_in_years(2008, date('2026-12-31'))", Decimal(18)),
        ("age_in_years(may, date('2030-05-30'))", Decimal(3)),
        ("orange is missing and android is missing and notes is missing", True),
        ("  three\n =\t3 ", True),
    ],
)
def test_what_an_expression_gives(text: str, expected: Value) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "absent",
        "absent = absent",
        "absent + 1",
        "-absent",
        "absent < 4",
        "absent in (1, 2)",
        "absent has 'a'",
        "not absent",
        "three / zero",
        "zero / zero",
        "huge * huge",
        "percent_fall(zero, 0)",
        "percent_fall(30, absent)",
        "days_between(begin, absent)",
        "days_between(may, begin)",
        "age_in_years(absent, begin)",
        "age_in_years(begin, absent)",
        "age_in_years(0.5, begin)",
        "age_in_years(99999, begin)",
        "max(three, absent)",
        "sex = three",
        "sex < sex",
        "three has 'a'",
        "not three",
        "three and ill",
        "codes = sex",
        "may = three",
    ],
)
def test_what_cannot_be_known_is_unknown(text: str) -> None:
    assert value(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("may < date('2026-06-01')", True),
        ("may < date('2026-05-01')", False),
        ("may < date('2026-05-15')", None),
        ("may <= date('2026-05-31')", True),
        ("may > date('2026-04-30')", True),
        ("may >= date('2026-06-01')", False),
        ("begin < may", None),
        ("begin <= may", True),
        ("may = date('2026-05-15')", None),
        ("may = date('2026-06-01')", False),
        ("may != date('2026-06-01')", True),
        ("may != date('2026-04-30')", True),
        ("may in (date('2026-05-15'), date('2026-06-01'))", None),
        ("may is present", True),
    ],
)
def test_a_partial_date_decides_only_when_each_of_its_days_agrees(text: str, expected: bool | None) -> None:
    assert value(text) is expected


TRUTHS: tuple[bool | None, ...] = (True, False, None)


def outcome(text: str, **truths: bool | None) -> Value:
    return parse(text).evaluate(lambda path: truths[path[0]])


@pytest.mark.parametrize(("a", "b"), list(itertools.product(TRUTHS, repeat=2)))
def test_and_is_the_lower_and_or_the_higher_of_two_truths(a: bool | None, b: bool | None) -> None:
    rank: Callable[[bool | None], int] = [False, None, True].index
    assert outcome("a and b", a=a, b=b) is min(a, b, key=rank)
    assert outcome("a or b", a=a, b=b) is max(a, b, key=rank)


@pytest.mark.parametrize(("a", "b", "c"), list(itertools.product(TRUTHS, repeat=3)))
def test_the_laws_of_kleene_hold(a: bool | None, b: bool | None, c: bool | None) -> None:
    for left, right in (
        ("not (a and b)", "not a or not b"),
        ("not (a or b)", "not a and not b"),
        ("a and b", "b and a"),
        ("a or b and c", "(a or b) and (a or c)"),
        ("a and (b or c)", "a and b or a and c"),
        ("a and b and c", "(a and b) and c"),
        ("not not a", "a"),
    ):
        assert outcome(left, a=a, b=b, c=c) is outcome(right, a=a, b=b, c=c)


def test_references_are_told_in_order_of_reading_with_their_column() -> None:
    expression = parse("two > 1 and baseline.madrs.total - two < abs(one)")
    assert expression.references == {("two",), ("one",), ("baseline", "madrs", "total")}
    assert [(node.path[-1], node.column) for node in expression.reference_nodes()] == [
        ("two", 1),
        ("total", 13),
        ("two", 36),
        ("one", 46),
    ]


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("", 1, "too early"),
        ("a +", 3, "too early"),
        ("a is", 4, "too early"),
        ("a # b", 3, "'#' has no meaning"),
        ("a = 'open", 5, "has no meaning"),
        ("a = = b", 5, "'=' cannot stand here"),
        ("form.item > 1", 1, "neither item nor visit.form.item"),
        ("a.b.c.d > 1", 1, "neither item nor visit.form.item"),
        ("1 + __import__('os')", 5, "no function"),
        ("min()", 1, "takes 1 to 50 values, not 0"),
        ("abs(1, 2)", 1, "takes 1 value, not 2"),
        ("2 > days_between(a)", 5, "takes 2 values, not 1"),
        ("date('2026-02-30')", 1, "one existing day"),
        ("date(a)", 1, "one existing day"),
        ("date()", 1, "one existing day"),
        ("1 + 'a'", 5, "a text where a number is wanted"),
        ("age_in_years('a', b)", 14, "a text where a date or a number is wanted"),
        ("a in (abs('1'))", 7, "'abs' cannot stand in a list"),
        ("not 1", 5, "a number where true or false is wanted"),
        ("a and 1", 7, "a number where true or false is wanted"),
        ("1 = 'a'", 3, "a number is compared with a text"),
        ("'a' in (1, 'a')", 1, "a number is compared with a text"),
        ("'a' < 'b'", 5, "a text has no order"),
        ("true > false", 6, "true or false has no order"),
        ("1 has 'a'", 1, "several codes is wanted"),
        ("(1 + 'a') is missing", 6, "a text where a number is wanted"),
    ],
)
def test_a_fault_names_its_column_and_a_mend(text: str, column: int, message: str) -> None:
    with pytest.raises(ExpressionError, match=message) as fault:
        parse(text)
    assert fault.value.column == column
    assert fault.value.mend
    assert str(fault.value).startswith(f"column {column}: ")


@pytest.mark.parametrize(
    ("text", "mend"),
    [
        ("a == b", "write one = for equal, != for unequal"),
        ("a => b", "write >="),
        ("a =< b", "write <="),
        ("a <> b", "write !="),
        ("a AND b", "write and in small letters"),
        ("a && b", "write and"),
        ("a || b", "write or"),
        ("!a", "write not, or != for unequal"),
        ('a = "x"', "put a text in single quotes"),
        ("a ^ 2", "there are no powers: multiply"),
        ("a b", "write for example: weight_kg > 40 and sex = 'f'"),
        (")", "write for example: weight_kg > 40 and sex = 'f'"),
    ],
)
def test_habits_of_other_languages_are_told_the_way_here(text: str, mend: str) -> None:
    with pytest.raises(ExpressionError) as fault:
        parse(text)
    assert fault.value.mend == mend


def test_kinds_that_do_not_fit_are_found_before_there_are_values() -> None:
    kinds: dict[tuple[str, ...], Kind] = {("day",): Kind.DATE, ("number",): Kind.NUMBER, ("codes",): Kind.CODES}
    assert parse("day > date('2026-01-01')").kind(kinds.get) is Kind.TRUTH
    assert parse("number * 2").kind(kinds.get) is Kind.NUMBER
    assert parse("codes has 'a' and number in (1, 2)").kind(kinds.get) is Kind.TRUTH
    assert parse("unheard_of").kind(kinds.get) is None
    for text in ("day > number", "codes < codes", "number has 'a'", "day + 1", "min(day)"):
        with pytest.raises(ExpressionError):
            parse(text).kind(kinds.get)


@pytest.mark.parametrize("text", ["not " * 2400 + "a", "-" * 9000 + "a", "a" + "+a" * 4000, "a" + " is missing" * 500])
def test_an_expression_that_is_too_deep_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse(text)


def test_the_deepest_expression_still_works_and_brackets_do_not_count() -> None:
    assert value("+".join(["1"] * (DEEPEST))) == Decimal(DEEPEST)
    assert value("(" * 4000 + "three" + ")" * 4000) == Decimal(3)
    assert value(" or ".join(["well"] * 1000)) is False


def test_a_nested_membership_takes_no_longer_than_it_is_long() -> None:
    text = "a"
    for _ in range(DEEPEST - 2):
        text = f"({text} in (true, false))"
    assert parse(text).evaluate(lambda path: True) is True


def test_an_expression_is_at_most_ten_kilobytes() -> None:
    with pytest.raises(ExpressionError, match="10 kB"):
        parse("a" * 10_001)
    with pytest.raises(ExpressionError, match="10 kB"):
        parse("'" + "é" * 5_000 + "'")


OPERANDS = ["a", "b.c.d", "1", "2.5", "'x'", "true", "false", "abs", "min", "date", "."]
SIGNS = ["and", "or", "not", "is", "missing", "present", "in", "has", *"(),+-*/=<", "!=", ">="]
WORDS = st.sampled_from([*OPERANDS, *SIGNS])


def fault_of(text: str) -> ExpressionError | None:
    try:
        parse(text)
    except ExpressionError as fault:
        return fault
    return None


@given(st.text() | st.lists(WORDS, max_size=30).map(" ".join))
def test_parse_raises_nothing_but_its_own_error(text: str) -> None:
    fault = fault_of(text)
    assert fault is None or 1 <= fault.column <= len(text) + 1


NUMBERS = st.recursive(
    st.sampled_from(["a", "b", "1", "2.5", "0"]),
    lambda inner: st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda parts: f"({' '.join(parts)})"),
    max_leaves=12,
)


@given(text=NUMBERS, a=st.none() | st.integers(-9, 9), b=st.none() | st.integers(-9, 9))
def test_arithmetic_is_a_finite_number_or_unknown(text: str, a: int | None, b: int | None) -> None:
    known: dict[tuple[str, ...], Value] = {
        ("a",): None if a is None else Decimal(a),
        ("b",): None if b is None else Decimal(b),
    }
    result = parse(text).evaluate(known.get)
    assert result is None or (isinstance(result, Decimal) and result.is_finite())
