"""Days that do not go together: refused, or asked after with a reason, an open point until then, and weighed."""

from __future__ import annotations

import datetime
from collections.abc import Callable

import pytest
import time_machine
from django.test import Client

from audit.acts import ActionRefused
from audit.models import LedgerEntry
from crf.actions import (
    DeviationAsked,
    add_unscheduled_visit,
    decide_gate,
    explain_deviation,
    judge_deviation,
    mark_visit_not_done,
    set_visit_day,
)
from crf.deviations import departures, open_departures
from crf.models import ProtocolDeviation
from crf.policies import reasons_not_ready
from exports.open_points import Kind, open_points
from tests import walk
from tests.api_caller import Caller
from tests.audit.recipes import again, the
from tests.crf.pages import Reader, casebook_url, day_boxes, visit_url
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.participants.actions import correct_consent, record_consent, withdraw_consent
from trialmgr.participants.models import Participant
from trialmgr.people.permissions import Role
from trialmgr.protocol.chronology import Rule
from trialmgr.studies.clock import today
from trialmgr.studies.queries import current_definition

DAY = datetime.timedelta(days=1)
SignedIn = Callable[..., Client]


def rules(participant: Participant) -> list[Rule]:
    return [one.finding.rule for one in departures([participant])]


def entered_on(participant: Participant) -> datetime.date:
    assert participant.enrolled_on is not None
    return participant.enrolled_on


def ended(cast: Cast, participant: Participant, code: str, on: datetime.date) -> Participant:
    given = {"eop_status": code, "eop_date": on.isoformat()}
    walk.fill(cast, walk.visit_of(participant, "log"), "end_of_participation", given=given)
    return again(participant)


@pytest.fixture
def died(cast: Cast) -> Participant:
    participant = walk.randomised(cast)
    return ended(cast, participant, "died", entered_on(participant) + DAY)


class TestAfterDeath:
    def test_no_visit_is_recorded_whatever_the_reason(self, cast: Cast, died: Participant) -> None:
        week_2, coordinator = walk.visit_of(died, "week_2"), the(cast, Role.COORDINATOR)
        on = entered_on(died) + 14 * DAY
        acts: list[Callable[[], object]] = [
            lambda: set_visit_day(by=coordinator, visit=week_2, on=on, reason="typed twice"),
            lambda: add_unscheduled_visit(by=coordinator, participant=died, key="unscheduled", on=on, reason="urgent"),
        ]
        for refused in acts:
            with pytest.raises(ActionRefused) as refusal:
                refused()
            assert on.isoformat() in refusal.value.reasons[0]
            assert died.ended_on is not None
            assert died.ended_on.isoformat() in refusal.value.reasons[0]
        assert not ProtocolDeviation.objects.exists()
        assert not died.visits.filter(key="unscheduled").exists()

    def test_a_visit_that_stands_before_the_death_is_entered_is_open_until_a_day_is_corrected(self, cast: Cast) -> None:
        participant = walk.randomised(cast)
        walk.visited(cast, participant, "week_1")
        participant = ended(cast, participant, "died", entered_on(participant) + DAY)
        (one,) = open_departures([participant])
        assert one.finding.rule is Rule.AFTER_DEATH
        with pytest.raises(ActionRefused, match="correct one of the two days"):
            explain_deviation(
                by=the(cast, Role.COORDINATOR),
                visit=one.visit,
                rule=one.finding.rule.value,
                about=one.finding.about,
                reason="no",
            )
        assert Kind.DEVIATION_UNEXPLAINED in {point.kind for point in open_points() if point.visit == "week_1"}
        on = entered_on(participant) + DAY
        set_visit_day(by=the(cast, Role.COORDINATOR), visit=one.visit, on=on, reason="typing error; came early")
        assert rules(participant) == [Rule.OUTSIDE_WINDOW]

    def test_pages_and_programs_say_both_days(self, signed_in: SignedIn, cast: Cast, died: Participant) -> None:
        on = entered_on(died) + 14 * DAY
        page = Reader(signed_in, cast, Role.COORDINATOR).post(
            visit_url(walk.visit_of(died, "week_2")), day_boxes("on", on) | {"reason": "x"}, 422
        )
        assert f"{on.isoformat()} lies after death on {died.ended_on}" in page
        caller = Caller(the(cast, Role.COORDINATOR))
        sent = {"key": "unscheduled", "on": on.isoformat(), "reason": "x"}
        status, answer = caller.post(f"participants/{died.number}/visits/", sent)
        assert status == 409
        assert "lies after death" in str(answer)


class TestOrder:
    def test_visits_that_change_places_are_asked_after_and_open_until_then(self, cast: Cast) -> None:
        participant, coordinator = walk.randomised(cast), the(cast, Role.COORDINATOR)
        week_1, baseline = walk.visit_of(participant, "week_1"), walk.visit_of(participant, "baseline")
        early, late = entered_on(participant) - 5 * DAY, entered_on(participant) + 40 * DAY
        with pytest.raises(DeviationAsked) as asked:
            set_visit_day(by=coordinator, visit=week_1, on=early)
        assert "lies before its phase began" in asked.value.reasons[0]
        assert early.isoformat() in asked.value.reasons[0]
        assert again(week_1).took_place_on is None
        set_visit_day(by=coordinator, visit=week_1, on=early, reason="the rater came early")
        with pytest.raises(ActionRefused):
            set_visit_day(by=coordinator, visit=baseline, on=late)
        set_visit_day(by=coordinator, visit=baseline, on=late, reason="the rater was ill")
        assert set(rules(participant)) >= {Rule.BEFORE_PHASE, Rule.AFTER_ALLOCATION, Rule.OUT_OF_ORDER}
        assert open_departures([participant]) == []
        assert not [point for point in open_points() if point.kind is Kind.DEVIATION_UNEXPLAINED]

    def test_the_page_asks_for_the_reason_and_shows_the_deviation(self, signed_in: SignedIn, cast: Cast) -> None:
        participant = walk.randomised(cast)
        visit = walk.visit_of(participant, "week_1")
        coordinator = Reader(signed_in, cast, Role.COORDINATOR)
        sent = day_boxes("on", entered_on(participant))
        page = coordinator.post(visit_url(visit), sent | {"reason": ""}, 422)
        assert "lies outside its window" in page
        assert "Is that right? Then give the reason." in page
        coordinator.send(visit_url(visit), sent | {"reason": "a day off"})
        assert "lies outside its window" in coordinator.get(casebook_url(participant))
        page = coordinator.get("/deviations/?site=UMCG")
        assert "a day off" in page

    def test_a_program_is_asked_too(self, cast: Cast) -> None:
        participant = walk.randomised(cast)
        there = f"participants/{participant.number}/visits/week_1/day/"
        caller, on = Caller(the(cast, Role.COORDINATOR)), entered_on(participant).isoformat()
        assert caller.put(there, {"on": on})[0] == 409
        assert caller.put(there, {"on": on, "reason": "a day off"})[0] == 200
        assert ProtocolDeviation.objects.get().reason == "a day off"


class TestSameDay:
    def test_two_sessions_never_lie_on_one_day(self, cast: Cast) -> None:
        participant, team = walk.randomised(cast, arm="ect"), the(cast, Role.TREATING_TEAM)
        first, second = (walk.visit_of(participant, f"session_ect-{number}") for number in (1, 2))
        on = entered_on(participant) + 2 * DAY
        set_visit_day(by=team, visit=first, on=on)
        with pytest.raises(ActionRefused, match="stands on the same day"):
            set_visit_day(by=team, visit=second, on=on, reason="twice")


class TestConsent:
    def test_what_was_done_before_consent_keeps_a_participant_out_until_somebody_says_why(self, cast: Cast) -> None:
        participant = walk.registered(cast)
        screening, coordinator = walk.visit_of(participant, "screening"), the(cast, Role.COORDINATOR)
        set_visit_day(by=coordinator, visit=screening, on=participant.registered_on)
        record_consent(
            by=the(cast, Role.INVESTIGATOR),
            participant=participant,
            version=current_definition().consents[0].key,
            given_on=participant.registered_on + DAY,
        )
        (one,) = open_departures([participant])
        assert one.finding.rule is Rule.BEFORE_CONSENT
        assert one.text in reasons_not_ready(participant, current_definition())
        explain_deviation(
            by=coordinator, visit=screening, rule="before_consent", about=one.finding.about, reason="standard care"
        )
        assert one.text not in reasons_not_ready(participant, current_definition())

    def test_no_visit_after_every_consent_was_withdrawn(self, cast: Cast) -> None:
        participant = walk.randomised(cast)
        consent, on = participant.consents.get(), entered_on(participant)
        withdraw_consent(by=the(cast, Role.INVESTIGATOR), consent=consent, on=on, reason="moved")
        with pytest.raises(ActionRefused, match="lies after the withdrawal of consent"):
            set_visit_day(
                by=the(cast, Role.COORDINATOR), visit=walk.visit_of(participant, "week_1"), on=on + 7 * DAY, reason="x"
            )


class TestUnscheduled:
    def test_only_in_a_phase_that_opened(self, cast: Cast) -> None:
        participant, coordinator = walk.randomised(cast), the(cast, Role.COORDINATOR)
        with pytest.raises(ActionRefused, match="a phase that has not opened"):
            add_unscheduled_visit(by=coordinator, participant=participant, key="relapse", on=today(), reason="x")
        in_year = walk.in_follow_up(cast)
        assert add_unscheduled_visit(by=coordinator, participant=in_year, key="relapse", on=today()).key == "relapse"


class TestWeighing:
    @pytest.fixture
    def deviation(self, cast: Cast) -> ProtocolDeviation:
        participant = walk.randomised(cast)
        week_1, on = walk.visit_of(participant, "week_1"), entered_on(participant) + 12 * DAY
        set_visit_day(by=the(cast, Role.COORDINATOR), visit=week_1, on=on, reason="abroad")
        return ProtocolDeviation.objects.get()

    def test_an_investigator_weighs_it_for_a_reason(self, cast: Cast, deviation: ProtocolDeviation) -> None:
        investigator = the(cast, Role.INVESTIGATOR)
        assert deviation.text("en").startswith("Week 1 of")
        assert str(deviation) == f"{deviation.visit} outside_window"
        for weight, reason in (("huge", "x"), ("minor", " ")):
            with pytest.raises(ActionRefused, match="Say how much it weighs"):
                judge_deviation(by=investigator, deviation=deviation, weight=weight, reason=reason)
        judged = judge_deviation(by=investigator, deviation=deviation, weight="minor", reason="no effect")
        assert (judged.weight, judged.judged_by) == ("minor", investigator.actor_name)
        line = LedgerEntry.objects.filter(action="deviation.judged").get()
        assert (line.new, line.reason, line.visit) == ("minor", "no effect", "week_1")

    def test_another_day_is_another_deviation(self, cast: Cast, deviation: ProtocolDeviation) -> None:
        coordinator, visit = the(cast, Role.COORDINATOR), deviation.visit
        assert visit.took_place_on is not None
        set_visit_day(by=coordinator, visit=visit, on=visit.took_place_on + DAY, reason="misread")
        (one,) = departures([visit.participant])
        assert one.deviation is not None
        assert one.deviation.reason == "misread"
        with pytest.raises(ActionRefused, match="not open any more"):
            explain_deviation(
                by=coordinator, visit=visit, rule="outside_window", about=deviation.about, reason="abroad"
            )

    def test_the_pages_explain_and_weigh(self, signed_in: SignedIn, cast: Cast) -> None:
        participant = walk.randomised(cast)
        walk.visited(cast, participant, "week_1")
        participant = ended(cast, participant, "lost_to_follow_up", entered_on(participant) + DAY)
        visit = walk.visit_of(participant, "week_1")
        (one,) = open_departures([participant])
        coordinator = Reader(signed_in, cast, Role.COORDINATOR)
        assert "Say why the days are right" in coordinator.get(visit_url(visit))
        assert "Not explained" in coordinator.get("/deviations/")
        url = f"{visit_url(visit)}deviations/explain/"
        assert one.text in coordinator.get(url)
        coordinator.post(url, {"finding": "x", "reason": "called"}, 422)
        key = f"after_end {one.finding.about}"
        assert "The reason is saved." in coordinator.send(url, {"finding": key, "reason": "came back once"})
        investigator = Reader(signed_in, cast, Role.INVESTIGATOR)
        assert "Weigh a deviation" in investigator.get(visit_url(visit))
        url, pk = f"{visit_url(visit)}deviations/weigh/", str(ProtocolDeviation.objects.get().pk)
        assert "came back once" in investigator.get("/deviations/")
        page = investigator.send(url, {"finding": pk, "weight": "major", "reason": "no consent for it"})
        assert "The judgement is saved." in page
        assert "Major" in investigator.get("/deviations/")

    def test_an_empty_reason_explains_nothing(self, cast: Cast, deviation: ProtocolDeviation) -> None:
        with pytest.raises(ActionRefused, match="Give the reason"):
            explain_deviation(by=the(cast, Role.COORDINATOR), visit=deviation.visit, rule="x", about="y", reason=" ")


def test_a_blinded_person_is_asked_nothing_about_visits_of_an_arm(signed_in: SignedIn, cast: Cast) -> None:
    participant, team = walk.randomised(cast), the(cast, Role.TREATING_TEAM)
    session = participant.visits.filter(reveals_allocation=True).order_by("ordinal")[0]
    set_visit_day(by=team, visit=session, on=entered_on(participant) + 9 * DAY, reason="no anaesthetist")
    assert "no anaesthetist" in Reader(signed_in, cast, Role.TREATING_TEAM).get("/deviations/")
    for page in ("/deviations/", casebook_url(participant)):
        text = Reader(signed_in, cast, Role.RATER).get(page)
        assert "no anaesthetist" not in text


def test_a_phase_counts_from_the_day_of_its_gates_visit_also_when_that_is_corrected(cast: Cast) -> None:
    participant = walk.at_week_8(cast, response=False)
    week_8 = walk.visit_of(participant, "week_8")
    walk.fill(cast, week_8, "cross_over_offer")
    decide_gate(by=the(cast, Role.INVESTIGATOR), participant=participant, phase="cross_over")
    first = participant.visits.get(key__endswith="_crossover", ordinal=1)
    assert week_8.took_place_on is not None
    assert first.target_on == week_8.took_place_on + DAY
    corrected = week_8.took_place_on - DAY
    set_visit_day(by=the(cast, Role.RATER), visit=week_8, on=corrected, reason="misread")
    assert again(first).target_on == corrected + DAY
    line = LedgerEntry.objects.filter(action="visits.opened", visit=first.slug).latest("seq")
    assert (line.cause, line.new) == (f"{participant.number}/week_8", (corrected + DAY).isoformat())


class TestMissedGate:
    def test_the_phase_stays_closed_for_a_reason(self, cast: Cast) -> None:
        participant, investigator = walk.randomised(cast), the(cast, Role.INVESTIGATOR)
        with pytest.raises(ActionRefused, match="missing"):
            decide_gate(by=investigator, participant=participant, phase="follow_up", reason="x")
        week_8 = walk.visit_of(participant, "week_8")
        mark_visit_not_done(by=the(cast, Role.COORDINATOR), visit=week_8, reason="abroad")
        with pytest.raises(ActionRefused, match="was not measured: give the reason"):
            decide_gate(by=investigator, participant=participant, phase="follow_up")
        decision = decide_gate(by=investigator, participant=participant, phase="follow_up", reason="nothing was rated")
        assert not decision.opened
        assert again(participant).phase == "treatment"

    def test_the_page_offers_it(self, signed_in: SignedIn, cast: Cast) -> None:
        participant = walk.randomised(cast)
        week_8 = walk.visit_of(participant, "week_8")
        mark_visit_not_done(by=the(cast, Role.COORDINATOR), visit=week_8, reason="abroad")
        reader = Reader(signed_in, cast, Role.INVESTIGATOR)
        page = reader.get(f"{casebook_url(participant)}phases/follow_up/")
        assert "with a reason it is recorded that the phase does not open" in page


class TestOverTheApi:
    def test_what_does_not_go_together_is_listed_explained_and_weighed(self, cast: Cast) -> None:
        participant = walk.randomised(cast)
        week_1 = walk.visited(cast, participant, "week_1")
        consent = participant.consents.get()
        correct_consent(
            by=the(cast, Role.COORDINATOR),
            consent=consent,
            version=consent.version,
            given_on=participant.registered_on + DAY,
            reason="misread the form",
        )
        coordinator, investigator = Caller(the(cast, Role.COORDINATOR)), Caller(the(cast, Role.INVESTIGATOR))
        there = f"participants/{participant.number}/visits/screening/deviations/"
        [found] = coordinator.get(there)[1]
        assert (found["rule"], found["severity"], found["reason"], found["weight"]) == (
            "before_consent",
            "asked",
            "",
            "",
        )
        assert found in coordinator.get("deviations/")[1]
        assert coordinator.get(f"participants/{participant.number}/visits/{week_1.slug}/deviations/")[1] == []
        named = {"rule": found["rule"], "about": found["about"]}
        assert investigator.post(f"{there}weigh/", {**named, "weight": "minor", "reason": "no harm"})[0] == 404
        assert coordinator.post(f"{there}explain/", {**named, "about": "other", "reason": "x"})[0] == 404
        assert coordinator.post(f"{there}explain/", {**named, "reason": " "})[0] == 400
        status, explained = coordinator.post(f"{there}explain/", {**named, "reason": "care as usual"})
        assert (status, explained["reason"]) == (201, "care as usual")
        assert coordinator.post(f"{there}explain/", {**named, "reason": "again"})[0] == 409
        weighing = {**named, "weight": "minor", "reason": "no harm"}
        assert coordinator.post(f"{there}weigh/", weighing)[0] == 403
        status, weighed = investigator.post(f"{there}weigh/", weighing)
        assert (status, weighed["weight"], weighed["judgement"]) == (200, "minor", "no harm")
        assert Caller(cast.at("LUMC", Role.COORDINATOR)).get("deviations/")[1] == []

    def test_who_works_blinded_neither_reads_nor_explains_what_reveals(self, cast: Cast) -> None:
        participant = walk.randomised(cast)
        session = participant.visits.filter(reveals_allocation=True).order_by("pk")[0]
        session.participant = participant
        on = entered_on(participant) + 60 * DAY
        with time_machine.travel(on + DAY):
            set_visit_day(by=the(cast, Role.TREATING_TEAM), visit=session, on=on, reason="the machine was broken")
            rater, team = Caller(the(cast, Role.RATER)), Caller(the(cast, Role.TREATING_TEAM))
            assert session.slug in {one["visit"] for one in team.get("deviations/")[1]}
            assert session.slug not in {one["visit"] for one in rater.get("deviations/")[1]}
            one = next(one for one in departures([participant]) if one.visit.pk == session.pk)
            with pytest.raises(ActionRefused, match="not open any more"):
                explain_deviation(
                    by=the(cast, Role.RATER),
                    visit=session,
                    rule=one.finding.rule.value,
                    about=one.finding.about,
                    reason="no",
                )
