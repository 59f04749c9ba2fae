"""Whoever does nothing for half an hour is signed out; reading pages writes the session once a minute at most."""

from __future__ import annotations

import datetime

import pytest
import time_machine
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.audit.recipes import the
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.permissions import Role

pytestmark = pytest.mark.django_db

START = datetime.datetime(2026, 11, 30, 9, 0, tzinfo=datetime.UTC)


def minutes(number: float) -> datetime.timedelta:
    return datetime.timedelta(minutes=number)


def look(client: Client) -> tuple[bool, int]:
    """Whether a page is shown, not the door; and how often the session was written for it."""
    with CaptureQueriesContext(connection) as asked:
        answer = client.get(reverse("overview:home"))
    writes = [sql for sql in (query["sql"] for query in asked) if sql.startswith(("UPDATE", "INSERT"))]
    return answer.status_code == 200, len([sql for sql in writes if "django_session" in sql])


def test_a_page_writes_the_session_once_a_minute_at_most(cast: Cast, client: Client) -> None:
    with time_machine.travel(START, tick=False) as clock:
        client.force_login(the(cast, Role.MONITOR))
        look(client)
        written = []
        for _ in range(8):
            clock.shift(minutes(0.25))
            shown, writes = look(client)
            assert shown
            written.append(writes)
    assert written == [0, 0, 0, 1, 0, 0, 0, 1]


def test_whoever_goes_on_reading_stays_signed_in(cast: Cast, client: Client) -> None:
    with time_machine.travel(START, tick=False) as clock:
        client.force_login(the(cast, Role.MONITOR))
        for _ in range(4):
            assert look(client)[0]
            clock.shift(minutes(28))
        assert look(client)[0]


@pytest.mark.parametrize(("idle", "signed_in"), [(28.9, True), (30.1, False)])
def test_half_an_hour_after_the_last_page_it_is_over_give_or_take_the_minute_in_which_nothing_is_written(
    cast: Cast, client: Client, idle: float, signed_in: bool
) -> None:
    with time_machine.travel(START, tick=False) as clock:
        client.force_login(the(cast, Role.MONITOR))
        look(client)
        clock.shift(minutes(0.9))
        look(client)
        clock.shift(minutes(idle))
        assert look(client)[0] is signed_in


def test_the_idle_time_is_half_an_hour() -> None:
    assert settings.SESSION_COOKIE_AGE == 30 * 60


def test_whoever_is_not_signed_in_gets_no_session(client: Client) -> None:
    assert client.get(reverse("account_login")).status_code == 200
    client.cookies[settings.SESSION_COOKIE_NAME] = "long-gone"
    assert look(client) == (False, 0)
    assert not Session.objects.exists()
