"""What the pure part of this room has to say to people: refusals, warnings and mismatches.

A message is an English msgid with named places, so that a page can translate it first and fill it in afterwards:
``gettext(finding.message) % finding.values``. ``str(finding)`` is the English sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


def gettext_noop(message: str) -> str:
    """Mark a message for the translators' catalogue without needing Django here."""
    return message


@dataclass(frozen=True)
class Finding:
    message: str
    values: Mapping[str, object]

    def __str__(self) -> str:
        return self.message % self.values


def finding(message: str, **values: object) -> Finding:
    return Finding(message, values)


class DesignRefused(ValueError):
    """A design, stratum or length that no list may be made for. ``findings`` holds every reason."""

    def __init__(self, *findings: Finding) -> None:
        super().__init__("\n".join(str(each) for each in findings))
        self.findings = findings
