"""What sort of value an expression gives, as far as that is known before any value is there."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import TypeAlias

Path: TypeAlias = tuple[str, ...]


class ExpressionError(ValueError):
    """The text is not an expression, or its parts do not fit together. ``column`` counts from 1."""

    def __init__(self, message: str, *, column: int, mend: str) -> None:
        super().__init__(message)
        self.message, self.column, self.mend = message, column, mend

    def __str__(self) -> str:
        return f"column {self.column}: {self.message} — {self.mend}"


class Kind(enum.StrEnum):
    NUMBER = "a number"
    DATE = "a date"
    TIME = "a time"
    TEXT = "a text"
    TRUTH = "true or false"
    CODES = "several codes"
    MINUTES = "a duration in minutes"
    DAYS = "a duration in days"
    MONTHS = "a duration in months"


KindOf: TypeAlias = Callable[[Path], Kind | None]

DURATIONS = frozenset({Kind.MINUTES, Kind.DAYS, Kind.MONTHS})
ORDERED = frozenset({Kind.NUMBER, Kind.DATE, Kind.TIME}) | DURATIONS


def _arithmetic() -> dict[tuple[str, Kind, Kind], Kind]:
    table = {(sign, Kind.NUMBER, Kind.NUMBER): Kind.NUMBER for sign in "+-*/"}
    for place, unit in ((Kind.DATE, Kind.DAYS), (Kind.DATE, Kind.MONTHS), (Kind.TIME, Kind.MINUTES)):
        table |= {("+", place, unit): place, ("+", unit, place): place, ("-", place, unit): place}
    table |= {("-", Kind.DATE, Kind.DATE): Kind.DAYS, ("-", Kind.TIME, Kind.TIME): Kind.MINUTES}
    for unit in DURATIONS:
        table |= {("+", unit, unit): unit, ("-", unit, unit): unit, ("/", unit, unit): Kind.NUMBER}
        table |= {("*", Kind.NUMBER, unit): unit, ("*", unit, Kind.NUMBER): unit}
    return table


ARITHMETIC = _arithmetic()
"""Sign, kind on the left, kind on the right -> kind of the outcome."""
