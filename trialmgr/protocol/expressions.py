"""The language of edit checks, skip logic, derived items and gates.

Three-valued logic after Kleene: None is *unknown* (an answer is missing), and stays unknown unless the other side
decides. Numbers are exact decimals; a division by zero is unknown. Nothing here is run as Python: a text becomes a
tree of the nodes below, and each node knows its value, its kind and its parts.

References: ``item`` (on the same form) or ``visit.form.item``.
"""

from __future__ import annotations

import datetime as dt
import enum
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import lru_cache
from typing import Any, Protocol, TypeAlias

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from trialmgr.protocol.values import PartialDate, Value

LONGEST = 10_000  # bytes
DEEPEST = 60  # levels

Path: TypeAlias = tuple[str, ...]
Lookup: TypeAlias = Callable[[Path], Value]

RESERVED = frozenset({"and", "or", "not", "in", "is", "has", "missing", "present", "true", "false"})

_ARITHMETIC = Context(prec=28, rounding=ROUND_HALF_EVEN, Emax=999_999, Emin=-999_999, traps=[])

_GRAMMAR = r"""
    ?start: either
    ?either: both ("or" both)*
    ?both: negation ("and" negation)*
    ?negation: NOT negation -> inverse
        | test
    ?test: sum
        | sum COMPARE sum -> comparison
        | sum "is" (MISSING | PRESENT) -> presence
        | sum "in" "(" option ("," option)* ")" -> membership
        | sum "has" TEXT -> holding
    ?sum: product
        | sum (PLUS | MINUS) product -> arithmetic
    ?product: sign
        | product (TIMES | OVER) sign -> arithmetic
    ?sign: MINUS sign -> negative
        | atom
    ?atom: constant
        | NAME "(" [either ("," either)*] ")" -> call
        | NAME ("." NAME)* -> reference
        | "(" either ")"
    ?option: constant
        | MINUS NUMBER -> negative_number
        | NAME "(" TEXT ")" -> option_date
    ?constant: NUMBER -> number
        | TEXT -> text
        | TRUE -> truth
        | FALSE -> truth

    NOT: "not"
    MISSING: "missing"
    PRESENT: "present"
    TRUE: "true"
    FALSE: "false"
    COMPARE: "!=" | "<=" | ">=" | "<" | ">" | "="
    PLUS: "+"
    MINUS: "-"
    TIMES: "*"
    OVER: "/"
    NUMBER: /[0-9]{1,20}(\.[0-9]{1,20})?/
    TEXT: /'[^'\n]*'/
    NAME: /[A-Za-z_][A-Za-z0-9_]*/
    %ignore /[ \t\r\n]+/
"""


class ExpressionError(ValueError):
    """The text is not an expression, or its parts do not fit together. ``column`` counts from 1."""

    def __init__(self, message: str, *, column: int, mend: str) -> None:
        super().__init__(message)
        self.message, self.column, self.mend = message, column, mend

    def __str__(self) -> str:
        return f"column {self.column}: {self.message} — {self.mend}"


class Kind(enum.StrEnum):
    """What sort of value a node gives, as far as it is known before any value is there."""

    NUMBER = "a number"
    DATE = "a date"
    TIME = "a time"
    TEXT = "a text"
    TRUTH = "true or false"
    CODES = "several codes"


KindOf: TypeAlias = Callable[[Path], Kind | None]


class Node(Protocol):
    """One part of an expression. ``kind`` raises ExpressionError when parts cannot go together."""

    @property
    def column(self) -> int: ...

    @property
    def parts(self) -> tuple[Node, ...]: ...

    def value(self, lookup: Lookup) -> Value: ...

    def kind(self, kind_of: KindOf) -> Kind | None: ...


@dataclass(frozen=True, slots=True)
class Constant:
    content: Decimal | dt.date | str | bool
    column: int
    parts: tuple[Node, ...] = ()

    def value(self, lookup: Lookup) -> Value:
        return self.content

    def kind(self, kind_of: KindOf) -> Kind | None:
        return _kind_of_value(self.content)


@dataclass(frozen=True, slots=True)
class Reference:
    path: Path
    column: int
    parts: tuple[Node, ...] = ()

    def value(self, lookup: Lookup) -> Value:
        return lookup(self.path)

    def kind(self, kind_of: KindOf) -> Kind | None:
        return kind_of(self.path)


@dataclass(frozen=True, slots=True)
class Inverse:
    part: Node
    column: int

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.part,)

    def value(self, lookup: Lookup) -> Value:
        truth = _truth(self.part.value(lookup))
        return None if truth is None else not truth

    def kind(self, kind_of: KindOf) -> Kind | None:
        _demand(self.part, Kind.TRUTH, kind_of)
        return Kind.TRUTH


@dataclass(frozen=True, slots=True)
class Junction:
    """``and`` (decided by a false part) or ``or`` (decided by a true one) over two or more parts."""

    parts: tuple[Node, ...]
    decided_by: bool
    column: int

    def value(self, lookup: Lookup) -> Value:
        unknown = False
        for part in self.parts:
            truth = _truth(part.value(lookup))
            if truth is self.decided_by:
                return truth
            unknown = unknown or truth is None
        return None if unknown else not self.decided_by

    def kind(self, kind_of: KindOf) -> Kind | None:
        for part in self.parts:
            _demand(part, Kind.TRUTH, kind_of)
        return Kind.TRUTH


@dataclass(frozen=True, slots=True)
class Comparison:
    sign: str
    left: Node
    right: Node
    column: int

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.left, self.right)

    def value(self, lookup: Lookup) -> Value:
        return _compare(self.sign, self.left.value(lookup), self.right.value(lookup))

    def kind(self, kind_of: KindOf) -> Kind | None:
        kinds = _kinds_compared(self.parts, kind_of, self.column)
        if self.sign not in ("=", "!=") and kinds & {Kind.TEXT, Kind.TRUTH, Kind.CODES}:
            raise ExpressionError(
                f"{kinds.pop()} has no order", column=self.column, mend="use = or != here, or compare numbers or dates"
            )
        return Kind.TRUTH


@dataclass(frozen=True, slots=True)
class Presence:
    part: Node
    wanted: bool
    column: int

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.part,)

    def value(self, lookup: Lookup) -> Value:
        return (self.part.value(lookup) is not None) is self.wanted

    def kind(self, kind_of: KindOf) -> Kind | None:
        self.part.kind(kind_of)
        return Kind.TRUTH


@dataclass(frozen=True, slots=True)
class Membership:
    """``x in ('a', 'b')``."""

    part: Node
    options: tuple[Constant, ...]
    column: int

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.part, *self.options)

    def value(self, lookup: Lookup) -> Value:
        value = self.part.value(lookup)
        found = [_compare("=", value, option.content) for option in self.options]
        return True if True in found else None if None in found else False

    def kind(self, kind_of: KindOf) -> Kind | None:
        _kinds_compared(self.parts, kind_of, self.column)
        return Kind.TRUTH


@dataclass(frozen=True, slots=True)
class Holding:
    """``effects has 'nausea'``: one code among the several that were chosen."""

    part: Node
    code: str
    column: int

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.part,)

    def value(self, lookup: Lookup) -> Value:
        value = self.part.value(lookup)
        return self.code in value if isinstance(value, tuple) else None

    def kind(self, kind_of: KindOf) -> Kind | None:
        _demand(self.part, Kind.CODES, kind_of)
        return Kind.TRUTH


@dataclass(frozen=True, slots=True)
class Arithmetic:
    sign: str
    left: Node
    right: Node
    column: int

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.left, self.right)

    def value(self, lookup: Lookup) -> Value:
        return _number_function(_OPERATIONS[self.sign])(self.left.value(lookup), self.right.value(lookup))

    def kind(self, kind_of: KindOf) -> Kind | None:
        for part in self.parts:
            _demand(part, Kind.NUMBER, kind_of)
        return Kind.NUMBER


@dataclass(frozen=True, slots=True)
class Call:
    name: str
    parts: tuple[Node, ...]
    column: int

    def value(self, lookup: Lookup) -> Value:
        return FUNCTIONS[self.name].apply(*(part.value(lookup) for part in self.parts))

    def kind(self, kind_of: KindOf) -> Kind | None:
        function = FUNCTIONS[self.name]
        for place, part in enumerate(self.parts):
            _demand_one_of(part, function.takes[min(place, len(function.takes) - 1)], kind_of)
        return function.gives


@dataclass(frozen=True, slots=True)
class Function:
    """``takes``: the kinds each argument may have; the last one stands for all that follow up to ``most``."""

    apply: Callable[..., Value]
    takes: tuple[frozenset[Kind], ...]
    gives: Kind
    least: int
    most: int


@dataclass(frozen=True)
class Expression:
    """A parsed expression. ``text`` is what was written, ``root`` the tree."""

    text: str
    root: Node = field(compare=False, repr=False)

    @property
    def references(self) -> frozenset[Path]:
        return frozenset(reference.path for reference in self.reference_nodes())

    def reference_nodes(self) -> Iterator[Reference]:
        """Every reference in order of reading, with its column."""
        waiting: list[Node] = [self.root]
        while waiting:
            node = waiting.pop()
            waiting.extend(reversed(node.parts))
            if isinstance(node, Reference):
                yield node

    def evaluate(self, lookup: Lookup) -> Value:
        """The value, or None when it is unknown. ``lookup`` gives typed values and None for what is missing."""
        return self.root.value(lookup)

    def kind(self, kind_of: KindOf) -> Kind | None:
        """The kind of the value; ExpressionError when values of these kinds cannot go together."""
        return self.root.kind(kind_of)


@lru_cache(maxsize=4096)
def parse(text: str) -> Expression:
    """The expression that ``text`` spells; ExpressionError otherwise. At most 10 kB and 60 levels deep."""
    if len(text.encode("utf-8", "replace")) > LONGEST:
        raise ExpressionError("the expression is longer than 10 kB", column=1, mend="split it over derived items")
    try:
        root: Node = _parser().parse(text)  # type: ignore[assignment]  # lark does not know what the callbacks return
    except UnexpectedInput as problem:
        raise _syntax_error(text, problem) from None
    _check_depth(root)
    expression = Expression(text, root)
    expression.kind(lambda path: None)
    return expression


@lru_cache(maxsize=1)
def _parser() -> Lark:
    return Lark(_GRAMMAR, parser="lalr", transformer=_TreeMaker())


def _syntax_error(text: str, problem: UnexpectedInput) -> ExpressionError:
    mend = "write for example: weight_kg > 40 and sex = 'f'"
    if isinstance(problem, UnexpectedCharacters):
        return ExpressionError(
            f"the sign {text[problem.pos_in_stream or 0]!r} has no meaning here", column=_at(problem), mend=mend
        )
    token = problem.token if isinstance(problem, UnexpectedToken) else None
    if token is None or token.type == "$END":
        return ExpressionError("the expression stops too early", column=max(len(text), 1), mend=mend)
    return ExpressionError(f"{str(token)[:40]!r} cannot stand here", column=_at(problem), mend=mend)


def _at(problem: UnexpectedInput) -> int:
    return (problem.pos_in_stream or 0) + 1


def _check_depth(root: Node) -> None:
    level: list[Node] = [root]
    for _ in range(DEEPEST):
        level = [part for node in level for part in node.parts]
        if not level:
            return
    raise ExpressionError(
        f"the expression is nested more than {DEEPEST} levels deep",
        column=level[0].column,
        mend="split it over derived items",
    )


@v_args(inline=True)
class _TreeMaker(Transformer[Token, Any]):
    """Called by the parser as each rule is complete, so trees are built from the leaves up."""

    def number(self, token: Token) -> Constant:
        return Constant(Decimal(token), _column(token))

    def negative_number(self, sign: Token, token: Token) -> Constant:
        return Constant(-Decimal(token), _column(sign))

    def text(self, token: Token) -> Constant:
        return Constant(str(token)[1:-1], _column(token))

    def truth(self, token: Token) -> Constant:
        return Constant(token.type == "TRUE", _column(token))

    def reference(self, *names: Token) -> Reference:
        column = _column(names[0])
        if len(names) not in (1, 3):
            raise ExpressionError(
                f"{'.'.join(names)!r} is neither item nor visit.form.item",
                column=column,
                mend="write the item's key alone, or visit.form.item",
            )
        return Reference(tuple(str(name) for name in names), column)

    def either(self, *parts: Node) -> Junction:
        return Junction(parts, True, parts[0].column)

    def both(self, *parts: Node) -> Junction:
        return Junction(parts, False, parts[0].column)

    def inverse(self, sign: Token, part: Node) -> Inverse:
        return Inverse(part, _column(sign))

    def comparison(self, left: Node, sign: Token, right: Node) -> Comparison:
        return Comparison(str(sign), left, right, _column(sign))

    def presence(self, part: Node, word: Token) -> Presence:
        return Presence(part, word == "present", part.column)

    def membership(self, part: Node, *options: Constant) -> Membership:
        return Membership(part, options, part.column)

    def holding(self, part: Node, code: Token) -> Holding:
        return Holding(part, str(code)[1:-1], part.column)

    def option_date(self, name: Token, written: Token) -> Constant:
        if name != "date":
            raise ExpressionError(
                f"{str(name)[:40]!r} cannot stand in a list", column=_column(name), mend="list numbers, texts or dates"
            )
        return _date_constant(name, (self.text(written),))

    def arithmetic(self, left: Node, sign: Token, right: Node) -> Arithmetic:
        return Arithmetic(str(sign), left, right, _column(sign))

    def negative(self, sign: Token, part: Node) -> Arithmetic:
        return Arithmetic("-", Constant(Decimal(0), _column(sign)), part, _column(sign))

    def call(self, name: Token, *given: Node | None) -> Node:
        parts = tuple(part for part in given if part is not None)
        if name == "date":
            return _date_constant(name, parts)
        function = FUNCTIONS.get(str(name))
        if function is None:
            known = ", ".join(sorted([*FUNCTIONS, "date"]))
            raise ExpressionError(
                f"there is no function {str(name)[:40]!r}", column=_column(name), mend=f"use one of {known}"
            )
        if not function.least <= len(parts) <= function.most:
            raise ExpressionError(
                f"{name} takes {_count(function)}, not {len(parts)}", column=_column(name), mend="add or remove values"
            )
        return Call(str(name), parts, _column(name))


def _column(token: Token) -> int:
    return (token.start_pos or 0) + 1


def _count(function: Function) -> str:
    if function.least == function.most:
        return f"{function.least} value{'s' if function.least > 1 else ''}"
    return f"{function.least} to {function.most} values"


def _date_constant(name: Token, parts: tuple[Node, ...]) -> Constant:
    written = parts[0].content if len(parts) == 1 and isinstance(parts[0], Constant) else None
    try:
        return Constant(dt.date.fromisoformat(str(written)), _column(name))
    except ValueError:
        raise ExpressionError(
            "date() wants one existing day", column=_column(name), mend="write date('2026-05-31')"
        ) from None


def _demand(part: Node, kind: Kind, kind_of: KindOf) -> None:
    _demand_one_of(part, frozenset({kind}), kind_of)


def _demand_one_of(part: Node, kinds: frozenset[Kind], kind_of: KindOf) -> None:
    found = part.kind(kind_of)
    if found is not None and found not in kinds:
        wanted = " or ".join(sorted(kinds))
        raise ExpressionError(
            f"here stands {found} where {wanted} is wanted", column=part.column, mend=f"give {wanted}"
        )


def _kinds_compared(parts: tuple[Node, ...], kind_of: KindOf, column: int) -> set[Kind]:
    kinds = {kind for part in parts if (kind := part.kind(kind_of)) is not None}
    if len(kinds) > 1:
        first, second = sorted(kinds)[:2]
        raise ExpressionError(f"{first} is compared with {second}", column=column, mend="compare values of one kind")
    return kinds


def _kind_of_value(value: Decimal | dt.date | str | bool) -> Kind:
    kinds: Mapping[type, Kind] = {bool: Kind.TRUTH, Decimal: Kind.NUMBER, str: Kind.TEXT, dt.date: Kind.DATE}
    return kinds[type(value)]


def _truth(value: Value) -> bool | None:
    return value if isinstance(value, bool) else None


_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _compare(sign: str, left: Value, right: Value) -> bool | None:
    """Unknown when a side is unknown or the sides are of two sorts, which only data of an older version can be."""
    if isinstance(left, PartialDate) or isinstance(right, PartialDate):
        return _compare_days(sign, _span(left), _span(right))
    if type(left) is not type(right) or left is None:
        return None
    if sign not in ("=", "!=") and isinstance(left, str | bool | tuple):
        return None
    return _ORDER[sign](left, right)


def _span(value: Value) -> PartialDate | None:
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


def _number_function(compute: Callable[..., Decimal]) -> Callable[..., Value]:
    """A function of numbers that is unknown when a number is, or when the result is not a finite number."""

    def apply(*values: Value) -> Value:
        numbers = [value for value in values if isinstance(value, Decimal)]
        if len(numbers) < len(values):
            return None
        result = compute(*numbers)
        return result if result.is_finite() else None

    return apply


_OPERATIONS: dict[str, Callable[[Decimal, Decimal], Decimal]] = {
    "+": _ARITHMETIC.add,
    "-": _ARITHMETIC.subtract,
    "*": _ARITHMETIC.multiply,
    "/": _ARITHMETIC.divide,
}


def _percent_fall(baseline: Decimal, now: Decimal) -> Decimal:
    """How far ``now`` lies under ``baseline``, in percent of it; unknown for a baseline of 0."""
    fall = _ARITHMETIC.multiply(_ARITHMETIC.subtract(baseline, now), Decimal(100))
    return _ARITHMETIC.divide(fall, baseline)


def _days_between(start: Value, end: Value) -> Value:
    if isinstance(start, dt.date) and isinstance(end, dt.date):
        return Decimal((end - start).days)
    return None


def _age_in_years(birth: Value, on: Value) -> Value:
    """Whole years certainly reached: a birth known by year or month only counts as its last possible day."""
    if isinstance(birth, Decimal):
        known = birth == birth.to_integral_value() and 1 <= birth <= 9999
        birth = dt.date(int(birth), 12, 31) if known else None
    span = _span(birth)
    if span is None or not isinstance(on, dt.date):
        return None
    before_birthday = (on.month, on.day) < (span.last.month, span.last.day)
    return Decimal(on.year - span.last.year - before_birthday)


_NUMBER = frozenset({Kind.NUMBER})
_DATE = frozenset({Kind.DATE})

FUNCTIONS: dict[str, Function] = {
    "abs": Function(_number_function(_ARITHMETIC.abs), (_NUMBER,), Kind.NUMBER, 1, 1),
    "min": Function(_number_function(min), (_NUMBER,), Kind.NUMBER, 1, 50),
    "max": Function(_number_function(max), (_NUMBER,), Kind.NUMBER, 1, 50),
    "percent_fall": Function(_number_function(_percent_fall), (_NUMBER,), Kind.NUMBER, 2, 2),
    "days_between": Function(_days_between, (_DATE,), Kind.NUMBER, 2, 2),
    "age_in_years": Function(_age_in_years, (_DATE | _NUMBER, _DATE), Kind.NUMBER, 2, 2),
}
