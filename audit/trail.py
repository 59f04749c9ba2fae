"""The whole audit trail as files, in the ledger's order: NDJSON with every field, CSV for a spreadsheet."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audit.acts.cells import neutralise
from audit.models import LedgerEntry

# How people read an entry, wherever it leaves the house.
READING_ORDER = (
    "at",
    "actor_id",
    "actor",
    "roles",
    "action",
    "object_type",
    "object_id",
    "site",
    "participant",
    "visit",
    "form",
    "occurrence",
    "item",
    "old",
    "new",
    "reason",
    "detail",
    "on_behalf_of",
    "means",
)
FIELDS = tuple(field.attname for field in LedgerEntry._meta.concrete_fields)


@dataclass(frozen=True, slots=True)
class Written:
    entries: int
    files: tuple[Path, Path]


def write_trail(out: Path) -> Written:
    """Write ``out`` with the endings .ndjson and .csv, made or replaced. OSError where that cannot be done."""
    lines, table = out.with_suffix(".ndjson"), out.with_suffix(".csv")
    entries = 0
    with lines.open("w", encoding="utf-8") as ndjson, table.open("w", encoding="utf-8", newline="") as csv_file:
        writer = csv.writer(csv_file)
        writer.writerow(FIELDS)
        for row in rows():
            ndjson.write(json.dumps(row, ensure_ascii=False) + "\n")
            writer.writerow([_cell(value) for value in row.values()])
            entries += 1
    return Written(entries, (lines, table))


def rows() -> Iterator[dict[str, Any]]:
    for entry in LedgerEntry.objects.order_by("seq").values(*FIELDS).iterator(chunk_size=2000):
        yield entry | {"at": entry["at"].isoformat()}


def _cell(value: Any) -> Any:
    if isinstance(value, dict):
        return json.dumps(value, sort_keys=True, ensure_ascii=False)
    return neutralise(value) if isinstance(value, str) else value
