from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from tests import walk
from tests.conftest import PASSWORD
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.models import User
from trialmgr.people.permissions import Role


@pytest.fixture
def enter(signed_in: Callable[[User], Client], cast: Cast) -> Callable[..., Client]:
    """Somebody of the cast at their browser, in English. ``again``: who has just signed in again."""

    def sign_in(role: Role, site: str = walk.SITE, *, again: bool = False) -> Client:
        client = signed_in(cast.at(site, role))
        client.cookies["django_language"] = "en"
        if again:
            client.post("/account/reauthenticate/", {"password": PASSWORD})
        return client

    return sign_in
