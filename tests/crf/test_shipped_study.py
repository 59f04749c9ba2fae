"""RESET-TRD as it ships, through the acts of a casebook: what is due, who is eligible, what is caught."""

from __future__ import annotations

import datetime

import pytest

from audit.acts import ActionRefused
from crf.actions import (
    EntryRefused,
    add_unscheduled_visit,
    decide_gate,
    judge_eligibility,
    mark_not_done,
    mark_visit_not_done,
    set_visit_day,
)
from crf.due import Due, Step
from crf.judgements import judgements_of
from crf.models import FormEntry, Visit
from crf.policies import reasons_not_ready
from crf.queries import due_for
from exports.open_points import Kind, open_points
from tests import walk
from tests.amendments import put_in_force
from tests.audit.recipes import again, the
from tests.fewer_forms import shipped
from trialmgr.overview.duties import duty
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.participants.models import Participant
from trialmgr.people.permissions import Role
from trialmgr.studies.clock import today
from trialmgr.studies.queries import current_definition

DAY = datetime.timedelta(days=1)
FIRST_FORMS = ("demographics", "vital_signs", "madrs", "eligibility")


def due(cast: Cast, participant: Participant) -> Due | None:
    participant = again(participant)
    return due_for(the(cast, Role.COORDINATOR), [participant])[participant.pk]


def at_screening(cast: Cast) -> Visit:
    return walk.came(cast, walk.consented(cast), "screening")


class TestFormsDue:
    @pytest.fixture(autouse=True)
    def _all_forms(self, cast: Cast) -> None:
        put_in_force(shipped().model_copy(update={"version": "9.9.9"}), days_ago=walk.DAYS_AGO + 1)

    def test_what_the_schedule_names_is_due_chased_and_an_open_point(self, cast: Cast) -> None:
        screening = at_screening(cast)
        for form in FIRST_FORMS:
            walk.fill(cast, screening, form)
        found = due(cast, screening.participant)
        assert found is not None
        assert (found.step, found.form) == (Step.FORM, "background")
        chased = duty(the(cast, Role.COORDINATOR), "forms").tasks
        assert any("Screening" in task.about for task in chased)
        absent = [point.form for point in open_points() if point.kind is Kind.FORM_ABSENT]
        assert absent == [form for form in screening.definition.forms if form not in FIRST_FORMS]

    def test_nobody_is_allocated_without_laboratory_and_ecg(self, cast: Cast) -> None:
        participant = walk.baseline_done(cast)
        assert reasons_not_ready(participant, current_definition()) == []
        labs = FormEntry.objects.get(visit__participant=participant, form_key="labs")
        walk.corrected(cast, labs, {"lb_ecg": ""}, missing={"lb_ecg": ""})
        [reason] = reasons_not_ready(again(participant), current_definition())
        assert "ECG" in reason


class TestEligibility:
    @pytest.mark.parametrize(
        ("form", "given", "not_met"),
        [
            ("mini_plus", {"mini_modules": "bipolar"}, ["E1"]),
            ("mini_plus", {"mini_modules": "psychotic_disorder"}, ["E1"]),
            ("mini_plus", {"mini_psychotic": "yes"}, ["I4", "E1"]),
            ("mini_plus", {"mini_mdd": "no"}, ["I4"]),
            ("treatment_history", {"trials.3.th_augmentation": "no"}, ["I7"]),
            ("labs", {"lb_drugs": "positive", "lb_drugs_found": "cannabis opiates"}, ["E4"]),
        ],
    )
    def test_what_the_data_decide_no_answer_decides_otherwise(
        self, cast: Cast, form: str, given: dict[str, str], not_met: list[str]
    ) -> None:
        """The criteria themselves are all answered as for somebody who is eligible."""
        participant = walk.screened(cast)
        walk.fill(cast, walk.visit_of(participant, "screening"), form, given=given, reason="read again")
        decision = judge_eligibility(by=the(cast, Role.INVESTIGATOR), participant=participant)
        assert (decision.eligible, decision.not_met) == (False, not_met)

    def test_what_a_person_judges_is_asked_about_and_left_to_them(self, cast: Cast) -> None:
        participant = walk.screened(cast)
        given = {"mini_modules": "alcohol"}
        entry = walk.fill(cast, walk.visit_of(participant, "screening"), "mini_plus", given=given, reason="read again")
        assert [query.check_key for query in entry.queries.all()] == ["dependence"]
        assert judge_eligibility(by=the(cast, Role.INVESTIGATOR), participant=participant).eligible

    def test_a_judgement_waits_for_the_forms_its_criteria_read(self, cast: Cast) -> None:
        screening = at_screening(cast)
        for form in FIRST_FORMS:
            walk.fill(cast, screening, form)
        with pytest.raises(ActionRefused, match="missing"):
            judge_eligibility(by=the(cast, Role.INVESTIGATOR), participant=screening.participant)


class TestPressures:
    @pytest.mark.parametrize(
        ("arm", "form", "suffix"),
        [
            ("ect", "session_ect", "before"),
            ("ect", "session_ect", "after"),
            ("esketamine", "session_esketamine", "before"),
            ("esketamine", "session_esketamine", "90"),
        ],
    )
    def test_exchanged_pressures_are_refused(self, cast: Cast, arm: str, form: str, suffix: str) -> None:
        participant = walk.randomised(cast, arm=arm)
        visit = next(each for each in participant.visits.all() if form in each.definition.forms)
        visit = walk.visit_of(participant, visit.slug)
        assert visit.target_on is not None
        set_visit_day(by=the(cast, Role.COORDINATOR), visit=visit, on=visit.target_on)
        swapped = {f"systolic_{suffix}": "80", f"diastolic_{suffix}": "140"}
        with pytest.raises(EntryRefused) as refused:
            walk.fill(cast, visit, form, given=swapped)
        assert {problem.check_key for problem in refused.value.problems} == {f"pressures_exchanged_{suffix}"}
        assert walk.fill(cast, visit, form).status == "complete"


class TestRelapse:
    def test_each_reads_the_madrs_of_its_own_visit(self, cast: Cast) -> None:
        participant = walk.in_follow_up(cast)
        for on, madrs in ((today() - 2 * DAY, 22), (today() - DAY, 14)):
            visit = add_unscheduled_visit(by=the(cast, Role.COORDINATOR), participant=participant, key="relapse", on=on)
            walk.fill(cast, visit, "relapse", given={"rl_restart": "no", "rl_attempt": "no"})
            walk.fill(cast, visit, "madrs", madrs=madrs)
        assert self.read(participant) == {"relapse": ("22", "yes"), "relapse-2": ("14", "no")}
        first = FormEntry.objects.get(visit__participant=participant, visit__slug="relapse", form_key="madrs")
        walk.fill(cast, first.visit, "madrs", madrs=10, reason="read wrongly")
        assert self.read(participant) == {"relapse": ("10", "no"), "relapse-2": ("14", "no")}

    def read(self, participant: Participant) -> dict[str, tuple[str, str]]:
        rows = FormEntry.objects.filter(visit__participant=participant, form_key="relapse").select_related("visit")
        return {entry.visit.slug: (entry.data["rl_madrs"], entry.data["rl_relapse"]) for entry in rows}


class TestDays:
    def test_week_8_opens_after_the_window_of_the_last_session(self, cast: Cast) -> None:
        participant = walk.randomised(cast)
        last = max(visit.latest_on for visit in participant.visits.filter(ordinal=16) if visit.latest_on)
        earliest = walk.visit_of(participant, "week_8").earliest_on
        assert earliest is not None
        assert last < earliest

    def test_a_day_of_observation_lies_not_after_the_day_of_saving(self, cast: Cast) -> None:
        participant = walk.screened(cast)
        screening = walk.visit_of(participant, "screening")
        tomorrow = (today() + DAY).isoformat()
        with pytest.raises(EntryRefused):
            walk.fill(cast, screening, "labs", given={"lb_on": tomorrow}, reason="read again")


class TestMissedEndpoint:
    def test_a_decision_is_owed_where_its_visit_was_missed(self, cast: Cast) -> None:
        participant, investigator = walk.randomised(cast), the(cast, Role.INVESTIGATOR)
        week_8 = walk.visit_of(participant, "week_8")
        mark_visit_not_done(by=the(cast, Role.COORDINATOR), visit=week_8, reason="abroad")
        assert len(duty(investigator, "decisions").tasks) == 1
        for phase in ("follow_up", "cross_over"):
            found = due(cast, participant)
            assert found is not None
            assert (found.step, found.phase) == (Step.GATE, phase)
            decide_gate(by=investigator, participant=again(participant), phase=phase, reason="nothing was rated")
        found = due(cast, participant)
        assert found is not None
        assert found.step is not Step.GATE
        assert judgements_of([again(participant)])[participant.pk].contradictions == []

    def test_a_rating_that_was_not_done_leaves_the_decision_to_a_reason(self, cast: Cast) -> None:
        participant, investigator = walk.randomised(cast), the(cast, Role.INVESTIGATOR)
        week_8 = walk.visit_of(participant, "week_8")
        assert week_8.target_on is not None
        set_visit_day(by=the(cast, Role.COORDINATOR), visit=week_8, on=week_8.target_on)
        with pytest.raises(ActionRefused, match="madrs_total"):
            decide_gate(by=investigator, participant=again(participant), phase="follow_up", reason="x")
        mark_not_done(by=the(cast, Role.RATER), visit=week_8, form_key="madrs", code="refused")
        with pytest.raises(ActionRefused, match="reason"):
            decide_gate(by=investigator, participant=again(participant), phase="follow_up")
        decision = decide_gate(by=investigator, participant=again(participant), phase="follow_up", reason="not rated")
        assert not decision.opened

    def test_a_value_that_comes_after_all_contradicts_the_decision_without_it(self, cast: Cast) -> None:
        participant, investigator = walk.randomised(cast), the(cast, Role.INVESTIGATOR)
        week_8 = walk.visit_of(participant, "week_8")
        coordinator = the(cast, Role.COORDINATOR)
        mark_visit_not_done(by=coordinator, visit=week_8, reason="abroad")
        decide_gate(by=investigator, participant=again(participant), phase="follow_up", reason="nothing was rated")
        assert week_8.target_on is not None
        set_visit_day(by=coordinator, visit=again(week_8), on=week_8.target_on, reason="it did take place")
        assert judgements_of([again(participant)])[participant.pk].contradictions == []
        walk.fill(cast, week_8, "madrs", madrs=10)
        [found] = judgements_of([again(participant)])[participant.pk].contradictions
        assert (found.judged.outcome, found.now.outcome) == (None, True)
