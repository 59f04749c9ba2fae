"""What is still to be done for one participant, in order of its days."""

from __future__ import annotations

import datetime
import enum
import heapq
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field


class Kind(enum.Enum):
    VISIT = "visit"  # the way through the trial waits for these
    EVENT = "event"  # happens only while the participant takes part
    PAPER = "paper"  # queries, corrections, verification: goes on after the end


@dataclass(order=True, slots=True)
class _Errand:
    day: datetime.date
    order: int
    kind: Kind = field(compare=False)
    act: Callable[[], object] = field(compare=False)


class Diary:
    """``day``: how far the story has come. Each iterator names the day of a step and does the step when asked on."""

    def __init__(self, begin: datetime.date) -> None:
        self.day = begin
        self._errands: list[_Errand] = []
        self._order = itertools.count()

    def plan(self, day: datetime.date, kind: Kind, act: Callable[[], object]) -> None:
        heapq.heappush(self._errands, _Errand(day, next(self._order), kind, act))

    def later(self, days: int, act: Callable[[], object]) -> None:
        """Paperwork, so many days from now."""
        self.plan(self.day + datetime.timedelta(days=days), Kind.PAPER, act)

    def cancel(self, *kinds: Kind) -> None:
        self._errands = [errand for errand in self._errands if errand.kind not in kinds]
        heapq.heapify(self._errands)

    def until_none(self, *kinds: Kind) -> Iterator[datetime.date]:
        """Work through the errands, in order, until none of these kinds is left."""
        while any(errand.kind in kinds for errand in self._errands):
            yield from self._next()

    def wait(self, days: int) -> Iterator[datetime.date]:
        """Let so many days pass, doing what falls due."""
        until = self.day + datetime.timedelta(days=days)
        while self._errands and self._errands[0].day <= until:
            yield from self._next()
        self.day = max(self.day, until)
        yield self.day

    def _next(self) -> Iterator[datetime.date]:
        errand = heapq.heappop(self._errands)
        self.day = max(self.day, errand.day)
        yield self.day
        errand.act()
