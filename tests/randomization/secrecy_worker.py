"""Everything that an installation does around a list, as a process of its own that then stops without tidying up.

``python -m tests.randomization.secrecy_worker LOG SQL_LOG``: both logs are taken at the level DEBUG; the second also
tells every statement to the database with its values, which no installation does.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from itertools import product

import django

django.setup()

from django.db import connection  # noqa: E402  Django is set up first
from django.test import Client  # noqa: E402

from audit.acts import ActionRefused  # noqa: E402
from randomization.actions import allocate  # noqa: E402
from randomization.models import Allocation, RandomizationList  # noqa: E402
from tests.faults.crowd import ANSWERS, SITES, STUDY, make_ready  # noqa: E402
from trialmgr.overview.rehearsal.cast import Cast, set_up  # noqa: E402
from trialmgr.participants.models import Participant  # noqa: E402
from trialmgr.people.permissions import Role  # noqa: E402
from trialmgr.protocol.loader import load_study  # noqa: E402

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
TELLING = logging.getLogger("secrecy")
EACH_STRATUM = 5
PAGES = (
    "/", "/audit/", "/recruitment/", "/randomization/", "/randomization/1/", "/randomization/balance/", "/study/",
    "/randomization/description/", "/participants/AA-001/", "/participants/AA-001/allocation/", "/code-breaks/",
    "/api/v1/participants/", "/api/v1/participants/AA-001/", "/api/v1/participants/AA-001/allocation/",
)  # fmt: skip


def listen(log: str, sql_log: str) -> None:
    root, statements = logging.getLogger(), logging.getLogger("django.db.backends")
    root.handlers, root.level = [logging.FileHandler(log)], logging.DEBUG
    statements.propagate = False
    statements.level = TELLING.level = logging.DEBUG
    statements.handlers = TELLING.handlers = [logging.FileHandler(sql_log)]
    TELLING.propagate = False
    connection.force_debug_cursor = True


def made_ready(cast: Cast, site: str, thirsty: str) -> Participant:
    make_ready(cast, site, thirsty)
    return Participant.objects.latest("pk")


def randomise_some(cast: Cast) -> None:
    """So many in each stratum that blocks are begun and not ended; a request asked again; one refused."""
    for turn, (site, thirsty) in enumerate(list(product(SITES, ANSWERS)) * EACH_STRATUM):
        participant = made_ready(cast, site, thirsty)
        TELLING.debug("ALLOCATION OF %s", participant.number)
        for _ in range(1 + turn % 2):
            allocate(by=cast.at(site, Role.COORDINATOR), participant=participant, idempotency_key=f"key {turn}")
    TELLING.debug("REFUSAL")
    try:
        allocate(by=cast.at(site, Role.COORDINATOR), participant=participant, idempotency_key="another")
    except ActionRefused:
        TELLING.debug("REFUSED")


def read_pages(cast: Cast) -> dict[str, int]:
    """Everybody reads everything they may; how many answers were given and pages shown."""
    answers = [_read(cast, role, page) for role in Role for page in PAGES]
    return {"answers": len(answers), "shown": answers.count(200)}


def _read(cast: Cast, role: Role, page: str) -> int:
    client = Client(HTTP_HOST="127.0.0.1")
    client.force_login(cast.at("AA", role), backend=BACKEND)
    status = client.get(page).status_code
    assert status < 500, page
    return status


if __name__ == "__main__":
    listen(*sys.argv[1:3])
    people = set_up(load_study(STUDY), password=None, seed=None)
    TELLING.debug("LIST IN FORCE")
    randomise_some(people)
    TELLING.debug("PAGES")
    told = read_pages(people) | {"lists": RandomizationList.objects.count(), "allocated": Allocation.objects.count()}
    print(json.dumps(told), flush=True)
    # No farewell to the database: SQLite leaves its write-ahead log as it stands.
    os._exit(0)
