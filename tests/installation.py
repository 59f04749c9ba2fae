"""An installation of its own for a test: its own database file or PostgreSQL database, driven by other processes."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from django.conf import settings

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Installation:
    """``url``: its DATABASE_URL. Everything done to it happens in other processes."""

    url: str
    demo: bool = False

    @property
    def environment(self) -> dict[str, str]:
        module = "tests.demo_settings" if self.demo else "tests.settings"
        return os.environ | {"DATABASE_URL": self.url, "DJANGO_SETTINGS_MODULE": module, "PYTHONWARNINGS": "default"}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, *arguments: str) -> str:
        """Standard output of a process that must end well."""
        process = self.start(*arguments)
        out, err = process.communicate()
        assert process.returncode == 0, err[-4000:]
        return out

    def ask(self, *arguments: str) -> Any:
        """The JSON that a process prints in its last line."""
        return json.loads(self.run(*arguments).splitlines()[-1])

    def all_at_once(self, commands: Sequence[Sequence[str]]) -> list[Any]:
        """Start every command before waiting for any; the JSON each printed."""
        processes = [self.start(*command) for command in commands]
        outcomes = []
        for process in processes:
            out, err = process.communicate()
            assert process.returncode == 0, err[-4000:]
            outcomes.append(json.loads(out.splitlines()[-1]))
        return outcomes


@contextlib.contextmanager
def installation(folder: Path, *, demo: bool = False) -> Iterator[Installation]:
    """On the kind of database that the tests run on now; migrated; gone afterwards."""
    engine = settings.DATABASES["default"]["ENGINE"]
    made = _sqlite(folder) if engine.endswith("sqlite3") else _postgresql()
    with made as url:
        installed = Installation(url, demo)
        installed.run("manage.py", "migrate", "--verbosity", "0")
        installed.run("manage.py", "createcachetable")
        yield installed


@contextlib.contextmanager
def _sqlite(folder: Path) -> Iterator[str]:
    yield f"sqlite:///{folder / 'installation.sqlite3'}"


@contextlib.contextmanager
def _postgresql() -> Iterator[str]:
    base = urlsplit(os.environ["DATABASE_URL"])
    name = f"trialmgr_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}"')
        try:
            yield urlunsplit(base._replace(path=f"/{name}"))
        finally:
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
