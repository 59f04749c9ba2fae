"""The subcommand that prints the envelopes of a list."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.utils import timezone

from audit.commands import Answer
from audit.folders import check_free, drafted
from randomization.actions import export_envelopes
from randomization.management.lists import list_numbered
from randomization.papers.envelopes import envelope_paper
from trialmgr.studies.queries import current_definition


def export_arguments(parser: ArgumentParser) -> None:
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
