"""No expression of up to 10 kB hangs, crashes or eats memory: measured in steps and bytes, not in seconds."""

from __future__ import annotations

import datetime as dt
import random
import re
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from decimal import Decimal
from types import FrameType
from typing import Any

import pytest

from trialmgr.protocol.expressions import DEEPEST, LONGEST, MOST_PARTS, Expression, ExpressionError, parse
from trialmgr.protocol.model import MOST_ROWS
from trialmgr.protocol.values import Value

STEPS_A_BYTE = 400
STEPS_A_PART = 60
MEMORY = 40_000_000

TOKENS = re.findall(
    r"\S+",
    """
and or not in is has missing present true false if count sum min max any all count_where date days weeks previous
days_between percent_fall age_in_years a b trials trials.weeks visit.form.item visit.form.trials.weeks s[3].f.i
1 0 2.5 99999999999999999999 0.00000000000000000001 'x' '' '2026-02-29' 3 weeks 10 months minutes year
( ) ( ) , + - * / = != < <= > >= . [ ]
""",
)


class Counted(Exception):
    pass


def steps_of(work: Callable[[], Any], most: int) -> Any:
    """What ``work`` gives; fails as soon as it has called more than ``most`` functions."""
    steps = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal steps
        steps += event in ("call", "c_call")
        if steps > most:
            raise Counted(f"more than {most} steps")

    sys.setprofile(count)
    try:
        return work()
    finally:
        sys.setprofile(None)


class Many:
    """A lookup in which everything is there and every group is full."""

    def __call__(self, path: tuple[str, ...]) -> Value:
        known: dict[str, Value] = {"a": Decimal(7), "b": dt.date(2026, 1, 1), "x": True}
        return known.get(path[-1][0], Decimal("9e999998"))

    def rows(self, path: tuple[str, ...]) -> list[Many]:
        return [self] * MOST_ROWS

    def skips(self, path: tuple[str, ...]) -> bool:
        return False


def parsed(text: str) -> Expression | ExpressionError:
    try:
        return parse(text)
    except ExpressionError as refused:
        return refused


def judged(text: str) -> Expression | None:
    """Parse and evaluate within bounds; None for what is refused."""
    parse.cache_clear()
    size = len(text.encode("utf-8", "replace"))
    outcome = steps_of(lambda: parsed(text), 30_000 + STEPS_A_BYTE * min(size, LONGEST))
    if isinstance(outcome, ExpressionError):
        assert 1 <= outcome.column <= max(len(text), 1)
        assert outcome.mend
        assert len(str(outcome)) < 600
        return None
    expression: Expression = outcome
    steps_of(lambda: expression.evaluate(lambda path: None), 100 + STEPS_A_PART * MOST_PARTS)
    steps_of(lambda: expression.evaluate(Many()), 100 + STEPS_A_PART * MOST_PARTS * MOST_ROWS)
    return expression


def soup(chance: random.Random) -> str:
    return " ".join(chance.choices(TOKENS, k=chance.randint(1, 400)))[:LONGEST]


def noise(chance: random.Random) -> str:
    return chance.randbytes(chance.randint(0, 600)).decode("latin-1")


def damaged(chance: random.Random) -> str:
    text = list("count_where(trials.weeks >= 4 and trials.dose > 2.5) >= 2 or a - b > 3 weeks and not (a in (1, 2))")
    for _ in range(chance.randint(1, 4)):
        text[chance.randrange(len(text))] = chance.choice("()[]+-*/<>=.,'#\0é \n\t19ax")
    return "".join(text)


@pytest.fixture(autouse=True)
def _parser_is_built() -> None:
    parse("1")


@pytest.mark.parametrize("make", [soup, noise, damaged])
def test_random_texts_stay_within_bounds(make: Callable[[random.Random], str]) -> None:
    chance = random.Random(20260531)  # noqa: S311  # chooses texts, no secret
    outcomes = [judged(make(chance)) for _ in range(250)]
    assert len(outcomes) == 250


def built(chance: random.Random, depth: int) -> str:
    """A text that is an expression, of numbers or of truths."""
    if depth == 0:
        return chance.choice(["a", "1", "99999999999999999999", "visit.form.item", "abs(a)", "sum(trials.weeks)"])
    one, two = built(chance, depth - 1), built(chance, depth - 1)
    kind = chance.randrange(4)
    if kind == 0:
        return f"({one} {chance.choice('+-*/')} {two})"
    if kind == 1:
        return f"max({one}, min({two}), -{one})"
    if kind == 2:
        return f"if({one} {chance.choice(['<', '>=', '=', '!='])} {two}, {one}, {two})"
    return f"percent_fall({one}, {two})"


def test_expressions_that_can_be_read_are_worked_out_within_bounds() -> None:
    chance = random.Random(7)  # noqa: S311  # chooses texts, no secret
    read = [judged(built(chance, chance.randint(1, 4))) for _ in range(150)]
    assert sum(expression is not None for expression in read) > 90


def hostile() -> Iterator[str]:
    yield "(" * 5_000
    yield "(" * 4_990 + "a" + ")" * 4_990
    yield "not " * 2_400 + "a"
    yield "-" * 9_999 + "1"
    yield "a" + "+a" * 4_900
    yield "a" + " and a" * 1_600
    yield "a in (" + ",".join(["1"] * 4_900) + ")"
    yield "max(" * 1_900 + "1" + ")" * 1_900
    yield "if(a," * 1_500 + "1" + ",1)" * 1_500
    yield "any(" * 2_000 + "trials.weeks > 1" + ")" * 2_000
    yield "9" * 9_999
    yield "99999999999999999999 * " * 40 + "99999999999999999999"
    yield "1 / 0.00000000000000000001 / " * 30 + "0.00000000000000000001"
    yield "date('2026-01-01') + 99999999999999999999 years"
    yield "date('9999-12-31') + 9999999 days > date('0001-01-01') - 833333 years"
    yield "days(99999999999999999999) * 99999999999999999999 = 1 day"
    yield "a" * 10_000
    yield "a." * 4_999 + "a"
    yield "s[99999999999999999999].f.i > 1"
    yield "'" + "x" * 9_990 + "' = a"
    yield "'" * 9_999
    yield "\N{PILE OF POO}" * 2_400
    yield "\ud800" * 3_000
    yield " " * 10_000
    yield "#" * 10_000
    yield " and ".join(["count(trials) > 1"] * 500)


@pytest.mark.parametrize("text", list(hostile()), ids=lambda text: text[:24].encode("ascii", "replace").decode())
def test_hostile_texts_stay_within_bounds(text: str) -> None:
    tracemalloc.start()
    judged(text)
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MEMORY


def test_the_bounds_themselves_are_told_apart() -> None:
    with pytest.raises(ExpressionError, match=f"more than {DEEPEST} levels"):
        parse("-" * (DEEPEST + 1) + "1")
    with pytest.raises(ExpressionError, match=f"more than {MOST_PARTS} parts"):
        parse("a in (" + ",".join(["1"] * MOST_PARTS) + ")")


def test_a_number_too_large_to_reckon_with_is_unknown() -> None:
    text = " * ".join(["99999999999999999999"] * 50)
    assert isinstance(parse(text).evaluate(lambda path: None), Decimal)
    assert parse("huge * huge").evaluate(lambda path: Decimal("9e999998")) is None
