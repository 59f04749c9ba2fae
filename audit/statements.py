"""Questions that every act asks, in SQL of their own: to word one takes the ORM ten times as long as to ask it."""

from __future__ import annotations

from typing import Any

from django.db import connection


def found(statement: str, *values: str | int) -> list[tuple[Any, ...]]:
    """The rows that a SELECT finds, with ``%s`` for each value. Only columns that both databases give back alike."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())
