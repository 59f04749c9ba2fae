"""The smallest study folder that checks: what somebody who begins a new study fills in and adds to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trialmgr.protocol.exchange.drafts import (
    REPORT_FILE,
    Draft,
    ImportRefused,
    ImportReport,
    Notices,
    eligibility_form,
    in_both,
    placeholders,
    plain_key,
    save,
)
from trialmgr.protocol.exchange.yaml_writer import Noted

TITLE_MISSING = 'the title has no letter; name the study, as in --title "Sleep and mood"'
_SCREENING = {
    "key": "screening",
    "label": {"nl": "Screening", "en": "Screening"},
    "phase": "screening",
    "forms": ["eligibility"],
    "confirm_with_protocol": True,
}


def start_study(folder: Path, title: str) -> ImportReport:
    """Write a study with one visit and the eligibility form; ImportRefused when the folder is used or the title empty.

    Everything that only the protocol can tell is marked ``confirm_with_protocol``.
    """
    key = plain_key(title)
    if not key:
        raise ImportRefused(TITLE_MISSING)
    study: dict[str, Any] = placeholders() | {
        "id": key,
        "short_title": title,
        "title": in_both(title),
        "public_title": in_both(title),
        "visits": [_SCREENING],
    }
    forms: list[dict[str, Any]] = [
        Noted(dict(eligibility_form("eligibility")), "The criteria stand in study.yaml, under eligibility.")
    ]
    report = save(Draft(study, [], forms, Notices()), folder, title)
    (folder / REPORT_FILE).unlink()  # nothing was imported
    return report
