"""The pages on which a list is extended, and on which that is put in force."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.test import Client

from randomization.models import ListExtension
from tests.conftest import PASSWORD
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.permissions import Role

Enter = Callable[..., Client]


def page_of(answer: Any) -> str:
    return str(answer.content.decode())


def test_a_list_is_extended_on_one_page_and_activated_on_another(cast: Cast, enter: Enter) -> None:
    one, other = enter(Role.UNBLINDED_STATISTICIAN, "", again=True), enter(Role.DATA_MANAGER, "", again=True)
    assert "/randomization/1/extend/" in page_of(one.get("/randomization/"))
    assert "/extend/" not in page_of(other.get("/randomization/"))
    sent = {"to": "210", "strata": "site=UMCG=220\n\n site=LUMC=230", "reason": "recruitment goes on"}
    assert one.post("/randomization/1/extend/", sent)["Location"] == "/randomization/1/"
    extension = ListExtension.objects.get()
    assert str(extension) == f"{extension.list}, extension 1"
    assert extension.lengths["site=AUMC"] == 210
    assert (extension.lengths["site=UMCG"], extension.lengths["site=LUMC"]) == (220, 230)
    url = "/randomization/1/extensions/1/activate/"
    assert url not in page_of(one.get("/randomization/"))
    index = page_of(other.get("/randomization/"))
    assert url in index
    assert "waits to be activated" in index
    assert "UMCG" not in page_of(other.get(url)).split("<main")[1]
    own = page_of(one.get(url))
    assert ("A second person" in own, "Activate the extension</button>" in own) == (True, False)
    assert "Activate the extension</button>" in page_of(other.get(url))
    refused = one.post(url)
    assert (refused.status_code, "A second person" in page_of(refused)) == (422, True)
    assert other.post(url)["Location"] == "/randomization/"
    shown = page_of(one.get("/randomization/1/"))
    assert extension.manifest["list_hash"] in shown
    assert "; activated " in shown


def test_what_was_typed_stays_when_an_extension_is_refused(enter: Enter) -> None:
    client = enter(Role.UNBLINDED_STATISTICIAN, "", again=True)
    answer = client.post("/randomization/1/extend/", {"strata": "site=NONE=9", "reason": "a new site"})
    page = page_of(answer)
    assert answer.status_code == 422
    assert "site=NONE is no stratum of this trial." in page
    assert "a new site" in page
    assert not ListExtension.objects.exists()


def test_extending_waits_for_a_sign_in(enter: Enter) -> None:
    client = enter(Role.UNBLINDED_STATISTICIAN, "")
    asked = client.post("/randomization/1/extend/", {"to": "210", "reason": "more"})
    assert asked["Location"].startswith("/account/reauthenticate/")
    assert not ListExtension.objects.exists()
    done = client.post(asked["Location"], {"password": PASSWORD})
    assert done["Location"] == "/randomization/1/"
