"""The files of a revealed list, as text: what ``verify_list.py`` reads, and how to check with it. Plain Python."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from randomization.methods.lists.rows import IMPORTED, Listed, Manifest, manifest_hash

VERIFIER = Path(__file__).parents[1] / "verifier" / "verify_list.py"


@dataclass(frozen=True)
class RevealedAllocation:
    """``at``: ISO 8601 in UTC. ``log``: what minimisation noted, or None."""

    stratum: str
    position: int
    arm: str
    participant: str
    at: str
    log: dict[str, Any] | None = None


@dataclass(frozen=True)
class Revealed:
    """All that is known of a list. ``manifests``: the newest last. ``rows``: None under minimisation.

    ``entry``: number of the ledger entry in which the commitment stands.
    """

    number: int
    secret: bytes
    manifests: Sequence[Manifest]
    rows: Listed | None
    allocations: Sequence[RevealedAllocation]
    entry: int


def texts(revealed: Revealed) -> dict[str, str]:
    """File name -> content. UTF-8, a line feed at the end of each line."""
    *earlier, manifest = revealed.manifests
    files = {
        "secret.txt": revealed.secret.hex() + "\n",
        "manifest.json": _manifest(manifest),
        "commitment.txt": manifest["commitment"] + "\n",
        "verify_list.py": VERIFIER.read_text("utf-8"),
    }
    files |= {f"manifest-{number}.json": _manifest(each) for number, each in enumerate(earlier, start=1)}
    files["allocations.csv"] = _csv(
        ("stratum", "position", "arm", "participant", "allocated_at"),
        ((each.stratum, each.position, each.arm, each.participant, each.at) for each in revealed.allocations),
    )
    if revealed.rows is None:
        files["allocations.jsonl"] = "".join(_line(each.log) for each in revealed.allocations)
    else:
        files["list.csv"] = list_csv(revealed.rows)
    return files | {"README.txt": _readme(revealed)}


def list_csv(rows: Mapping[str, Iterable[tuple[int, int, str]]]) -> str:
    """``list.csv``. ``rows``: position, block and arm of each row, by stratum; NAME leaves no sign in a key or arm that
    would need quotes.
    """
    lines = (f"{key},{position},{block},{arm}\n" for key in sorted(rows) for position, block, arm in rows[key])
    return "".join(("stratum,position,block,arm\n", *lines))


def _manifest(manifest: Manifest) -> str:
    return json.dumps(manifest, sort_keys=True, indent=2, ensure_ascii=False) + "\n"


def _line(log: dict[str, Any] | None) -> str:
    return json.dumps(log, sort_keys=True, ensure_ascii=False) + "\n"


def _csv(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([head, *rows])
    return text.getvalue()


def _readme(revealed: Revealed) -> str:
    manifest = revealed.manifests[-1]
    imported, minimised = manifest["origin"] == IMPORTED, revealed.rows is None
    log, listed = ("jsonl" if minimised else "csv"), (" --list list.csv" if not minimised else "")
    hashes = "\n".join(f"    {manifest_hash(each)}" for each in revealed.manifests)
    return _README.format(
        number=revealed.number,
        trial=manifest["trial_id"],
        command=f"python3 -I -S verify_list.py manifest.json secret.txt allocations.{log}{listed} --commitment HEX",
        commitment=manifest["commitment"],
        entry=revealed.entry,
        hashes=hashes,
        origin=_OF_IMPORT if imported else _OF_MINIMISATION if minimised else _OF_GENERATION,
    )


_OF_GENERATION = """\
The list was made from the secret alone: the check makes every row anew, and compares list.csv, the manifest and every
allocation with it."""
_OF_IMPORT = """\
The list was made elsewhere and imported, so no secret makes its rows: they stand in list.csv, and the commitment, made
before the first allocation, binds them. Whoever made the list adds --file with the file as it was handed over."""
_OF_MINIMISATION = """\
Minimisation makes no list: each allocation was worked out from those before it and from words that the secret makes.
allocations.jsonl holds for each what it was worked out from; the check works it out again."""

_README = """\
Randomisation list {number} of {trial}, revealed after the study was locked

To check it, with Python 3.10 or later and nothing else installed:

    {command}

HEX is the commitment as it was published when the list was made. Take it from wherever it was kept, not from this
folder; entry {entry} of the audit trail holds it too. In this folder it is

    {commitment}

The exit status is 0 when all agrees, 1 when something differs (each difference is printed with its place), 2 when a
file cannot be read.

{origin}

manifest.json      what was kept when the list was made or last extended; it also names the places that were kept for
                   sealed envelopes, which may be used in any order. manifest-1.json and so on are those before it
secret.txt         the secret, 64 hexadecimal digits
commitment.txt     the commitment
list.csv           every row of the list (not under minimisation)
allocations.csv    who was given which place, and when (UTC)
allocations.jsonl  the log of minimisation, one allocation a line (under minimisation only)
verify_list.py     the check, as one file; docs/randomization.md of the system specifies what it does

SHA-256 of the manifests as the audit trail holds them, oldest first. They are made over canonical JSON: keys sorted, no
spaces, UTF-8 without escapes.

{hashes}
"""
