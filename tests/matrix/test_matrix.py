"""Wrong site 404, wrong role 403, stranger to the sign-in page: for every address, by GET and by an empty POST.

``table.txt`` holds what is expected. An address that is not in it fails the first test.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest
from django.db import transaction
from django.test import override_settings
from django.urls import reverse
from pytest_django import DjangoDbBlocker

from tests.addresses import addresses
from tests.matrix.house import House, build
from tests.matrix.reading import STRANGER, Line, read_table
from trialmgr.overview.rehearsal.cast import standing_cast

pytestmark = pytest.mark.daily_on("postgresql")
TABLE = read_table()
ARGUMENTS = {address.name: address.arguments for address in addresses()}


@pytest.fixture(scope="module")
def house(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    """Built once, and taken back when all addresses have been tried."""
    # Whoever has signed in again stays so until the last address was tried.
    own = override_settings(
        TRIALMGR_RELEASES=tmp_path_factory.mktemp("releases"), ACCOUNT_REAUTHENTICATION_TIMEOUT=3600
    )
    with django_db_blocker.unblock(), own, transaction.atomic():
        yield build(standing_cast())
        transaction.set_rollback(True)


def test_the_table_holds_every_address_once_and_no_other() -> None:
    assert sorted(line.address for line in TABLE) == sorted(address.name for address in addresses())


@pytest.mark.django_db
@pytest.mark.parametrize("line", TABLE, ids=lambda line: line.address)
def test_each_person_reads_what_the_table_says(house: House, line: Line) -> None:
    assert _answers(house, line, "get", line.reading) == line.reading


@pytest.mark.django_db
@pytest.mark.parametrize("line", TABLE, ids=lambda line: line.address)
def test_each_person_writes_what_the_table_says(house: House, line: Line) -> None:
    assert _answers(house, line, line.method, line.writing) == line.writing


@pytest.mark.django_db
def test_a_stranger_is_sent_to_the_sign_in_page(house: House) -> None:
    guarded = [line for line in TABLE if line.reading[STRANGER] == 302 and ":" in line.address]
    for line in guarded:
        answer = house.visitor(STRANGER).get(_url(line))
        assert answer["Location"].startswith(reverse("account_login")), line.address


def _answers(house: House, line: Line, method: str, people: Iterable[str]) -> dict[str, int]:
    """What each person gets; each time as if nobody had been there before."""
    given = {}
    for who in people:
        before = transaction.savepoint()
        speaks_json = method != "get" and _url(line).startswith("/api/")
        kind = {"content_type": "application/json"} if speaks_json else {}
        answer = getattr(house.visitor(who), method)(_url(line), **kind)
        given[who] = answer.status_code
        if answer.streaming:
            answer.getvalue()  # and so closes the file
        transaction.savepoint_rollback(before)
    return given


def _url(line: Line) -> str:
    return reverse(line.address, kwargs={name: line.places[name] for name in ARGUMENTS[line.address]})
