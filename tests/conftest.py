"""One published study, its sites and its people stand in every test database; each test adds to them and rolls back."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import connection, connections
from django.test import Client
from django.utils import translation
from pytest_django import DjangoDbBlocker

from tests import order
from tests.fewer_forms import with_fewer_forms
from tests.installation import copied_database, migrated
from tests.order import pytest_configure, pytest_configure_node, pytest_terminal_summary
from tests.sizes import FULL
from trialmgr.overview.rehearsal.cast import Cast, set_up, standing_cast
from trialmgr.people.models import Site, User
from trialmgr.protocol.model import StudyDefinition

__all__ = ["pytest_configure", "pytest_configure_node", "pytest_terminal_summary"]

PASSWORD = "a long password for tests"


def pytest_addoption(parser: pytest.Parser) -> None:
    order.pytest_addoption(parser)
    parser.addoption(
        "--beside",
        action="store_true",
        help="a run on the other database answers for what goes the same on both, so not here",
    )
    parser.addoption("--looks", type=Path, metavar="DIR", help="where journeys walked side by side leave what they saw")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A file none of whose tests ``-m`` asks for is not read at all: several load a library that takes seconds."""
    if collection_path.suffix != ".py":
        return None
    text = collection_path.read_text("utf-8")
    whole = re.findall(r"^pytestmark = ((?:\[$.*?^\])|.*?$)", text, re.MULTILINE | re.DOTALL)
    for refused, kind in re.findall(r"\b(not )?(slow|journey|benchmark)\b", config.option.markexpr):
        mark = f"pytest.mark.{kind}"
        if (mark in "".join(whole)) if refused else (mark not in text):
            return True
    return None


@pytest.hookimpl(trylast=True)  # after pytest-django, which puts tests in an order of its own
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    here: list[pytest.Item] = []
    elsewhere: list[pytest.Item] = []
    for item in items:
        (here if _belongs_here(item, beside=config.option.beside) else elsewhere).append(item)
    config.hook.pytest_deselected(items=elsewhere)
    seed = config.option.order_seed
    items[:] = here if seed == order.AS_WRITTEN else order.shuffled(here, seed)


def _belongs_here(item: pytest.Item, *, beside: bool) -> bool:
    """Whether a test runs on this kind of database in this run, by its marks.

    At full size what touches a database runs on both kinds. Every day it runs on SQLite, unless it is marked: as what
    may go otherwise on PostgreSQL (triggers, locks, races, times, JSON, order, bulk writes) with ``on_both``, as what
    goes through much of it (every address, the whole trial) with ``daily_on`` one of them. ``only_on`` says something
    of one kind alone. What touches no database runs once, with SQLite.
    """
    if item.get_closest_marker("full") and not FULL:
        return False
    if vendors := {mark.args[0] for mark in item.iter_markers("only_on")}:
        return connection.vendor in vendors
    if not _needs_a_database(item):
        return connection.vendor == "sqlite"
    if not beside or FULL or item.get_closest_marker("on_both"):
        return True
    return connection.vendor in ({mark.args[0] for mark in item.iter_markers("daily_on")} or {"sqlite"})


def _needs_a_database(item: pytest.Item) -> bool:
    wanted = {"django_db", "slow", "benchmark", "journey"}
    return "db" in getattr(item, "fixturenames", ()) or any(mark.name in wanted for mark in item.iter_markers())


@pytest.fixture(autouse=True)
def _in_english() -> Iterator[None]:
    """What is said outside a request is read in English, whatever a request before it spoke."""
    with translation.override("en"):
        yield


@pytest.fixture(scope="session")
def reset_trd() -> StudyDefinition:
    return with_fewer_forms()


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """The database is there before the tests begin: see the next."""
    return True


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> Iterator[None]:
    """A copy of the migrated database, which takes a tenth of the time of migrating, under the name of the tests'."""
    name = connection.creation._get_test_db_name()  # type: ignore[attr-defined]
    with copied_database(migrated(), Path(name), name):
        yield
        connections.close_all()


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
