"""The pages that are kept as pictures under ``docs/screenshots``, in the order in which a reader meets them.

Pictures are taken where they are wanting, or all of them anew with TRIALMGR_SCREENSHOTS=1, so that a run of the tests
leaves the tree as it was.
"""

from __future__ import annotations

import os
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"
FOLDER = DOCS / "screenshots"
PAGE = DOCS / "screenshots.md"
ANEW = os.environ.get("TRIALMGR_SCREENSHOTS") == "1"
MOST_BYTES = 150_000
MOST_HEIGHT = 1600

SCREENS = {
    "sign-in": "Signing in with user name and password.",
    "sign-in-error": "A sign-in that failed: the error summary says what is wrong and holds the focus.",
}


def path_of(name: str) -> Path:
    """Where the picture of this page stands; KeyError for a page that has none."""
    number = list(SCREENS).index(name) + 1 if name in SCREENS else 0
    if not number:
        raise KeyError(f"{name} is no screen of {Path(__file__).name}")
    return FOLDER / f"{number:02d}-{name}.png"


def is_wanted(name: str) -> bool:
    return ANEW or not path_of(name).exists()


def page() -> str:
    """``docs/screenshots.md``: every picture with one line that says what it shows."""
    head = (
        "# Screenshots\n\n"
        "One participant's way through a demo of the trial, then the other pages. The journeys in `tests/journeys/` take\n"
        "the pictures and write this page; `TRIALMGR_SCREENSHOTS=1` before their run takes them anew.\n"
    )
    entries = [
        f"\n## {number}. {text}\n\n![{text}](screenshots/{path_of(name).name})\n"
        for number, (name, text) in enumerate(SCREENS.items(), start=1)
    ]
    return head + "".join(entries)
