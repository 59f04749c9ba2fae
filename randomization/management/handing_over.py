"""Subcommands by which lists come in and go out: extend, import, export-envelopes, reveal."""

from __future__ import annotations

import hashlib
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.utils import timezone

from audit.commands import Answer, WrongUsage
from audit.folders import check_free, drafted
from randomization.actions import export_envelopes, extend_list, import_list, reveal_list
from randomization.envelope_paper import envelope_paper
from randomization.management.finding import list_numbered
from randomization.methods.lists.extensions import wanted_lengths
from randomization.methods.lists.rows import manifest_hash
from trialmgr.studies.queries import current_definition

STANDARD_INPUT = "-"


def extending(parser: ArgumentParser) -> None:
    parser.add_argument("number", type=int, help="the number of the list")
    parser.add_argument("--reason", required=True, help="why; kept in the audit trail")
    parser.add_argument("--to", type=int, metavar="ROWS", help="rows of each stratum; those of the study when left out")
    parser.add_argument(
        "--stratum", action="append", default=[], metavar="KEY=ROWS", help="rows of one stratum, such as site=UMCG=240"
    )


def extend(*, by: Any, number: int, reason: str, to: int | None, stratum: list[str]) -> Answer:
    if to is not None and to < 1:
        raise WrongUsage("--to: a number of rows from 1.")
    each = wanted_lengths(stratum)
    extension = extend_list(by=by, listed=list_numbered(number), reason=reason, to=to, each=each)
    manifest = extension.manifest
    lines = (
        f"Extension {extension.number} of list {number} is made and sealed, {manifest['rows']} rows in all. "
        "A second person activates it.",
        f"SHA-256 of its manifest, to be kept outside this system: {manifest_hash(manifest)}",
    )
    data = {"number": number, "extension": extension.number, "manifest": manifest}
    return Answer(lines, data | {"manifest_sha256": manifest_hash(manifest)})


def bringing(parser: ArgumentParser) -> None:
    parser.add_argument(
        "file", help="CSV, or - for standard input. The file is removed once the list is sealed: it shows the list"
    )


def bring(*, by: Any, file: str) -> Answer:
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


def exporting(parser: ArgumentParser) -> None:
    parser.add_argument("number", type=int, help="the number of the list")
    parser.add_argument("--out", required=True, type=Path, metavar="FOLDER", help="empty or not there yet")
    parser.add_argument("--site", default="", metavar="CODE", help="only the envelopes of this site")
    parser.add_argument("--language", choices=("nl", "en"), default="nl", help="of the paper")


def export(*, by: Any, number: int, out: Path, site: str, language: str) -> Answer:
    listed = list_numbered(number)
    check_free(out)
    with drafted(out.absolute().parent) as draft:
        envelopes = export_envelopes(by=by, listed=listed, site=site)
        definition, at = current_definition(), timezone.now()
        paper = envelope_paper(envelopes, listed=listed, definition=definition, at=at, language=language)
        (draft.folder / "envelopes.pdf").write_bytes(paper)
        draft.move_to(out)
    written = out / "envelopes.pdf"
    lines = (
        f"{len(envelopes)} envelopes and their register: {written}",
        "The file shows allocations: print it, and remove it from this computer.",
    )
    return Answer(lines, {"number": number, "envelopes": len(envelopes), "file": str(written)})


def revealing(parser: ArgumentParser) -> None:
    parser.add_argument("number", type=int, help="the number of the list")
    parser.add_argument("--out", required=True, type=Path, metavar="FOLDER", help="empty or not there yet")


def reveal(*, by: Any, number: int, out: Path) -> Answer:
    files = reveal_list(by=by, listed=list_numbered(number), out=out)
    lines = [f"List {number} is revealed in {out}; README.txt there says how to check it."]
    lines += [f"{sha256}  {name}" for name, sha256 in sorted(files.items())]
    return Answer(tuple(lines), {"number": number, "folder": str(out), "files": files})
