"""Chromium, the trials that the journeys walk through, and the people who walk."""

from __future__ import annotations

import datetime
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.fewer_forms import of_this_size
from tests.journeys import trial
from tests.journeys.reader import Looks
from tests.journeys.staff import SITE, Member
from tests.journeys.trial import Trial
from trialmgr.people.permissions import SITE_ROLES, Role
from trialmgr.protocol.model import StudyDefinition

FIRST_DAY, ONE_DAY = datetime.date(2024, 1, 8), datetime.date(2025, 6, 16)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
FLAGS += ["--disable-sync", "--no-first-run", "--hide-scrollbars", "--force-color-profile=srgb"]

Hire = Callable[..., Member]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        path = os.environ.get("CHROMIUM", "/usr/bin/chromium")
        chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def looks(pytestconfig: pytest.Config) -> Iterator[Looks]:
    """Journeys may be walked side by side: with ``--looks`` each process leaves there what its own have seen."""
    seen = Looks()
    yield seen
    if pytestconfig.option.looks is not None:
        seen.keep(pytestconfig.option.looks / f"{uuid.uuid4().hex}.json")


@pytest.fixture(autouse=True)
def walked(request: pytest.FixtureRequest, looks: Looks) -> Iterator[None]:
    """Remembers the journeys that came to their end."""
    failed = request.session.testsfailed
    yield
    if request.session.testsfailed == failed:
        looks.walked.add(request.node.nodeid)


@pytest.fixture
def every_journey(request: pytest.FixtureRequest, looks: Looks) -> Looks:
    """What all of them have seen, which only a run of all can tell."""
    folder: Path | None = request.config.option.looks
    others = sorted(folder.glob("*.json")) if folder else []
    together = Looks.together([looks, *map(Looks.kept, others)])
    files = {path.name for path in request.path.parent.glob("test_*.py")} - {request.path.name}
    walked = {nodeid.partition("::")[0].rpartition("/")[2] for nodeid in together.walked}
    if missing := files - walked:
        lack = pytest.fail if folder else pytest.skip
        lack(f"only after all journeys; not walked to the end: {', '.join(sorted(missing))}")
    return together


@pytest.fixture(scope="session")
def reset_trd() -> StudyDefinition:
    return of_this_size()


@pytest.fixture
def two_years(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    """An empty trial on its first day; the journey moves the day on."""
    with trial.demo(tmp_path_factory.mktemp("two-years"), FIRST_DAY, begin="people") as begun:
        yield begun


@pytest.fixture(scope="session")
def one_day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    """A trial under way, on one day, in which nothing is locked."""
    with trial.demo(tmp_path_factory.mktemp("one-day"), ONE_DAY, begin="rehearsed") as begun:
        yield begun


@pytest.fixture
def own_day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    """A trial in which nobody takes part yet, for one journey alone, after which the others could not go on."""
    with trial.demo(tmp_path_factory.mktemp("own-day"), ONE_DAY, begin="people") as begun:
        yield begun


@pytest.fixture
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    with trial.live(tmp_path_factory.mktemp("live")) as begun:
        yield begun


@pytest.fixture
def hire(browser: Browser, looks: Looks) -> Iterator[Hire]:
    """``hire(trial, role)``: that person at a browser of their own, not signed in."""
    hired: list[Member] = []

    def hire(trial: Trial, role: Role, *, language: str = "en", **other: Any) -> Member:
        site = SITE if role in SITE_ROLES else ""
        hired.append(Member(browser, trial, looks, role, site=site, language=language, **other))
        return hired[-1]

    yield hire
    for member in hired:
        member.context.close()
