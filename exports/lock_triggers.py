"""A locked study, held by the database itself: no row of data is written while a lock stands, by whichever road.

Source: ICH E6(R3) 3.16.1(r), 4.2.6. On PostgreSQL each write first takes a weak lock on the table of study locks,
which the act of locking takes strongly: it waits for the writes under way, and later ones meet the lock. On SQLite
there is one writer at a time. Removed before migrations and put back after them, because a migration may rebuild a
table that a trigger reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

LOCKS = "studies_studylock"
TABLES = (
    "crf_eligibilitydecision",
    "crf_formentry",
    "crf_freeze",
    "crf_gatedecision",
    "crf_judgementconfirmation",
    "crf_protocoldeviation",
    "crf_query",
    "crf_querymessage",
    "crf_signature",
    "crf_storedfile",
    "crf_verification",
    "crf_visit",
    "participants_consent",
    "participants_participant",
    "randomization_allocation",
    "randomization_envelopeuse",
    "randomization_randomisedinerror",
    "randomization_stratum",
    "randomization_stratumcorrection",
    "studies_studyactivation",
    "studies_studyapproval",
    "studies_studyversion",
)
MESSAGE = "the study is locked: no data may change"
_STANDS = f"SELECT 1 FROM {LOCKS} WHERE unlocked_at IS NULL"  # noqa: S608  a constant


def _sqlite(table: str) -> list[str]:
    return [
        f'CREATE TRIGGER IF NOT EXISTS "{name}" BEFORE {event} ON "{table}" '
        f"WHEN EXISTS ({_STANDS}) BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END"
        for event, name in zip(("INSERT", "UPDATE", "DELETE"), _sqlite_names(table), strict=True)
    ]


def _postgresql(table: str) -> list[str]:
    (name,) = _postgresql_names(table)
    return [
        "CREATE OR REPLACE FUNCTION trialmgr_study_locked() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN LOCK TABLE {LOCKS} IN ROW SHARE MODE; "
        f"IF EXISTS ({_STANDS}) THEN "
        f"RAISE EXCEPTION '{MESSAGE}' USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NULL; END $$",
        f'CREATE OR REPLACE TRIGGER "{name}" BEFORE INSERT OR UPDATE OR DELETE ON "{table}" '
        "FOR EACH STATEMENT EXECUTE FUNCTION trialmgr_study_locked()",
    ]


def _sqlite_names(table: str) -> list[str]:
    return [f"{table}_locked_{event}" for event in ("insert", "update", "delete")]


def _postgresql_names(table: str) -> list[str]:
    return [f"{table}_locked"]


_STATEMENTS = {"sqlite": _sqlite, "postgresql": _postgresql}
_NAMES = {"sqlite": _sqlite_names, "postgresql": _postgresql_names}
_DROP = {"sqlite": 'DROP TRIGGER IF EXISTS "{name}"', "postgresql": 'DROP TRIGGER IF EXISTS "{name}" ON "{table}"'}
_INSTALLED = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'",
}
# SQLite's transactions are IMMEDIATE here: whoever has begun one is the only writer already.
_WAIT = {"sqlite": "SELECT 1", "postgresql": f"LOCK TABLE {LOCKS} IN EXCLUSIVE MODE"}


def install(connection: BaseDatabaseWrapper) -> None:
    """Put the triggers on every data table that exists."""
    with connection.cursor() as cursor:
        for table in _present(connection):
            for statement in _STATEMENTS[connection.vendor](table):
                cursor.execute(statement)


def remove(connection: BaseDatabaseWrapper) -> None:
    with connection.cursor() as cursor:
        for table in _present(connection):
            for name in _NAMES[connection.vendor](table):
                cursor.execute(_DROP[connection.vendor].format(name=name, table=table))


def missing(connection: BaseDatabaseWrapper) -> list[str]:
    """Names of the triggers that ought to stand and do not."""
    wanted = {name for table in TABLES for name in _NAMES[connection.vendor](table)}
    with connection.cursor() as cursor:
        cursor.execute(_INSTALLED[connection.vendor])
        return sorted(wanted - {row[0] for row in cursor.fetchall()})


def faults() -> Iterator[str]:
    """For ``audit verify``."""
    for name in missing(connections["default"]):
        yield f"the trigger {name} is missing: run python manage.py migrate"


def wait_for_writers(connection: BaseDatabaseWrapper) -> None:
    """Inside a transaction: return once every other writer of data has ended; new ones wait until it ends itself."""
    with connection.cursor() as cursor:
        cursor.execute(_WAIT[connection.vendor])


def _present(connection: BaseDatabaseWrapper) -> list[str]:
    present = set(connection.introspection.table_names())
    return [table for table in TABLES if {table, LOCKS} <= present]


def remove_before_migrate(using: str, **_kwargs: Any) -> None:
    remove(connections[using])


def install_after_migrate(using: str, **_kwargs: Any) -> None:
    install(connections[using])
