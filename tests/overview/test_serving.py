"""The application as gunicorn serves it: loaded once, before its workers part from one another."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from tests.house.tree import ROOT

# What stands in a process that has loaded the application, as JSON.
LOADED = """
import json, sys, threading
import trialmgr.wsgi
from django.db import connections
print(json.dumps({
    "pages": [room for room in ("crf", "randomization", "exports") if f"{room}.urls" in sys.modules],
    "connections": [each.alias for each in connections.all(initialized_only=True) if each.connection is not None],
    "threads": threading.active_count(),
}))
"""


def ran(*arguments: str) -> str:
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"}
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    ).stdout


def test_gunicorn_loads_the_application_before_its_workers_part() -> None:
    lines = [line.split() for line in ran("-m", "gunicorn", "--print-config", "trialmgr.wsgi").splitlines()]
    assert ["preload_app", "=", "True"] in lines


def test_what_is_loaded_may_be_shared_all_pages_and_no_connection_or_thread() -> None:
    assert json.loads(ran("-c", LOADED)) == {
        "pages": ["crf", "randomization", "exports"],
        "connections": [],
        "threads": 1,
    }
