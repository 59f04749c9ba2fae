"""What stays under a form, and the way from one form of a visit to the next."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from django.test import Client

from crf.actions import freeze_visit, mark_visit_not_done, set_visit_day
from crf.models import Visit
from tests import walk
from tests.crf.pages import Reader, boxes, form_url, visit_url
from tests.crf.test_pages_entries import answers, screening
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.permissions import Role
from trialmgr.studies.clock import today

SignedIn = Callable[..., Client]


@pytest.fixture
def baseline(cast: Cast) -> Visit:
    participant = walk.screened(cast)
    coordinator = cast.at("UMCG", Role.COORDINATOR)
    return set_visit_day(
        by=coordinator, visit=walk.visit_of(participant, "baseline"), on=participant.registered_on, reason="one day"
    )


def test_an_empty_form_says_how_much_is_wanting_and_which_form_comes_next(
    signed_in: SignedIn, cast: Cast, baseline: Visit
) -> None:
    page = Reader(signed_in, cast, Role.RATER).get(form_url(baseline, "madrs"))
    assert 'MADRS total <output aria-labelledby="foot-total" aria-live="off" data-total="madrs_total">–' in page
    assert 'href="#item-madrs_1-0">10 wanting</a>' in page
    assert "Save and next: HDRS-17</button>" in page
    assert 'data-keyboard="begin"' in page


def test_saving_and_going_on_leads_to_the_next_form_and_says_which_was_saved(
    signed_in: SignedIn, cast: Cast, baseline: Visit
) -> None:
    rater = Reader(signed_in, cast, Role.RATER)
    page = rater.send(form_url(baseline, "madrs"), boxes(answers(baseline, "madrs"), next="yes"))
    assert "MADRS is saved and complete." in page
    assert "HDRS-17</h1>" in page
    page = rater.send(form_url(baseline, "hdrs17"), boxes({"hdrs_1": "1"}, next="yes"))
    assert "HDRS-17 is saved. Still missing: " in page
    assert "What comes next:" not in page
    assert "Go on: HDRS-17</a>" in page


def test_after_the_last_form_the_visit_says_what_comes_next(signed_in: SignedIn, cast: Cast, baseline: Visit) -> None:
    for key in ("madrs", "hdrs17", "ids_sr", "vital_signs"):
        walk.fill(cast, baseline, key)
    coordinator = Reader(signed_in, cast, Role.COORDINATOR)
    page = coordinator.get(form_url(baseline, "kset_base"))
    assert "Save and back to the visit</button>" in page
    page = coordinator.send(form_url(baseline, "kset_base"), boxes(answers(baseline, "kset_base"), next="yes"))
    assert "KSET, baseline is saved and complete." in page
    assert "What comes next:" in page
    assert "Judge eligibility" in page
    assert "/eligibility/" not in page  # which a coordinator does not judge
    investigator = Reader(signed_in, cast, Role.INVESTIGATOR).get(visit_url(baseline))
    assert 'eligibility/">Judge eligibility</a>' in investigator


def test_a_form_that_is_refused_stays_and_counts_what_was_typed(
    signed_in: SignedIn, cast: Cast, baseline: Visit
) -> None:
    coordinator = Reader(signed_in, cast, Role.COORDINATOR)
    sent = boxes({"systolic": "900", "diastolic": "80"}, next="yes")
    page = coordinator.post(form_url(baseline, "vital_signs"), sent, 422)
    assert 'href="#item-pulse">2 wanting</a>' in page
    assert 'data-keyboard="begin"' not in page
    assert coordinator.get(form_url(baseline, "vital_signs")).count("tm-foot__total") == 0


def test_forms_that_are_frozen_complete_or_of_others_do_not_come_next(
    signed_in: SignedIn, cast: Cast, baseline: Visit
) -> None:
    walk.fill(cast, baseline, "ids_sr")
    freeze_visit(by=cast.at("", Role.DATA_MANAGER), visit=baseline, form_key="vital_signs")
    page = Reader(signed_in, cast, Role.COORDINATOR).get(form_url(baseline, "whodas"))
    assert "Save and next: KSET, baseline" in page
    for label in ("MADRS", "IDS-SR", "Vital signs"):
        assert f"{label}</a>" in page


def test_a_row_of_a_form_with_rows_is_saved_where_it_stands(signed_in: SignedIn, cast: Cast) -> None:
    visit = walk.visit_of(walk.consented(cast), "log")
    page = Reader(signed_in, cast, Role.COORDINATOR).get(f"{form_url(visit, 'concomitant_medication')}rows/new/")
    assert "Save and" not in page
    assert ">Save</button>" in page


def test_what_is_told_of_answers_has_what_is_refused_queried_and_wanting(
    signed_in: SignedIn, cast: Cast, baseline: Visit
) -> None:
    coordinator = Reader(signed_in, cast, Role.COORDINATOR)
    live = f"{form_url(baseline, 'vital_signs')}rows/1/live/"
    told = json.loads(coordinator.post(live, boxes({"systolic": "80", "diastolic": "140", "pulse": "900"}), 200))
    assert told["refused"]["pulse"] == "Expected: 20 to 250 /min."
    assert told["refused"]["diastolic"]
    assert told["wanting"] == {"words": "1 wanting", "first": "weight_kg"}
    whole = {"systolic": "120", "diastolic": "80", "pulse": "70", "weight_kg": "170"}
    told = json.loads(coordinator.post(live, boxes(whole), 200))
    assert told["refused"] == {}
    assert "weight_kg" in told["queried"]
    assert told["wanting"] == {"words": "Nothing wanting", "first": ""}


def test_measurements_stand_in_a_table_with_the_whole_name_at_each_box(signed_in: SignedIn, cast: Cast) -> None:
    participant = walk.randomised(cast, arm="esketamine")
    visit = walk.came(cast, participant, "session_esk-1")
    page = Reader(signed_in, cast, Role.COORDINATOR).get(form_url(visit, "session_esketamine"))
    assert '<th scope="col">Systolic <span class="tm-optional">mmHg</span></th>' in page
    assert '<th scope="row">30 minutes</th>' in page
    assert 'for="item-diastolic_30">Diastolic pressure, 30 minutes' in page


def test_the_day_of_today_is_recorded_by_its_button(signed_in: SignedIn, cast: Cast) -> None:
    visit = walk.visit_of(walk.consented(cast), "screening")
    coordinator = Reader(signed_in, cast, Role.COORDINATOR)
    assert 'name="on_today" value="yes"' in coordinator.get(visit_url(visit))
    page = coordinator.post(visit_url(visit), {"on_today": "yes", "on_day": "31"}, 302 if _fits(visit) else 422)
    visit.refresh_from_db()
    assert visit.took_place_on == today() or f'value="{today().year}"' in page


def _fits(visit: Visit) -> bool:
    return visit.in_window(today())


def test_a_date_pasted_whole_is_taken_and_one_that_may_be_two_days_is_not(signed_in: SignedIn, cast: Cast) -> None:
    participant = walk.consented(cast)
    visit = walk.visit_of(participant, "screening")
    coordinator = Reader(signed_in, cast, Role.COORDINATOR)
    empty = {"on_month": "", "on_year": ""}
    page = coordinator.post(visit_url(visit), empty | {"on_day": "3/12/2026"}, 422)
    assert "Is 3/12/2026 day 3 of month 12, or the other way round?" in page
    assert 'value="3/12/2026"' in page
    day = participant.registered_on
    coordinator.post(visit_url(visit), empty | {"on_day": f"{day.day}-{day.month}-{day.year}"})
    visit.refresh_from_db()
    assert visit.took_place_on == day


def test_a_visit_that_was_not_done_starts_nothing(signed_in: SignedIn, cast: Cast) -> None:
    visit = walk.visit_of(walk.randomised(cast), "week_1")
    mark_visit_not_done(by=cast.at("UMCG", Role.COORDINATOR), visit=visit, reason="ill")
    page = Reader(signed_in, cast, Role.RATER).get(visit_url(visit))
    assert "Start: " not in page
    assert "What comes next:" not in page


def test_who_enters_nothing_at_a_visit_reads_its_forms(signed_in: SignedIn, cast: Cast) -> None:
    visit = screening(cast)
    page = Reader(signed_in, cast, Role.MONITOR).get(visit_url(visit))
    assert "Your forms" not in page
    assert "<h2>Forms</h2>" in page


def test_enter_without_script_saves_also_where_a_row_can_be_added(signed_in: SignedIn, cast: Cast) -> None:
    page = Reader(signed_in, cast, Role.COORDINATOR).get(form_url(screening(cast), "treatment_history"))
    _before, _foot, acts = page.partition("tm-foot__acts")
    assert acts.index(">Save</button>") < acts.index(">Add an empty row</button>") < acts.index("Save and next: ")
