"""What may stand in an address: nothing that a database could stumble over."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.models import User
from trialmgr.people.permissions import Role


@pytest.mark.parametrize(
    ("role", "address"),
    [
        (Role.COORDINATOR, "/participants/UMCG%00/"),
        (Role.COORDINATOR, "/participants/UMCG-001%00/randomise/"),
        (Role.COORDINATOR, "/participants/UMCG-001/visits/base%00line/forms/madrs/"),
        (Role.COORDINATOR, "/participants/%27%20OR%201=1/"),
        (Role.COORDINATOR, f"/queries/?participant={'9' * 400}"),
        (Role.ADMINISTRATOR, "/people/some%00body/"),
        (Role.ADMINISTRATOR, f"/people/monitor/roles/{'9' * 40}/end/"),
        (Role.DATA_MANAGER, "/releases/1/form%00.csv/"),
        (Role.DATA_MANAGER, f"/releases/{'9' * 40}/"),
    ],
)
def test_a_nonsense_address_is_not_found_and_never_an_error(
    cast: Cast, signed_in: Callable[[User], Client], role: Role, address: str
) -> None:
    person = cast.people.get((role, "UMCG")) or cast.people[(role, "")]
    assert signed_in(person).get(address).status_code in {200, 400, 404}
