"""Papers as PDF: a Typst template and plain data in, bytes out; the same data give the same bytes.

What comes out is PDF/UA-1 and PDF/A-2a (tagged, fonts embedded, fit to be kept). Nothing is fetched and no font of the
machine is used. Data reach the template as values, never as markup. Templates stand beside the pages of their room; the
frame of every paper, ``paper.typ``, stands here and goes before each.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import typst

FRAME = Path(__file__).with_name("paper.typ")
STANDARDS: list[typst.PDFStandard] = ["ua-1", "a-2a"]
_UNPRINTABLE = re.compile(
    "[^\n\u0020-\u007e\u00a0-\u00ac\u00ae-\u024f\u0386-\u0387\u0388-\u038a\u038c\u038e-\u03a1\u03a3-\u03ff"
    "\u0400-\u0482\u048a-\u04ff\u1e00-\u1eff\u2013\u2014\u2018-\u201e\u2022\u2026\u20ac\u2190-\u2193\u2212\u2260\u2264\u2265]"
)


def typeset(template: Path, data: Mapping[str, object], *, title: str, language: str, at: datetime) -> bytes:
    """The PDF that a template makes of JSON data.

    ``template``: the data are ``given`` in it, and ``title``, ``language``, ``at`` besides. ``at``: with a zone; the
    paper's own date, and nothing else in it depends on the clock. FileNotFoundError for a template that is none;
    ValueError for a time without a zone.
    """
    if at.tzinfo is None:
        raise ValueError("The time of a paper needs a time zone.")
    given = {**data, "title": title, "language": language, "at": at.isoformat(timespec="seconds")}
    made = typst.compile(
        FRAME.read_bytes() + template.read_bytes(),
        format="pdf",
        sys_inputs={"data": json.dumps(_printable(given), ensure_ascii=False)},
        font_paths=_fonts(),
        timestamp=at.astimezone(UTC).replace(microsecond=0),
        pdf_standards=STANDARDS,
    )
    return bytes(made)


@cache
def _fonts() -> typst.Fonts:
    return typst.Fonts(include_system_fonts=False)


def printable(text: str) -> str:
    """The text as the embedded font can show it: any other as its number, ``[U+6F22]``, so that none is lost."""
    return _UNPRINTABLE.sub(lambda found: f"[U+{ord(found[0]):04X}]", unicodedata.normalize("NFC", text))


def _printable(value: object) -> object:
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, Mapping):
        return {name: _printable(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_printable(part) for part in value]
    return value
