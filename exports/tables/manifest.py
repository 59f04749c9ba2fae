"""What a release says of itself: the manifest, and the list of hashes that ``sha256sum -c`` reads. Plain Python.

Source: 21 CFR Part 11 11.10(b) (accurate and complete copies); FDA 2024 Q3 (a certified copy with its metadata).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FORMAT = "trialmgr release 1"
MANIFEST = "manifest.json"
SUMS = "SHA256SUMS"


@dataclass(frozen=True, slots=True)
class FileRecord:
    """One file of a release. ``rows`` and ``columns`` for CSV files; ``reveals``: its name or content tells the arm."""

    name: str
    sha256: str
    size: int
    rows: int | None = None
    columns: tuple[str, ...] | None = None
    reveals: bool = False

    def as_json(self) -> dict[str, Any]:
        plain: dict[str, Any] = {"name": self.name, "sha256": self.sha256, "bytes": self.size}
        counted = {} if self.columns is None else {"rows": self.rows, "columns": list(self.columns)}
        return plain | counted


def sha256_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def describe(
    path: Path, *, rows: int | None = None, columns: Sequence[str] | None = None, reveals: bool = False
) -> FileRecord:
    """Hash and size of a file that has just been written, with what is known of its content."""
    named = None if columns is None else tuple(columns)
    return FileRecord(path.name, sha256_of(path), path.stat().st_size, rows, named, reveals)


def json_text(document: dict[str, Any]) -> str:
    """One fixed spelling: sorted keys, two spaces, a line end after the last."""
    return json.dumps(document, sort_keys=True, indent=2, ensure_ascii=False) + "\n"


def sums_text(files: Iterable[FileRecord]) -> str:
    return "".join(f"{file.sha256}  {file.name}\n" for file in sorted(files, key=lambda file: file.name))


def write_text(path: Path, text: str) -> Path:
    """The same bytes on every system: UTF-8, line ends as given."""
    path.write_text(text, encoding="utf-8", newline="")
    return path
