"""Cells that a spreadsheet would take for a formula, made harmless in a way that can be undone.

Source: OWASP ASVS 5.0 V1.2.10. A text that begins with one of ``RISKY`` gets one apostrophe in front; so does a text
that begins with an apostrophe, or undoing would be a guess. Numbers are not touched: -5 stays -5.
"""

from __future__ import annotations

# The last four are the full-width characters, which some spreadsheets read as the plain ones.
RISKY = frozenset("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
MARK = "'"


def neutralise(text: str) -> str:
    return MARK + text if text[:1] in RISKY or text[:1] == MARK else text


def restore(cell: str) -> str:
    """What was neutralised, as it was: exactly one leading apostrophe is taken off."""
    return cell.removeprefix(MARK)
