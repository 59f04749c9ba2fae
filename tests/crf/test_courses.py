"""The course of the scores: values, marks and numbers, as far as who reads may see them."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from decimal import Decimal

import pytest
from django.utils.translation import override

from crf.courses import Course, course
from crf.places import casebook_place
from crf.queries import visits_of
from tests import walk
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.participants.models import Participant
from trialmgr.people.permissions import Role

pytestmark = pytest.mark.usefixtures("_in_english")


@pytest.fixture
def _in_english() -> Iterator[None]:
    with override("en"):
        yield


def seen(cast: Cast, participant: Participant, role: Role = Role.COORDINATOR, chosen: str = "") -> Course | None:
    user = cast.at(walk.SITE, role)
    place = casebook_place(user, participant.number)
    return course(place, visits_of(user, place.participant), chosen)


def shown(cast: Cast, participant: Participant, role: Role = Role.COORDINATOR, chosen: str = "") -> Course:
    found = seen(cast, participant, role, chosen)
    assert found is not None
    return found


def test_the_score_of_the_gate_is_drawn_from_first_to_last_with_its_level(cast: Cast) -> None:
    participant = walk.at_week_8(cast)
    found = shown(cast, participant, Role.INVESTIGATOR)
    assert (found.label, found.summary) == ("MADRS total", "30 to 12, a fall of 60 %")
    assert [(one.visit, one.text, one.change) for one in found.values] == [
        ("Screening", "30", "no change"),
        ("Baseline", "30", ""),
        ("Week 8, end of treatment", "12", "a fall of 60 %"),
    ]
    assert found.levels == ("15",)
    assert len(found.chart.dots) == 3
    assert [mark.kind for mark in found.chart.marks] == ["entered"]
    assert found.counted == "Days since randomisation"


def test_another_score_is_chosen_by_its_key_and_an_unknown_one_is_passed_over(cast: Cast) -> None:
    participant = walk.at_week_8(cast)
    found = shown(cast, participant, chosen="ids_sr.ids_total")
    assert found.label == "IDS-SR total"
    assert found.levels == ()
    assert [one.label for one in found.options if one.is_on] == ["IDS-SR total"]
    assert "C-SSRS, since last visit: Highest ideation category" in {one.label for one in found.options}
    assert shown(cast, participant, chosen="no.such").label == "MADRS total"


def test_one_value_is_a_course_without_a_change_and_none_is_no_course(cast: Cast) -> None:
    assert seen(cast, walk.consented(cast)) is None
    found = shown(cast, walk.screened(cast))
    assert (found.summary, found.levels, found.counted) == ("30", (), "Days since registration")
    assert [one.change for one in found.values] == [""]


def test_a_score_that_starts_at_nothing_has_no_change_in_percent(cast: Cast) -> None:
    participant = walk.screened(cast)
    walk.came(cast, participant, "baseline")
    walk.fill(cast, walk.visit_of(participant, "baseline"), "madrs", madrs=0)
    assert shown(cast, participant).summary == "0 to 0"


def test_a_rise_is_called_one(cast: Cast) -> None:
    participant = walk.screened(cast, madrs=30)
    walk.came(cast, participant, "baseline")
    walk.fill(cast, walk.visit_of(participant, "baseline"), "madrs", madrs=33)
    assert shown(cast, participant, chosen="madrs.madrs_total").summary == "33 to 33, no change"
    walk.randomised(cast)
    other = walk.randomised(cast)
    walk.visited(cast, other, "week_8", madrs=36)
    assert shown(cast, other).summary == "30 to 36, a rise of 20 %"


def test_treatments_and_events_are_marks_for_who_may_see_the_arm_alone(cast: Cast) -> None:
    participant = walk.randomised(cast, arm="ect")
    walk.visited(cast, participant, "session_ect-1")
    log = walk.visit_of(participant, "log")
    entered = participant.enrolled_on or datetime.date.max
    walk.fill(cast, log, "adverse_event", occurrence=None, given={"ae_start": entered.isoformat()})
    walk.fill(
        cast,
        log,
        "adverse_event",
        occurrence=None,
        given={"ae_start": entered.isoformat()[:7], "ae_aware_on": (entered + datetime.timedelta(days=2)).isoformat()},
    )
    found = shown(cast, participant)
    assert [(one.label, one.kind) for one in found.treatments] == [("ECT session 1", "treatment")]
    assert [(one.label, (one.day - entered).days) for one in found.events] == [
        ("Adverse event", 0),
        ("Adverse event", 2),
    ]
    assert [mark.kind for mark in found.chart.marks] == ["treatment", "event", "event", "entered"]
    blinded = shown(cast, participant, Role.RATER)
    assert (blinded.treatments, blinded.events) == ((), ())
    assert [mark.kind for mark in blinded.chart.marks] == ["entered"]


def test_a_rater_sees_the_same_course_whatever_the_arm(cast: Cast) -> None:
    courses = []
    for arm, session in (("ect", "session_ect-1"), ("esketamine", "session_esk-1")):
        participant = walk.randomised(cast, arm=arm)
        walk.visited(cast, participant, session)
        found = shown(cast, participant, Role.RATER)
        courses.append((found.chart, found.summary, found.options))
    assert courses[0] == courses[1]


def test_numbers_are_written_as_the_language_writes_them(cast: Cast) -> None:
    participant = walk.screened(cast, madrs=29)
    walk.came(cast, participant, "baseline")
    walk.fill(cast, walk.visit_of(participant, "baseline"), "madrs", madrs=29)
    with override("nl"):
        assert shown(cast, participant).levels == ("14,5",)
    assert shown(cast, participant).levels == ("14.5",)
    assert Decimal(shown(cast, participant).values[0].text) == 29
