"""Chromium, the trials that the journeys walk through, and the people who walk."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.journeys import trial
from tests.journeys.reader import Looks
from tests.journeys.staff import SITE, Member
from tests.journeys.trial import Trial
from trialmgr.people.permissions import SITE_ROLES, Role

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
def looks() -> Looks:
    return Looks()


@pytest.fixture(autouse=True)
def walked(request: pytest.FixtureRequest, looks: Looks) -> Iterator[None]:
    """Remembers the journeys that came to their end."""
    failed = request.session.testsfailed
    yield
    if request.session.testsfailed == failed:
        looks.walked.add(request.node.nodeid)


@pytest.fixture
def every_journey(request: pytest.FixtureRequest, looks: Looks) -> None:
    """Only a run of all journeys can tell what all of them have seen."""
    files = {path.name for path in request.path.parent.glob("test_*.py")} - {request.path.name}
    walked = {nodeid.partition("::")[0].rpartition("/")[2] for nodeid in looks.walked}
    if missing := files - walked:
        pytest.skip(f"only after all journeys; not walked to the end: {', '.join(sorted(missing))}")


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
