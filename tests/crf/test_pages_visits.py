from __future__ import annotations

import datetime
from collections.abc import Callable

from django.test import Client
from django.utils import timezone

from crf.actions import mark_visit_not_done
from crf.models import Visit
from tests import walk
from tests.crf.pages import Reader, casebook_url, day_boxes, visit_url
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.permissions import Role

SignedIn = Callable[..., Client]


def test_the_day_of_a_visit_is_recorded_and_changed_with_a_reason(signed_in: SignedIn, cast: Cast) -> None:
    participant = walk.consented(cast)
    visit = walk.visit_of(participant, "screening")
    coordinator = Reader(signed_in, cast, Role.COORDINATOR)
    assert "window" in coordinator.get(visit_url(visit))
    day = participant.registered_on
    assert "The day of the visit is saved." in coordinator.send(visit_url(visit), day_boxes("on", day))
    later = day + datetime.timedelta(days=30)
    page = coordinator.post(visit_url(visit), day_boxes("on", later), 422)
    assert "Reason for the change" in page
    page = coordinator.send(visit_url(visit), day_boxes("on", later) | {"reason": "typing error"})
    assert "Outside the window" in page


def test_a_day_that_cannot_be_comes_back_as_typed(signed_in: SignedIn, cast: Cast) -> None:
    visit = walk.visit_of(walk.screened(cast), "screening")
    coordinator = Reader(signed_in, cast, Role.COORDINATOR)
    future = timezone.localdate() + datetime.timedelta(days=9)
    page = coordinator.post(visit_url(visit), day_boxes("on", future) | {"reason": "x"}, 422)
    assert "lies in the future" in page
    assert f'value="{future.year}"' in page
    page = coordinator.post(visit_url(visit), {"on_day": "31", "on_month": "2", "on_year": "2026", "reason": "x"}, 422)
    assert "Enter a day, month and year that exist" in page


def test_a_visit_that_did_not_take_place_says_why(signed_in: SignedIn, cast: Cast) -> None:
    visit = walk.visit_of(walk.randomised(cast), "week_1")
    coordinator = Reader(signed_in, cast, Role.COORDINATOR)
    url = f"{visit_url(visit)}not-done/"
    assert "did not take place" in coordinator.get(url)
    coordinator.post(url, {"reason": ""}, 422)
    page = coordinator.send(url, {"reason": "was abroad"})
    assert "was abroad" in page
    assert "Not done" in page
    rated = walk.visit_of(walk.screened(cast), "screening")
    assert "Forms have been entered" in coordinator.post(f"{visit_url(rated)}not-done/", {"reason": "x"}, 422)


def test_a_rater_sees_own_forms_of_a_visit_and_may_record_its_day(signed_in: SignedIn, cast: Cast) -> None:
    visit = walk.visit_of(walk.randomised(cast), "week_1")
    rater = Reader(signed_in, cast, Role.RATER)
    page = rater.get(visit_url(visit))
    assert "MADRS" in page
    assert "Your forms" in page
    assert "IDS" not in page
    rater.post(visit_url(visit), day_boxes("on", visit.target_on or timezone.localdate()))


def test_who_plans_no_visits_is_offered_none_and_refused(signed_in: SignedIn, cast: Cast) -> None:
    visit = walk.visit_of(walk.consented(cast), "screening")
    monitor = Reader(signed_in, cast, Role.MONITOR)
    assert "Record the day" not in monitor.get(visit_url(visit))
    monitor.post(visit_url(visit), {}, 403)
    monitor.get(f"{visit_url(visit)}not-done/", 403)


def test_the_running_log_has_no_day_to_record(signed_in: SignedIn, cast: Cast) -> None:
    visit = walk.visit_of(walk.consented(cast), "log")
    page = Reader(signed_in, cast, Role.COORDINATOR).get(visit_url(visit))
    assert "Record the day" not in page
    assert "No rows" in page


def test_an_unscheduled_visit_is_added(signed_in: SignedIn, cast: Cast) -> None:
    participant = walk.randomised(cast)
    coordinator = Reader(signed_in, cast, Role.COORDINATOR)
    url = f"{casebook_url(participant)}visits/add/"
    assert "Unscheduled visit" in coordinator.get(url)
    day = timezone.localdate()
    sent = {"key": "unscheduled", **day_boxes("on", day)}
    coordinator.send(url, sent)
    assert "stands on the same day" in coordinator.post(url, sent, 422)
    page = coordinator.send(url, sent | {"reason": "came back"})
    assert "Unscheduled visit 2" in page
    assert Visit.objects.filter(participant=participant, key="unscheduled").count() == 2
    coordinator.post(url, {"key": "week_1", **day_boxes("on", day)}, 422)
    coordinator.get(f"{casebook_url(participant)}visits/unscheduled-2/")
    Reader(signed_in, cast, Role.DATA_MANAGER).get(url, 403)


def test_a_form_of_a_visit_that_was_not_done_counts_as_not_done(signed_in: SignedIn, cast: Cast) -> None:
    visit = walk.visit_of(walk.randomised(cast), "week_2")
    mark_visit_not_done(by=cast.at("UMCG", Role.COORDINATOR), visit=visit, reason="holiday")
    page = Reader(signed_in, cast, Role.RATER).get(visit_url(visit))
    assert page.count("Not done") >= 2


def test_what_was_recorded_of_a_visit_is_taken_back_with_a_reason(signed_in: SignedIn, cast: Cast) -> None:
    participant = walk.consented(cast)
    coordinator = Reader(signed_in, cast, Role.COORDINATOR)
    url = f"{casebook_url(participant)}visits/screening/"
    assert "reopen/" not in coordinator.get(url)
    coordinator.send(f"{url}not-done/", {"reason": "ill"})
    assert f"{url}reopen/" in coordinator.get(url)
    coordinator.post(f"{url}reopen/", {}, 422)
    assert "The visit is planned as before." in coordinator.send(f"{url}reopen/", {"reason": "another participant"})
    assert not walk.visit_of(participant, "screening").is_not_done
    Reader(signed_in, cast, Role.MONITOR).post(f"{url}reopen/", {"reason": "x"}, 403)
