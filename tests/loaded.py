"""A loaded Django that forks a process for each command, which so begins at once instead of loading for two seconds.

``python -m tests.loaded DESCRIPTOR`` is told on that socket what to run. What it has loaded are the settings of its
environment; a child differs in the name of its database, its environment and its arguments.
"""

from __future__ import annotations

import atexit
import functools
import gc
import json
import os
import runpy
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parent.parent
LONGEST = 128 * 1024
"""Bytes of an order, its environment among them."""

COMMANDS = ("audit", "people", "randomization", "release", "study", "trial")


# --- who asks ---------------------------------------------------------------------------------------------------------


@dataclass
class Child:
    """A process that was asked for, as ``subprocess.Popen`` would tell of it."""

    out: IO[str]
    err: IO[str]
    ended: IO[str]
    returncode: int | None = None

    def communicate(self) -> tuple[str, str]:
        """Standard output and standard error, when it has ended."""
        with self.out, self.err, self.ended:
            self.returncode = int(self.ended.read())
            return _whole(self.out), _whole(self.err)

    def told(self) -> str:
        """Standard output of a process that must end well."""
        out, err = self.communicate()
        assert self.returncode == 0, err[-4000:]
        return out

    def answer(self) -> Any:
        """The JSON that a process prints in its last line."""
        return json.loads(self.told().splitlines()[-1])


def _whole(file: IO[str]) -> str:
    file.seek(0)
    return file.read()


class Loaded:
    """The process that forks, as long as this one lives."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-m", "tests.loaded", str(theirs.fileno())]
        with theirs:
            self._process = subprocess.Popen(command, cwd=ROOT, env=environment, pass_fds=[theirs.fileno()])
        atexit.register(self._end)

    def start(self, environment: Mapping[str, str], arguments: Sequence[str]) -> Child:
        out, err = (tempfile.TemporaryFile("w+") for _stream in range(2))  # noqa: SIM115  closed when they are read
        ended, end = os.pipe()
        order = json.dumps({"environment": dict(environment), "arguments": arguments}).encode()
        assert len(order) < LONGEST
        socket.send_fds(self._orders, [order], [out.fileno(), err.fileno(), end])
        os.close(end)
        return Child(out, err, os.fdopen(ended))

    def _end(self) -> None:
        self._orders.close()
        self._process.wait()


@functools.cache
def loaded(settings: str) -> Loaded:
    """With that module of settings; loaded once."""
    return Loaded(os.environ | {"DJANGO_SETTINGS_MODULE": settings, "PYTHONWARNINGS": "default"})


# --- the process that forks -------------------------------------------------------------------------------------------


def serve(orders: socket.socket) -> None:
    """Fork for every order until nobody is left who could give one."""
    _load()
    keepers = []
    while True:
        order, descriptors, *_ = socket.recv_fds(orders, LONGEST, 3)
        if not order:
            break
        keepers.append(os.fork())
        if keepers[-1] == 0:
            orders.close()
            _keep(json.loads(order), *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
    for keeper in keepers:  # so that their processor time counts as this one's
        os.waitpid(keeper, 0)


def _load() -> None:
    import django
    from django.conf import settings

    settings.TEMPLATES[0]["OPTIONS"]["debug"] = False  # nobody measures which lines of a template children render
    django.setup()
    from django.core.management import get_commands, load_command_class
    from django.urls import get_resolver
    from django.utils.translation import gettext, override

    for name in COMMANDS:
        load_command_class(get_commands()[name], name)
    assert get_resolver().url_patterns
    for language in ("nl", "en"):
        with override(language):
            gettext("")
    gc.collect()
    gc.freeze()


def _keep(order: dict[str, Any], out: int, err: int, end: int) -> None:
    """Fork once more, for the work, and tell how that ended: -9 if it was killed."""
    worker = os.fork()
    if worker == 0:
        os.close(end)
        for descriptor, place in ((out, 1), (err, 2)):
            os.dup2(descriptor, place)
            os.close(descriptor)
        _work(**order)
    _, status = os.waitpid(worker, 0)
    os.write(end, str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _work(environment: dict[str, str], arguments: list[str]) -> None:
    """What ``python ARGUMENTS`` does in that environment, to its end."""
    from django.db import connections

    code: object = 1
    try:
        _enter(environment)
        _run(arguments)
        code = 0
    except SystemExit as ended:
        code = ended.code
    except BaseException:
        traceback.print_exc()
    if isinstance(code, str):
        print(code, file=sys.stderr)
    connections.close_all()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


def _enter(environment: dict[str, str]) -> None:
    import dj_database_url
    from django.conf import settings

    os.environ.clear()
    os.environ.update(environment)
    settings.DATABASES["default"]["NAME"] = dj_database_url.parse(environment["DATABASE_URL"])["NAME"]


def _run(arguments: list[str]) -> None:
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = arguments
        runpy.run_path(arguments[0], run_name="__main__")


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as given:
        serve(given)
