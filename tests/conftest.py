"""One published study, its sites and its people stand in every test database; each test adds to them and rolls back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from pytest_django import DjangoDbBlocker

from tests.sizes import FULL
from trialmgr.overview.rehearsal.cast import Cast, set_up, standing_cast
from trialmgr.people.models import Site, User
from trialmgr.protocol.loader import load_study
from trialmgr.protocol.model import StudyDefinition

PASSWORD = "a long password for tests"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The suite runs once on each database; what is said of one of them belongs to that run and to no other.

    What touches no database at all runs once, with SQLite.
    """
    here: list[pytest.Item] = []
    elsewhere: list[pytest.Item] = []
    for item in items:
        vendors = {mark.args[0] for mark in item.iter_markers("only_on")} or {"sqlite", connection.vendor}
        belongs = connection.vendor in vendors and (connection.vendor == "sqlite" or _needs_a_database(item))
        now = FULL or item.get_closest_marker("full") is None
        (here if belongs and now else elsewhere).append(item)
    config.hook.pytest_deselected(items=elsewhere)
    items[:] = here


def _needs_a_database(item: pytest.Item) -> bool:
    wanted = {"django_db", "slow", "benchmark", "journey"}
    return "db" in getattr(item, "fixturenames", ()) or any(mark.name in wanted for mark in item.iter_markers())


@pytest.fixture(scope="session")
def reset_trd() -> StudyDefinition:
    return load_study(Path(settings.TRIALMGR_STUDIES) / "reset_trd")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker, request: pytest.FixtureRequest) -> None:
    with django_db_blocker.unblock():
        if not Site.objects.exists():  # a copy of a database of tests holds all of it already
            set_up(request.getfixturevalue("reset_trd"), password=PASSWORD, seed=None)


@pytest.fixture
def cast(db: None) -> Cast:
    return standing_cast()


@pytest.fixture
def signed_in(db: None) -> Callable[[User], Client]:
    """A browser without JavaScript, signed in as somebody."""

    def sign_in(user: User) -> Client:
        client = Client()
        client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        return client

    return sign_in
