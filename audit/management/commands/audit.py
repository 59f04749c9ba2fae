from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterable
from pathlib import Path

from audit.commands import Answer, RoomCommand, Subcommand
from audit.trail import write_trail
from audit.verification import Report
from audit.verification import verify as verify_trail


class Command(RoomCommand):
    help = "The audit trail: prove it whole, write it to files."
    refusals = (OSError,)

    def subcommands(self) -> Iterable[Subcommand]:
        yield Subcommand("verify", "Hold ledger, history and rows against one another.", verify)
        yield Subcommand("export", "Write the whole trail as NDJSON and CSV; it shows the allocation.", export, _out)


def _out(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--out", required=True, type=Path, metavar="FILE", help="where to write; its ending becomes .ndjson and .csv"
    )


def verify() -> Answer:
    report = verify_trail()
    data = {"entries": report.entries, "whole": report.is_whole, "faults": report.faults}
    return Answer(tuple(_told(report)), data, done=report.is_whole)


def _told(report: Report) -> Iterable[str]:
    yield f"{report.entries} ledger entries read"
    for check, faults in report.faults.items():
        yield f"{check}: {len(faults)} faults" if faults else f"{check}: whole"
        yield from (f"  {fault}" for fault in faults)


def export(*, out: Path) -> Answer:
    written = write_trail(out)
    names = [str(path) for path in written.files]
    line = f"{written.entries} entries written to {' and '.join(names)}"
    return Answer((line,), {"entries": written.entries, "files": names})
