"""Rows that do not hang on a participant and move on with each: the site's next number, the cursor of a stratum."""

from __future__ import annotations

from django.db import connection

from audit.verification import tracked_models
from tests.large_trial.rules import ACTS, COPIES, COUNTERS
from tests.large_trial.tables import Model, Undeclared, act_of_copy, column_of, label


def move_counters(hanging: frozenset[Model]) -> None:
    """One more version for each copy, in the order of the copies, and the row as the last of them says.

    Raises Undeclared for any other row that an act about a participant has changed.
    """
    for model in tracked_models():
        if model not in hanging and _changed(model.history.model):
            counters = [field for field in model._meta.concrete_fields if label(model, field) in COUNTERS]
            if not counters:
                raise Undeclared(f"{model._meta.label}: changed by acts about a participant")
            _add_versions(model)
            for field in counters:
                _follow(model, column_of(field))


def _changed(history: Model) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT 1 FROM "{history._meta.db_table}" h JOIN {ACTS} a ON a."act" = h."act" LIMIT 1')
        return cursor.fetchone() is not None


def _add_versions(model: Model) -> None:
    """What else stands in the row is as it is now: a list may have been made longer since."""
    history: Model = model.history.model  # type: ignore[attr-defined]  # given to it by simple_history
    base, table = model._meta.db_table, history._meta.db_table
    key, copied = column_of(model._meta.pk), {field.name for field in model._meta.concrete_fields}
    values = dict[str, str]()
    for field in history._meta.concrete_fields:
        column = column_of(field)
        values[column] = f'b."{column}"' if field.name in copied else f'h."{column}"'
        values[column] = COUNTERS.get(label(model, field), values[column])
    values["history_id"] = f'(SELECT MAX("history_id") FROM "{table}") + c."rank"'
    values["act"] = act_of_copy('h."act"')
    names = ", ".join(f'"{column}"' for column in values)
    with connection.cursor() as cursor:
        cursor.execute(
            f'INSERT INTO "{table}" ({names}) SELECT {", ".join(values.values())} FROM "{table}" h '
            f'JOIN "{base}" b ON b."{key}" = h."{key}" JOIN {ACTS} a ON a."act" = h."act" '
            f'JOIN {COPIES} c ON c."source" = a."source" ORDER BY c."rank"'
        )


def _follow(model: Model, column: str) -> None:
    base, history = model._meta.db_table, model.history.model._meta.db_table  # type: ignore[attr-defined]  # as above
    key = column_of(model._meta.pk)
    newest = f'SELECT h."{column}" FROM "{history}" h WHERE h."{key}" = "{base}"."{key}" ORDER BY h."history_id" DESC'
    with connection.cursor() as cursor:
        cursor.execute(f'UPDATE "{base}" SET "{column}" = ({newest} LIMIT 1)')
