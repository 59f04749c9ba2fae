"""What an allocation costs, and what the database alone asks for the same rows: ``... committing measure 40``.

The bare cost is that of the statements that write, as the allocation itself sent them, sent again in one transaction
through the driver, without Django: the same tables, indexes, triggers and constraints, and a commit.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import django

django.setup()

from django.db import connection, transaction  # noqa: E402  Django is set up first

from randomization.actions import allocate  # noqa: E402
from tests.faults.crowd import ANSWERS, SITES, STUDY, make_ready  # noqa: E402
from trialmgr.overview.rehearsal.cast import Cast, set_up  # noqa: E402
from trialmgr.participants.models import Participant  # noqa: E402
from trialmgr.people.permissions import Role  # noqa: E402
from trialmgr.protocol.loader import load_study  # noqa: E402

Statement = tuple[str, Any]


class Undone(Exception):
    """Takes an allocation back, so that its statements can be sent again."""


@contextmanager
def written() -> Iterator[list[Statement]]:
    """The statements sent inside that write."""
    statements: list[Statement] = []

    def note(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith(("INSERT", "UPDATE", "DELETE")):
            statements.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield statements


def measure(rounds: str) -> dict[str, Any]:
    """Medians of so many rounds each, in seconds: an allocation, its rows sent bare, and the processor's part of it."""
    cast = set_up(load_study(STUDY), password=None, seed=None)
    made, bare, processor, sent = [], [], [], 0
    for turn in range(2 * int(rounds)):
        make_ready(cast, SITES[turn % 2], ANSWERS[turn // 2 % 2])
        participant = Participant.objects.select_related("site").latest("pk")
        if turn % 2:
            statements = _tried(cast, participant, turn)
            bare.append(_timed(lambda: _send(statements))[0])  # noqa: B023  called at once
            sent = max(sent, len(statements))
        else:
            seconds, of_processor = _timed(lambda: _allocate(cast, participant, turn))  # noqa: B023  called at once
            made.append(seconds)
            processor.append(of_processor)
    return {
        "allocation": statistics.median(made),
        "processor": statistics.median(processor),
        "bare": statistics.median(bare),
        "statements": sent,
    }


def _timed(work: Callable[[], None]) -> tuple[float, float]:
    began, began_working = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began, time.process_time() - began_working


def _allocate(cast: Cast, participant: Participant, turn: int) -> None:
    by = cast.at(participant.site.code, Role.COORDINATOR)
    allocate(by=by, participant=participant, idempotency_key=f"key {turn}")


def _tried(cast: Cast, participant: Participant, turn: int) -> list[Statement]:
    """What an allocation of this participant would write; nothing of it stands."""
    with written() as statements:
        try:
            with transaction.atomic():
                _allocate(cast, participant, turn)
                raise Undone
        except Undone:
            pass
    return statements


def _send(statements: list[Statement]) -> None:
    """Through the driver's own cursor, in one transaction."""
    driver = connection.connection
    cursor = driver.cursor()
    if connection.vendor == "sqlite":
        cursor.execute("BEGIN IMMEDIATE")
        for sql, params in statements:
            cursor.execute(sql.replace("%s", "?"), params)
        cursor.execute("COMMIT")
        return
    with driver.transaction():
        for sql, params in statements:
            cursor.execute(sql, params)


if __name__ == "__main__":
    commands: dict[str, Callable[..., dict[str, Any]]] = {"measure": measure}
    command = commands[sys.argv[1]]
    print(json.dumps(command(*sys.argv[2:])))
