"""The rule of what a casebook waits for next, on plain facts."""

from __future__ import annotations

import datetime
from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import settings

from crf.due import CaseFacts, Due, Step, VisitFacts, When, next_due
from trialmgr.participants.states import Status
from trialmgr.people.visibility import sight_of
from trialmgr.protocol.loader import load_study
from trialmgr.protocol.model import StudyDefinition

DAY = datetime.date(2026, 3, 10)
WEEKLY = ("madrs", "ids_sr", "cgi", "cssrs_since")
RATED = ("madrs", "cgi", "cssrs_since")
STUDY = load_study(Path(settings.TRIALMGR_STUDIES) / "reset_trd")


def visit(key: str, *complete: str, took_place: bool = True, not_done: bool = False) -> VisitFacts:
    return VisitFacts(
        key=key,
        defined=STUDY.visit(key),
        ordinal=1,
        target_on=DAY,
        earliest_on=DAY - datetime.timedelta(days=2),
        latest_on=DAY + datetime.timedelta(days=2),
        took_place=took_place,
        not_done=not_done,
        complete=frozenset(complete),
    )


def case(*visits: VisitFacts, status: Status = Status.ON_STUDY, verdict: bool | None = True) -> CaseFacts:
    return CaseFacts(status=status, consented=True, verdict=verdict, decided=frozenset(), visits=visits)


def test_nothing_is_due_of_who_has_ended(reset_trd: StudyDefinition) -> None:
    sight = sight_of(reset_trd, ["coordinator"])
    ended = case(visit("week_1", took_place=False), status=Status.COMPLETED)
    assert next_due(reset_trd, sight, ended, DAY) is None


def test_a_visit_that_was_not_done_or_is_complete_is_passed_over(reset_trd: StudyDefinition) -> None:
    sight = sight_of(reset_trd, ["coordinator"])
    facts = case(visit("week_1", not_done=True), visit("week_2", *WEEKLY), visit("week_3", "madrs"))
    due = next_due(reset_trd, sight, facts, DAY)
    assert due is not None
    assert (due.step, due.form, due.visit) == (Step.FORM, "ids_sr", facts.visits[2])


@pytest.mark.parametrize(
    ("days", "then"),
    [
        (-17, When.LATER),
        (-16, When.NEXT),
        (-3, When.NEXT),
        (-2, When.NOW),
        (2, When.NOW),
        (3, When.LATE),
    ],
)
def test_a_visit_is_due_in_its_window_next_in_the_fortnight_before_and_late_after_it(
    reset_trd: StudyDefinition, days: int, then: When
) -> None:
    sight, day = sight_of(reset_trd, ["coordinator"]), DAY + datetime.timedelta(days=days)
    due = next_due(reset_trd, sight, case(visit("week_1", took_place=False)), day)
    assert due is not None
    assert due.when is then


@pytest.mark.parametrize(("days", "then"), [(-30, When.NOW), (3, When.LATE)])
def test_a_form_of_a_visit_that_took_place_is_due_from_that_day(
    reset_trd: StudyDefinition, days: int, then: When
) -> None:
    sight, day = sight_of(reset_trd, ["coordinator"]), DAY + datetime.timedelta(days=days)
    due = next_due(reset_trd, sight, case(visit("week_1", "madrs")), day)
    assert due is not None
    assert (due.step, due.when) == (Step.FORM, then)


def test_a_blinded_rater_is_due_own_forms_alone(reset_trd: StudyDefinition) -> None:
    sight = sight_of(reset_trd, ["rater"])
    assert next_due(reset_trd, sight, case(visit("week_1", *RATED), status=Status.SCREENING), DAY) is None
    due = next_due(reset_trd, sight, case(visit("week_2", "ids_sr")), DAY)
    assert due is not None
    assert due.form == "madrs"


def test_the_running_log_is_never_due(reset_trd: StudyDefinition) -> None:
    due = next_due(reset_trd, sight_of(reset_trd, ["coordinator"]), case(visit("log")), DAY)
    assert due is not None
    assert due == Due(Step.END)


def test_who_withdrew_is_not_asked_again_but_their_end_is_due(reset_trd: StudyDefinition) -> None:
    planned, held = visit("week_1", took_place=False), visit("week_2", "ids_sr")
    for visits, blinded in (((planned,), None), ((held,), Step.FORM)):
        withdrew = replace(case(*visits), consented=False, withdrew=True)
        due = next_due(reset_trd, sight_of(reset_trd, ["coordinator"]), withdrew, DAY)
        assert due == Due(Step.END)
        seen = next_due(reset_trd, sight_of(reset_trd, ["rater"]), withdrew, DAY)
        assert (seen.step if seen else None) == blinded
