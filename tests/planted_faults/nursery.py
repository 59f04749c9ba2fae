"""Runs pytest again and again, each time in a fork of a process that has loaded what all runs share.

Nothing of the rooms is loaded before the fork, so that each run meets the files as they stand then. One order comes in
as a line of JSON, one outcome goes out as another.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

LIMIT = 10 * 60  # seconds; a fault may make a test wait for ever
SHARED = (
    "pytest",
    "hypothesis.strategies",
    "hypothesis.stateful",
    "numpy",
    "pydantic",
    "ruamel.yaml",
    "lark",
    "openpyxl",
    "cryptography.hazmat.primitives.ciphers.aead",
    "cryptography.fernet",
    "django.db.models",
    "django.test",
    "django.forms",
)


# Assertions stay as they are written: what was loaded before the fork could not be rewritten any more.
OPTIONS = ("-q", "--assert=plain")
PLUGINS = ("no:cacheprovider", "no:schemathesis", "no:randomly", "tests.planted_faults.witness")


def run(order: dict[str, Any]) -> dict[str, Any]:
    """``order``: tests, options of pytest, database (its address), log, and what the witness is told."""
    begun = time.monotonic()
    child = os.fork()
    if child == 0:
        _become_pytest(order)
    limit = threading.Timer(LIMIT, os.killpg, [child, signal.SIGKILL])
    limit.start()
    _pid, status, used = os.wait4(child, 0)
    limit.cancel()
    return {
        "code": os.waitstatus_to_exitcode(status),
        "wall": time.monotonic() - begun,
        "cpu": used.ru_utime + used.ru_stime,
    }


def _become_pytest(order: dict[str, Any]) -> None:
    """Never returns."""
    os.setpgid(0, 0)
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ["DATABASE_URL"] = order["database"]
    os.environ["TRIALMGR_PLANTED_FAULT"] = json.dumps(order["witness"])
    code = 1
    try:
        pytest = importlib.import_module("pytest")
        plugins = (word for name in PLUGINS for word in ("-p", name))
        code = int(pytest.main([*OPTIONS, *plugins, *order["options"], *order["tests"]]))
    except BaseException:  # it must not come out on the other side of the fork
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    for name in SHARED:
        importlib.import_module(name)
    # Orders come by the standard input and outcomes go out by the standard output; a run has a log of its own.
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), flush=True)


if __name__ == "__main__":
    sys.path.insert(0, str(Path.cwd()))
    main()
