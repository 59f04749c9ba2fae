"""Proposing a study definition, approving it, where and when it counts; and the lock against all change of data."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import override

from audit.acts import ActionRefused
from tests.amendments import amended, approver, items, new_item, proposer, put_in_force
from tests.audit.staging import deed, ledger_length, lock_the_study, newest_entries
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.protocol.model import StudyDefinition
from trialmgr.studies import models, queries
from trialmgr.studies.actions import approve_version, propose_version
from trialmgr.studies.actions import put_in_force as bring_into_force
from trialmgr.studies.clock import today
from trialmgr.studies.models import StudyActivation, StudyApproval, StudyLock, StudyVersion
from trialmgr.studies.policies import check_not_locked
from trialmgr.studies.queries import (
    InForce,
    NoStudyPublished,
    Timeline,
    current_definition,
    current_version,
    open_lock,
    version_at,
)
from trialmgr.studies.verification import approval_faults

pytestmark = pytest.mark.on_both  # one of two is refused by another lock


@pytest.fixture(autouse=True)
def _in_english() -> Iterator[None]:
    with override("en"):
        yield


@pytest.fixture
def second(reset_trd: StudyDefinition) -> StudyDefinition:
    return reset_trd.model_copy(update={"version": "0.2.0", "target_participants": 180})


class TestProposing:
    def test_the_same_definition_is_proposed_once(self, cast: Cast, reset_trd: StudyDefinition) -> None:
        with pytest.raises(ActionRefused, match="published already"):
            propose_version(by=proposer(), definition=reset_trd)
        assert current_version().sha256 == reset_trd.sha256

    def test_a_proposal_stands_in_the_trail_and_is_not_in_force(self, cast: Cast, second: StudyDefinition) -> None:
        length = ledger_length()
        version = propose_version(by=proposer(), definition=second, reason="amendment 1")
        assert (version.number, str(version), version.proposed_by) == (2, "0.2.0", "Data manager Trial")
        assert current_version().number == 1
        (line,) = newest_entries(length)
        assert (line.action, line.new, line.detail, line.reason) == (
            "study.proposed",
            second.sha256,
            {"study": "reset_trd", "version": "0.2.0"},
            "amendment 1",
        )

    def test_another_study_is_refused(self, cast: Cast, reset_trd: StudyDefinition) -> None:
        with pytest.raises(ActionRefused, match="“other”"):
            propose_version(by=proposer(), definition=reset_trd.model_copy(update={"id": "other"}))

    def test_what_data_hang_on_for_life_is_not_changed(self, cast: Cast, reset_trd: StudyDefinition) -> None:
        def to_text(form: dict[str, Any]) -> dict[str, Any]:
            items(form)[0]["type"] = "text"
            return form

        changed = amended(reset_trd, demographics=to_text)
        with pytest.raises(ActionRefused, match="give the item a new key"):
            propose_version(by=proposer(), definition=changed)

    def test_a_key_is_not_used_again_for_something_else(self, cast: Cast, reset_trd: StudyDefinition) -> None:
        def drop(form: dict[str, Any]) -> dict[str, Any]:
            items(form).pop(0)
            return form

        def reuse(form: dict[str, Any]) -> dict[str, Any]:
            items(form)[0] = new_item(reset_trd.form("demographics").items[0].key, "text")
            return form

        put_in_force(amended(reset_trd, version="0.2.0", demographics=drop))
        with pytest.raises(ActionRefused, match="give the item a new key"):
            propose_version(by=proposer(), definition=amended(reset_trd, version="0.3.0", demographics=reuse))

    def test_a_proposed_version_never_changes(self, cast: Cast, second: StudyDefinition) -> None:
        version = propose_version(by=proposer(), definition=second)
        version.label = "0.2.1"
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            deed(version.save)


class TestApproving:
    def test_a_second_person_puts_it_in_force(self, cast: Cast, second: StudyDefinition) -> None:
        version = propose_version(by=proposer(), definition=second)
        length = ledger_length()
        approval = approve_version(by=approver(), version=version)
        assert current_definition().target_participants == 180
        assert [str(row) for row in approval.activations.all()] == [f"0.2.0  {today()}"]
        assert str(approval) == "0.2.0 Unblinded statistician Trial"
        assert [(line.action, line.site, line.new) for line in newest_entries(length)] == [
            ("study.approved", "", second.sha256),
            ("study.put_in_force", "", today().isoformat()),
        ]

    def test_nobody_approves_what_they_proposed(self, cast: Cast, second: StudyDefinition) -> None:
        version = propose_version(by=proposer(), definition=second)
        with pytest.raises(ActionRefused, match="Somebody else"):
            approve_version(by=proposer(), version=version)

    def test_the_database_itself_wants_two_people(self, cast: Cast, second: StudyDefinition) -> None:
        version = propose_version(by=proposer(), definition=second)
        alone = StudyApproval(
            version=version, proposer_id="7", approver_id="7", approved_by="One", approved_at=timezone.now()
        )
        with pytest.raises(IntegrityError), transaction.atomic():
            deed(alone.save)

    def test_who_proposed_is_held_against_the_version(self, cast: Cast, second: StudyDefinition) -> None:
        version = propose_version(by=proposer(), definition=second)
        by_one = StudyApproval(
            version=version,
            proposer_id="somebody else",
            approver_id=proposer().actor_id,
            approved_by="One",
            approved_at=timezone.now(),
        )
        deed(by_one.save)
        assert list(approval_faults()) == [
            "study version 2 is approved as if somebody else than its proposer had proposed it"
        ]

    def test_it_is_approved_once(self, cast: Cast, second: StudyDefinition) -> None:
        version = put_in_force(second)
        with pytest.raises(ActionRefused, match="approved already"):
            approve_version(by=approver(), version=version)

    def test_from_the_day_that_was_named(self, cast: Cast, second: StudyDefinition) -> None:
        day = today() + datetime.timedelta(days=30)
        put_in_force(second, effective_from=day)
        assert current_version().number == 1
        with time_machine.travel(day, tick=False):
            assert current_version().number == 2

    def test_an_amendment_does_not_reach_back(self, cast: Cast, second: StudyDefinition) -> None:
        version = propose_version(by=proposer(), definition=second)
        with pytest.raises(ActionRefused, match="before today"):
            approve_version(by=approver(), version=version, effective_from=today() - datetime.timedelta(days=1))
        assert not StudyApproval.objects.filter(version=version).exists()

    def test_the_day_that_the_definition_names_is_taken_when_it_is_to_come(
        self, cast: Cast, second: StudyDefinition
    ) -> None:
        day = today() + datetime.timedelta(days=3)
        put_in_force(second.model_copy(update={"valid_from": day.isoformat()}))
        assert StudyActivation.objects.get(approval__version__number=2).effective_from == day


class TestSites:
    def test_a_version_counts_at_the_sites_that_were_named(self, cast: Cast, second: StudyDefinition) -> None:
        put_in_force(second, sites=["UMCG"])
        assert version_at("UMCG", today()).number == 2
        assert version_at("LUMC", today()).number == 1
        assert current_version().number == 2, "across, the newest in force anywhere"

    def test_further_sites_follow_on_their_own_day(self, cast: Cast, second: StudyDefinition) -> None:
        version = put_in_force(second, sites=["UMCG"])
        day = today() + datetime.timedelta(days=10)
        bring_into_force(by=approver(), approval=version.approval, sites=["LUMC"], effective_from=day)
        assert version_at("LUMC", today()).number == 1
        assert version_at("LUMC", day).number == 2

    def test_a_site_gets_its_day_once(self, cast: Cast, second: StudyDefinition) -> None:
        version = put_in_force(second, sites=["UMCG"])
        with pytest.raises(ActionRefused, match="already"):
            bring_into_force(by=approver(), approval=version.approval, sites=["UMCG"], effective_from=today())

    def test_an_unknown_site_is_refused(self, cast: Cast, second: StudyDefinition) -> None:
        version = propose_version(by=proposer(), definition=second)
        with pytest.raises(ActionRefused, match="“NOWHERE”"):
            approve_version(by=approver(), version=version, sites=["NOWHERE"])

    def test_before_the_first_version_a_site_counts_by_that_one(self, cast: Cast) -> None:
        assert version_at("UMCG", datetime.date(1990, 1, 1)).number == 1

    def test_where_nothing_was_ever_put_in_force_there_is_no_version(self, cast: Cast) -> None:
        first = StudyVersion.objects.get()
        here_alone = Timeline((InForce(first, "UMCG", today()),))
        assert here_alone.at("UMCG", today()) == first
        assert not here_alone.has_begun("LUMC", today())
        with pytest.raises(NoStudyPublished):
            here_alone.at("LUMC", today())


def test_what_was_published_is_read_back_the_same(
    cast: Cast, reset_trd: StudyDefinition, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "_parsed", {})
    version = StudyVersion.objects.get()
    assert version.definition == reset_trd
    assert version.definition is version.definition, "parsed once"
    assert version.definition.sha256 == version.sha256


def test_without_a_published_study_nothing_is_in_force(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StudyActivation, "objects", StudyActivation.objects.none())
    monkeypatch.setattr(queries, "found", lambda _statement: [])
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
