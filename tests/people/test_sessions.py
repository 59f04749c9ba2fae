"""How long a session lasts and who hears of it; and what a shared computer keeps of somebody, which is nothing."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import time_machine
from django.conf import settings
from django.test import Client

from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.permissions import Role

LOOK = "/account/session/"
SignedIn = Callable[..., Client]


@pytest.fixture
def client(signed_in: SignedIn, cast: Cast) -> Client:
    return signed_in(cast.at("UMCG", Role.RATER))


def left(client: Client, method: str = "GET") -> int:
    found: int = json.loads(client.generic(method, LOOK).content)["left"]
    return found


class TestHowLongIsLeft:
    def test_is_told_without_putting_the_sign_out_off(self, client: Client) -> None:
        with time_machine.travel("2026-03-02 12:00", tick=False) as clock:
            client.get("/")
            clock.shift(20 * 60)
            assert left(client) == settings.SESSION_COOKIE_AGE - 20 * 60
            clock.shift(5 * 60)
            assert left(client) == settings.SESSION_COOKIE_AGE - 25 * 60

    def test_begins_anew_for_whoever_stays(self, client: Client) -> None:
        with time_machine.travel("2026-03-02 12:00", tick=False) as clock:
            client.get("/")
            clock.shift(29 * 60)
            assert left(client, "POST") == settings.SESSION_COOKIE_AGE
            clock.shift(29 * 60)
            assert left(client) == 60

    def test_is_nothing_for_a_stranger_who_cannot_stay_either(self, db: None) -> None:
        assert left(Client()) == 0
        assert left(Client(), "POST") == 0

    def test_is_nothing_afterwards(self, client: Client) -> None:
        with time_machine.travel("2026-03-02 12:00", tick=False) as clock:
            client.get("/")
            clock.shift(31 * 60)
            assert left(client) == 0

    def test_is_kept_by_no_cache(self, client: Client) -> None:
        assert "no-store" in client.get(LOOK)["Cache-Control"]


class TestASharedComputer:
    def test_keeps_no_page_of_whoever_is_signed_in(self, client: Client) -> None:
        assert client.get("/")["Cache-Control"] == "no-store, private"
        assert "Cache-Control" not in Client().get("/")

    def test_is_asked_to_wipe_what_it_holds_at_sign_out_and_not_before(self, client: Client) -> None:
        assert "Clear-Site-Data" not in client.get("/")
        assert client.post("/account/logout/")["Clear-Site-Data"] == '"cache", "storage"'

    def test_tells_people_apart_by_a_mark_that_says_nothing(
        self, signed_in: SignedIn, cast: Cast, client: Client
    ) -> None:
        mine, theirs = (
            each.get("/").content.decode().partition('data-person="')[2].partition('"')[0]
            for each in (client, signed_in(cast.at("UMCG", Role.COORDINATOR)))
        )
        assert len(mine) == len(theirs) == 32
        assert mine != theirs
        assert "data-person" not in Client().get("/account/login/").content.decode()
