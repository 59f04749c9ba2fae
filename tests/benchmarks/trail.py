"""What the pages of the audit trail cost: ``python -m tests.benchmarks.trail 9`` in a rehearsed installation."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import django

django.setup()

from django.db import connection  # noqa: E402  Django is set up first
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402

from audit.models import LedgerEntry  # noqa: E402
from tests.large_trial.visitor import BACKEND  # noqa: E402
from trialmgr.overview.rehearsal.cast import standing_cast  # noqa: E402
from trialmgr.people.permissions import Role  # noqa: E402

SITE = "UMCG"


def paths() -> dict[str, str]:
    """Of whoever was rehearsed first: what is asked finds as much in a trial of any size."""
    entry = LedgerEntry.objects.filter(form="madrs", site=SITE).earliest("seq")
    form = f"/participants/{entry.participant}/visits/{entry.visit}/forms/madrs/rows/{entry.occurrence}/history/"
    asked = {
        "newest": "",
        "oldest": "?sort=time",
        "participant": f"?participant={entry.participant}",
        "person": "?who=rater-umcg",
        "act": "?act=entry.saved",
        "rare act": "?act=site.activated",
        "site": f"?site={SITE}",
        "form": "?form=madrs",
        "site and form": f"?site={SITE}&form=madrs",
        "text of a participant": f"?participant={entry.participant}&text=no+such+text",
        "day": f"?since={entry.at:%Y-%m-%d}&until={entry.at:%Y-%m-%d}",
    }
    return {name: f"/audit/{query}" for name, query in asked.items()} | {
        "act page": f"/audit/{entry.seq}/",
        "history": form,
        "API": f"/api/v1/audit-trail/?participant={entry.participant}",
    }


def measure(rounds: str) -> dict[str, Any]:
    """By role and page: statements, seconds of processor of the page, and seconds that its statements alone take; the
    quickest of so many.
    """
    told = {}
    for role, site in ((Role.MONITOR, ""), (Role.COORDINATOR, SITE)):
        client = Client(HTTP_HOST="127.0.0.1")
        client.force_login(standing_cast().at(site, role), backend=BACKEND)
        for name, path in paths().items():
            told[f"{role.value} {name}"] = _measured(client, path, int(rounds))
    return told | {"entries": LedgerEntry.objects.count()}


def _measured(client: Client, path: str, rounds: int) -> list[float]:
    client.get(path)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(path).status_code == 200, path
    statements = [query["sql"] for query in captured if query["sql"].lstrip("(").startswith("SELECT")]
    return [
        len(captured),
        _quickest(lambda: client.get(path), rounds, time.process_time),
        _quickest(lambda: [_bare(statement) for statement in statements], rounds, time.perf_counter),
    ]


def _bare(statement: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def _quickest(act: Callable[[], object], rounds: int, clock: Callable[[], float]) -> float:
    taken = []
    for _round in range(rounds):
        began = clock()
        act()
        taken.append(clock() - began)
    return min(taken)


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1])))
