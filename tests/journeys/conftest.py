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

FIRST_DAY = datetime.date(2024, 1, 8)
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


@pytest.fixture
def two_years(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    """A demo that begins on a Monday in the past; the journey moves the day on."""
    with trial.demo(tmp_path_factory.mktemp("two-years"), FIRST_DAY) as begun:
        yield begun


@pytest.fixture(scope="session")
def this_year(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    """A demo on the day that it is, in which nothing is locked."""
    with trial.demo(tmp_path_factory.mktemp("this-year"), datetime.date.today()) as begun:  # noqa: DTZ011  as `today()`
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
