from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trialmgr.protocol.durations import LONGEST_AMOUNT, Duration, Unit, duration, moved_date, moved_time, whole_months
from trialmgr.protocol.expressions import ExpressionError, Kind, parse
from trialmgr.protocol.values import PartialDate, Value

KNOWN: dict[tuple[str, ...], Value] = {
    ("begin",): dt.date(2026, 1, 31),
    ("end",): dt.date(2026, 3, 1),
    ("may",): PartialDate(dt.date(2026, 5, 1), dt.date(2026, 5, 31)),
    ("dose_at",): dt.time(9, 30),
    ("measured_at",): dt.time(10, 15),
    ("weeks",): Decimal(6),
    ("half",): Decimal("0.5"),
    ("huge",): Decimal("9e999999"),
    ("codes",): ("a", "b"),
    ("last_day",): dt.date(9999, 12, 31),
}


def value(text: str) -> Value:
    return parse(text).evaluate(KNOWN.get)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("begin + 2 weeks", dt.date(2026, 2, 14)),
        ("2 weeks + begin", dt.date(2026, 2, 14)),
        ("begin - 1 day", dt.date(2026, 1, 30)),
        ("begin + 1 month", dt.date(2026, 2, 28)),
        ("begin + 1 year", dt.date(2027, 1, 31)),
        ("begin + weeks(weeks)", dt.date(2026, 3, 14)),
        ("begin + weeks * 7 days", dt.date(2026, 3, 14)),
        ("begin + 7 days * weeks", dt.date(2026, 3, 14)),
        ("end - begin", Duration(29, Unit.DAYS)),
        ("end - begin > 4 weeks", True),
        ("end - begin = 29 days", True),
        ("end - begin != 29 days", False),
        ("(end - begin) / 1 week > 4", True),
        ("(end - begin) / 1 day", Decimal(29)),
        ("(end - begin) / 0 days", None),
        ("1 week - 2 days", Duration(5, Unit.DAYS)),
        ("1 month + 1 year", Duration(13, Unit.MONTHS)),
        ("dose_at + 40 minutes", dt.time(10, 10)),
        ("measured_at - dose_at", Duration(45, Unit.MINUTES)),
        ("measured_at >= dose_at + 40 minutes", True),
        ("dose_at - 10 hours", None),
        ("dose_at + hours(2) > measured_at", True),
        ("may + 1 month", PartialDate(dt.date(2026, 6, 1), dt.date(2026, 6, 30))),
        ("may + 1 week > date('2026-05-07')", True),
        ("may - begin", None),
        ("last_day + 1 day", None),
        ("last_day + 1 month", None),
        ("begin + absent", None),
        ("begin + days(half)", None),
        ("begin + days(huge)", None),
        ("half * 1 week", None),
        ("huge * 1 week", None),
        ("days(absent)", None),
        ("months_between(begin, end)", Decimal(1)),
        ("months_between(end, begin)", Decimal(-1)),
        ("months_between(begin, may)", None),
        ("months_between(date('2026-01-31'), date('2026-02-28'))", Decimal(1)),
        ("months_between(date('2026-01-31'), date('2026-02-27'))", Decimal(0)),
        ("minutes_between(dose_at, measured_at)", Decimal(45)),
        ("minutes_between(dose_at, absent)", None),
        ("if(end > begin, 'later', 'earlier')", "later"),
        ("if(end < begin, 'later', 'earlier')", "earlier"),
        ("if(absent > 1, 'later', 'earlier')", None),
        ("if(absent > 1, 3, 3)", Decimal(3)),
        ("max(weeks) + min(half)", Decimal("6.5")),
    ],
)
def test_what_an_expression_of_dates_and_times_gives(text: str, expected: Value) -> None:
    assert value(text) == expected


def test_values_of_another_sort_than_the_definition_says_are_unknown() -> None:
    """Only data of an older version can be so: the kinds are checked before a definition is taken."""
    known: dict[tuple[str, ...], Value] = {("a",): KNOWN["begin",], ("n",): Decimal(2), ("t",): KNOWN["dose_at",]}
    known |= {("d",): Duration(3, Unit.DAYS), ("m",): Duration(3, Unit.MONTHS), ("c",): ("x",)}
    for text in ("d - a", "a * d", "d / a", "n + d", "d * d", "d + m", "a + t", "t + d", "d < m", "c + d", "a / d"):
        assert parse(text).evaluate(known.get) is None, text


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("date('2026-01-01') + 3", 22, "a number where a duration in days or a duration in months is wanted"),
        ("1 week + 1 month", 10, "a duration in months where"),
        ("1 week > 1 month", 8, "a duration in days is compared with a duration in months"),
        ("1.5 weeks", 1, "is no duration"),
        ("99999999999 years", 1, "is no duration"),
        ("2 fortnights", 3, "cannot stand here"),
        ("if(true, 1)", 1, "if takes 3 values"),
        ("if(true, 1, 'a')", 1, "one way gives a number, the other a text"),
        ("if(1, 1, 2)", 4, "a number where true or false is wanted"),
        ("days('a')", 6, "a text where a number is wanted"),
    ],
)
def test_a_fault_of_dates_names_its_column(text: str, column: int, message: str) -> None:
    with pytest.raises(ExpressionError, match=message) as fault:
        parse(text)
    assert (fault.value.column, bool(fault.value.mend)) == (column, True)


def test_months_and_days_that_are_compared_are_told_the_way_out() -> None:
    with pytest.raises(ExpressionError) as fault:
        parse("1 week > 1 month")
    assert fault.value.mend == "a month has no fixed length: write `start + 3 months`"


def test_the_outcome_of_arithmetic_has_a_kind_once_its_sides_have_one() -> None:
    kinds: dict[tuple[str, ...], Kind] = {("day",): Kind.DATE, ("number",): Kind.NUMBER, ("hour",): Kind.TIME}
    for text, kind in {
        "day - day": Kind.DAYS,
        "day + 1 year": Kind.DATE,
        "hour - hour": Kind.MINUTES,
        "number * 2": Kind.NUMBER,
        "if(true, day, day)": Kind.DATE,
        "(day - day) / 1 week": Kind.NUMBER,
        "day - unheard_of": None,
    }.items():
        assert parse(text).kind(kinds.get) is kind, text


def test_a_word_of_duration_may_still_name_an_item() -> None:
    assert value("weeks * 2 > 11") is True


DATES = st.dates(dt.date(1900, 1, 1), dt.date(2199, 12, 31))


@given(start=DATES, days=st.integers(-40_000, 40_000))
def test_days_added_are_the_days_between(start: dt.date, days: int) -> None:
    later = moved_date(start, Duration(days, Unit.DAYS))
    assert later is not None
    assert (later - start).days == days


@given(start=DATES, months=st.integers(0, 1200))
def test_months_added_are_the_whole_months_between(start: dt.date, months: int) -> None:
    later = moved_date(start, Duration(months, Unit.MONTHS))
    assert later is not None
    assert whole_months(start, later) == months
    assert later.day in (start.day, *range(28, start.day))


def test_a_move_by_the_wrong_sort_of_duration_is_unknown() -> None:
    assert moved_date(dt.date(2026, 1, 1), Duration(5, Unit.MINUTES)) is None
    assert moved_time(dt.time(9, 0), Duration(5, Unit.DAYS)) is None


@given(number=st.integers(0, 10**20), word=st.sampled_from(["minute", "hours", "day", "weeks", "month", "years"]))
def test_no_duration_is_longer_than_the_longest(number: int, word: str) -> None:
    made = duration(number, word)
    assert made is None or 0 <= made.amount <= LONGEST_AMOUNT
