"""Many rows into a table at once: COPY on PostgreSQL, statements prepared once on SQLite."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from django.db import connection

BATCH = 10_000


def put(table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """``rows`` ask nothing of the database while they come: the connection is taken."""
    names = ", ".join(f'"{column}"' for column in columns)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f'COPY "{table}" ({names}) FROM STDIN') as copying:
                for row in rows:
                    copying.write_row(row)
            return
        places, waiting = ", ".join(["%s"] * len(columns)), iter(rows)
        while batch := list(islice(waiting, BATCH)):  # Django keeps every row of one call
            cursor.executemany(f'INSERT INTO "{table}" ({names}) VALUES ({places})', batch)


def temporary(table: str, columns: dict[str, str], rows: Iterable[Sequence[Any]]) -> None:
    """A table for this connection alone, filled. ``columns``: name -> type and what else is said of it."""
    described = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
    with connection.cursor() as cursor:
        cursor.execute(f'DROP TABLE IF EXISTS "{table}"')
        cursor.execute(f'CREATE TEMPORARY TABLE "{table}" ({described})')
    put(table, list(columns), rows)
    with connection.cursor() as cursor:
        cursor.execute(f'ANALYZE "{table}"')
