"""Two people at the same moment, in one process and two connections: one enters data, one locks the study."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django

django.setup()

from django.conf import settings  # noqa: E402  only after setup
from django.db import IntegrityError, connection, transaction  # noqa: E402
from django.utils.translation import override  # noqa: E402

from audit.acts import ActionRefused  # noqa: E402
from exports.actions import lock_study  # noqa: E402
from tests import walk  # noqa: E402
from trialmgr.overview.rehearsal.cast import Cast, set_up, standing_cast  # noqa: E402
from trialmgr.people.permissions import Role  # noqa: E402
from trialmgr.protocol.loader import load_study  # noqa: E402

HOLD = 1.5  # seconds between the first one's act and its commit


def register(cast: Cast) -> str:
    return walk.registered(cast).number


def lock(cast: Cast) -> str:
    return f"after {lock_study(by=cast.at('', Role.DATA_MANAGER), reason='race').ledger_seq}"


ACTS: dict[str, Callable[[Cast], str]] = {"register": register, "lock": lock}


def attempt(act: Callable[[Cast], str]) -> str:
    try:
        with override("en"):
            return act(standing_cast())
    # Whoever has passed the first check when the lock falls meets the database's own refusal.
    except (ActionRefused, IntegrityError) as refusal:
        return f"refused: {refusal}"
    finally:
        connection.close()


def held(act: Callable[[Cast], str], done: threading.Event) -> Callable[[Cast], str]:
    """The act, its commit held back for a while after it is done."""

    def run(cast: Cast) -> str:
        with transaction.atomic():
            outcome = act(cast)
            done.set()
            threading.Event().wait(HOLD)
        return outcome

    return run


def race(first: str, second: str) -> dict[str, str]:
    """What came of each, when the second begins after the first has acted and before it commits."""
    acted = threading.Event()
    outcomes: dict[str, str] = {}

    def run(name: str, act: Callable[[Cast], str]) -> None:
        outcomes[name] = attempt(act)

    leader = threading.Thread(target=run, args=(first, held(ACTS[first], acted)))
    follower = threading.Thread(target=run, args=(second, ACTS[second]))
    leader.start()
    acted.wait(60)
    follower.start()
    for thread in (leader, follower):
        thread.join()
    return outcomes


def prepare() -> dict[str, Any]:
    definition = load_study(Path(settings.TRIALMGR_STUDIES) / "reset_trd")
    return {"sites": sorted(set_up(definition, password=None, seed=None).sites)}


if __name__ == "__main__":
    print(json.dumps(prepare() if sys.argv[1] == "prepare" else race(*sys.argv[1:3])))
