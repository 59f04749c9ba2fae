"""Study folders that begin: ``study new``, ``study import``; and for other systems ``study export-odm``."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from pathlib import Path

from audit.commands import Answer, WrongUsage
from trialmgr.overview.management.versions import folder_argument, study_folder
from trialmgr.protocol.exchange.imports import import_study
from trialmgr.protocol.exchange.odm.exports import OdmDocument, odm_of
from trialmgr.protocol.loader import load_study
from trialmgr.protocol.new_study import start_study


def new_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", help="the study folder to make; it must not exist, or be empty")
    parser.add_argument("--title", required=True, metavar="TEXT", help="what the study is called")


def new_folder(*, folder: str, title: str) -> Answer:
    definition = start_study(Path(folder), title).check.definition
    items = sum(len(form.items) for form in definition.forms)
    line = f"{folder}: {len(definition.visits)} visits, {len(definition.forms)} forms, {items} items"
    return Answer((line,), {"folder": folder, "study": definition.id})


def import_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="an ODM 1.3 file, or a REDCap data dictionary (CSV)")
    parser.add_argument("folder", metavar="DIR", help="the study folder to make; it must not exist, or be empty")


def import_folder(*, file: str, folder: str) -> Answer:
    report = import_study(Path(file), Path(folder))
    data = {
        "folder": folder,
        "study": report.check.definition.id,
        "warnings": [str(notice) for notice in report.warnings],
        "left_out": [str(notice) for notice in report.left_out],
        "unconfirmed": len(report.check.unconfirmed),
    }
    unconfirmed = f"{len(report.check.unconfirmed)} parts are to be confirmed with the protocol"
    return Answer((*report.lines(), unconfirmed, f"Look at it with: python manage.py study check {folder}"), data)


def export_arguments(parser: ArgumentParser) -> None:
    folder_argument(parser)
    parser.add_argument("--out", required=True, metavar="FILE", help="the ODM file to write")


def export_odm(*, folder: str, out: str) -> Answer:
    document = odm_of(load_study(study_folder(folder)))
    _write(Path(out), document)
    data = {"file": out, "in_alias": list(document.in_alias), "lost": list(document.lost)}
    lines = (
        f"{out}: ODM 1.3.2, {len(document.text.encode())} bytes",
        "Only an alias of our own holds, for ODM has no place for them:",
        *(f"  {kept}" for kept in document.in_alias),
        f"{len(document.lost)} things are not in the file",
        *(f"  {lost}" for lost in document.lost),
    )
    return Answer(lines, data)


def _write(path: Path, document: OdmDocument) -> None:
    """The whole file, or none of it."""
    scratch = path.with_name(f".{path.name}.part")
    try:
        scratch.write_text(document.text, "utf-8", newline="\n")
        os.replace(scratch, path)
    except OSError as error:
        scratch.unlink(missing_ok=True)
        raise WrongUsage(f"--out: {path} cannot be written ({error.strerror})") from None
