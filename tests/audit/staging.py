"""What tests of the audit trail do that no page does: write under a passing act, lock by hand, count every row."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from django.apps import apps
from django.conf import settings
from django.db import connection
from django.utils import timezone

from audit import triggers
from audit.actions import ACTIONS, ActionInfo, action
from audit.acts import record
from audit.models import LedgerEntry, LedgerHead
from trialmgr.people.models import SYSTEM
from trialmgr.studies.models import StudyLock

R = TypeVar("R")


def deed(function: Callable[[], R], *, works_when_locked: bool = False, name: str = "test.deed") -> R:
    """Run ``function`` as an act of the installation itself; the action is forgotten afterwards."""

    def body(*, by: object) -> R:
        record(object_type="test", object_id="deed")
        return function()

    made = action(name, permission=None, works_when_locked=works_when_locked)(body)
    try:
        return made(by=SYSTEM)
    finally:
        del ACTIONS[name]


def lock_the_study() -> StudyLock:
    head = LedgerHead.objects.get(pk=1)
    lock = StudyLock(
        locked_at=timezone.now(),
        locked_by="Data manager",
        reason="test",
        ledger_seq=head.seq,
        ledger_hash=head.hash,
    )
    deed(lock.save, works_when_locked=True)
    return lock


def row_counts() -> dict[str, int]:
    """Rows of every table of ours, history tables included."""
    return {
        model._meta.db_table: model._base_manager.count()
        for model in apps.get_models(include_auto_created=True)
        if model.__module__.split(".")[0] in {"audit", "crf", "exports", "randomization", "trialmgr"}
    }


def all_actions() -> dict[str, ActionInfo]:
    """Every action of the application, whether a page has asked for it yet or not."""
    for name in settings.INSTALLED_APPS:
        if importlib.util.find_spec(f"{name}.actions") is not None:
            importlib.import_module(f"{name}.actions")
    return ACTIONS


def newest_entries(since: int) -> list[LedgerEntry]:
    """Ledger entries after number ``since``, in order."""
    return list(LedgerEntry.objects.filter(seq__gt=since).order_by("seq"))


def ledger_length() -> int:
    return LedgerHead.objects.get(pk=1).seq


@contextmanager
def without_triggers() -> Iterator[None]:
    """As somebody who owns the tables can: the triggers are gone, and come back when the hands are off again."""
    drop_triggers()
    try:
        yield
    finally:
        triggers.install(connection)


def drop_triggers() -> None:
    with connection.cursor() as cursor:
        ours = {table for table, _keys in triggers.append_only_tables()}
        for table, name in _installed(connection.vendor):
            if table not in ours or "_no_" not in name:
                continue
            where = f' ON "{table}"' if connection.vendor == "postgresql" else ""
            cursor.execute(f'DROP TRIGGER "{name}"{where}')


def _installed(vendor: str) -> list[tuple[str, str]]:
    statement = {
        "sqlite": "SELECT tbl_name, name FROM sqlite_master WHERE type = 'trigger'",
        "postgresql": "SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE NOT tgisinternal",
    }[vendor]
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return [(str(table), str(name)) for table, name in cursor.fetchall()]


def sql(statement: str, *parameters: str | int) -> list[tuple[object, ...]]:
    """Plain SQL, past the application. Deferred checks of foreign keys are settled first: PostgreSQL wants that."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(statement, parameters)
        return list(cursor.fetchall()) if cursor.description else []
