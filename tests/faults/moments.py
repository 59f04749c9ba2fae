"""Where a process stands in an allocation, told to its neighbours; and its sudden death at a chosen moment.

A *step* is one statement to the database, or the commit. Steps are counted from the first of a request.
"""

from __future__ import annotations

import mmap
import os
import signal
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db import connection

IDLE, WORKING, WAITING, HOLDING = range(4)
"""Between requests; before the first lock; asking for a lock that another may hold; behind a lock."""

STAGES = ("idle", "working", "waiting", "holding")
COMMIT = 0
"""The step of a ``Death`` at the commit, whatever its number."""

_PLACE = struct.Struct("=iii")


class Place(NamedTuple):
    """``step``: of the request under way, 0 between requests. ``answered``: requests since the process began."""

    stage: int
    step: int
    answered: int


class Board:
    """Memory that a process shares with those it forks: one place for each, which outlives its death."""

    def __init__(self, slots: int) -> None:
        self._memory = mmap.mmap(-1, slots * _PLACE.size)

    def read(self, slot: int) -> Place:
        return Place(*_PLACE.unpack_from(self._memory, slot * _PLACE.size))

    def write(self, slot: int, place: Place) -> None:
        _PLACE.pack_into(self._memory, slot * _PLACE.size, *place)


@dataclass(frozen=True)
class Death:
    """Die at a step: before it is sent to the database, or when the database has done it."""

    step: int
    after: bool


@dataclass
class Request:
    """One request to the database, step by step, as its place on the board tells it."""

    board: Board
    slot: int
    answered: int
    death: Death | None = None
    step: int = 0
    stage: int = WORKING

    def execute(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if not _takes_a_lock(sql):
            return self._one_step(lambda: execute(sql, params, many, context))
        self.stage = WAITING
        result = self._one_step(lambda: execute(sql, params, many, context))
        self.stage = HOLDING
        return result

    def commit(self, commit: Callable[[], Any]) -> Any:
        return self._one_step(commit, COMMIT)

    def _one_step(self, work: Callable[[], Any], name: int | None = None) -> Any:
        self.step += 1
        self.board.write(self.slot, Place(self.stage, self.step, self.answered))
        names = (self.step, name)
        self._die_if(names, after=False)
        result = work()
        self._die_if(names, after=True)
        return result

    def _die_if(self, names: tuple[int | None, ...], *, after: bool) -> None:
        if self.death is not None and self.death.step in names and self.death.after == after:
            os.kill(os.getpid(), signal.SIGKILL)


def _takes_a_lock(sql: str) -> bool:
    return "FOR UPDATE" in sql or sql.startswith("BEGIN IMMEDIATE")


@contextmanager
def in_steps(request: Request) -> Iterator[Request]:
    """Every statement and every commit inside are steps of this request."""
    database: Any = connection  # its commit has no public name
    committing = database._commit
    database._commit = lambda: request.commit(committing)
    try:
        with connection.execute_wrapper(request.execute):
            yield request
    finally:
        database._commit = committing
    request.board.write(request.slot, Place(IDLE, 0, request.answered + 1))
