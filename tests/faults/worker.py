"""What another application server does, as a process of its own: ``python -m tests.faults.worker prepare 200 UMCG``."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import django

django.setup()


from audit.acts import ActionRefused  # noqa: E402
from audit.verification import verify  # noqa: E402
from randomization.actions import allocate, set_cap  # noqa: E402
from randomization.models import Allocation, RandomizationList  # noqa: E402
from randomization.queries.lists import list_findings  # noqa: E402
from tests import walk  # noqa: E402
from tests.fewer_forms import of_this_size  # noqa: E402
from trialmgr.overview.rehearsal.cast import set_up, standing_cast  # noqa: E402
from trialmgr.participants.models import Participant  # noqa: E402
from trialmgr.people.permissions import Role  # noqa: E402


def prepare(count: str, *sites: str) -> dict[str, Any]:
    """Participants ready to be randomised, ``count`` in all, spread over the sites."""
    cast = set_up(of_this_size(), password=None, seed=None)
    return {"ready": [walk.baseline_done(cast, sites[turn % len(sites)]).number for turn in range(int(count))]}


def randomise(begin: str, *numbers: str) -> dict[str, Any]:
    """Randomise these participants, from the moment ``begin`` (seconds since 1970) on."""
    cast = standing_cast()
    participants = {each.number: each for each in Participant.objects.select_related("site")}
    time.sleep(max(0.0, float(begin) - time.time()))
    started = time.perf_counter()
    for number in numbers:
        by = cast.at(participants[number].site.code, Role.COORDINATOR)
        allocate(by=by, participant=participants[number], idempotency_key=f"key of {number}")
    return {"allocated": len(numbers), "seconds": time.perf_counter() - started}


def cap(most: str) -> dict[str, Any]:
    """At most so many in the whole trial."""
    set_cap(by=standing_cast().at("", Role.DATA_MANAGER), site=None, participants=int(most), reason="a small trial")
    return {}


def click(begin: str, key: str, *numbers: str) -> dict[str, Any]:
    """Ask for each of these participants with the same key as whoever else asks; refusals are counted."""
    cast, answers, refused = standing_cast(), {}, 0
    participants = {each.number: each for each in Participant.objects.select_related("site")}
    time.sleep(max(0.0, float(begin) - time.time()))
    for number in numbers:
        by = cast.at(participants[number].site.code, Role.COORDINATOR)
        try:
            asked = f"{key} {number}"
            answers[number] = allocate(by=by, participant=participants[number], idempotency_key=asked).row_id
        except ActionRefused:
            refused += 1
    return {"answers": answers, "refused": refused}


def examine() -> dict[str, Any]:
    """What stands in the database now."""
    listed = RandomizationList.objects.get()
    allocations = Allocation.objects.select_related("row__stratum", "participant").order_by("pk")
    return {
        "participants": [each.participant.number for each in allocations],
        "slots": [[each.row.stratum.key, each.row.position] for each in allocations],
        "used": {stratum.key: stratum.used for stratum in listed.strata.all()},
        "findings": [str(finding) for finding in list_findings(listed)],
        "faults": [fault for faults in verify().faults.values() for fault in faults],
    }


if __name__ == "__main__":
    commands: dict[str, Callable[..., dict[str, Any]]] = {
        "prepare": prepare,
        "randomise": randomise,
        "cap": cap,
        "click": click,
        "examine": examine,
    }
    command = commands[sys.argv[1]]
    print(json.dumps(command(*sys.argv[2:])))
