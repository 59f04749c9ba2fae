"""Is a release folder what its manifest says? Plain Python: needs this package, no Django and no database.

Source: ICH E6(R3) 4.2.5 (transfers validated), 21 CFR Part 11 11.10(a) (able to discern altered records).
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from exports.tables.manifest import FORMAT, MANIFEST, SUMS, sha256_of
from exports.tables.writers.csv_writer import read_csv


def verify_release(folder: Path) -> list[str]:
    """Every fault found in the folder, in words; empty when each file is there, whole and as the manifest says."""
    if not folder.is_dir():
        return [f"{folder}: there is no such folder"]
    try:
        files = _files(json.loads((folder / MANIFEST).read_text("utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        return [f"{MANIFEST} cannot be read as the manifest of a release: {error}"]
    return [*_presence_faults(folder, files), *_content_faults(folder, files), *_sums_faults(folder, files)]


def _files(manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Name -> what the manifest says of the file. ValueError, KeyError or TypeError when it is no such manifest."""
    if manifest["format"] != FORMAT:
        raise ValueError(f"its format is {manifest['format']!r}, not {FORMAT!r}")
    files = {str(entry["name"]): {**entry, "bytes": int(entry["bytes"])} for entry in manifest["files"]}
    strange = [name for name in files if Path(name).name != name]
    if strange:
        raise ValueError(f"it names {strange[0]!r}, which is not a file of this folder")
    return files


def _presence_faults(folder: Path, files: dict[str, dict[str, Any]]) -> Iterator[str]:
    wanted = {*files, MANIFEST, SUMS}
    present = {path.name for path in folder.iterdir()}
    yield from (f"{name}: the file is missing" for name in sorted(wanted - present))
    yield from (f"{name}: does not belong to the release" for name in sorted(present - wanted))


def _content_faults(folder: Path, files: dict[str, dict[str, Any]]) -> Iterator[str]:
    for name, said in files.items():
        path = folder / name
        if path.is_file():
            yield from (f"{name}: {fault}" for fault in _faults_of(path, said))


def _faults_of(path: Path, said: dict[str, Any]) -> Iterator[str]:
    size = path.stat().st_size
    if size != said["bytes"]:
        yield f"has {size} bytes, the manifest says {said['bytes']}"
    if sha256_of(path) != said.get("sha256"):
        yield "was changed: its SHA-256 is not that of the manifest"
    if "rows" in said:
        yield from _table_faults(path, said)


def _table_faults(path: Path, said: dict[str, Any]) -> Iterator[str]:
    try:
        lines = read_csv(path)
        header, rows = list(islice(lines, 1)), sum(1 for _row in lines)
    except (ValueError, csv.Error):
        yield "is not a CSV file in UTF-8"
        return
    if header != [said.get("columns")]:
        yield "does not have the columns that the manifest names"
    if rows != said["rows"]:
        yield f"has {rows} rows, the manifest says {said['rows']}"


def _sums_faults(folder: Path, files: dict[str, dict[str, Any]]) -> Iterator[str]:
    if not (folder / SUMS).is_file():
        return
    wanted = {name: str(said.get("sha256")) for name, said in files.items()} | {MANIFEST: sha256_of(folder / MANIFEST)}
    lines = (folder / SUMS).read_text("utf-8", errors="replace").splitlines()
    found = {name: digest for digest, _space, name in (line.partition("  ") for line in lines)}
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            yield f"{SUMS}: the line of {name} does not agree with the manifest"
