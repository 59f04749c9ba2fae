"""CSV after RFC 4180: UTF-8 without byte order mark, comma, CRLF, a header line; the same rows give the same bytes."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from audit.acts.cells import neutralise

# One cell may hold a whole document of the audit trail; the module's own limit is 128 KiB.
LONGEST_CELL = 2**31 - 1


def write_csv(path: Path, columns: Sequence[str], numeric: Sequence[bool], rows: Iterable[Sequence[str]]) -> int:
    """Write ``rows``, one string a column, and give their number. ``numeric``: columns that hold numbers alone."""
    count = 0
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\r\n")
        writer.writerow(columns)
        for row in rows:
            count += 1
            writer.writerow(
                value if is_number else neutralise(value) for value, is_number in zip(row, numeric, strict=True)
            )
    return count


def read_csv(path: Path) -> Iterator[list[str]]:
    """Header and rows as they stand in the file, neutralised cells included."""
    csv.field_size_limit(LONGEST_CELL)
    with path.open(encoding="utf-8", newline="") as stream:
        yield from csv.reader(stream)
