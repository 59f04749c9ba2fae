"""A trial of its own for a journey: an installation, a gunicorn in front of it, and a day that can be moved on."""

from __future__ import annotations

import contextlib
import datetime
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.browser import free_port, wait_for
from tests.installation import Installation, installation
from tests.journeys.wsgi import DAY_FILE
from tests.loaded import ROOT


@dataclass(frozen=True)
class Trial:
    """``address``: where a browser finds it. ``folder``: where it keeps its releases and its day."""

    site: Installation
    address: str
    folder: Path

    @property
    def releases(self) -> Path:
        return self.folder / "releases"

    @property
    def today(self) -> datetime.date:
        return datetime.date.fromisoformat(self._day.read_text("utf-8"))

    def move_to(self, day: datetime.date) -> None:
        """In one step: pages that ask by themselves are served at any moment."""
        new = self._day.with_suffix(".new")
        new.write_text(day.isoformat(), "utf-8")
        new.replace(self._day)

    @property
    def _day(self) -> Path:
        return self.folder / "day"

    def prepare(self, what: str) -> str:
        """Have the worker do something on the trial's day; what it gives, such as a participant's number."""
        return str(self.site.ask("-m", "tests.journeys.worker", what, self.today.isoformat()))


@contextlib.contextmanager
def demo(folder: Path, day: datetime.date, *, begin: str) -> Iterator[Trial]:
    """A demo in which it is ``day``: only there may another day be pretended. ``begin``: how the worker prepares it."""
    with installation(folder, demo=True) as site:
        site.ask("-m", "tests.journeys.worker", begin, day.isoformat())
        (folder / "day").write_text(day.isoformat(), "utf-8")
        own = {DAY_FILE: str(folder / "day"), "TRIALMGR_RELEASES": str(folder / "releases")}
        with _served("tests.journeys.wsgi", site.environment | own) as address:
            yield Trial(site, address, folder)


@contextlib.contextmanager
def live(folder: Path) -> Iterator[Trial]:
    """An installation that is no demo: the day is today, and nobody gets in without a second factor."""
    with installation(folder) as site:
        site.ask("-m", "tests.journeys.worker", "people")
        own = {"DJANGO_SETTINGS_MODULE": "tests.journeys.live_settings"}
        with _served("trialmgr.wsgi", site.environment | own) as address:
            yield Trial(site, address, folder)


@contextlib.contextmanager
def _served(module: str, environment: dict[str, str]) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", module, "--bind", f"127.0.0.1:{port}", "--log-level", "warning"]
    # gunicorn leaves its listening socket to the end of the process.
    environment = environment | {"PYTHONWARNINGS": "default,ignore::ResourceWarning"}
    server = subprocess.Popen(command, cwd=ROOT, env=environment)
    try:
        wait_for(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=20)
