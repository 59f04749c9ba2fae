"""The parts that an expression is made of. Each knows its value, its kind and its parts; nothing is run as Python.

Three-valued logic after Kleene: None is *unknown* (an answer is missing), and stays unknown unless the other side
decides.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Protocol, TypeAlias, runtime_checkable

from trialmgr.protocol.durations import Duration
from trialmgr.protocol.expressions.arithmetic import compare, reckon
from trialmgr.protocol.expressions.functions import AGGREGATES, FUNCTIONS, unit_kind
from trialmgr.protocol.expressions.kinds import ARITHMETIC, DURATIONS, ORDERED, ExpressionError, Kind, KindOf, Path
from trialmgr.protocol.values import Value

IN_ROWS = (2, 4)
"""Lengths of the paths ``group.item`` and ``visit.form.group.item``, and of groups themselves."""
OF_GROUPS = (1, 3)

Lookup: TypeAlias = Callable[[Path], Value]
"""Typed value of a reference, None for what is missing."""


class Row(Protocol):
    """One row of a group: a lookup in which ``group.item`` means the item of this row."""

    def __call__(self, path: Path) -> Value: ...

    def skips(self, path: Path) -> bool:
        """Whether the item is certainly not asked in this row."""


@runtime_checkable
class HasRows(Protocol):
    """A lookup that knows the rows of groups: ``("trials",)`` here, ``("start", "history", "trials")`` elsewhere."""

    def rows(self, path: Path) -> Sequence[Row] | None: ...


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
    content: Decimal | dt.date | Duration | str | bool
    column: int
    parts: tuple[Node, ...] = ()

    def value(self, lookup: Lookup) -> Value:
        return self.content

    def kind(self, kind_of: KindOf) -> Kind | None:
        return _kind_of_constant(self.content)


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
        truth = as_truth(self.part.value(lookup))
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
            truth = as_truth(part.value(lookup))
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
        return compare(self.sign, self.left.value(lookup), self.right.value(lookup))

    def kind(self, kind_of: KindOf) -> Kind | None:
        kinds = _kinds_compared(self.parts, kind_of, self.column)
        if self.sign not in ("=", "!=") and kinds - ORDERED:
            raise ExpressionError(
                f"{kinds.pop()} has no order",
                column=self.column,
                mend="use = or !=, or compare numbers or dates (a number in quotes is a text)",
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
        found = [compare("=", value, option.content) for option in self.options]
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
        return reckon(self.sign, self.left.value(lookup), self.right.value(lookup))

    def kind(self, kind_of: KindOf) -> Kind | None:
        """What the table of arithmetic says; unknown when the kinds so far known leave several outcomes."""
        left = _demand_one_of(self.left, self._sides(None, 0), kind_of)
        right = _demand_one_of(self.right, self._sides(left, 1), kind_of)
        outcomes = {
            kind
            for (sign, first, second), kind in ARITHMETIC.items()
            if sign == self.sign and left in (None, first) and right in (None, second)
        }
        return outcomes.pop() if len(outcomes) == 1 else None

    def _sides(self, left: Kind | None, side: int) -> frozenset[Kind]:
        """The kinds that may stand on a side, given what stands on the left."""
        pairs = (key[1:] for key in ARITHMETIC if key[0] == self.sign)
        return frozenset(pair[side] for pair in pairs if left in (None, pair[0]))


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
class Choice:
    """``if(test, one, other)``; with an unknown test it is unknown, unless both ways give the same."""

    test: Node
    one: Node
    other: Node
    column: int

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.test, self.one, self.other)

    def value(self, lookup: Lookup) -> Value:
        truth = as_truth(self.test.value(lookup))
        if truth is not None:
            return (self.one if truth else self.other).value(lookup)
        one, other = self.one.value(lookup), self.other.value(lookup)
        return one if compare("=", one, other) else None

    def kind(self, kind_of: KindOf) -> Kind | None:
        _demand(self.test, Kind.TRUTH, kind_of)
        one, other = self.one.kind(kind_of), self.other.kind(kind_of)
        if one is not None and other is not None and one is not other:
            raise ExpressionError(
                f"one way gives {one}, the other {other}", column=self.column, mend="let both ways give the same"
            )
        return one or other


@dataclass(frozen=True)
class Aggregate:
    """A function over the rows of one group: ``part`` is worked out in every row, and ``count`` names the group itself.

    A row whose outcome is unknown because an item is certainly not asked there is passed over. ``min`` and ``max`` of
    something that stands in no rows give just that.
    """

    name: str
    part: Node
    column: int

    @property
    def parts(self) -> tuple[Node, ...]:
        return () if self.name == "count" else (self.part,)

    @cached_property
    def group(self) -> Path | None:
        """The group whose rows are read first; None where nothing stands in rows."""
        if self.name == "count":
            return self.part.path if isinstance(self.part, Reference) and len(self.part.path) in OF_GROUPS else None
        inside = (reference.path[:-1] for reference in references(self.part) if len(reference.path) in IN_ROWS)
        return next(inside, None)

    @cached_property
    def _read(self) -> tuple[Path, ...]:
        return tuple(reference.path for reference in references(self.part) if reference.path[:-1] == self.group)

    def value(self, lookup: Lookup) -> Value:
        if self.group is None:
            return self._plain().value(lookup)
        rows = lookup.rows(self.group) if isinstance(lookup, HasRows) else None
        if rows is None:
            return None
        values = [None] * len(rows) if self.name == "count" else list(self._outcomes(rows))
        return AGGREGATES[self.name].apply(values)

    def _plain(self) -> Call:
        return Call(self.name, self.parts, self.column)

    def _outcomes(self, rows: Sequence[Row]) -> Iterator[Value]:
        for row in rows:
            value = self.part.value(row)
            if value is not None or not any(row.skips(path) for path in self._read):
                yield value

    def kind(self, kind_of: KindOf) -> Kind | None:
        if self.group is None:
            return self._plain().kind(kind_of)
        function = AGGREGATES[self.name]
        found = None if self.name == "count" else _demand_one_of(self.part, function.takes, kind_of)
        return function.gives or found


def references(root: Node) -> Iterator[Reference]:
    """Every reference under a part in order of reading, with its column."""
    waiting: list[Node] = [root]
    while waiting:
        node = waiting.pop()
        waiting.extend(reversed(node.parts))
        if isinstance(node, Reference):
            yield node


def as_truth(value: Value) -> bool | None:
    return value if isinstance(value, bool) else None


def _demand(part: Node, kind: Kind, kind_of: KindOf) -> None:
    _demand_one_of(part, frozenset({kind}), kind_of)


def _demand_one_of(part: Node, kinds: frozenset[Kind], kind_of: KindOf) -> Kind | None:
    found = part.kind(kind_of)
    if found is not None and found not in kinds:
        wanted = " or ".join(sorted(kinds))
        raise ExpressionError(
            f"here stands {found} where {wanted} is wanted", column=part.column, mend=f"give {wanted}"
        )
    return found


def _kinds_compared(parts: tuple[Node, ...], kind_of: KindOf, column: int) -> set[Kind]:
    kinds = {kind for part in parts if (kind := part.kind(kind_of)) is not None}
    if len(kinds) > 1:
        first, second = sorted(kinds)[:2]
        mend = (
            "a month has no fixed length: write `start + 3 months`"
            if kinds <= DURATIONS
            else "compare values of one kind"
        )
        raise ExpressionError(f"{first} is compared with {second}", column=column, mend=mend)
    return kinds


def _kind_of_constant(value: Decimal | dt.date | Duration | str | bool) -> Kind:
    if isinstance(value, Duration):
        return unit_kind(value.unit)
    kinds: Mapping[type, Kind] = {bool: Kind.TRUTH, Decimal: Kind.NUMBER, str: Kind.TEXT, dt.date: Kind.DATE}
    return kinds[type(value)]
