"""An installation of its own for a test: its own database file or PostgreSQL database, driven by other processes."""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import functools
import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from django.conf import settings
from psycopg import sql

from tests.loaded import ROOT, Child, loaded


@dataclass(frozen=True)
class Installation:
    """``url``: its DATABASE_URL. Everything done to it happens in other processes."""

    url: str
    demo: bool = False

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {
            "DATABASE_URL": self.url,
            "DJANGO_SETTINGS_MODULE": self._settings,
            "PYTHONWARNINGS": "default",
        }

    @property
    def _settings(self) -> str:
        return "tests.demo_settings" if self.demo else "tests.settings"

    def start(self, *arguments: str) -> Child:
        return loaded(self._settings).start(self.environment, arguments)

    def run(self, *arguments: str) -> str:
        """Standard output of a process that must end well."""
        return self.start(*arguments).told()

    def ask(self, *arguments: str) -> Any:
        """The JSON that a process prints in its last line."""
        return self.start(*arguments).answer()

    def all_at_once(self, commands: Sequence[Sequence[str]]) -> list[Any]:
        """Start every command before waiting for any; the JSON each printed."""
        return [child.answer() for child in [self.start(*command) for command in commands]]


@contextlib.contextmanager
def installation(folder: Path, *, demo: bool = False) -> Iterator[Installation]:
    """On the kind of database that the tests run on now; migrated; gone afterwards."""
    with copied_database(migrated(), folder / "installation.sqlite3") as url:
        yield Installation(url, demo)


@contextlib.contextmanager
def copied(site: Installation, file: Path) -> Iterator[Installation]:
    """Another installation with all that stands in this one, which nobody works in. ``file``: of its SQLite."""
    with copied_database(site.url, file) as url:
        yield Installation(url, site.demo)


@contextlib.contextmanager
def copied_database(url: str, file: Path, name: str = "") -> Iterator[str]:
    """The address of a copy, gone afterwards. ``file``: where it is on SQLite. ``name``: its name on PostgreSQL."""
    if url.startswith("sqlite"):
        shutil.copyfile(urlsplit(url).path[1:], file)
        yield f"sqlite:///{file}"
        for left in file.parent.glob(f"{file.name}*"):
            left.unlink()
        return
    copy = _named(name or f"trialmgr_{uuid.uuid4().hex[:12]}")
    _to_server("CREATE DATABASE {} TEMPLATE {}", copy, url)
    try:
        yield copy
    finally:
        _to_server("DROP DATABASE {} WITH (FORCE)", copy)


def _named(database: str) -> str:
    """The address of a PostgreSQL database beside that of the tests."""
    return urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{database}"))


def _to_server(statement: str, *urls: str) -> None:
    names = [sql.Identifier(urlsplit(url).path[1:]) for url in urls]
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as server:
        server.execute(sql.SQL(statement).format(*names))


# --- the migrated database that installations are copies of -----------------------------------------------------------


@functools.cache
def migrated() -> str:
    """The address of a database that is migrated and holds nothing: made once in a run, for all its processes.

    With ``TRIALMGR_MIGRATED`` it is made once for all runs that name that folder, and whoever named it takes it away.
    """
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", f"{os.getpid()}")[:12]
    engine = settings.DATABASES["default"]["ENGINE"]
    is_sqlite = engine.endswith("sqlite3")
    shared = os.environ.get("TRIALMGR_MIGRATED")
    folder = Path(shared or Path(tempfile.gettempdir()) / f"trialmgr-migrated-{run}") / engine.rpartition(".")[2]
    folder.mkdir(parents=True, exist_ok=True)
    name = "trialmgr_migrated" if shared else f"trialmgr_migrated_{run}"
    url = f"sqlite:///{folder / 'migrated.sqlite3'}" if is_sqlite else _named(name)
    if not shared:
        in_use = (folder / "in_use").open("w")
        fcntl.flock(in_use, fcntl.LOCK_SH)
        atexit.register(_leave, folder, url, in_use)
    with (folder / "making").open("w") as making:
        fcntl.flock(making, fcntl.LOCK_EX)
        if not (folder / "made").exists():
            _make(url)
            (folder / "made").touch()
    return url


def _make(url: str) -> None:
    if not url.startswith("sqlite"):
        _to_server("CREATE DATABASE {}", url)
    for command in (["migrate", "--verbosity", "0"], ["createcachetable"]):
        # Started as an administrator starts them, not forked.
        subprocess.run([sys.executable, "manage.py", *command], cwd=ROOT, env=Installation(url).environment, check=True)


def _leave(folder: Path, url: str, in_use: IO[str]) -> None:
    """The last process that used it takes it away."""
    with in_use, contextlib.suppress(BlockingIOError):
        fcntl.flock(in_use, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder.parent)
        if not url.startswith("sqlite"):
            _to_server("DROP DATABASE {} WITH (FORCE)", url)
