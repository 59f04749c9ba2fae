"""``study``: a folder as pages to look at, and the schemas by which an editor helps to write one."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

from audit.commands import Answer
from trialmgr.overview.management.versions import folder_argument, study_folder
from trialmgr.overview.preview import write_preview
from trialmgr.protocol.editor_schema import write_schemas
from trialmgr.protocol.loader import load_study


def preview_arguments(parser: ArgumentParser) -> None:
    folder_argument(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where the pages go")


def preview(*, folder: str, out: Path) -> Answer:
    pages = write_preview(load_study(study_folder(folder)), out)
    lines = (f"{len(pages)} pages are in {out}: open {pages[0]}",)
    return Answer(lines, {"index": str(pages[0]), "pages": [str(page) for page in pages]})


def schema_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where the schemas go")


def schema(*, out: Path) -> Answer:
    written = write_schemas(out)
    return Answer(tuple(str(path) for path in written), {"schemas": [str(path) for path in written]})
