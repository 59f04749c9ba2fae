"""The pages of lists: read, made, imported and activated by those who may."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import Settings

from audit import actions as door
from audit.acts import ActionRefused
from randomization.actions import make_list
from randomization.models import RandomizationList
from tests import walk
from tests.amendments import put_in_force
from tests.conftest import PASSWORD
from tests.randomization.list_making import MINIMISED, SITE, list_in_force, statistician
from tests.randomization.test_lists_imported import FAULTS, csv_of, lines, wrong
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.permissions import Role
from trialmgr.protocol.model import StudyDefinition
from trialmgr.studies.queries import current_definition


def test_the_statistician_sees_strata_design_and_manifest_and_no_row(cast: Cast, enter: Callable[..., Client]) -> None:
    walk.randomised(cast)
    statistician = enter(Role.UNBLINDED_STATISTICIAN, "")
    index = statistician.get("/randomization/").content.decode()
    assert "In force" in index
    assert "site=UMCG" in index or "UMCG" in index
    page = statistician.get("/randomization/1/").content.decode()
    listed = RandomizationList.objects.get(number=1)
    assert listed.manifest["list_hash"] in page
    assert listed.commitment in page
    assert statistician.get("/randomization/99/").status_code == 404


def test_the_data_manager_activates_and_sees_no_blocks_or_strata(cast: Cast, enter: Callable[..., Client]) -> None:
    listed = make_list(by=cast.at("", Role.UNBLINDED_STATISTICIAN))
    manager = enter(Role.DATA_MANAGER, "", again=True)
    index = manager.get("/randomization/").content.decode()
    assert f"/randomization/{listed.number}/activate/" in index
    assert "UMCG" not in index.split("<main")[1]
    assert "block" not in index.split("<main")[1].lower()
    assert manager.get(f"/randomization/{listed.number}/").status_code == 403
    url = f"/randomization/{listed.number}/activate/"
    assert "Check your answers" in manager.get(url).content.decode()
    assert manager.post(url)["Location"] == "/randomization/"
    listed.refresh_from_db()
    assert listed.status == "active"
    again = manager.post(url)
    assert again.status_code == 409
    assert "Only a list that was just made" in again.content.decode()
    assert "Closed" in manager.get("/randomization/").content.decode()


def test_who_made_a_list_cannot_activate_it(cast: Cast, enter: Callable[..., Client]) -> None:
    listed = make_list(by=cast.at("", Role.UNBLINDED_STATISTICIAN))
    statistician = enter(Role.UNBLINDED_STATISTICIAN, "")
    assert "/activate/" not in statistician.get("/randomization/").content.decode()
    page = statistician.get(f"/randomization/{listed.number}/activate/").content.decode()
    assert "A second person activates the list" in page


def test_making_a_list_is_one_page_and_a_sign_in(enter: Callable[..., Client]) -> None:
    statistician = enter(Role.UNBLINDED_STATISTICIAN, "")
    page = statistician.get("/randomization/make/").content.decode()
    assert "Check your answers" in page
    assert "Block sizes and their weights" in page
    asked = statistician.post("/randomization/make/")
    assert asked["Location"].startswith("/account/reauthenticate/")
    done = statistician.post(asked["Location"], {"password": PASSWORD})
    assert done["Location"] == "/randomization/2/"


def test_a_study_without_randomisation_makes_no_list(reset_trd: StudyDefinition, enter: Callable[..., Client]) -> None:
    put_in_force(reset_trd.model_copy(update={"randomization": None, "version": "9"}))
    statistician = enter(Role.UNBLINDED_STATISTICIAN, "", again=True)
    assert "Block sizes" not in statistician.get("/randomization/make/").content.decode()
    answer = statistician.post("/randomization/make/")
    assert answer.status_code == 409
    assert "describes no randomisation" in answer.content.decode()


def test_no_list_is_made_while_the_study_is_locked(
    enter: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked() -> None:
        raise ActionRefused("The study is locked: a data manager can unlock it, with a reason.")

    statistician = enter(Role.UNBLINDED_STATISTICIAN, "", again=True)
    monkeypatch.setattr(door, "_lock_guards", [locked])
    answer = statistician.post("/randomization/make/")
    assert answer.status_code == 409
    assert "The study is locked: a data manager can unlock it, with a reason." in answer.content.decode()


def test_an_installation_without_a_list_says_so(enter: Callable[..., Client], monkeypatch: pytest.MonkeyPatch) -> None:
    none = RandomizationList.objects.none()
    monkeypatch.setattr(RandomizationList.objects, "select_related", lambda *_names: none)
    page = enter(Role.UNBLINDED_STATISTICIAN, "").get("/randomization/").content.decode()
    assert "No list has been made yet." in page


@pytest.mark.parametrize("role", [Role.COORDINATOR, Role.RATER, Role.STATISTICIAN, Role.MONITOR, Role.ADMINISTRATOR])
def test_lists_are_closed_to_every_other_role(enter: Callable[..., Client], cast: Cast, role: Role) -> None:
    client = enter(role)
    for path in ("", "make/", "1/", "1/activate/"):
        assert client.get(f"/randomization/{path}").status_code == 403


Enter = Callable[..., Client]


def page_of(answer: Any) -> str:
    return str(answer.content.decode())


def upload(client: Client, content: bytes) -> Any:
    return client.post("/randomization/import/", {"file": SimpleUploadedFile("list.csv", content)})


def test_a_list_is_imported_on_a_page(enter: Enter, reset_trd: StudyDefinition) -> None:
    client = enter(Role.UNBLINDED_STATISTICIAN, "", again=True)
    assert 'enctype="multipart/form-data"' in page_of(client.get("/randomization/import/"))
    assert upload(client, csv_of(lines(reset_trd)))["Location"] == "/randomization/"
    assert RandomizationList.objects.get(number=2).origin == "imported"
    index = page_of(client.get("/randomization/"))
    assert "Made by an independent statistician and imported" in index
    assert client.get("/randomization/2/").status_code == 200


def test_a_file_cannot_wait_so_the_page_comes_after_the_sign_in(enter: Enter, reset_trd: StudyDefinition) -> None:
    client = enter(Role.UNBLINDED_STATISTICIAN, "")
    asked = client.get("/randomization/import/")
    assert asked["Location"].startswith("/account/reauthenticate/")
    late = upload(client, csv_of(lines(reset_trd)))
    resumed = client.post(late["Location"], {"password": PASSWORD})
    assert (resumed.status_code, "has to be chosen anew" in page_of(resumed)) == (422, True)
    assert upload(client, csv_of(lines(reset_trd)))["Location"] == "/randomization/"


@pytest.mark.parametrize("fault", [*FAULTS, "not text"])
def test_every_fault_stands_on_the_page_with_its_row(enter: Enter, reset_trd: StudyDefinition, fault: str) -> None:
    content, said = wrong(reset_trd)[fault]
    answer = upload(enter(Role.UNBLINDED_STATISTICIAN, "", again=True), content)
    page = page_of(answer).replace("&#x27;", "'")
    assert answer.status_code == 422
    assert said in page
    assert RandomizationList.objects.count() == 1


def test_a_file_that_would_be_laid_on_the_disk_is_left_to_the_command(enter: Enter, settings: Settings) -> None:
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 100
    answer = upload(enter(Role.UNBLINDED_STATISTICIAN, "", again=True), b"x" * 101)
    assert answer.status_code == 422
    assert "import it with the command" in page_of(answer)
    assert upload(enter(Role.UNBLINDED_STATISTICIAN, "", again=True), b"").status_code == 422


def test_minimisation_has_one_stratum_on_the_page(cast: Cast, enter: Enter) -> None:
    list_in_force(cast, factors=(SITE,), length_per_stratum=9, **MINIMISED)
    page = page_of(enter(Role.UNBLINDED_STATISTICIAN, "", again=True).get("/randomization/2/"))
    assert '<th scope="row">all</th>' in page
    assert statistician(cast).actor_name in page


def test_with_another_key_the_page_names_the_setting(cast: Cast, enter: Enter, settings: Settings) -> None:
    client = enter(Role.UNBLINDED_STATISTICIAN, "", again=True)
    settings.TRIALMGR_LIST_KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    answer = client.post("/randomization/1/extend/", {"to": "210", "reason": "more"})
    assert (answer.status_code, "TRIALMGR_LIST_KEY" in page_of(answer)) == (503, True)
    settings.TRIALMGR_LIST_KEY = ""
    assert upload(client, csv_of(lines(current_definition()))).status_code == 503
