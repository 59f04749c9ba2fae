"""The language of edit checks, skip logic, derived items and gates: its grammar, and texts made into trees.

References: ``item`` (on the same form), ``visit.form.item``, ``visit[3].form.item`` (an occurrence of a visit that
returns), ``previous.form.item`` (the nearest earlier visit with that form); in a group with rows ``group.item`` inside
an aggregate such as ``sum(trials.weeks)``, elsewhere ``visit.form.group.item``. An expression is at most 10 kB, 60
levels and 2000 parts; each part is worked out once, in an aggregate once a row.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Any

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from trialmgr.protocol.durations import duration
from trialmgr.protocol.expressions.functions import AGGREGATES, FUNCTIONS, Function
from trialmgr.protocol.expressions.kinds import ExpressionError, Kind, KindOf, Path
from trialmgr.protocol.expressions.nodes import (
    IN_ROWS,
    Aggregate,
    Arithmetic,
    Call,
    Choice,
    Comparison,
    Constant,
    Holding,
    Inverse,
    Junction,
    Lookup,
    Membership,
    Node,
    Presence,
    Reference,
    references,
)
from trialmgr.protocol.model import MOST_OCCURRENCES
from trialmgr.protocol.values import Value

LONGEST = 10_000  # bytes
DEEPEST = 60  # levels
MOST_PARTS = 2000

RESERVED = frozenset({"and", "or", "not", "in", "is", "has", "missing", "present", "true", "false"})

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
        | NAME ["[" NUMBER "]"] ("." NAME)* -> reference
        | "(" either ")"
    ?option: constant
        | MINUS NUMBER -> negative_number
        | NAME "(" TEXT ")" -> option_date
    ?constant: NUMBER -> number
        | NUMBER UNIT -> duration
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
    UNIT: /(?:minute|hour|day|week|month|year)s?\b/
    TEXT: /'[^'\n]*'/
    NAME: /[A-Za-z_][A-Za-z0-9_]*/
    %ignore /[ \t\r\n]+/
"""


@dataclass(frozen=True)
class Expression:
    """A parsed expression. ``text`` is what was written, ``root`` the tree."""

    text: str
    root: Node = field(compare=False, repr=False)

    @property
    def references(self) -> frozenset[Path]:
        return frozenset(reference.path for reference in self.reference_nodes())

    @property
    def reads(self) -> frozenset[Path]:
        """Every path that decides the value: references, and groups whose rows are counted."""
        groups = (aggregate.group for aggregate in self.aggregates() if aggregate.name == "count")
        return self.references | {group for group in groups if group is not None}

    def reference_nodes(self) -> Iterator[Reference]:
        """Every reference in order of reading, with its column."""
        return references(self.root)

    def results(self) -> Iterator[Node]:
        """The parts whose value may become that of the whole: several where it chooses."""
        waiting = [self.root]
        while waiting:
            node = waiting.pop()
            if isinstance(node, Choice):
                waiting += [node.other, node.one]
            else:
                yield node

    def aggregates(self) -> Iterator[Aggregate]:
        return (node for node in _nodes(self.root) if isinstance(node, Aggregate))

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
    _check_size(root)
    _check_rows(root)
    expression = Expression(text, root)
    expression.kind(lambda path: None)
    return expression


@lru_cache(maxsize=1)
def _parser() -> Lark:
    return Lark(_GRAMMAR, parser="lalr", transformer=_TreeMaker())


_EXAMPLE = "write for example: weight_kg > 40 and sex = 'f'"
_HABITS = {
    "==": "write one = for equal, != for unequal",
    "=>": "write >=",
    "=<": "write <=",
    "<>": "write !=",
    "&": "write and",
    "|": "write or",
    "!": "write not, or != for unequal",
    '"': "put a text in single quotes",
    "^": "there are no powers: multiply",
    "%": "there are no percentages: use percent_fall, or divide",
    ";": "an expression is one line of thought: leave out the ;",
}


def _syntax_error(text: str, problem: UnexpectedInput) -> ExpressionError:
    if isinstance(problem, UnexpectedCharacters):
        sign = text[problem.pos_in_stream or 0]
        mend = _HABITS.get(sign, _EXAMPLE)
        return ExpressionError(f"the sign {sign!r} has no meaning here", column=_at(problem), mend=mend)
    token = problem.token if isinstance(problem, UnexpectedToken) else None
    if token is None or token.type == "$END":
        return ExpressionError("the expression stops too early", column=max(len(text), 1), mend=_EXAMPLE)
    word, place = str(token).lower(), problem.pos_in_stream or 0
    habit = _HABITS.get(text[max(place - 1, 0) : place + 1], _EXAMPLE)
    mend = f"write {word} in small letters" if word in RESERVED - {str(token)} else habit
    return ExpressionError(f"{str(token)[:40]!r} cannot stand here", column=_at(problem), mend=mend)


def _at(problem: UnexpectedInput) -> int:
    return (problem.pos_in_stream or 0) + 1


def _check_size(root: Node) -> None:
    level: list[Node] = [root]
    parts = 0
    for _ in range(DEEPEST):
        parts += len(level)
        if parts > MOST_PARTS:
            break
        level = [part for node in level for part in node.parts]
        if not level:
            return
    limit = f"has more than {MOST_PARTS} parts" if parts > MOST_PARTS else f"is nested more than {DEEPEST} levels deep"
    raise ExpressionError(f"the expression {limit}", column=level[0].column, mend="split it over derived items")


def _nodes(root: Node) -> Iterator[Node]:
    waiting = [root]
    while waiting:
        node = waiting.pop()
        waiting.extend(reversed(node.parts))
        yield node


def _check_rows(root: Node) -> None:
    """What stands in rows is read inside one aggregate, over one group; aggregates do not hold one another."""
    waiting: list[tuple[Node, Path | None]] = [(root, None)]
    while waiting:
        node, group = waiting.pop()
        if isinstance(node, Reference) and len(node.path) in IN_ROWS and node.path[:-1] != group:
            raise _misplaced(node, group)
        if isinstance(node, Aggregate):
            group = _group_reckoned_over(node, group)
        waiting.extend((part, group) for part in node.parts)


def _group_reckoned_over(node: Aggregate, outer: Path | None) -> Path | None:
    if node.group is None and node.name not in FUNCTIONS:
        raise ExpressionError(
            f"{node.name}() reckons over the rows of a group",
            column=node.column,
            mend="name a group: count(trials), sum(trials.weeks), any(trials.weeks > 4)",
        )
    if node.group is not None and outer is not None:
        raise ExpressionError(
            f"{node.name}() stands inside another function over rows",
            column=node.column,
            mend="let a derived item hold the inner part",
        )
    return node.group or outer


def _misplaced(reference: Reference, group: Path | None) -> ExpressionError:
    name = ".".join(reference.path)[:80]
    if group is not None:
        message = f"{name!r} stands in another group than {'.'.join(group)!r}"
        return ExpressionError(message, column=reference.column, mend="reckon over one group at a time")
    return ExpressionError(
        f"{name!r} is neither item nor visit.form.item",
        column=reference.column,
        mend="write the item's key alone, visit.form.item, or sum() and the like over the rows of a group",
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

    def duration(self, number: Token, unit: Token) -> Constant:
        amount = duration(int(number), str(unit)) if number.isdigit() else None
        if amount is None:
            raise ExpressionError(
                f"{number!s} {unit} is no duration", column=_column(number), mend="write a whole number, as 6 weeks"
            )
        return Constant(amount, _column(number))

    def reference(self, first: Token, ordinal: Token | None, *rest: Token) -> Reference:
        column = _column(first)
        names = tuple(str(name) for name in (first, *rest))
        if len(names) > LONGEST_PATH or (ordinal is not None and len(names) < 3):
            raise ExpressionError(
                f"{'.'.join(names)[:80]!r} is neither item nor visit.form.item",
                column=column,
                mend="write the item's key alone, or visit.form.item",
            )
        return Reference((_occurrence(first, ordinal), *names[1:]), column)

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
        if name == "if" and len(parts) == 3:
            return Choice(*parts, _column(name))
        if str(name) in AGGREGATES and len(parts) == 1:
            return Aggregate(str(name), parts[0], _column(name))
        function = FUNCTIONS.get(str(name))
        if function is None:
            raise _no_function(name, len(parts))
        if not function.least <= len(parts) <= function.most:
            raise ExpressionError(
                f"{name} takes {_count(function)}, not {len(parts)}", column=_column(name), mend="add or remove values"
            )
        return Call(str(name), parts, _column(name))


LONGEST_PATH = 4


def _occurrence(visit: Token, ordinal: Token | None) -> str:
    """``session[3]`` as the name of that occurrence, ``session-3``."""
    if ordinal is None:
        return str(visit)
    if not ordinal.isdigit() or not 1 <= int(ordinal) <= MOST_OCCURRENCES:
        raise ExpressionError(
            f"{ordinal!s} is no place in a row of visits",
            column=_column(ordinal),
            mend="count from 1, as session[6]",
        )
    return f"{visit}-{int(ordinal)}"


def known_functions() -> tuple[str, ...]:
    """The names of all functions, in order of the alphabet."""
    return tuple(sorted({*FUNCTIONS, *AGGREGATES, "date", "if"}))


def _no_function(name: Token, count: int) -> ExpressionError:
    column = _column(name)
    if name == "if":
        return ExpressionError(f"if takes 3 values, not {count}", column=column, mend="write if(test, one, other)")
    if str(name) in AGGREGATES:
        return ExpressionError(f"{name} takes 1 value, not {count}", column=column, mend="add or remove values")
    return ExpressionError(
        f"there is no function {str(name)[:40]!r}", column=column, mend=f"use one of {', '.join(known_functions())}"
    )


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
