"""Open points and releases over HTTP."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import override_settings

from exports.actions import lock_study, make_release
from tests.api_caller import Caller
from tests.walk import registered
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.permissions import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def data_manager(cast: Cast) -> Caller:
    return Caller(cast.at("", Role.DATA_MANAGER))


def test_what_is_open_is_listed_with_its_place(cast: Cast, data_manager: Caller) -> None:
    participant = registered(cast)
    status, points = data_manager.get("open-points/")
    assert status == 200
    assert {point["participant"] for point in points} == {participant.number}
    assert {"participant_active", "visit_unresolved"} <= {point["kind"] for point in points}
    assert all(point["message"] for point in points)


def test_a_release_is_listed_and_read_with_its_files(cast: Cast, data_manager: Caller, tmp_path: Path) -> None:
    lock_study(by=cast.at("", Role.DATA_MANAGER), reason="the trial is over")
    with override_settings(TRIALMGR_RELEASES=tmp_path):
        made = make_release(by=cast.at("", Role.DATA_MANAGER))
    status, document = data_manager.get("releases/")
    assert (status, document["count"]) == (200, 1)
    release = document["results"][0]
    assert release["manifest_sha256"] == made.manifest_sha256
    assert release["lock_reason"] == "the trial is over"
    assert {file["name"] for file in release["files"]} == {file.name for file in made.files.all()}
    assert data_manager.get("releases/1/") == (200, release)
    assert data_manager.get("releases/2/")[0] == 404


def test_releases_are_not_for_a_site(cast: Cast) -> None:
    coordinator = Caller(cast.at("UMCG", Role.COORDINATOR))
    assert [coordinator.get(path)[0] for path in ("open-points/", "releases/", "releases/1/")] == [403, 403, 403]
