"""Extending, importing and packing on their pages: who meets what, and what a refusal says."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pypdf import PdfReader
from pytest_django import Settings

from randomization.models import ListExtension, RandomizationList
from tests.conftest import PASSWORD
from tests.randomization.list_making import MINIMISED, SITE, list_in_force, statistician
from tests.randomization.test_bringing import FAULTS, csv_of, lines, wrong
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.models import User
from trialmgr.people.permissions import Role
from trialmgr.protocol.model import StudyDefinition
from trialmgr.studies.queries import current_definition

Enter = Callable[..., Client]


@pytest.fixture
def enter(signed_in: Callable[[User], Client], cast: Cast) -> Enter:
    """Somebody at their browser in English, who has just signed in again."""

    def sign_in(role: Role, *, again: bool = True) -> Client:
        client = signed_in(cast.at("", role))
        client.cookies["django_language"] = "en"
        if again:
            client.post("/account/reauthenticate/", {"password": PASSWORD})
        return client

    return sign_in


def page_of(answer: Any) -> str:
    return str(answer.content.decode())


def test_a_list_is_extended_on_one_page_and_activated_on_another(cast: Cast, enter: Enter) -> None:
    one, other = enter(Role.UNBLINDED_STATISTICIAN), enter(Role.DATA_MANAGER)
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
    client = enter(Role.UNBLINDED_STATISTICIAN)
    answer = client.post("/randomization/1/extend/", {"strata": "site=NONE=9", "reason": "a new site"})
    page = page_of(answer)
    assert answer.status_code == 422
    assert "site=NONE is no stratum of this trial." in page
    assert "a new site" in page
    assert not ListExtension.objects.exists()


def test_extending_waits_for_a_sign_in(enter: Enter) -> None:
    client = enter(Role.UNBLINDED_STATISTICIAN, again=False)
    asked = client.post("/randomization/1/extend/", {"to": "210", "reason": "more"})
    assert asked["Location"].startswith("/account/reauthenticate/")
    assert not ListExtension.objects.exists()
    done = client.post(asked["Location"], {"password": PASSWORD})
    assert done["Location"] == "/randomization/1/"


def upload(client: Client, content: bytes) -> Any:
    return client.post("/randomization/import/", {"file": SimpleUploadedFile("list.csv", content)})


def test_a_list_is_imported_on_a_page(enter: Enter, reset_trd: StudyDefinition) -> None:
    client = enter(Role.UNBLINDED_STATISTICIAN)
    assert 'enctype="multipart/form-data"' in page_of(client.get("/randomization/import/"))
    assert upload(client, csv_of(lines(reset_trd)))["Location"] == "/randomization/"
    assert RandomizationList.objects.get(number=2).origin == "imported"
    index = page_of(client.get("/randomization/"))
    assert "Made by an independent statistician and imported" in index
    assert client.get("/randomization/2/").status_code == 200


def test_a_file_cannot_wait_so_the_page_comes_after_the_sign_in(enter: Enter, reset_trd: StudyDefinition) -> None:
    client = enter(Role.UNBLINDED_STATISTICIAN, again=False)
    asked = client.get("/randomization/import/")
    assert asked["Location"].startswith("/account/reauthenticate/")
    late = upload(client, csv_of(lines(reset_trd)))
    resumed = client.post(late["Location"], {"password": PASSWORD})
    assert (resumed.status_code, "has to be chosen anew" in page_of(resumed)) == (422, True)
    assert upload(client, csv_of(lines(reset_trd)))["Location"] == "/randomization/"


@pytest.mark.parametrize("fault", [*FAULTS, "not text"])
def test_every_fault_stands_on_the_page_with_its_row(enter: Enter, reset_trd: StudyDefinition, fault: str) -> None:
    content, said = wrong(reset_trd)[fault]
    answer = upload(enter(Role.UNBLINDED_STATISTICIAN), content)
    page = page_of(answer).replace("&#x27;", "'")
    assert answer.status_code == 422
    assert said in page
    assert RandomizationList.objects.count() == 1


def test_a_file_that_would_be_laid_on_the_disk_is_left_to_the_command(enter: Enter, settings: Settings) -> None:
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 100
    answer = upload(enter(Role.UNBLINDED_STATISTICIAN), b"x" * 101)
    assert answer.status_code == 422
    assert "import it with the command" in page_of(answer)
    assert upload(enter(Role.UNBLINDED_STATISTICIAN), b"").status_code == 422


def test_envelopes_are_made_for_the_answer(cast: Cast, enter: Enter) -> None:
    list_in_force(cast, length_per_stratum=10, envelopes=2)
    client = enter(Role.UNBLINDED_STATISTICIAN)
    url = "/randomization/2/envelopes/"
    assert url in page_of(client.get("/randomization/2/"))
    assert "UMCG, Groningen" in page_of(client.get(url))
    answer = client.post(url, {"site": "UMCG"})
    assert (answer["Content-Type"], answer["Cache-Control"]) == ("application/pdf", "no-store")
    assert answer["Content-Disposition"] == 'attachment; filename="envelopes-2.pdf"'
    pages = [page.extract_text() for page in PdfReader(io.BytesIO(answer.content)).pages]
    assert len(pages) == 1 + 2 + 1
    refused = client.post("/randomization/1/envelopes/")
    assert (refused.status_code, "List 1 is not in force." in page_of(refused)) == (422, True)
    assert client.get("/randomization/9/envelopes/").status_code == 404


def test_a_blinded_person_gets_the_same_answer_for_every_list(
    enter: Enter, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = enter(Role.UNBLINDED_STATISTICIAN)
    really = User.sight

    def blinded(user: User, definition: StudyDefinition) -> Any:
        return really(cast.at("UMCG", Role.RATER), definition)

    monkeypatch.setattr(User, "sight", blinded)
    assert {client.get(f"/randomization/{number}/envelopes/").status_code for number in (1, 9)} == {403}


def test_minimisation_has_one_stratum_on_the_page(cast: Cast, enter: Enter) -> None:
    list_in_force(cast, factors=(SITE,), length_per_stratum=9, **MINIMISED)
    page = page_of(enter(Role.UNBLINDED_STATISTICIAN).get("/randomization/2/"))
    assert '<th scope="row">all</th>' in page
    assert statistician(cast).actor_name in page


def test_with_another_key_the_page_names_the_setting(cast: Cast, enter: Enter, settings: Settings) -> None:
    client = enter(Role.UNBLINDED_STATISTICIAN)
    settings.TRIALMGR_LIST_KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    answer = client.post("/randomization/1/extend/", {"to": "210", "reason": "more"})
    assert (answer.status_code, "TRIALMGR_LIST_KEY" in page_of(answer)) == (503, True)
    settings.TRIALMGR_LIST_KEY = ""
    assert upload(client, csv_of(lines(current_definition()))).status_code == 503
