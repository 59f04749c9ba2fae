"""The week of planned visits: by day and window, by site, within the sight of who prints it."""

from __future__ import annotations

import datetime
from collections.abc import Callable

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from crf.actions import mark_visit_not_done
from tests import walk
from trialmgr.overview.duties import Desk
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.overview.weeks import Week, planned, week
from trialmgr.participants.actions import withdraw_consent
from trialmgr.participants.models import Participant
from trialmgr.people.models import User
from trialmgr.people.permissions import Role
from trialmgr.studies.clock import today
from trialmgr.studies.queries import current_definition

SITE = walk.SITE
SignedIn = Callable[[User], Client]


def desk(user: User) -> Desk:
    return Desk(user, current_definition(), today(), None)


def names(found: Week) -> list[tuple[datetime.date, str, str]]:
    return [(day.day, one.number, one.visit.slug) for day in found.days for one in day.visits]


def of_week(user: User, day: datetime.date, *sites: str) -> Week:
    return week(desk(user), day, sites or (SITE,))


@pytest.fixture
def participant(cast: Cast) -> Participant:
    return walk.randomised(cast)


class TestWeek:
    def test_has_what_is_planned_for_its_days_and_whose_window_it_lies_in(
        self, cast: Cast, participant: Participant
    ) -> None:
        visit = walk.visit_of(participant, "week_8")
        assert visit.target_on is not None
        assert visit.latest_on is not None
        rater = cast.at(SITE, Role.RATER)
        found = of_week(rater, visit.target_on)
        assert (found.first.weekday(), found.last - found.first) == (0, datetime.timedelta(days=6))
        assert (visit.target_on, participant.number, "week_8") in names(found)
        [one] = [one for day in found.days for one in day.visits if one.visit == visit]
        assert one.window == (visit.earliest_on, visit.latest_on)
        turn, forms = one.forms[0]
        assert (turn, forms[0]) == ("Rater (blinded)", current_definition().form("madrs").label("en"))
        beside = of_week(rater, visit.latest_on)
        if visit.target_on < beside.first:
            assert visit in [one.visit for one in beside.open]
        after = of_week(rater, visit.latest_on + datetime.timedelta(days=7))
        assert visit not in [one.visit for one in after.open]

    def test_leaves_out_what_is_done_other_sites_and_who_withdrew(self, cast: Cast, participant: Participant) -> None:
        coordinator = cast.at(SITE, Role.COORDINATOR)
        visit = walk.visit_of(participant, "week_8")
        day = visit.target_on or today()
        assert names(of_week(coordinator, day, "LUMC")) == []
        mark_visit_not_done(by=coordinator, visit=visit, reason="missed")
        assert "week_8" not in {slug for _day, _number, slug in names(of_week(coordinator, day))}
        assert planned(desk(coordinator)).filter(participant=participant).exists()
        withdraw_consent(by=coordinator, consent=participant.consents.get(), on=today(), reason="moved away")
        exempt = {visit.key for visit in planned(desk(coordinator)).filter(participant=participant)}
        assert exempt <= {key for one in current_definition().exemptions for key in one.visits}

    def test_has_no_visit_of_an_arm_for_whoever_is_blinded(self, cast: Cast, signed_in: SignedIn) -> None:
        """Of both arms the same visits, and no more."""
        seen = {}
        for arm in ("esketamine", "ect"):
            participant = walk.randomised(cast, arm=arm)
            rows = planned(desk(cast.at(SITE, Role.RATER))).filter(participant=participant)
            seen[arm] = [(visit.slug, visit.target_on) for visit in rows]
            assert planned(desk(cast.at(SITE, Role.COORDINATOR))).filter(participant=participant).count() > len(rows)
            day = (participant.enrolled_on or today()) + datetime.timedelta(days=7)
            answer = signed_in(cast.at(SITE, Role.RATER)).get(f"/week/?day={day}", HTTP_ACCEPT_LANGUAGE="en")
            page = answer.content.decode().partition("<main")[2].partition("</main")[0].lower()
            assert "week_1/" in page
            assert "session" not in page
        assert seen["esketamine"] == seen["ect"]


class TestPage:
    def test_leads_to_the_weeks_beside_it_and_keeps_the_site(
        self, cast: Cast, participant: Participant, signed_in: SignedIn
    ) -> None:
        visit = walk.visit_of(participant, "week_8")
        monitor = signed_in(cast.at("", Role.MONITOR))
        url = f"/week/?day={visit.target_on}&site={SITE}"
        page = monitor.get(url, HTTP_ACCEPT_LANGUAGE="en").content.decode()
        assert f"/participants/{participant.number}/visits/week_8/" in page
        assert "Calendar file" not in page
        planned_on = visit.target_on or today()
        monday = planned_on - datetime.timedelta(days=planned_on.weekday())
        for step in (-7, 7):
            assert f"?day={monday + datetime.timedelta(days=step)}&amp;site={SITE}" in page
        other = monitor.get(f"/week/?day={visit.target_on}&site=LUMC").content.decode()
        assert participant.number not in other
        own = signed_in(cast.at(SITE, Role.COORDINATOR)).get("/week/", HTTP_ACCEPT_LANGUAGE="en").content.decode()
        assert 'name="site"' not in own
        assert f"/week/calendar/{SITE}/" in own

    @pytest.mark.parametrize("asked", ["day=31-02-2026", "day=0001-01-01", "day=9999-12-31", "site=NOWHERE"])
    def test_says_what_is_wrong_with_a_day_or_site_that_is_none(
        self, cast: Cast, signed_in: SignedIn, asked: str
    ) -> None:
        page = signed_in(cast.at("", Role.MONITOR)).get(f"/week/?{asked}", HTTP_ACCEPT_LANGUAGE="en")
        assert page.status_code == 200
        assert "tm-field--error" in page.content.decode()

    def test_asks_the_database_as_often_for_many_as_for_few(self, cast: Cast, signed_in: SignedIn) -> None:
        client = signed_in(cast.at(SITE, Role.COORDINATOR))
        walk.consented(cast)
        counts = []
        for _time in range(2):
            walk.consented(cast)
            with time_machine.travel(today() - datetime.timedelta(days=walk.DAYS_AGO)):
                client.get("/week/")
                with CaptureQueriesContext(connection) as queries:
                    assert client.get("/week/").status_code == 200
            counts.append(len(queries))
        assert counts[0] == counts[1]
