"""The one way to store many tracked rows at once, each with its history: what follows from an act.

``by_system``: the history names the system, not the person whose act it was.

The number of statements depends neither on how many rows there are nor on whether there are any: whoever may not see a
consequence does not learn of it by what their own act asks of the database.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from django.db import connection, models

from audit.acts import BY_THE_SYSTEM, current_act
from audit.models import TrackedModel

M = TypeVar("M", bound=TrackedModel)


def store_changed(model: type[M], rows: Sequence[M], fields: Sequence[str], *, by_system: bool) -> None:
    """Rows that stand, of which these fields have new values. Two statements."""
    current_act()
    if rows:
        _unguarded(model).bulk_update(rows, fields)
    else:
        _ask_nothing()
    _keep_history(model, rows, update=True, by_system=by_system)


def store_new(model: type[M], rows: Sequence[M], *, by_system: bool) -> None:
    """Rows that did not stand before; each has its key afterwards. Two statements."""
    current_act()
    if rows:
        _unguarded(model).bulk_create(rows)
    else:
        _ask_nothing()
    _keep_history(model, rows, update=False, by_system=by_system)


def _unguarded(model: type[M]) -> models.QuerySet[M]:
    """Without the guard of the model's own manager, which knows no history for many rows."""
    return models.QuerySet(model)


def _keep_history(model: type[M], rows: Sequence[M], *, update: bool, by_system: bool) -> None:
    act = current_act()
    kept: Any = model.history
    if not rows:
        _ask_nothing()
        return
    kept.bulk_history_create(
        rows,
        update=update,
        default_user=BY_THE_SYSTEM if by_system else act.actor,
        default_change_reason=act.reason[:100] or None,
        custom_historical_attrs={"act": act.id},
    )


def _ask_nothing() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
