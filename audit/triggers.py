"""Append-only tables, held by the database itself on SQLite and PostgreSQL.

Source: 21 CFR Part 11 11.10(e). SQLite's INSERT OR REPLACE deletes without firing delete triggers, so an insert over
an existing row, by any of its unique keys, is refused as well. The statements are idempotent and run after every
migration.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.db import connections, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

MESSAGE = "append-only: rows of this table are never changed or deleted"


Key = tuple[str, ...]


def append_only_tables() -> list[tuple[str, list[Key]]]:
    """(table, its unique keys) of every history table and of every model that says it is ``append_only``."""
    chosen = [
        model
        for model in apps.get_models(include_auto_created=True)
        if getattr(model, "append_only", False) or hasattr(model, "history_id")
    ]
    return sorted((model._meta.db_table, _keys(model)) for model in chosen)


def _keys(model: type[models.Model]) -> list[Key]:
    """The columns of each unique key. SQLite's own row number is one too, whatever the primary key is."""
    columns = {field.name: str(field.column) for field in model._meta.concrete_fields}
    single = [(str(field.column),) for field in model._meta.concrete_fields if field.unique]
    joint = [tuple(columns[name] for name in constraint.fields) for constraint in model._meta.total_unique_constraints]
    return [("rowid",), *single, *joint]


def _sqlite(table: str, keys: list[Key]) -> list[str]:
    refuse = f"BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END"
    same = " OR ".join(" AND ".join(f'"{column}" = NEW."{column}"' for column in key) for key in keys)
    exists = f'WHEN EXISTS (SELECT 1 FROM "{table}" WHERE {same})'  # noqa: S608  our own table names
    return [
        *(f'DROP TRIGGER IF EXISTS "{table}{suffix}"' for suffix in _SUFFIXES["sqlite"]),
        f'CREATE TRIGGER "{table}_no_update" BEFORE UPDATE ON "{table}" {refuse}',
        f'CREATE TRIGGER "{table}_no_delete" BEFORE DELETE ON "{table}" {refuse}',
        f'CREATE TRIGGER "{table}_no_replace" BEFORE INSERT ON "{table}" {exists} {refuse}',
    ]


def _postgresql(table: str, _keys: list[Key]) -> list[str]:
    return [
        "CREATE OR REPLACE FUNCTION trialmgr_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{MESSAGE}'; END $$",
        f'CREATE OR REPLACE TRIGGER "{table}_no_change" BEFORE UPDATE OR DELETE ON "{table}" '
        "FOR EACH ROW EXECUTE FUNCTION trialmgr_append_only()",
        f'CREATE OR REPLACE TRIGGER "{table}_no_truncate" BEFORE TRUNCATE ON "{table}" '
        "FOR EACH STATEMENT EXECUTE FUNCTION trialmgr_append_only()",
    ]


_STATEMENTS = {"sqlite": _sqlite, "postgresql": _postgresql}
_SUFFIXES = {"sqlite": ("_no_update", "_no_delete", "_no_replace"), "postgresql": ("_no_change", "_no_truncate")}
_INSTALLED = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled IN ('O', 'A')",
}


def install(connection: BaseDatabaseWrapper) -> None:
    """Put the triggers on every append-only table that exists."""
    present = set(connection.introspection.table_names())
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        for table, keys in append_only_tables():
            if table in present:
                for statement in _STATEMENTS[connection.vendor](table, keys):
                    cursor.execute(statement)


def missing(connection: BaseDatabaseWrapper) -> list[str]:
    """Names of the triggers that ought to stand and do not."""
    wanted = {table + suffix for table, _ in append_only_tables() for suffix in _SUFFIXES[connection.vendor]}
    with connection.cursor() as cursor:
        cursor.execute(_INSTALLED[connection.vendor])
        return sorted(wanted - {row[0] for row in cursor.fetchall()})


def install_after_migrate(using: str, **_kwargs: Any) -> None:
    install(connections[using])
