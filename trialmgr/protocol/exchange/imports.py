"""Studies of other systems: which reader a file needs is told by what it begins with."""

from __future__ import annotations

from pathlib import Path

from trialmgr.protocol.exchange.drafts import ImportRefused, ImportReport
from trialmgr.protocol.exchange.odm.imports import import_odm
from trialmgr.protocol.exchange.redcap import import_redcap

_ARCHIVES = (b"PK\x03\x04", b"\x1f\x8b", b"\xd0\xcf\x11\xe0")


def import_study(path: Path, folder: Path) -> ImportReport:
    """Make a study folder of an ODM file or a REDCap data dictionary.

    ImportRefused, with a line that names place and mend, when that cannot be; then nothing was written.
    """
    try:
        with path.open("rb") as file:
            start = file.read(200)
    except OSError as error:
        raise ImportRefused(f"{path}: the file cannot be read ({error.strerror})") from None
    bare = start.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    if not bare:
        raise ImportRefused(f"{path.name} is empty")
    if start.startswith(_ARCHIVES):
        raise ImportRefused(f"{path.name} is an archive or a workbook; unpack it, or save the sheet as CSV")
    return import_odm(path, folder) if bare.startswith(b"<") else import_redcap(path, folder)
