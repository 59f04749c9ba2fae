"""Subcommands about lists: make, import, activate, status, verify, reveal."""

from __future__ import annotations

import hashlib
import sys
from argparse import ArgumentParser
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from audit.commands import Answer, WrongUsage
from randomization.actions import activate_list, import_list, make_list, reveal_list
from randomization.models import Allocation, ListExtension, RandomizationList
from randomization.queries.lists import list_findings


def list_numbered(number: int) -> RandomizationList:
    listed: RandomizationList | None = RandomizationList.objects.filter(number=number).first()
    if listed is None:
        raise WrongUsage(f"There is no list {number}.")
    return listed


def make(*, by: Any) -> Answer:
    listed = make_list(by=by)
    lines = (
        f"List {listed.number} is made and sealed, {listed.manifest['rows']} rows. A second person activates it.",
        f"Commitment, to be kept outside this system: {listed.commitment}",
    )
    return Answer(lines, {"number": listed.number, "commitment": listed.commitment, "manifest": listed.manifest})


STANDARD_INPUT = "-"


def import_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "file", help="CSV, or - for standard input. The file is removed once the list is sealed: it shows the list"
    )


def import_file(*, by: Any, file: str) -> Answer:
    content = _read(file)
    listed = import_list(by=by, file=content)
    sha256 = hashlib.sha256(content).hexdigest()
    lines = (
        f"List {listed.number} is sealed, {listed.manifest['rows']} rows. A second person activates it.",
        f"Commitment, to be kept outside this system: {listed.commitment}",
        f"SHA-256 of the file, to compare with whoever made it (it is not kept here): {sha256}",
        *_removed(file),
    )
    data = {"number": listed.number, "commitment": listed.commitment, "file_sha256": sha256}
    return Answer(lines, data | {"manifest": listed.manifest})


def _read(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == STANDARD_INPUT else Path(file).read_bytes()
    except OSError as error:
        raise WrongUsage(f"{file} cannot be read ({error.strerror}).") from error


def _removed(file: str) -> tuple[str, ...]:
    """No list stays on the server in the open."""
    if file == STANDARD_INPUT:
        return ()
    try:
        Path(file).unlink()
    except OSError as error:
        return (f"{file} shows the list and could not be removed ({error.strerror}): remove it now.",)
    return (f"{file} was removed from this computer.",)


def activate(*, by: Any, number: int) -> Answer:
    listed = activate_list(by=by, listed=list_numbered(number))
    return Answer((f"List {number} is active.",), {"number": number, "status": listed.status})


def status() -> Answer:
    """Neutral: how far each stratum is used would tell of blocks to come."""
    rows = [
        {
            "number": listed.number,
            "purpose": listed.purpose,
            "origin": listed.origin,
            "status": listed.status,
            "made_at": listed.made_at.isoformat(timespec="seconds"),
            "made_by": listed.made_by.actor_name,
            "allocations": Allocation.objects.filter(row__stratum__list=listed).count(),
            "commitment": listed.commitment,
            "extensions": [_extension(each) for each in listed.extensions.select_related("made_by")],
        }
        for listed in RandomizationList.objects.select_related("made_by")
    ]
    lines = [line for row in rows for line in _status_lines(row)]
    return Answer(tuple(lines or ["No list has been made."]), {"lists": rows})


def _extension(extension: ListExtension) -> dict[str, Any]:
    return {
        "number": extension.number,
        "status": "made" if extension.activated_at is None else "active",
        "made_at": extension.made_at.isoformat(timespec="seconds"),
        "made_by": extension.made_by.actor_name,
    }


def _status_lines(row: dict[str, Any]) -> Iterable[str]:
    yield (
        f"list {row['number']} ({row['purpose']}, {row['origin']}): {row['status']}, made {row['made_at']} "
        f"by {row['made_by']}, {row['allocations']} allocations"
    )
    for each in row["extensions"]:
        yield f"  extension {each['number']}: {each['status']}, made {each['made_at']} by {each['made_by']}"


def verify(*, number: int | None) -> Answer:
    """The findings name arms: the output is for people who may see the allocation."""
    lists = [list_numbered(number)] if number is not None else list(RandomizationList.objects.all())
    found = {str(listed.number): [str(finding) for finding in list_findings(listed)] for listed in lists}
    lines = [
        line
        for name, findings in found.items()
        for line in [f"list {name}: {len(findings)} findings" if findings else f"list {name}: agrees", *findings]
    ]
    return Answer(tuple(lines or ["No list has been made."]), {"findings": found}, done=not any(found.values()))


def reveal_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("number", type=int, help="the number of the list")
    parser.add_argument("--out", required=True, type=Path, metavar="FOLDER", help="empty or not there yet")


def reveal(*, by: Any, number: int, out: Path) -> Answer:
    files = reveal_list(by=by, listed=list_numbered(number), out=out)
    lines = [f"List {number} is revealed in {out}; README.txt there says how to check it."]
    lines += [f"{sha256}  {name}" for name, sha256 in sorted(files.items())]
    return Answer(tuple(lines), {"number": number, "folder": str(out), "files": files})
