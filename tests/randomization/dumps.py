"""A database as somebody sees it who has a dump and the source code: cells, bytes and text, without Django."""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import psycopg
from psycopg import sql


class Row(NamedTuple):
    table: str
    cells: dict[str, Any]


def rows(url: str) -> Iterator[Row]:
    """Every row of every table, also of those that no model names."""
    yield from _sqlite_rows(_file(url)) if url.startswith("sqlite") else _postgresql_rows(url)


def execute(url: str, statement: str, *values: Any) -> None:
    """A statement past the application, with ``?`` for values."""
    if url.startswith("sqlite"):
        with sqlite3.connect(_file(url)) as database:
            database.execute(statement, values)
        database.close()
    else:
        with psycopg.connect(url) as server:
            server.execute(statement.replace("?", "%s").encode(), values)


def backup(url: str) -> bytes:
    """SQLite: the file with its write-ahead log, pages that are free included. PostgreSQL: what pg_dump writes."""
    if url.startswith("sqlite"):
        return b"".join(path.read_bytes() for path in sorted(_file(url).parent.glob(f"{_file(url).name}*")))
    return subprocess.run(["pg_dump", url], check=True, capture_output=True).stdout


def _file(url: str) -> Path:
    return Path(urlsplit(url).path[1:])


def _sqlite_rows(file: Path) -> Iterator[Row]:
    database = sqlite3.connect(file)
    database.row_factory = sqlite3.Row
    for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        for row in database.execute(f'SELECT rowid, * FROM "{table}"'):
            yield Row(table, dict(row))
    database.close()


def _postgresql_rows(url: str) -> Iterator[Row]:
    with psycopg.connect(url) as server:
        tables = server.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (table,) in tables:
            found = server.execute(sql.SQL("SELECT ctid::text, * FROM {}").format(sql.Identifier(table)))
            names = [column.name for column in found.description or ()]
            for values in found:
                yield Row(table, dict(zip(names, values, strict=True)))
