"""Visits: planned from the definition, on a day or not done; the casebook that opens with a registration."""

from __future__ import annotations

import datetime

import pytest

from audit.acts import ActionRefused, OutsideAction
from audit.models import LedgerEntry
from crf.actions import (
    DeviationAsked,
    add_unscheduled_visit,
    freeze,
    mark_visit_not_done,
    open_visits,
    register_participant,
    remove_entry,
    reopen_visit,
    set_visit_day,
)
from crf.models import Visit
from crf.policies import arm_of
from tests import walk
from tests.audit.recipes import the, vital_signs
from tests.audit.staging import ledger_length, newest_entries
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.permissions import Role
from trialmgr.studies.clock import today

DAY = datetime.timedelta(days=1)


@pytest.fixture
def visit(cast: Cast) -> Visit:
    return walk.visit_of(walk.registered(cast), "screening")


def test_registration_plans_the_visits_of_the_first_phase(cast: Cast) -> None:
    participant = register_participant(by=the(cast, Role.COORDINATOR), site=cast.sites["UMCG"], on=today())
    planned = {visit.slug: visit for visit in participant.visits.all()}
    assert set(planned) == {"screening", "baseline", "log"}
    baseline = planned["baseline"]
    assert (baseline.earliest_on, baseline.target_on, baseline.latest_on) == (
        today(),
        today() + 14 * DAY,
        today() + 28 * DAY,
    )
    assert planned["log"].target_on is None
    assert str(baseline) == f"{participant.number} baseline"


def test_the_window_has_ends_and_a_log_has_none(cast: Cast) -> None:
    participant = walk.registered(cast)
    screening, log = walk.visit_of(participant, "screening"), walk.visit_of(participant, "log")
    on = participant.registered_on
    assert [screening.in_window(on + days * DAY) for days in (-1, 0, 14, 15)] == [False, True, True, False]
    assert log.in_window(on + 1000 * DAY)


@pytest.mark.parametrize(("arm", "other"), [("esketamine", "session_ect"), ("ect", "session_esk")])
def test_the_allocation_plans_the_sessions_of_its_own_arm(cast: Cast, arm: str, other: str) -> None:
    participant = walk.randomised(cast, arm=arm)
    sessions = participant.visits.filter(reveals_allocation=True)
    assert sessions.count() == 16
    assert not participant.visits.filter(key=other).exists()
    assert arm_of(participant) == arm
    first = walk.visit_of(participant, sessions.order_by("ordinal")[0].slug)
    assert first.target_on == (participant.enrolled_on or today()) + DAY
    assert first.label("en").endswith("1")


def test_what_happens_at_a_visit_of_one_arm_is_written_where_no_blinded_person_reads(cast: Cast) -> None:
    participant = walk.randomised(cast, arm="ect")
    session = walk.visit_of(participant, "session_ect-1")
    set_visit_day(by=the(cast, Role.TREATING_TEAM), visit=session, on=today(), reason="a holiday")
    about = LedgerEntry.objects.filter(participant=participant.number, visit__startswith="session_ect")
    assert list(about.values_list("action", flat=True).distinct().order_by("action")) == [
        "deviation.proposed",
        "visit.day_set",
        "visits.opened",
    ]
    assert not about.open_part().exists()


def test_before_the_allocation_there_is_no_arm(cast: Cast) -> None:
    assert arm_of(walk.registered(cast)) is None


def test_visits_are_planned_within_an_act_only(cast: Cast) -> None:
    participant = walk.registered(cast)
    with pytest.raises(OutsideAction):
        open_visits(participant=participant, phase="treatment", arm="ect")


def test_a_role_that_looks_at_no_casebook_gets_no_visit(cast: Cast) -> None:
    walk.registered(cast)
    assert not Visit.objects.for_user(the(cast, Role.ADMINISTRATOR)).exists()
    assert Visit.objects.for_user(the(cast, Role.MONITOR)).count() == 3
    assert Visit.objects.for_user(the(cast, Role.RATER)).count() == 3
    assert not Visit.objects.for_user(cast.at("LUMC", Role.RATER)).exists()


def test_a_blinded_role_gets_no_visit_that_tells_the_arm(cast: Cast) -> None:
    participant = walk.randomised(cast)
    seen = Visit.objects.for_user(the(cast, Role.RATER)).filter(participant=participant)
    assert not seen.filter(reveals_allocation=True).exists()
    assert seen.count() == participant.visits.count() - 16


class TestDay:
    def test_the_first_day_needs_no_reason_and_a_change_does(self, cast: Cast, visit: Visit) -> None:
        coordinator, on = the(cast, Role.COORDINATOR), visit.participant.registered_on
        length = ledger_length()
        set_visit_day(by=coordinator, visit=visit, on=on)
        for reason in ("", " "):
            with pytest.raises(ActionRefused):
                set_visit_day(by=coordinator, visit=visit, on=on + DAY, reason=reason)
        set_visit_day(by=coordinator, visit=visit, on=on + DAY, reason="misread the diary")
        assert [(line.old, line.new) for line in newest_entries(length)] == [
            (None, on.isoformat()),
            (on.isoformat(), (on + DAY).isoformat()),
        ]

    def test_a_day_outside_the_window_is_kept_with_a_reason_and_marked(self, cast: Cast, visit: Visit) -> None:
        coordinator, on = the(cast, Role.COORDINATOR), visit.participant.registered_on + 40 * DAY
        with pytest.raises(DeviationAsked):
            set_visit_day(by=coordinator, visit=visit, on=on)
        length = ledger_length()
        set_visit_day(by=coordinator, visit=visit, on=on, reason="abroad")
        assert newest_entries(length)[0].detail == {"in_window": False}

    def test_no_day_in_the_future_nor_before_registration(self, cast: Cast, visit: Visit) -> None:
        for on in (today() + DAY, visit.participant.registered_on - DAY):
            with pytest.raises(ActionRefused):
                set_visit_day(by=the(cast, Role.COORDINATOR), visit=visit, on=on)

    def test_a_visit_that_was_not_done_can_have_taken_place_after_all(self, cast: Cast, visit: Visit) -> None:
        coordinator, on = the(cast, Role.COORDINATOR), visit.participant.registered_on
        mark_visit_not_done(by=coordinator, visit=visit, reason="ill")
        length = ledger_length()
        with pytest.raises(ActionRefused):
            set_visit_day(by=coordinator, visit=visit, on=on)
        done = set_visit_day(by=coordinator, visit=visit, on=on, reason="came later that day")
        assert not done.is_not_done
        assert newest_entries(length)[0].old == "ill"


class TestNotDone:
    def test_a_visit_is_not_done_for_a_reason(self, cast: Cast, visit: Visit) -> None:
        coordinator = the(cast, Role.COORDINATOR)
        set_visit_day(by=coordinator, visit=visit, on=visit.participant.registered_on)
        with pytest.raises(ActionRefused):
            mark_visit_not_done(by=coordinator, visit=visit, reason=" ")
        length = ledger_length()
        missed = mark_visit_not_done(by=coordinator, visit=visit, reason="ill")
        assert (missed.is_not_done, missed.took_place_on) == (True, None)
        (line,) = newest_entries(length)
        assert (line.old, line.new, line.reason) == (
            visit.participant.registered_on.isoformat(),
            "not done",
            "ill",
        )

    def test_not_once_something_was_entered(self, cast: Cast) -> None:
        entry = vital_signs(cast)
        with pytest.raises(ActionRefused):
            mark_visit_not_done(by=the(cast, Role.COORDINATOR), visit=entry.visit, reason="ill")

    def test_not_in_a_frozen_casebook(self, cast: Cast, visit: Visit) -> None:
        freeze(by=the(cast, Role.DATA_MANAGER), participant=visit.participant)
        with pytest.raises(ActionRefused):
            mark_visit_not_done(by=the(cast, Role.COORDINATOR), visit=visit, reason="ill")


class TestReopened:
    def test_neither_day_nor_that_it_was_not_done_stands_any_more(self, cast: Cast, visit: Visit) -> None:
        coordinator = the(cast, Role.COORDINATOR)
        on = visit.participant.registered_on
        set_visit_day(by=coordinator, visit=visit, on=on)
        length = ledger_length()
        reopen_visit(by=coordinator, visit=visit, reason="another participant")
        mark_visit_not_done(by=coordinator, visit=visit, reason="ill")
        reopen_visit(by=coordinator, visit=visit, reason="it was another visit")
        assert (visit.took_place_on, visit.is_not_done) == (None, False)
        lines = [line for line in newest_entries(length) if line.action == "visit.reopened"]
        assert [(line.old, line.new, line.reason) for line in lines] == [
            (on.isoformat(), None, "another participant"),
            ("not done", None, "it was another visit"),
        ]

    def test_not_without_a_reason_nor_where_nothing_is_recorded(self, cast: Cast, visit: Visit) -> None:
        coordinator = the(cast, Role.COORDINATOR)
        with pytest.raises(ActionRefused):
            reopen_visit(by=coordinator, visit=visit, reason="a mistake")
        mark_visit_not_done(by=coordinator, visit=visit, reason="ill")
        with pytest.raises(ActionRefused):
            reopen_visit(by=coordinator, visit=visit, reason=" ")

    def test_not_while_something_is_entered_and_then_it_is(self, cast: Cast) -> None:
        coordinator, entry = the(cast, Role.COORDINATOR), vital_signs(cast)
        with pytest.raises(ActionRefused):
            reopen_visit(by=coordinator, visit=entry.visit, reason="another day")
        remove_entry(by=coordinator, entry=entry, reason="another day")
        assert reopen_visit(by=coordinator, visit=entry.visit, reason="another day").took_place_on is None

    def test_not_in_a_frozen_casebook(self, cast: Cast, visit: Visit) -> None:
        mark_visit_not_done(by=the(cast, Role.COORDINATOR), visit=visit, reason="ill")
        freeze(by=the(cast, Role.DATA_MANAGER), participant=visit.participant)
        with pytest.raises(ActionRefused):
            reopen_visit(by=the(cast, Role.COORDINATOR), visit=visit, reason="a mistake")


class TestUnscheduled:
    def test_each_takes_the_next_number(self, cast: Cast) -> None:
        participant = walk.randomised(cast)
        coordinator = the(cast, Role.COORDINATOR)
        added = [
            add_unscheduled_visit(
                by=coordinator,
                participant=participant,
                key="unscheduled",
                on=today(),
                reason="came back in the evening",
            )
            for _time in range(2)
        ]
        assert [visit.slug for visit in added] == ["unscheduled", "unscheduled-2"]
        assert [visit.label("nl") for visit in added] == ["Extra bezoek", "Extra bezoek 2"]
        assert {visit.took_place_on for visit in added} == {today()}

    @pytest.mark.parametrize("key", ["baseline", "no_such_visit"])
    def test_only_of_a_kind_that_is_unscheduled(self, cast: Cast, key: str) -> None:
        with pytest.raises(ActionRefused):
            add_unscheduled_visit(
                by=the(cast, Role.COORDINATOR), participant=walk.registered(cast), key=key, on=today()
            )

    def test_not_in_a_frozen_casebook(self, cast: Cast, visit: Visit) -> None:
        freeze(by=the(cast, Role.DATA_MANAGER), participant=visit.participant)
        with pytest.raises(ActionRefused):
            add_unscheduled_visit(
                by=the(cast, Role.COORDINATOR), participant=visit.participant, key="unscheduled", on=today()
            )
