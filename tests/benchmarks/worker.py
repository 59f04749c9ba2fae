"""Fills an installation for a benchmark and measures inside it: ``python -m tests.benchmarks.worker populate 100``."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import django

django.setup()

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY  # noqa: E402
from django.contrib.sessions.backends.db import SessionStore  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402

from tests import walk  # noqa: E402
from tests.fewer_forms import of_this_size  # noqa: E402
from trialmgr.overview.rehearsal.cast import set_up, standing_cast  # noqa: E402
from trialmgr.people.models import User  # noqa: E402
from trialmgr.people.permissions import Role  # noqa: E402

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
SITE = "UMCG"


def populate(count: str) -> dict[str, Any]:
    """Participants with consent, and a first one whose baseline visit has begun; the sessions of two people."""
    cast = set_up(of_this_size(), password=None, seed=None)
    first = walk.eligible(cast, SITE)
    walk.visited(cast, first, "baseline")
    add(str(int(count) - 1))
    return {
        "participant": first.number,
        "coordinator": _session(cast.at(SITE, Role.COORDINATOR)),
        "rater": _session(cast.at(SITE, Role.RATER)),
    }


def add(count: str) -> dict[str, Any]:
    """So many more participants with consent."""
    cast = standing_cast()
    for _turn in range(int(count)):
        walk.consented(cast, SITE)
    return {}


def queries(*paths: str) -> dict[str, int]:
    """Database queries that each page costs a coordinator."""
    client = Client(HTTP_HOST="127.0.0.1")
    client.force_login(standing_cast().at(SITE, Role.COORDINATOR), backend=BACKEND)
    return {path: _queries(client, path) for path in paths}


def _queries(client: Client, path: str) -> int:
    client.get(path)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(path).status_code == 200, path
    return len(captured)


def _session(user: User) -> str:
    store = SessionStore()
    store[SESSION_KEY] = str(user.pk)
    store[BACKEND_SESSION_KEY] = BACKEND
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.save()
    return str(store.session_key)


if __name__ == "__main__":
    commands: dict[str, Callable[..., dict[str, Any]]] = {"populate": populate, "add": add, "queries": queries}
    command = commands[sys.argv[1]]
    print(json.dumps(command(*sys.argv[2:])))
