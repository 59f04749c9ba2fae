"""Moving entries to another version: told beforehand entry by entry, nothing lost, every move in the trail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.utils.translation import override

from audit import verification
from audit.acts import ActionRefused
from crf.actions import (
    freeze,
    judge_eligibility,
    mark_not_done,
    migrate_entries,
    plan_migration,
    sign_entry,
    verify_items,
)
from crf.actions.amendments import Move
from crf.faults import casebook_faults
from crf.models import FormEntry
from exports.actions import lock_study
from tests import walk
from tests.amendments import amended, items, new_item, proposer, put_in_force
from tests.audit.recipes import the, vital_signs
from tests.audit.staging import ledger_length, lock_the_study, newest_entries
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.models import User
from trialmgr.people.permissions import Role
from trialmgr.protocol.model import StudyDefinition
from trialmgr.studies.models import StudyVersion

pytestmark = pytest.mark.on_both  # values move as JSON

Edit = Callable[[dict[str, Any]], dict[str, Any] | None]


@pytest.fixture(autouse=True)
def _in_english() -> Iterator[None]:
    with override("en"):
        yield


@pytest.fixture
def entry(cast: Cast) -> FormEntry:
    """Vital signs, complete, unsigned, on the first version."""
    return vital_signs(cast)


@pytest.fixture
def manager(cast: Cast) -> User:
    return the(cast, Role.DATA_MANAGER)


@pytest.fixture
def amend(reset_trd: StudyDefinition) -> Callable[[Edit], StudyVersion]:
    return lambda edit: put_in_force(amended(reset_trd, vital_signs=edit))


def richer(form: dict[str, Any]) -> dict[str, Any]:
    """The height is asked, and a check finds every pulse high."""
    items(form).append(new_item("height_cm", unit="cm"))
    check = {"key": "pulse_high", "severity": "soft", "fires_if": "pulse > 1", "items": ["pulse"]}
    form["checks"].append(check | {"message": {"nl": "De polsslag is hoog.", "en": "The pulse is high."}})
    return form


def shorter(form: dict[str, Any]) -> dict[str, Any]:
    """The weight is not asked any more."""
    form["sections"][0]["items"] = [item for item in items(form) if item["key"] != "weight_kg"]
    return form


def renamed(form: dict[str, Any]) -> dict[str, Any]:
    """The weight is asked under another key, as text."""
    shorter(form)
    items(form).append(new_item("weight_text", "text"))
    return form


def planned(manager: User, version: StudyVersion, **chosen: Any) -> Move:
    (move,) = plan_migration(by=manager, version=version, forms=["vital_signs"], **chosen)
    return move


class TestDryRun:
    def test_it_tells_what_is_kept_new_and_asked_and_changes_nothing(
        self, entry: FormEntry, manager: User, amend: Callable[[Edit], StudyVersion]
    ) -> None:
        version, length = amend(richer), ledger_length()
        move = planned(manager, version)
        assert move.reasons == ()
        assert move.outcome.kept == ("systolic", "diastolic", "pulse", "weight_kg")
        assert (move.outcome.added, move.outcome.lost, move.outcome.own_version) == (("height_cm",), (), "0.1.0")
        assert [problem.message.en for problem in move.outcome.asks] == ["The pulse is high."]
        entry.refresh_from_db()
        assert (entry.study_version.number, ledger_length()) == (1, length)

    def test_an_item_that_is_gone_holds_the_entry_back(
        self, entry: FormEntry, manager: User, amend: Callable[[Edit], StudyVersion]
    ) -> None:
        move = planned(manager, amend(shorter))
        assert move.outcome.lost == ("weight_kg",)
        assert move.reasons == ("Values would be lost, map them to a new item: weight_kg.",)

    def test_a_value_that_would_no_longer_be_asked_is_kept_beside_the_ones_that_count(
        self, entry: FormEntry, manager: User, amend: Callable[[Edit], StudyVersion]
    ) -> None:
        def conditional(form: dict[str, Any]) -> dict[str, Any]:
            items(form)[-1]["ask_if"] = "pulse > 9999"
            return form

        outcome = planned(manager, amend(conditional)).outcome
        assert outcome.lost == ()
        assert outcome.evaluation.unasked == {"weight_kg": {"value": entry.data["weight_kg"]}}

    def test_a_hard_check_that_newly_fires_holds_it_back(
        self, entry: FormEntry, manager: User, amend: Callable[[Edit], StudyVersion]
    ) -> None:
        def stricter(form: dict[str, Any]) -> dict[str, Any]:
            items(form)[0]["range"] = {"min": "299", "max": "300"}
            return form

        move = planned(manager, amend(stricter))
        assert [problem.item_key for problem in move.outcome.refuses] == ["systolic"]
        assert move.reasons == ("systolic: Expected: 299 to 300 mmHg.",)

    def test_a_signature_would_lapse(
        self, cast: Cast, entry: FormEntry, manager: User, amend: Callable[[Edit], StudyVersion]
    ) -> None:
        sign_entry(by=the(cast, Role.INVESTIGATOR), entry=entry, meaning="reviewed")
        move = planned(manager, amend(richer))
        assert move.outcome.signers == ("Investigator UMCG",)
        assert move.reasons == ("It is signed by Investigator UMCG: that signature would lapse.",)

    def test_a_frozen_casebook_stays(
        self, entry: FormEntry, manager: User, amend: Callable[[Edit], StudyVersion]
    ) -> None:
        freeze(by=manager, participant=entry.visit.participant)
        assert planned(manager, amend(richer)).reasons == (
            "The casebook of this participant is frozen: a data manager can unfreeze it.",
        )

    def test_a_locked_study_stays(self, entry: FormEntry, manager: User, amend: Callable[[Edit], StudyVersion]) -> None:
        version = amend(richer)
        lock_the_study()
        assert planned(manager, version).reasons == (
            "The study is locked: a data manager can unlock it, with a reason.",
        )

    def test_a_site_where_the_version_does_not_count_stays(
        self, entry: FormEntry, manager: User, reset_trd: StudyDefinition
    ) -> None:
        version = put_in_force(amended(reset_trd, vital_signs=richer), sites=["LUMC"])
        assert planned(manager, version).reasons == ("This version is not in force at the site of this participant.",)

    def test_a_form_that_is_gone_stays(
        self, entry: FormEntry, manager: User, amend: Callable[[Edit], StudyVersion]
    ) -> None:
        move = planned(manager, amend(lambda form: None))
        assert move.reasons == ("This version has no form “vital_signs”.",)
        assert (move.outcome.form, set(move.outcome.lost)) == (None, set(entry.data))

    def test_what_was_judged_stays(self, cast: Cast, manager: User, reset_trd: StudyDefinition) -> None:
        participant = walk.screened(cast)
        judge_eligibility(by=the(cast, Role.INVESTIGATOR), participant=participant)
        version = put_in_force(amended(reset_trd))
        (move,) = plan_migration(by=manager, version=version, forms=["eligibility"])
        assert move.reasons[-1] == "A judgement of eligibility rests on it."

    def test_forms_and_sites_narrow_it_down(
        self, cast: Cast, entry: FormEntry, manager: User, amend: Callable[[Edit], StudyVersion]
    ) -> None:
        version = amend(richer)
        assert plan_migration(by=manager, version=version, sites=["LUMC"]) == []
        assert plan_migration(by=manager, version=version, forms=["madrs"]) == []
        assert len(plan_migration(by=manager, version=version, sites=["UMCG"])) == 1


class TestMigrating:
    def test_the_entry_stands_on_the_new_version_with_all_it_had(
        self, cast: Cast, entry: FormEntry, manager: User, amend: Callable[[Edit], StudyVersion]
    ) -> None:
        verify_items(by=the(cast, Role.MONITOR), entry=entry, items=["pulse"])
        version, before, length = amend(richer), dict(entry.data), ledger_length()
        migrate_entries(by=manager, version=version, forms=["vital_signs"], reason="amendment 1")
        entry.refresh_from_db()
        assert (entry.study_version, entry.versions_seen) == (version, ["0.1.0", "9.9.9"])
        assert (entry.data, entry.status, entry.revision) == (before, "incomplete", 2)
        assert [verification.stands for verification in entry.verifications.all()] == [True]
        lines = newest_entries(length)
        assert [(line.action, line.item) for line in lines] == [("entry.migrated", ""), ("query.raised", "pulse")]
        assert (lines[0].old, lines[0].new, lines[0].reason) == ("complete", "incomplete", "amendment 1")
        assert lines[0].detail == {"version_old": "0.1.0", "version_new": "9.9.9", "moved": {}}
        assert list(entry.queries.values_list("check_key", flat=True)) == ["pulse_high"]

    def test_a_form_that_was_not_done_stays_so_with_what_the_version_asks(
        self, cast: Cast, entry: FormEntry, manager: User, amend: Callable[[Edit], StudyVersion]
    ) -> None:
        by = walk.enterer(cast, walk.SITE, entry.form)
        mark_not_done(by=by, visit=entry.visit, form_key=entry.form_key, code="not_done", reason="ill")
        version = amend(richer)
        move = planned(manager, version)
        assert (move.reasons, move.outcome.added, move.outcome.lost) == ((), (), ())
        migrate_entries(by=manager, version=version, reason="the height counts")
        entry.refresh_from_db()
        assert (entry.status, entry.data, entry.not_done) == ("complete", {}, "not_done")
        assert entry.missing["height_cm"] == "not_done"
        assert list(casebook_faults()) == []

    def test_a_value_goes_along_to_the_item_it_is_mapped_to(
        self, cast: Cast, entry: FormEntry, manager: User, amend: Callable[[Edit], StudyVersion]
    ) -> None:
        verify_items(by=the(cast, Role.MONITOR), entry=entry, items=["weight_kg", "pulse"])
        version, weight, length = amend(renamed), entry.data["weight_kg"], ledger_length()
        mapped = {("vital_signs", "weight_kg"): "weight_text"}
        migrate_entries(by=manager, version=version, forms=["vital_signs"], mapped=mapped, reason="amendment 1")
        entry.refresh_from_db()
        assert (entry.data["weight_text"], "weight_kg" in entry.data) == (weight, False)
        lines = [(line.action, line.item, line.old, line.new) for line in newest_entries(length)]
        assert ("entry.migrated", "weight_kg", weight, None) in lines
        assert ("entry.migrated", "weight_text", None, weight) in lines
        assert ("verification.fell", "weight_kg", None, None) in lines
        assert list(entry.verifications.filter(stands=True).values_list("item", flat=True)) == ["pulse"]

    def test_who_cannot_go_stays_while_the_others_go(
        self, cast: Cast, entry: FormEntry, manager: User, amend: Callable[[Edit], StudyVersion]
    ) -> None:
        other = vital_signs(cast)
        freeze(by=manager, participant=other.visit.participant)
        version = amend(richer)
        moves = migrate_entries(by=manager, version=version, forms=["vital_signs"], reason="amendment 1")
        assert sorted(bool(move.reasons) for move in moves) == [False, True]
        assert FormEntry.objects.get(pk=other.pk).study_version.number == 1
        assert FormEntry.objects.get(pk=entry.pk).study_version == version

    def test_moving_nothing_is_refused_with_the_reasons(
        self, entry: FormEntry, manager: User, amend: Callable[[Edit], StudyVersion]
    ) -> None:
        version = amend(shorter)
        with pytest.raises(ActionRefused) as refused:
            migrate_entries(by=manager, version=version, forms=["vital_signs"], reason="amendment 1")
        assert refused.value.reasons == (
            "No entry can move to this version.",
            "Values would be lost, map them to a new item: weight_kg.",
        )

    def test_it_owes_a_reason_and_an_item_that_exists(
        self, entry: FormEntry, manager: User, amend: Callable[[Edit], StudyVersion]
    ) -> None:
        version = amend(shorter)
        with pytest.raises(ActionRefused, match="reason"):
            migrate_entries(by=manager, version=version, reason=" ")
        for place in (("vital_signs", "weight_kg"), ("no_such_form", "x")):
            with pytest.raises(ActionRefused, match="no item"):
                plan_migration(by=manager, version=version, mapped={place: "nowhere"})

    def test_a_site_does_not_move_entries(
        self, cast: Cast, entry: FormEntry, amend: Callable[[Edit], StudyVersion]
    ) -> None:
        with pytest.raises(PermissionDenied):
            migrate_entries(by=the(cast, Role.COORDINATOR), version=amend(richer), reason="amendment 1")

    def test_a_recomputed_value_is_told_and_stands_in_the_trail(
        self, cast: Cast, manager: User, reset_trd: StudyDefinition
    ) -> None:
        participant = walk.consented(cast)
        walk.visited(cast, participant, "screening")

        def otherwise(form: dict[str, Any]) -> dict[str, Any]:
            total = next(item for section in form["sections"] for item in section["items"] if item.get("score"))
            total["score"], total["derive"], total["examples"] = None, "madrs_1 + madrs_2", []
            return form

        version = put_in_force(amended(reset_trd, madrs=otherwise))
        (move,) = plan_migration(by=manager, version=version, forms=["madrs"])
        assert move.outcome.recomputed == (("madrs_total", "30", "6"),)
        length = ledger_length()
        migrate_entries(by=manager, version=version, forms=["madrs"], reason="amendment 1")
        assert ("madrs_total", "30", "6") in [(line.item, line.old, line.new) for line in newest_entries(length)]

    def test_the_trail_verifies_afterwards(
        self, entry: FormEntry, manager: User, amend: Callable[[Edit], StudyVersion]
    ) -> None:
        migrate_entries(by=manager, version=amend(richer), forms=["vital_signs"], reason="amendment 1")
        assert verification.verify().is_whole


def test_proposing_and_migrating_are_refused_by_a_locked_study(cast: Cast, reset_trd: StudyDefinition) -> None:
    version = put_in_force(amended(reset_trd))
    lock_study(by=proposer(), reason="the end")
    with pytest.raises(ActionRefused, match="locked"):
        put_in_force(amended(reset_trd, version="10"))
    with pytest.raises(ActionRefused, match="locked"):
        migrate_entries(by=proposer(), version=version, reason="too late")
