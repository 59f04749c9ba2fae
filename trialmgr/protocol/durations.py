"""Durations as expressions know them: minutes, days, or calendar months, never mixed.

A month has no fixed number of days, so ``date + 3 months`` is the same day three months on (the month's last day where
that day does not exist, as 31 January + 1 month) and months are not compared with days.
"""

from __future__ import annotations

import calendar
import datetime as dt
import enum
from dataclasses import dataclass

LONGEST_AMOUNT = 10_000_000
_MINUTES_OF_A_DAY = 24 * 60


class Unit(enum.StrEnum):
    MINUTES = "minutes"
    DAYS = "days"
    MONTHS = "months"


@dataclass(frozen=True, slots=True)
class Duration:
    """``amount`` may be negative: the difference of a later and an earlier date the wrong way round."""

    amount: int
    unit: Unit


# How many of its unit each written word stands for.
WORDS: dict[str, Duration] = {
    "minute": Duration(1, Unit.MINUTES),
    "hour": Duration(60, Unit.MINUTES),
    "day": Duration(1, Unit.DAYS),
    "week": Duration(7, Unit.DAYS),
    "month": Duration(1, Unit.MONTHS),
    "year": Duration(12, Unit.MONTHS),
}


def duration(number: int, word: str) -> Duration | None:
    """``number`` times the duration of ``word`` (``weeks`` or ``week``); None when no trial lasts that long."""
    one = WORDS[word.removesuffix("s")]
    amount = number * one.amount
    return Duration(amount, one.unit) if abs(amount) <= LONGEST_AMOUNT else None


def moved_date(date: dt.date, by: Duration) -> dt.date | None:
    """The day ``by`` days or months on; None outside the years 1 to 9999, and for minutes."""
    try:
        if by.unit is Unit.DAYS:
            return date + dt.timedelta(days=by.amount)
        return _moved_by_months(date, by.amount) if by.unit is Unit.MONTHS else None
    except (OverflowError, ValueError):
        return None


def _moved_by_months(date: dt.date, months: int) -> dt.date:
    year, month = divmod(date.year * 12 + date.month - 1 + months, 12)
    if not dt.MINYEAR <= year <= dt.MAXYEAR:
        raise ValueError("no such year")
    return dt.date(year, month + 1, min(date.day, calendar.monthrange(year, month + 1)[1]))


def moved_time(time: dt.time, by: Duration) -> dt.time | None:
    """The time ``by`` minutes on; None when that is another day, and for days or months."""
    total = minutes_of(time) + by.amount
    if by.unit is not Unit.MINUTES or not 0 <= total < _MINUTES_OF_A_DAY:
        return None
    return dt.time(total // 60, total % 60)


def minutes_of(time: dt.time) -> int:
    return time.hour * 60 + time.minute


def whole_months(start: dt.date, end: dt.date) -> int:
    """Whole calendar months from start to end; negative the other way round."""
    if end < start:
        return -whole_months(end, start)
    months = (end.year - start.year) * 12 + end.month - start.month
    return months - (end.day < min(start.day, calendar.monthrange(end.year, end.month)[1]))
