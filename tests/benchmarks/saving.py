"""What a save costs beside the casebook it stands in: ``python -m tests.benchmarks.saving measure 40``."""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import django

django.setup()

from django.conf import settings  # noqa: E402  Django is set up first
from django.db import connection  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402

from crf.actions import save_entry  # noqa: E402
from crf.loaded_casebook import LoadedCasebook  # noqa: E402
from crf.models import FormEntry, Visit  # noqa: E402
from tests import walk  # noqa: E402
from trialmgr.overview.rehearsal.cast import Cast, set_up  # noqa: E402
from trialmgr.participants.models import Participant  # noqa: E402
from trialmgr.people.permissions import Role  # noqa: E402
from trialmgr.protocol.casebook import assess  # noqa: E402
from trialmgr.protocol.loader import load_study  # noqa: E402
from trialmgr.studies.queries import one_version, timeline  # noqa: E402

SITE = "UMCG"
ENTRIES = 160


def measure(rounds: str) -> dict[str, Any]:
    """In seconds of processor: a save of the baseline MADRS in a fresh casebook and in a full one, in turn (medians),
    and the full one assessed from nothing (the quickest, which is the least disturbed)."""
    cast = set_up(load_study(Path(settings.TRIALMGR_STUDIES) / "reset_trd"), password=None, seed=None)
    fresh = walk.eligible(cast, SITE)
    walk.visited(cast, fresh, "baseline")
    full = _full(cast)
    taken: dict[int, list[float]] = {fresh.pk: [], full.pk: []}
    for turn in range(int(rounds)):
        for who in (fresh, full):
            taken[who.pk].append(_save(cast, walk.visit_of(who, "baseline"), turn))
    asked = [_statements(cast, walk.visit_of(who, "baseline")) for who in (fresh, full)]
    return {
        "fresh": statistics.median(taken[fresh.pk]),
        "full": statistics.median(taken[full.pk]),
        "statements": asked,
        "assessed": min(_assessed(full) for _turn in range(int(rounds))),
        "entries": FormEntry.objects.filter(visit__participant=full).count(),
    }


def _full(cast: Cast) -> Participant:
    """A responder with a year of follow-up, and rows in the log until there are so many entries."""
    participant = walk.in_follow_up(cast, SITE)
    visits = participant.visits.filter(reveals_allocation=False, target_on__isnull=False, took_place_on=None)
    for visit in visits.order_by("target_on"):
        if visit.phase == "treatment":
            walk.visited(cast, participant, visit.slug)
    log = walk.visit_of(participant, "log")
    while FormEntry.objects.filter(visit__participant=participant).count() < ENTRIES:
        walk.fill(cast, log, "concomitant_medication", occurrence=None)
    return participant


def _save(cast: Cast, visit: Visit, turn: int) -> float:
    by, values = cast.at(SITE, Role.RATER), {f"madrs_{item}": str(1 + turn % 2) for item in range(1, 11)}
    began = time.process_time()
    save_entry(by=by, visit=visit, form_key="madrs", values=values, reason="benchmark")
    return time.process_time() - began


def _statements(cast: Cast, visit: Visit) -> int:
    with one_version():
        timeline()
        with CaptureQueriesContext(connection) as asked:
            _save(cast, visit, 3)
            _save(cast, visit, 4)
    return len(asked)


def _assessed(participant: Participant) -> float:
    """From nothing, loading included."""
    with one_version():
        timeline()
        began = time.process_time()
        assess(LoadedCasebook(participant).entered())
        return time.process_time() - began


if __name__ == "__main__":
    print(json.dumps({"measure": measure}[sys.argv[1]](*sys.argv[2:])))
