"""A rehearsed trial served on this machine: made at the first start, used again at the next."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import connection

from trialmgr.demo_environment import FOLDER, PASSWORD
from trialmgr.overview.rehearsal.trial import DEFAULT_STUDY, Progress, rehearse
from trialmgr.people.models import Membership

HOST = "127.0.0.1"
SEED = 1


class DemoRefused(Exception):
    """The demo cannot start here; the message says why and what to do."""


def port() -> int:
    """PORT from the environment, or 8000."""
    given = os.environ.get("PORT", "")
    return int(given) if given.isdigit() else 8000


def prepare(
    *,
    participants: int,
    fresh: bool,
    study: str | None,
    port: int,
    say: Callable[[str], None],
    report: Callable[[Progress], None],
) -> None:
    """Everything up to serving: database, static files, participants, the table of sign-ins.

    ``study`` None: the one rehearsed before, or the first that comes with trialmgr.
    """
    folder = _folder()
    check_free(port)
    made = folder / "rehearsed"
    if fresh or not made.exists() or study not in (None, made.read_text()):
        say("clearing away what an earlier start left behind")
        _clear(folder)
    say("bringing the database up to date")
    call_command("migrate", verbosity=0)
    call_command("createcachetable")
    say("collecting static files")
    call_command("collectstatic", interactive=False, verbosity=0)
    if made.exists():
        say("using the trial rehearsed before (--fresh makes a new one)")
    else:
        say(f"inventing {participants} participants; this takes about a second for each")
        password = os.environ[PASSWORD]
        rehearse(participants=participants, seed=SEED, ongoing=True, study=study, password=password, report=report)
        made.write_text(study or DEFAULT_STUDY)
    for line in sign_ins(port):
        say(line)


def serve(port: int) -> None:
    """This process becomes the web server."""
    connection.close()
    sys.stdout.flush()
    arguments = ["--bind", f"{HOST}:{port}", "--workers", "2", "--threads", "4", "--log-level", "warning"]
    command = [sys.executable, "-m", "gunicorn", "trialmgr.wsgi:application", *arguments]
    os.execv(sys.executable, command)  # noqa: S606  no shell, no argument from outside but a port number


def sign_ins(port: int) -> Iterator[str]:
    """The user names of each role, their password, and where to go."""
    names: dict[str, list[str]] = {}
    for membership in Membership.objects.select_related("user").order_by("pk"):
        names.setdefault(membership.get_role_display(), []).append(membership.user.username)
    for role, usernames in names.items():
        yield f"{role:<40} {', '.join(usernames)}"
    yield f"the password of all of them: {os.environ[PASSWORD]}"
    yield f"open http://{HOST}:{port}/ and sign in; Ctrl-C stops the demo"


def check_free(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError):
            raise DemoRefused(f"Port {port} cannot be used; choose another: trial demo --port 8080") from None


def _folder() -> Path:
    """The demo's own place. Refuses where the environment is not the demo's: there may be real participants."""
    if not settings.TRIALMGR_DEMO or PASSWORD not in os.environ:
        raise DemoRefused("The demo starts with: python manage.py trial demo")
    return Path(os.environ[FOLDER])


def _clear(folder: Path) -> None:
    connection.close()
    for name in ("rehearsed", "trialmgr.sqlite3", "trialmgr.sqlite3-wal", "trialmgr.sqlite3-shm"):
        (folder / name).unlink(missing_ok=True)
