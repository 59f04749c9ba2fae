"""A plugin of pytest in a run with a planted fault: it imports the faulty module first, and notes what failed and why.

It also copies the database of an earlier run where there is one: only a few faults show in how that is made.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import sqlite3
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from django.core.management.commands import migrate
from django.db import connection

IMPORT_FAILED = 7
_told: dict[str, str] = json.loads(os.environ["TRIALMGR_PLANTED_FAULT"])
_failures: list[dict[str, str]] = []


def pytest_configure() -> None:
    if _keeps() and Path(_told["kept"]).is_file():
        migrate.Command.handle = _copied  # type: ignore[assignment, method-assign]


def pytest_collection_finish(session: pytest.Session) -> None:
    if not _told["module"]:
        return
    try:
        importlib.import_module(_told["module"])
    except Exception as error:  # whatever it is, such a fault is none that tests have to find
        pytest.exit(f"{_told['module']} cannot be imported: {error!r}", returncode=IMPORT_FAILED)


def pytest_exception_interact(node: pytest.Item, call: pytest.CallInfo[Any], report: pytest.TestReport) -> None:
    if call.excinfo is not None:
        error = {"type": call.excinfo.type.__name__, "text": str(call.excinfo.value)[:300]}
        _failures.append({"test": node.nodeid, "when": str(getattr(report, "when", "")), **error})


def pytest_sessionfinish(session: pytest.Session) -> None:
    Path(_told["report"]).write_text(json.dumps(_failures), encoding="utf-8")


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any]) -> Generator[None, object, object]:
    """What ``django_db_setup`` has made, inner and outer one, is kept for the next run."""
    made = yield
    if fixturedef.argname == "django_db_setup" and _keeps():
        with sqlite3.connect(_name()) as database, sqlite3.connect(_told["kept"]) as copy:
            database.backup(copy)
    return made


def _copied(self: migrate.Command, *args: Any, **options: Any) -> None:
    connection.close()
    shutil.copy(_told["kept"], _name())


def _name() -> str:
    return str(connection.settings_dict["NAME"])


def _keeps() -> bool:
    return bool(_told["kept"]) and connection.vendor == "sqlite" and migrate.Command.handle is not _copied
