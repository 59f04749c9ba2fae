"""Publishing a study definition, and the lock that stops every change of data."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from audit.acts import ActionRefused
from tests.audit.recipes import the
from tests.audit.staging import deed, ledger_length, lock_the_study, newest_entries
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.permissions import Role
from trialmgr.protocol.model import StudyDefinition
from trialmgr.studies import models
from trialmgr.studies.actions import publish_study
from trialmgr.studies.models import StudyLock, StudyVersion
from trialmgr.studies.policies import check_not_locked
from trialmgr.studies.queries import NoStudyPublished, current_definition, current_version, open_lock


def test_the_same_definition_is_published_once(cast: Cast, reset_trd: StudyDefinition) -> None:
    with pytest.raises(ActionRefused):
        publish_study(by=the(cast, Role.DATA_MANAGER), definition=reset_trd)
    assert current_version().sha256 == reset_trd.sha256


def test_an_amendment_is_the_next_version_and_in_force_at_once(cast: Cast, reset_trd: StudyDefinition) -> None:
    amended = reset_trd.model_copy(update={"version": "0.2.0", "target_participants": 180})
    length = ledger_length()
    version = publish_study(by=the(cast, Role.DATA_MANAGER), definition=amended, reason="amendment 1")
    assert (version.number, str(version), version.published_by) == (2, "0.2.0", "Data manager Trial")
    assert current_definition().target_participants == 180
    (line,) = newest_entries(length)
    assert (line.new, line.detail, line.reason) == (
        amended.sha256,
        {"study": "reset_trd", "version": "0.2.0"},
        "amendment 1",
    )


def test_what_was_published_is_read_back_the_same(
    cast: Cast, reset_trd: StudyDefinition, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "_parsed", {})
    version = StudyVersion.objects.get()
    assert version.definition == reset_trd
    assert version.definition is version.definition, "parsed once"
    assert version.definition.sha256 == version.sha256


def test_without_a_published_study_nothing_is_in_force(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StudyVersion, "objects", StudyVersion.objects.none())
    with pytest.raises(NoStudyPublished):
        current_version()


class TestLock:
    def test_an_open_study_refuses_nothing(self, cast: Cast) -> None:
        check_not_locked()
        assert open_lock() is None

    def test_a_locked_one_says_since_when(self, cast: Cast) -> None:
        lock = lock_the_study()
        assert open_lock() == lock
        with pytest.raises(ActionRefused, match=f"{lock.locked_at:%Y-%m-%d %H:%M} UTC"):
            check_not_locked()
        assert str(lock) == f"{lock.locked_at:%Y-%m-%d %H:%M}"

    def test_there_is_one_open_lock_at_most(self, cast: Cast) -> None:
        lock_the_study()
        with pytest.raises(IntegrityError), transaction.atomic():
            lock_the_study()

    def test_an_unlock_has_who_and_when(self, cast: Cast) -> None:
        lock = lock_the_study()
        lock.unlocked_by = "Data manager"
        with pytest.raises(IntegrityError), transaction.atomic():
            deed(lock.save, works_when_locked=True)
        assert StudyLock.objects.get().unlocked_by == ""
