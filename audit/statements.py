"""Questions that every act asks, in SQL of their own: to word one takes the ORM ten times as long as to ask it."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db import connection, models

M = TypeVar("M", bound=models.Model)


def found(statement: str, *values: str | int) -> list[tuple[Any, ...]]:
    """The rows that a SELECT finds, with ``%s`` for each value. Only columns that both databases give back alike."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())


def rows_where(model: type[M], condition: str, *values: str | int) -> list[M]:
    """The rows of a table for which the condition holds, with ``%s`` for each value."""
    statement = f'SELECT * FROM "{model._meta.db_table}" WHERE {condition}'  # noqa: S608  words of our own
    return list(models.QuerySet(model).raw(statement, values))


def places(count: int) -> str:
    """``%s, %s`` for two values."""
    return ", ".join(["%s"] * count)
