"""The planted faults: slips that an engineer could make, each of which the tests of its room must notice.

``faults.toml`` holds them. A fault is one piece of text in one file, put in the place of another.
"""

from __future__ import annotations

import ast
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE = Path(__file__).with_name("faults.toml")
ROOMS = ("protocol", "audit", "studies", "people", "participants", "crf", "randomization", "exports", "overview")
_INSIDE = ("protocol", "studies", "people", "participants", "overview")


class Unplantable(Exception):
    """The list has gone stale: the text of a fault does not stand, once, in its file."""


@dataclass(frozen=True, slots=True)
class Fault:
    """``find`` stands once in ``file``; with ``replace`` instead, one of ``tests`` must fail on ``database``.

    ``migrates``: it shows in how the database is made, so a migrated one is not copied but made anew.
    """

    id: str
    room: str
    kind: str
    file: str
    find: str
    replace: str
    tests: tuple[str, ...]
    database: str = "sqlite"
    migrates: bool = False

    @property
    def module(self) -> str:
        """What Python calls the file; empty for a template."""
        path = Path(self.file)
        if path.suffix != ".py":
            return ""
        parts = path.with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @property
    def folder(self) -> str:
        return f"trialmgr/{self.room}" if self.room in _INSIDE else self.room

    def planted(self, text: str) -> str:
        """The text of the file with the fault in it. Raises Unplantable."""
        times = text.count(self.find)
        if times != 1:
            raise Unplantable(f"{self.id}: the text to replace stands {times} times in {self.file}")
        return text.replace(self.find, self.replace)


def faults(catalogue: Path = CATALOGUE) -> list[Fault]:
    tables = tomllib.loads(catalogue.read_text("utf-8"))["fault"]
    return [Fault(**{**table, "tests": tuple(table["tests"])}) for table in tables]


def check_python(fault: Fault, text: str) -> None:
    """Raises SyntaxError when a planted Python file could not even be read."""
    if fault.module:
        ast.parse(text)
