"""Arithmetic and comparison of the values of expressions. None is *unknown*, and so is what comes of it.

Numbers are exact decimals of 28 digits, rounded half to even; what is not a finite number is unknown.
"""

from __future__ import annotations

import datetime as dt
import operator
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

from trialmgr.protocol.durations import LONGEST_AMOUNT, Duration, Unit, minutes_of, moved_date, moved_time
from trialmgr.protocol.values import PartialDate, Value

CONTEXT = Context(prec=28, rounding=ROUND_HALF_EVEN, Emax=999_999, Emin=-999_999, traps=[])

_NUMBERS: dict[str, Callable[[Decimal, Decimal], Decimal]] = {
    "+": CONTEXT.add,
    "-": CONTEXT.subtract,
    "*": CONTEXT.multiply,
    "/": CONTEXT.divide,
}

_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def reckon(sign: str, left: Value, right: Value) -> Value:
    """``left sign right``; unknown when a side is unknown or the two do not go together."""
    if isinstance(left, Decimal) and isinstance(right, Decimal):
        return finite(_NUMBERS[sign](left, right))
    if left is None or right is None:
        return None
    if isinstance(right, Duration):
        return _with_duration(sign, left, right)
    if isinstance(left, Duration):
        return _with_duration(sign, right, left) if sign in "+*" else None
    return _apart(left, right) if sign == "-" else None


def finite(number: Decimal) -> Decimal | None:
    return number if number.is_finite() else None


def _with_duration(sign: str, value: Value, duration: Duration) -> Value:
    if isinstance(value, Duration):
        return _two_durations(sign, value, duration)
    if isinstance(value, Decimal):
        return _times(value, duration) if sign == "*" else None
    if sign not in "+-":
        return None
    by = duration if sign == "+" else Duration(-duration.amount, duration.unit)
    if isinstance(value, PartialDate):
        first, last = moved_date(value.first, by), moved_date(value.last, by)
        return None if first is None or last is None else PartialDate(first, last)
    if isinstance(value, dt.date):
        return moved_date(value, by)
    return moved_time(value, by) if isinstance(value, dt.time) else None


def _two_durations(sign: str, left: Duration, right: Duration) -> Value:
    if left.unit is not right.unit or sign == "*":
        return None
    if sign == "/":
        return finite(CONTEXT.divide(Decimal(left.amount), Decimal(right.amount)))
    return _bounded(left.amount + right.amount if sign == "+" else left.amount - right.amount, left.unit)


def _times(number: Decimal, duration: Duration) -> Duration | None:
    if number != number.to_integral_value() or abs(number) > LONGEST_AMOUNT:
        return None
    return _bounded(int(number) * duration.amount, duration.unit)


def _bounded(amount: int, unit: Unit) -> Duration | None:
    return Duration(amount, unit) if abs(amount) <= LONGEST_AMOUNT else None


def _apart(left: Value, right: Value) -> Duration | None:
    """From right to left; unknown for dates of which a part is not known."""
    if isinstance(left, dt.date) and isinstance(right, dt.date):
        return Duration((left - right).days, Unit.DAYS)
    if isinstance(left, dt.time) and isinstance(right, dt.time):
        return Duration(minutes_of(left) - minutes_of(right), Unit.MINUTES)
    return None


def compare(sign: str, left: Value, right: Value) -> bool | None:
    """Unknown when a side is unknown or the sides are of two sorts, which only data of an older version can be."""
    if isinstance(left, PartialDate) or isinstance(right, PartialDate):
        return _compare_days(sign, span(left), span(right))
    if type(left) is not type(right) or left is None:
        return None
    if isinstance(left, Duration) and isinstance(right, Duration):
        return _ORDER[sign](left.amount, right.amount) if left.unit is right.unit else None
    if sign not in ("=", "!=") and isinstance(left, str | bool | tuple):
        return None
    return _ORDER[sign](left, right)


def span(value: Value) -> PartialDate | None:
    """The days that a date can mean."""
    if isinstance(value, dt.date):
        return PartialDate(value, value)
    return value if isinstance(value, PartialDate) else None


def _compare_days(sign: str, left: PartialDate | None, right: PartialDate | None) -> bool | None:
    """True or false only when every day that each side can mean says so."""
    if left is None or right is None:
        return None
    if sign in ("=", "!="):
        apart = left.last < right.first or right.last < left.first
        return (sign == "!=") if apart else None
    outcomes = {_ORDER[sign](left.first, right.last), _ORDER[sign](left.last, right.first)}
    return outcomes.pop() if len(outcomes) == 1 else None
