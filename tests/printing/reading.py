"""What stands on a paper, as another program reads it."""

from __future__ import annotations

import io
import unicodedata

from pypdf import PdfReader


def text_of(made: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(made)).pages)


def squeezed(text: str) -> str:
    """Without spaces and line ends, ligatures opened: what a reader of the PDF may write otherwise."""
    return "".join(unicodedata.normalize("NFKC", text).split()).replace("\u00ad", "-")
