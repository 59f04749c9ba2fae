"""Prepares the installation that a journey walks through: ``python -m tests.journeys.worker people 2024-01-08``."""

from __future__ import annotations

import contextlib
import datetime
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django

django.setup()

from django.conf import settings  # noqa: E402  Django is set up first

from tests import walk  # noqa: E402
from tests.conftest import PASSWORD  # noqa: E402
from trialmgr.overview.rehearsal.cast import set_up, standing_cast  # noqa: E402
from trialmgr.protocol.loader import load_study  # noqa: E402
from trialmgr.studies.clock import pretend  # noqa: E402

SEED = "two years"


def people(day: str) -> dict[str, Any]:
    """Study, sites, people and a list in force; in a demo the same list every time, and its memberships by ``day``."""
    demo = settings.TRIALMGR_DEMO
    with pretend(datetime.date.fromisoformat(day)) if demo else contextlib.nullcontext():
        set_up(load_study(Path(settings.TRIALMGR_STUDIES) / "reset_trd"), password=PASSWORD, seed=SEED if demo else None)
    return {}


def at_week_8(response: str) -> dict[str, Any]:
    """A participant whose treatment is over, through the real actions; ``response``: yes or no."""
    participant = walk.at_week_8(standing_cast(), response=response == "yes")
    return {"participant": participant.number}


if __name__ == "__main__":
    commands: dict[str, Callable[[str], dict[str, Any]]] = {"people": people, "at_week_8": at_week_8}
    print(json.dumps(commands[sys.argv[1]](sys.argv[2])))
