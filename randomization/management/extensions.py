"""Subcommands about extensions: extend a list, and activate that."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from audit.commands import Answer, WrongUsage
from randomization.actions import activate_extension, extend_list
from randomization.management.lists import list_numbered
from randomization.methods.lists.extensions import wanted_lengths
from randomization.methods.lists.rows import manifest_hash
from randomization.models import ListExtension, RandomizationList


def extension_numbered(listed: RandomizationList, number: int) -> ListExtension:
    extension: ListExtension | None = listed.extensions.filter(number=number).first()
    if extension is None:
        raise WrongUsage(f"List {listed.number} has no extension {number}.")
    return extension


def extend_arguments(parser: ArgumentParser) -> None:
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


def activate(*, by: Any, number: int, extension: int) -> Answer:
    extended = activate_extension(by=by, extension=extension_numbered(list_numbered(number), extension))
    lines = (f"Extension {extension} of list {number} is active: {extended.manifest['rows']} rows in all.",)
    return Answer(lines, {"number": number, "extension": extension, "rows": extended.manifest["rows"]})
