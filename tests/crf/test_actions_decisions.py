"""Eligibility, readiness for allocation, the gate to the follow-up year, and the end of participation."""

from __future__ import annotations

import datetime

import pytest
from django.utils.translation import override

from audit.acts import ActionRefused
from audit.models import LedgerEntry
from crf.actions import (
    decide_gate,
    freeze,
    judge_eligibility,
    mark_visit_not_done,
    reopen_visit,
    save_entry,
    set_visit_day,
    sign_entry,
    undo_ending,
)
from crf.models import EligibilityDecision, FormEntry, GateDecision, Signature, Visit
from crf.policies import reasons_not_ready, standing_eligibility
from tests import walk
from tests.audit.recipes import again, the
from tests.audit.staging import ledger_length, newest_entries
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.participants.actions import withdraw_consent
from trialmgr.participants.models import Consent, Participant
from trialmgr.participants.queries import criteria_for, form_for
from trialmgr.participants.states import STATUS_LABELS, Status
from trialmgr.people.permissions import Role
from trialmgr.studies.clock import today

DAY = datetime.timedelta(days=1)


def eligibility_form(participant: Participant) -> FormEntry:
    return FormEntry.objects.get(visit__participant=participant, form_key="eligibility")


def change(cast: Cast, participant: Participant, values: dict[str, str]) -> FormEntry:
    entry = eligibility_form(participant)
    return save_entry(
        by=the(cast, Role.INVESTIGATOR),
        visit=entry.visit,
        form_key="eligibility",
        values=values,
        reason="correction",
    ).entry


class TestEligibility:
    def test_the_form_holds_the_criteria_in_force_at_registration(self, cast: Cast) -> None:
        participant = walk.registered(cast)
        definition = participant.study_version.definition
        assert criteria_for(participant, definition).version == "2"
        participant.registered_on = datetime.date(2022, 8, 1)
        assert criteria_for(participant, definition).version == "1"
        assert form_for(participant, definition, "eligibility").has_item("i1")
        assert form_for(participant, definition, "madrs") is definition.form("madrs")

    def test_a_judgement_is_signed_and_binds_the_form(self, cast: Cast) -> None:
        participant = walk.screened(cast)
        decision = judge_eligibility(by=the(cast, Role.INVESTIGATOR), participant=participant)
        assert (decision.eligible, decision.not_met, decision.criteria_version) == (True, [], "2")
        assert Signature.objects.get().digest == decision.digest == eligibility_form(participant).digest
        assert standing_eligibility(participant) == decision
        assert str(decision) == f"{participant.number} True"

    def test_criteria_not_met_are_named(self, cast: Cast) -> None:
        participant = walk.screened(cast, madrs=19)
        change(cast, participant, {"e3": "yes"})
        decision = judge_eligibility(by=the(cast, Role.INVESTIGATOR), participant=participant)
        assert (decision.eligible, decision.not_met) == (False, ["I5", "E3"])
        reasons = reasons_not_ready(participant, participant.study_version.definition)
        assert any("I5, E3" in reason for reason in reasons)

    def test_no_judgement_without_a_complete_form(self, cast: Cast) -> None:
        with pytest.raises(ActionRefused):
            judge_eligibility(by=the(cast, Role.INVESTIGATOR), participant=walk.consented(cast))
        participant = walk.screened(cast)
        change(cast, participant, {"i1": ""})
        with pytest.raises(ActionRefused):
            judge_eligibility(by=the(cast, Role.INVESTIGATOR), participant=participant)

    def test_no_judgement_on_a_guess(self, cast: Cast) -> None:
        participant = walk.screened(cast)
        visit = walk.visit_of(participant, "screening")
        save_entry(by=the(cast, Role.RATER), visit=visit, form_key="madrs", values={"madrs_1": ""}, reason="not asked")
        with pytest.raises(ActionRefused):
            judge_eligibility(by=the(cast, Role.INVESTIGATOR), participant=participant)
        assert not Signature.objects.exists()
        assert not EligibilityDecision.objects.exists()

    def test_it_lapses_when_the_form_changes_and_can_be_judged_anew(self, cast: Cast) -> None:
        participant = walk.eligible(cast)
        change(cast, participant, {"judged_on": (participant.registered_on + DAY).isoformat()})
        assert standing_eligibility(participant) is None
        again_judged = judge_eligibility(by=the(cast, Role.INVESTIGATOR), participant=participant)
        assert standing_eligibility(participant) == again_judged
        assert EligibilityDecision.objects.filter(participant=participant).count() == 2

    def test_a_form_that_carries_the_signature_is_not_signed_twice(self, cast: Cast) -> None:
        participant = walk.screened(cast)
        investigator = the(cast, Role.INVESTIGATOR)
        sign_entry(by=investigator, entry=eligibility_form(participant), meaning="reviewed")
        judge_eligibility(by=investigator, participant=participant)
        assert Signature.objects.count() == 1


class TestReadiness:
    def test_every_reason_is_named_at_once(self, cast: Cast) -> None:
        participant = walk.consented(cast)
        withdraw_consent(
            by=the(cast, Role.COORDINATOR),
            consent=Consent.objects.get(participant=participant),
            on=participant.registered_on,
            reason="",
        )
        freeze(by=the(cast, Role.DATA_MANAGER), participant=participant)
        definition = participant.study_version.definition
        reasons = reasons_not_ready(participant, definition)
        forms = sum(len(visit.must_complete) for visit in definition.visits if visit.before_allocation)
        assert len(reasons) == 1 + 1 + forms + 1, "consent, eligibility, the forms of two visits, frozen"

    def test_nothing_stands_in_the_way_after_the_baseline(self, cast: Cast) -> None:
        participant = walk.baseline_done(cast)
        assert reasons_not_ready(participant, participant.study_version.definition) == []

    def test_who_is_in_the_trial_is_not_randomised_again(self, cast: Cast) -> None:
        participant = walk.randomised(cast)
        (reason,) = reasons_not_ready(participant, participant.study_version.definition)
        assert str(STATUS_LABELS[Status.ON_STUDY]) in reason


class TestGate:
    def test_a_responder_gets_the_follow_up_year(self, cast: Cast) -> None:
        participant = walk.at_week_8(cast)
        length = ledger_length()
        decision = decide_gate(by=the(cast, Role.INVESTIGATOR), participant=participant, phase="follow_up")
        assert decision.opened
        assert decision.inputs == {"baseline.madrs.madrs_total": "30", "week_8.madrs.madrs_total": "12"}
        assert participant.phase == again(participant).phase == "follow_up"
        assert participant.visits.filter(phase="follow_up", reveals_allocation=False).count() == 6
        noted = newest_entries(length)[0]
        assert (noted.new, noted.detail["inputs"]) == ("yes", decision.inputs)
        assert str(decision) == f"{participant.number} follow_up True"

    def test_a_non_responder_does_not(self, cast: Cast) -> None:
        participant = walk.at_week_8(cast, response=False)
        decision = decide_gate(by=the(cast, Role.INVESTIGATOR), participant=participant, phase="follow_up")
        assert not decision.opened
        assert again(participant).phase == "treatment"
        assert not participant.visits.filter(phase="follow_up").exists()

    def test_who_accepts_the_other_treatment_gets_its_sessions(self, cast: Cast) -> None:
        participant = walk.at_week_8(cast, response=False)
        investigator, week_8 = the(cast, Role.INVESTIGATOR), walk.visit_of(participant, "week_8")
        decide_gate(by=investigator, participant=participant, phase="follow_up")
        with pytest.raises(ActionRefused, match="co_offered"):
            decide_gate(by=investigator, participant=participant, phase="cross_over")
        walk.fill(cast, week_8, "cross_over_offer")
        assert decide_gate(by=investigator, participant=participant, phase="cross_over").opened
        had, gets = ("esk", "ect") if participant.visits.filter(key="session_esk").exists() else ("ect", "esk")
        sessions = participant.visits.filter(key=f"session_{gets}_crossover")
        assert sessions.count() == 16
        assert not participant.visits.filter(key=f"session_{had}_crossover").exists()
        first = sessions.get(ordinal=1).target_on
        assert first == (week_8.took_place_on or today()) + datetime.timedelta(days=1), (
            "counted from the day of the gate's visit"
        )

    def test_who_responded_is_not_offered_the_other_treatment(self, cast: Cast) -> None:
        participant = walk.in_follow_up(cast)
        with override("en"), pytest.raises(ActionRefused, match="has opened another phase"):
            decide_gate(by=the(cast, Role.INVESTIGATOR), participant=participant, phase="cross_over")

    def test_it_is_decided_once(self, cast: Cast) -> None:
        participant = walk.at_week_8(cast, response=False)
        investigator = the(cast, Role.INVESTIGATOR)
        decide_gate(by=investigator, participant=participant, phase="follow_up")
        with pytest.raises(ActionRefused):
            decide_gate(by=investigator, participant=participant, phase="follow_up")
        assert GateDecision.objects.count() == 1

    def test_it_is_refused_while_a_value_is_missing_and_names_it(self, cast: Cast) -> None:
        participant = walk.randomised(cast)
        with pytest.raises(ActionRefused, match=r"week_8\.madrs\.madrs_total"):
            decide_gate(by=the(cast, Role.INVESTIGATOR), participant=participant, phase="follow_up")
        assert not GateDecision.objects.exists()

    def test_only_for_somebody_in_the_trial_and_a_phase_with_a_gate(self, cast: Cast) -> None:
        investigator = the(cast, Role.INVESTIGATOR)
        with pytest.raises(ActionRefused):
            decide_gate(by=investigator, participant=walk.registered(cast), phase="follow_up")
        participant = walk.randomised(cast)
        for phase in ("treatment", "no_such_phase"):
            with pytest.raises(ActionRefused):
                decide_gate(by=investigator, participant=participant, phase=phase)


class TestEnding:
    def end(self, cast: Cast, participant: Participant, status: str, on: datetime.date | None = None) -> Participant:
        visit = walk.visit_of(participant, "log")
        given = {"eop_status": status, "eop_date": (on or today()).isoformat()}
        walk.fill(cast, visit, "end_of_participation", given=given)
        return again(participant)

    @pytest.mark.parametrize(
        ("status", "state"),
        [("completed", "completed"), ("not_responder", "completed"), ("other", "ended_early")],
    )
    def test_the_end_form_moves_a_randomised_participant(self, cast: Cast, status: str, state: str) -> None:
        participant = self.end(cast, walk.randomised(cast), status)
        assert (participant.status, participant.ended_on, participant.is_active) == (state, today(), False)

    def test_before_the_allocation_every_ending_is_a_screen_failure(self, cast: Cast) -> None:
        participant = self.end(cast, walk.consented(cast), "other")
        assert (participant.status, participant.enrolled_on) == ("screen_failure", None)

    def test_visits_that_were_to_come_are_closed_with_it(self, cast: Cast) -> None:
        participant = walk.screened(cast)
        self.end(cast, participant, "screen_failure", on=participant.registered_on)
        left = {visit.slug: visit.is_not_done for visit in participant.visits.all()}
        assert left == {"screening": False, "baseline": True, "log": False}

    def test_a_visit_that_was_missed_before_the_end_still_owes_its_reason(self, cast: Cast) -> None:
        participant = self.end(cast, walk.screened(cast), "screen_failure")
        left = {visit.slug: visit.is_not_done for visit in participant.visits.all()}
        assert left == {"screening": False, "baseline": False, "log": False}

    def test_a_correction_of_how_and_when_it_ended_moves_the_participant(self, cast: Cast) -> None:
        participant = self.end(cast, walk.randomised(cast), "other")
        earlier = today() - DAY
        save_entry(
            by=the(cast, Role.COORDINATOR),
            visit=walk.visit_of(participant, "log"),
            form_key="end_of_participation",
            values={"eop_status": "completed", "eop_date": earlier.isoformat()},
            reason="the wrong box",
        )
        participant = again(participant)
        assert (participant.status, participant.ended_on) == ("completed", earlier)

    def test_a_screen_failure_stays_one_whatever_the_corrected_code(self, cast: Cast) -> None:
        participant = self.end(cast, walk.consented(cast), "other")
        save_entry(
            by=the(cast, Role.COORDINATOR),
            visit=walk.visit_of(participant, "log"),
            form_key="end_of_participation",
            values={"eop_status": "completed", "eop_date": (today() - DAY).isoformat()},
            reason="the wrong box",
        )
        participant = again(participant)
        assert (participant.status, participant.ended_on) == ("screen_failure", today() - DAY)

    def test_an_incomplete_end_form_ends_nothing(self, cast: Cast) -> None:
        participant = walk.consented(cast)
        save_entry(
            by=the(cast, Role.COORDINATOR),
            visit=walk.visit_of(participant, "log"),
            form_key="end_of_participation",
            values={"eop_status": "other"},
        )
        assert again(participant).is_active

    def test_a_correction_of_the_end_form_ends_nothing_twice(self, cast: Cast) -> None:
        participant = self.end(cast, walk.randomised(cast), "other")
        save_entry(
            by=the(cast, Role.COORDINATOR),
            visit=walk.visit_of(participant, "log"),
            form_key="end_of_participation",
            values={"eop_reason": "verhuisd"},
            reason="asked",
        )
        assert again(participant).status == "ended_early"

    def test_an_end_before_registration_or_in_the_future_leaves_no_trace(self, cast: Cast) -> None:
        participant = walk.consented(cast)
        for on in (participant.registered_on - DAY, today() + DAY):
            with pytest.raises(ActionRefused):
                self.end(cast, participant, "other", on)
        assert not FormEntry.objects.filter(visit__participant=participant).exists()
        assert again(participant).is_active

    def test_a_visit_recorded_before_the_end_stands(self, cast: Cast) -> None:
        participant = walk.consented(cast)
        visit = set_visit_day(
            by=the(cast, Role.COORDINATOR),
            visit=walk.visit_of(participant, "baseline"),
            on=participant.registered_on,
        )
        self.end(cast, participant, "other")
        assert Visit.objects.get(pk=visit.pk).took_place_on == participant.registered_on

    def not_done(self, participant: Participant) -> set[str]:
        return {visit.slug for visit in participant.visits.all() if visit.is_not_done}

    def test_a_later_day_of_ending_opens_the_visits_before_it_again(self, cast: Cast) -> None:
        """Whatever day was typed first, the same visits are left as not done."""
        typed, right = walk.randomised(cast), walk.randomised(cast)
        first, last = (typed.enrolled_on or today()) + 10 * DAY, (typed.enrolled_on or today()) + 40 * DAY
        self.end(cast, typed, "other", on=first)
        self.end(cast, right, "other", on=last)
        closed = self.not_done(typed)
        save_entry(
            by=the(cast, Role.COORDINATOR),
            visit=walk.visit_of(typed, "log"),
            form_key="end_of_participation",
            values={"eop_date": last.isoformat()},
            reason="misread",
        )
        assert again(typed).ended_on == last
        targets = {visit.target_on: visit.is_not_done for visit in typed.visits.all() if visit.target_on}
        assert targets == {visit.target_on: visit.is_not_done for visit in right.visits.all() if visit.target_on}
        assert self.not_done(typed) < closed
        opened = LedgerEntry.objects.filter(participant=typed.number, action="visit.reopened")
        assert set(opened.values_list("visit", flat=True)) == closed - self.not_done(typed)

    @pytest.mark.parametrize("role", [Role.COORDINATOR, Role.INVESTIGATOR, Role.DATA_MANAGER])
    def test_an_ending_is_undone_with_all_that_it_closed(self, cast: Cast, role: Role) -> None:
        participant = walk.screened(cast)
        self.end(cast, participant, "screen_failure", on=participant.registered_on)
        reopened = undo_ending(by=the(cast, role), participant=participant, reason="of somebody else")
        assert (reopened.status, reopened.ended_on, self.not_done(participant)) == ("screening", None, set())
        assert not FormEntry.objects.standing().filter(form_key="end_of_participation").exists()
        lines = LedgerEntry.objects.filter(reason="of somebody else", actor_id=str(the(cast, role).pk))
        assert {"participant.screening_reopened", "entry.removed", "visit.reopened"} <= {line.action for line in lines}
        assert len({line.act for line in lines}) == 1
        self.end(cast, participant, "screen_failure", on=participant.registered_on)
        assert again(participant).status == "screen_failure"

    def test_an_ending_is_undone_by_an_end_form_that_no_longer_says_so(self, cast: Cast) -> None:
        participant = self.end(cast, walk.randomised(cast), "other")
        save_entry(
            by=the(cast, Role.COORDINATOR),
            visit=walk.visit_of(participant, "log"),
            form_key="end_of_participation",
            values={"eop_date": ""},
            reason="did not end",
        )
        assert (again(participant).status, again(participant).ended_on) == ("on_study", None)

    def test_what_a_person_gave_as_a_reason_is_not_opened_with_it(self, cast: Cast) -> None:
        participant = walk.screened(cast)
        baseline = walk.visit_of(participant, "baseline")
        mark_visit_not_done(by=the(cast, Role.COORDINATOR), visit=baseline, reason="ill")
        self.end(cast, participant, "screen_failure", on=participant.registered_on)
        undo_ending(by=the(cast, Role.COORDINATOR), participant=participant, reason="a mistake")
        assert self.not_done(participant) == {"baseline"}

    def test_a_visit_that_the_ending_closed_is_not_opened_by_itself(self, cast: Cast) -> None:
        participant = walk.screened(cast)
        self.end(cast, participant, "screen_failure", on=participant.registered_on)
        with pytest.raises(ActionRefused, match="Participation ended"):
            reopen_visit(
                by=the(cast, Role.COORDINATOR), visit=walk.visit_of(participant, "baseline"), reason="a mistake"
            )

    def test_nothing_is_undone_where_nothing_ended_nor_without_a_reason_nor_in_a_frozen_casebook(
        self, cast: Cast
    ) -> None:
        coordinator, participant = the(cast, Role.COORDINATOR), walk.consented(cast)
        with pytest.raises(ActionRefused):
            undo_ending(by=coordinator, participant=participant, reason="a mistake")
        self.end(cast, participant, "other")
        with pytest.raises(ActionRefused):
            undo_ending(by=coordinator, participant=participant, reason=" ")
        freeze(by=the(cast, Role.DATA_MANAGER), participant=participant)
        with pytest.raises(ActionRefused):
            undo_ending(by=coordinator, participant=participant, reason="a mistake")
