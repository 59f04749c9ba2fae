"""A page of the audit trail: the acts next to a number, found in a long trail in as much time as in a short one.

Nothing is counted and nothing skipped: a page begins at a number and follows an index. What no index finds is held
against each entry, in one request against so many of them; the page then says how far it looked.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TypeAlias

from django.db.models import Count, Max, Min, Q

from audit.models import SHEET, Condition, LedgerEntry, LedgerHead, LedgerQuerySet, Sheet

LOOKED = 10_000
"""Entries of an index at which one request looks for what no index finds."""
READ = 50_000
"""Entries at which it looks where there is no index to follow."""
MATCHES = 500
"""Entries found on which one page of acts rests."""
ACTS = 25
LISTED = 25
"""Entries of one act that stand in a list of acts; one with more has them on its own page."""
LINES = 100
"""Entries on that page."""

DAY = datetime.timedelta(days=1)

Clause: TypeAlias = tuple[Condition, ...]
"""An entry meets one of these conditions, and each has an index in the order of the trail."""
NOWHERE: Clause = (("pk__in", ()),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is asked of the trail: entries from ``first`` to ``last`` that meet every clause.

    ``readable``: what this person may read; ``rows``: of that, what meets whatever else is asked and no index finds.
    """

    readable: LedgerQuerySet
    rows: LedgerQuerySet
    first: int
    last: int
    clauses: tuple[Clause, ...] = ()

    @property
    def passes_over(self) -> bool:
        """Whether entries that an index finds may be none that is asked for."""
        return len(self.clauses) > 1 or bool(self.rows.query.where)

    def begins(self, *, before: int | None, after: int | None, oldest_first: bool) -> Way:
        """Where a page begins that was asked for by a number, or by none."""
        if before is None and (oldest_first or after is not None):
            return Way(self._inside(self.first - 1 if after is None else after), to_newer=True)
        return Way(self._inside(self.last + 1 if before is None else before))

    def _inside(self, number: int) -> int:
        return max(self.first - 1, min(number, self.last + 1))

    def is_at_an_end(self, way: Way) -> bool:
        """Whether there is nothing behind the first entry of a page."""
        return way.start == (self.first - 1 if way.to_newer else self.last + 1)

    def entries(self, clause: Clause = ()) -> LedgerQuerySet:
        """Those found, as far as no index is needed for ``clause``."""
        rows = self.rows.filter(seq__gte=self.first, seq__lte=self.last)
        for other in self.clauses:
            rows = rows if other == clause else rows.besides(*other)
        return rows

    def everything(self) -> LedgerQuerySet:
        """Every entry found, oldest first, however long it takes."""
        clause = self.clauses[0] if self.clauses else ()
        either = Q(*clause, _connector=Q.OR)
        return self.entries(clause).filter(either).order_by("seq")


@dataclass(frozen=True, slots=True)
class Way:
    """From ``start`` on, without it: to the older entries, or to the newer ones."""

    start: int
    to_newer: bool = False

    def until(self, rows: LedgerQuerySet, condition: Condition | None, end: int | None = None) -> LedgerQuerySet:
        """The entries on the way that meet the condition, the nearest first, the last of them ``end``.

        By the index of the condition: that is in the order of the sheets, on each of which few entries are sorted.
        """
        order = ["seq"]
        if condition is not None:
            rows, order = rows.alias(sheet=Sheet("seq")).filter(condition), ["sheet", "seq"]
        for side, number in (("gt" if self.to_newer else "lt", self.start), ("lte" if self.to_newer else "gte", end)):
            if number is not None:
                rows = rows.filter(**{f"seq__{side}": number})
            if number is not None and condition is not None:
                rows = rows.filter(**{f"sheet__{side[0]}te": number // SHEET})
        return rows.order_by(*(name if self.to_newer else f"-{name}" for name in order))

    def after(self, entries: int) -> int:
        return self.start + entries if self.to_newer else self.start - entries

    def nearest(self, numbers: Iterable[int]) -> int:
        return min(numbers) if self.to_newer else max(numbers)

    def farthest(self, numbers: Iterable[int]) -> int:
        return max(numbers) if self.to_newer else min(numbers)


@dataclass(frozen=True, slots=True)
class Stretch:
    """What was found next to one another, the nearest first: number and act. ``end``: the last entry looked at; None
    where all were."""

    found: list[tuple[int, str]]
    end: int | None


def stretch(search: Search, way: Way, most: int) -> Stretch:
    """The nearest entries, at most so many."""
    clause, end = _index_for(search, way)
    # A question for each condition, so that each follows its own index and stops in time.
    asked = [way.until(search.entries(clause), condition, end) for condition in clause or (None,)]
    pairs = chain.from_iterable(rows.values_list("seq", "act")[: most + 1] for rows in asked)
    found = sorted(set(pairs), reverse=not way.to_newer)
    return Stretch(found[:most], found[most - 1][0] if len(found) > most else end)


def _index_for(search: Search, way: Way) -> tuple[Clause, int | None]:
    """The clause to look up, and how far to look: of several the one that reaches farthest."""
    clauses = search.clauses or ((),)
    if not search.passes_over:
        return clauses[0], None
    border = search.last if way.to_newer else search.first
    reached = {clause: _reach(clause, way, border) for clause in clauses}
    end = way.farthest(reached.values())
    return next(clause for clause in clauses if reached[clause] == end), None if end == border else end


def _reach(clause: Clause, way: Way, border: int) -> int:
    """How far the entries reach that one request may look at, no farther than ``border``."""
    if not clause:
        return way.nearest((way.after(READ), border))
    asked = (way.until(LedgerEntry.objects.all(), condition, border) for condition in clause)
    ends = (rows.values_list("seq", flat=True)[LOOKED - 1 : LOOKED] for rows in asked)
    return way.nearest((*chain.from_iterable(ends), border))


@dataclass(frozen=True, slots=True)
class ShownAct:
    """What a person may read of one act. ``own``: the first entry that is no consequence; ``has_more``: than these."""

    lines: Sequence[LedgerEntry]
    own: LedgerEntry | None
    has_more: bool

    @property
    def number(self) -> int:
        return self.lines[0].seq


@dataclass(frozen=True, slots=True)
class ActsPage:
    """``acts``, the newest first; the numbers where ``newer`` and ``older`` ones begin, None where there are none.

    ``looked``: the first and last entry looked at, where the search is not at its end; it goes on ``to_newer`` ones or
    to older ones.
    """

    acts: Sequence[ShownAct]
    newer: int | None
    older: int | None
    looked: tuple[int, int] | None = None
    to_newer: bool = False


def between(since: datetime.datetime | None, until: datetime.datetime | None) -> tuple[int, int]:
    """The numbers of the first and the last entry from one moment until before another.

    A day is added on both sides, for a clock that was put back: the times of what is found still have to be compared.
    """
    first, last = 1, LedgerHead.objects.values_list("seq", flat=True).get(pk=1)
    times = LedgerEntry.objects.values_list("seq", flat=True)
    if since is not None:
        first = times.filter(at__gte=_moved(since, -DAY)).order_by("at", "seq").first() or last + 1
    if until is not None:
        last = times.filter(at__lt=_moved(until, DAY)).order_by("-at", "-seq").first() or first - 1
    return first, last


def _moved(moment: datetime.datetime, by: datetime.timedelta) -> datetime.datetime:
    """At the very ends of the calendar there is no day before or after."""
    try:
        return moment.astimezone(datetime.UTC) + by
    except OverflowError:
        return moment


def acts_page(search: Search, way: Way) -> ActsPage:
    """The nearest acts in which something was found, each as a whole."""
    found = stretch(search, way, MATCHES)
    names = list(dict.fromkeys(act for _number, act in found.found))
    spans = _spans(names[:ACTS])
    acts = sorted(_shown(search.readable, spans), key=lambda act: act.number, reverse=True)
    edges = [edge for act in acts for edge in _edges(act, spans)]
    ends = [] if found.end is None or len(names) > ACTS else [found.end]
    on = way.farthest([*edges, *ends]) if ends or len(names) > ACTS else None
    back = None if search.is_at_an_end(way) else way.nearest(edges or [way.after(1)])
    return ActsPage(
        acts,
        newer=on if way.to_newer else back,
        older=back if way.to_newer else on,
        looked=_in_order(way.after(1), *ends) if len(found.found) < MATCHES else None,
        to_newer=way.to_newer,
    )


def _edges(act: ShownAct, spans: Mapping[str, tuple[int, int, int]]) -> tuple[int, int]:
    """The first and the last entry of an act that this person may read: the address of a page names no other."""
    last = act.lines[-1]
    return act.number, spans[last.act][1] if act.has_more else last.seq


def _in_order(begin: int, end: int | None = None) -> tuple[int, int] | None:
    return None if end is None else (min(begin, end), max(begin, end))


def _spans(acts: Sequence[str]) -> dict[str, tuple[int, int, int]]:
    """Of each act its first and its last entry and how many there are, read or not by this person."""
    whole = LedgerEntry.objects.filter(act__in=acts).order_by().values_list("act")
    counted = whole.annotate(Min("seq"), Max("seq"), Count("seq"))
    return {act: (first, last, lines) for act, first, last, lines in counted}


def _shown(readable: LedgerQuerySet, spans: Mapping[str, tuple[int, int, int]]) -> Iterator[ShownAct]:
    beginnings = Q(pk__in=())
    for act, (first, _last, _count) in spans.items():
        beginnings |= Q(act=act, seq__lte=first + LISTED)
    found: dict[str, list[LedgerEntry]] = {act: [] for act in spans}
    for entry in readable.filter(beginnings).order_by("seq"):
        found[entry.act].append(entry)
    for act, lines in found.items():
        # Where some of the first are hidden, there may be others farther on.
        is_whole = len(lines) > LISTED or spans[act][2] <= LISTED
        yield _cut(lines, LISTED) if is_whole else _lines(readable, act, 0, LISTED)


def lines_of(readable: LedgerQuerySet, act: str, after: int) -> ShownAct:
    """The entries of one act behind that number, as many as its page has; there is at least one of it."""
    shown = _lines(readable, act, after, LINES)
    # What the act is called stands at its beginning, whatever its page begins with.
    return replace(shown, own=_lines(readable, act, 0, LISTED).own) if after else shown


def whole(lines: Sequence[LedgerEntry]) -> ShownAct:
    """An act of which these are all entries that are asked for."""
    return _cut(lines, len(lines))


def _lines(readable: LedgerQuerySet, act: str, after: int, most: int) -> ShownAct:
    return _cut(list(readable.filter(act=act, seq__gt=after).order_by("seq")[: most + 1]), most)


def _cut(lines: Sequence[LedgerEntry], most: int) -> ShownAct:
    own = next((entry for entry in lines if not entry.cause), lines[0] if lines else None)
    return ShownAct(lines[:most], own, has_more=len(lines) > most)
