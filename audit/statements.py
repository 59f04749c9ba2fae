"""SQL in words of our own: to word what every act asks, and what follows from it, takes the ORM ten times as long.

``store_changed`` and ``store_new`` are the one way to store many tracked rows at once, each with its history.
``by_system``: the history names the system, not the person whose act it was. The number of their statements depends
neither on how many rows there are nor on whether there are any: whoever may not see a consequence does not learn of it
by what their own act asks of the database.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any, TypeVar

from django.db import connection, models
from django.utils import timezone

from audit.acts import BY_THE_SYSTEM, current_act
from audit.models import TrackedModel

M = TypeVar("M", bound=models.Model)
R = TypeVar("R", bound=TrackedModel)


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


def store_changed(model: type[R], rows: Sequence[R], fields: Sequence[str], *, by_system: bool) -> None:
    """Rows that stand, of which these fields have new values. Two statements."""
    current_act()
    if rows:
        _update(model, rows, fields)
    else:
        _ask_nothing()
    _keep_history(model, rows, "~", by_system=by_system)


def store_new(model: type[R], rows: Sequence[R], *, by_system: bool) -> None:
    """Rows that did not stand before; each has its key afterwards. Two statements."""
    current_act()
    if rows:
        # Without the guard of the model's own manager, which knows no history for many rows.
        models.QuerySet[R](model).bulk_create(rows)
    else:
        _ask_nothing()
    _keep_history(model, rows, "+", by_system=by_system)


def _update(model: type[R], rows: Sequence[R], fields: Sequence[str]) -> None:
    """In SQL of its own, as is the history: the ORM takes as long to word it as all else of what follows takes."""
    named, values = [_field(model, name) for name in fields], list[Any]()
    for field in named:
        for row in rows:
            values += (row.pk, _stored(field, row))
    settings = ", ".join(f'"{field.column}" = {_case(model, field, len(rows))}' for field in named)
    statement = f'UPDATE "{model._meta.db_table}" SET {settings} WHERE {_key(model)} IN ({places(len(rows))})'  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(statement, [*values, *(row.pk for row in rows)])


def _case(model: type[R], field: models.Field[Any, Any], count: int) -> str:
    case = f"CASE {_key(model)} {' '.join(['WHEN %s THEN %s'] * count)} END"
    casts = connection.features.requires_casted_case_in_updates
    return f"CAST({case} AS {field.db_type(connection)})" if casts else case


def _keep_history(model: type[R], rows: Sequence[R], kind: str, *, by_system: bool) -> None:
    if not rows:
        _ask_nothing()
        return
    act = current_act()
    shared = {
        "act": act.id,
        "history_user_id": (BY_THE_SYSTEM if by_system else act.actor).actor_id,
        "history_date": timezone.now(),
        "history_change_reason": act.reason[:100] or None,
        "history_type": kind,
    }
    table: Any = model.history.model
    fields = [field for field in table._meta.concrete_fields if not field.primary_key]
    names = ", ".join(f'"{field.column}"' for field in fields)
    values = [[_stored(field, row, shared) for field in fields] for row in rows]
    each = ", ".join([f"({places(len(fields))})"] * len(rows))
    with connection.cursor() as cursor:
        cursor.execute(f'INSERT INTO "{table._meta.db_table}" ({names}) VALUES {each}', list(chain(*values)))  # noqa: S608


def _field(model: type[R], name: str) -> models.Field[Any, Any]:
    field: models.Field[Any, Any] = model._meta.get_field(name)  # type: ignore[assignment]
    return field


def _key(model: type[R]) -> str:
    return f'"{_field(model, "id").column}"'


def _stored(field: models.Field[Any, Any], row: R, known: Any = ()) -> Any:
    """The value as the database at hand takes it; one that is ``known`` is not the row's own."""
    value = known[field.attname] if field.attname in known else getattr(row, field.attname)
    return field.get_db_prep_save(value, connection)


def _ask_nothing() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
