"""The functions of expressions: those over values, and those over the rows of a group (aggregates)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from trialmgr.protocol.durations import Unit, duration, minutes_of, whole_months
from trialmgr.protocol.expressions.arithmetic import CONTEXT, finite, span
from trialmgr.protocol.expressions.kinds import Kind
from trialmgr.protocol.values import Value

_NUMBER = frozenset({Kind.NUMBER})
_DATE = frozenset({Kind.DATE})
_TIME = frozenset({Kind.TIME})


@dataclass(frozen=True, slots=True)
class Function:
    """``takes``: the kinds each argument may have; the last one stands for all that follow up to ``most``."""

    apply: Callable[..., Value]
    takes: tuple[frozenset[Kind], ...]
    gives: Kind
    least: int
    most: int


@dataclass(frozen=True, slots=True)
class AggregateFunction:
    """``apply`` takes the outcome of every row. ``gives`` None: the kind of what the rows give."""

    apply: Callable[[Sequence[Value]], Value]
    takes: frozenset[Kind]
    gives: Kind | None


def _number_function(compute: Callable[..., Decimal]) -> Callable[..., Value]:
    """A function of numbers that is unknown when a number is, or when the result is not a finite number."""

    def apply(*values: Value) -> Value:
        numbers = [value for value in values if isinstance(value, Decimal)]
        return finite(compute(*numbers)) if len(numbers) == len(values) else None

    return apply


def _percent_fall(baseline: Decimal, now: Decimal) -> Decimal:
    """How far ``now`` lies under ``baseline``, in percent of it; unknown for a baseline of 0."""
    fall = CONTEXT.multiply(CONTEXT.subtract(baseline, now), Decimal(100))
    return CONTEXT.divide(fall, baseline)


def _days_between(start: Value, end: Value) -> Value:
    if isinstance(start, dt.date) and isinstance(end, dt.date):
        return Decimal((end - start).days)
    return None


def _months_between(start: Value, end: Value) -> Value:
    if isinstance(start, dt.date) and isinstance(end, dt.date):
        return Decimal(whole_months(start, end))
    return None


def _minutes_between(start: Value, end: Value) -> Value:
    if isinstance(start, dt.time) and isinstance(end, dt.time):
        return Decimal(minutes_of(end) - minutes_of(start))
    return None


def _age_in_years(birth: Value, on: Value) -> Value:
    """Whole years certainly reached: a birth known by year or month only counts as its last possible day."""
    if isinstance(birth, Decimal):
        known = birth == birth.to_integral_value() and 1 <= birth <= 9999
        birth = dt.date(int(birth), 12, 31) if known else None
    days = span(birth)
    if days is None or not isinstance(on, dt.date):
        return None
    before_birthday = (on.month, on.day) < (days.last.month, days.last.day)
    return Decimal(on.year - days.last.year - before_birthday)


def _duration_of(word: str) -> Callable[..., Value]:
    def apply(number: Value) -> Value:
        whole = isinstance(number, Decimal) and number == number.to_integral_value() and abs(number) < 10**9
        return duration(int(number), word) if whole and isinstance(number, Decimal) else None

    return apply


_UNIT_KINDS = {Unit.MINUTES: Kind.MINUTES, Unit.DAYS: Kind.DAYS, Unit.MONTHS: Kind.MONTHS}


def unit_kind(unit: Unit) -> Kind:
    return _UNIT_KINDS[unit]


FUNCTIONS: dict[str, Function] = {
    "abs": Function(_number_function(CONTEXT.abs), (_NUMBER,), Kind.NUMBER, 1, 1),
    "min": Function(_number_function(lambda *numbers: min(numbers)), (_NUMBER,), Kind.NUMBER, 1, 50),
    "max": Function(_number_function(lambda *numbers: max(numbers)), (_NUMBER,), Kind.NUMBER, 1, 50),
    "percent_fall": Function(_number_function(_percent_fall), (_NUMBER,), Kind.NUMBER, 2, 2),
    "days_between": Function(_days_between, (_DATE,), Kind.NUMBER, 2, 2),
    "months_between": Function(_months_between, (_DATE,), Kind.NUMBER, 2, 2),
    "minutes_between": Function(_minutes_between, (_TIME,), Kind.NUMBER, 2, 2),
    "age_in_years": Function(_age_in_years, (_DATE | _NUMBER, _DATE), Kind.NUMBER, 2, 2),
    "minutes": Function(_duration_of("minutes"), (_NUMBER,), Kind.MINUTES, 1, 1),
    "hours": Function(_duration_of("hours"), (_NUMBER,), Kind.MINUTES, 1, 1),
    "days": Function(_duration_of("days"), (_NUMBER,), Kind.DAYS, 1, 1),
    "weeks": Function(_duration_of("weeks"), (_NUMBER,), Kind.DAYS, 1, 1),
    "months": Function(_duration_of("months"), (_NUMBER,), Kind.MONTHS, 1, 1),
    "years": Function(_duration_of("years"), (_NUMBER,), Kind.MONTHS, 1, 1),
}


# --- over the rows of a group ----------------------------------------------------------------------------------------


def _sum(values: Sequence[Value]) -> Value:
    """0 without rows; unknown as soon as one row is."""
    total = Decimal(0)
    for value in values:
        if not isinstance(value, Decimal):
            return None
        total = CONTEXT.add(total, value)
    return finite(total)


def _extreme(choose: Callable[[Any], Any]) -> Callable[[Sequence[Value]], Value]:
    """Unknown without rows, and as soon as one row is or gives a date of which a part is not known."""

    def apply(values: Sequence[Value]) -> Value:
        sorts = {type(value) for value in values}
        found: Value = choose(values) if len(sorts) == 1 and sorts <= {Decimal, dt.date, dt.time} else None
        return found

    return apply


def _any(values: Sequence[Value]) -> Value:
    return True if True in values else None if None in values else False


def _all(values: Sequence[Value]) -> Value:
    return False if False in values else None if None in values else True


def _count_where(values: Sequence[Value]) -> Value:
    return None if None in values else Decimal(sum(value is True for value in values))


_TRUTH = frozenset({Kind.TRUTH})

AGGREGATES: dict[str, AggregateFunction] = {
    "count": AggregateFunction(lambda rows: Decimal(len(rows)), frozenset(), Kind.NUMBER),
    "count_where": AggregateFunction(_count_where, _TRUTH, Kind.NUMBER),
    "sum": AggregateFunction(_sum, _NUMBER, Kind.NUMBER),
    "min": AggregateFunction(_extreme(min), _NUMBER | _DATE | _TIME, None),
    "max": AggregateFunction(_extreme(max), _NUMBER | _DATE | _TIME, None),
    "any": AggregateFunction(_any, _TRUTH, Kind.TRUTH),
    "all": AggregateFunction(_all, _TRUTH, Kind.TRUTH),
}
"""``min`` and ``max`` of one argument that stands in rows; of several arguments they are plain functions."""
