"""Append-only tables, held by the database itself on SQLite and PostgreSQL.

Source: 21 CFR Part 11 11.10(e). SQLite's INSERT OR REPLACE deletes without firing delete triggers, so an insert over
an existing key is refused as well. The statements are idempotent and run after every migration.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.db import connections, models
from django.db.backends.base.base import BaseDatabaseWrapper

MESSAGE = "append-only: rows of this table are never changed or deleted"


def append_only_tables() -> list[tuple[str, str]]:
    """(table, primary key column) of every history table and of every model that says it is ``append_only``."""
    chosen = [
        model
        for model in apps.get_models(include_auto_created=True)
        if getattr(model, "append_only", False) or hasattr(model, "history_id")
    ]
    return sorted((model._meta.db_table, _column(model)) for model in chosen)


def _column(model: type[models.Model]) -> str:
    return str(model._meta.pk.column)


def _sqlite(table: str, key: str) -> list[str]:
    refuse = f"BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END"
    exists = f'WHEN EXISTS (SELECT 1 FROM "{table}" WHERE "{key}" = NEW."{key}")'  # noqa: S608  our own table names
    return [
        f'CREATE TRIGGER IF NOT EXISTS "{table}_no_update" BEFORE UPDATE ON "{table}" {refuse}',
        f'CREATE TRIGGER IF NOT EXISTS "{table}_no_delete" BEFORE DELETE ON "{table}" {refuse}',
        f'CREATE TRIGGER IF NOT EXISTS "{table}_no_replace" BEFORE INSERT ON "{table}" {exists} {refuse}',
    ]


def _postgresql(table: str, _key: str) -> list[str]:
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
    "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'",
}


def install(connection: BaseDatabaseWrapper) -> None:
    """Put the triggers on every append-only table that exists."""
    present = set(connection.introspection.table_names())
    with connection.cursor() as cursor:
        for table, key in append_only_tables():
            if table in present:
                for statement in _STATEMENTS[connection.vendor](table, key):
                    cursor.execute(statement)


def missing(connection: BaseDatabaseWrapper) -> list[str]:
    """Names of the triggers that ought to stand and do not."""
    wanted = {table + suffix for table, _ in append_only_tables() for suffix in _SUFFIXES[connection.vendor]}
    with connection.cursor() as cursor:
        cursor.execute(_INSTALLED[connection.vendor])
        return sorted(wanted - {row[0] for row in cursor.fetchall()})


def install_after_migrate(using: str, **_kwargs: Any) -> None:
    install(connections[using])
