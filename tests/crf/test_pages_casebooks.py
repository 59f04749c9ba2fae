"""The list of participants and the casebook, walked as the people who use them."""

from __future__ import annotations

import datetime
from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import override

from crf.actions import mark_visit_not_done, void_registration
from tests import walk
from tests.crf.pages import Reader, casebook_url, day_boxes
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.participants.actions import withdraw_consent
from trialmgr.participants.models import Participant
from trialmgr.people.permissions import Role

SignedIn = Callable[..., Client]


def queries_of(reader: Reader, url: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        reader.get(url)
    return len(captured)


def test_the_list_shows_the_participants_of_the_own_site_with_what_is_due(signed_in: SignedIn, cast: Cast) -> None:
    mine, other = walk.registered(cast), walk.registered(cast, "LUMC")
    page = Reader(signed_in, cast, Role.COORDINATOR).get("/participants/")
    assert mine.number in page
    assert other.number not in page
    assert "Record consent" in page


def test_a_monitor_sees_every_site_and_may_filter(signed_in: SignedIn, cast: Cast) -> None:
    mine, other = walk.registered(cast), walk.registered(cast, "LUMC")
    monitor = Reader(signed_in, cast, Role.MONITOR)
    assert other.number in monitor.get("/participants/")
    page = monitor.get("/participants/?site=UMCG&status=screening&number=-0")
    assert mine.number in page
    assert other.number not in page
    assert "has “nobody” in the number" in monitor.get("/participants/?number=nobody")
    assert "No participant matches the filter." in monitor.get("/participants/?status=completed")
    assert other.number in monitor.get("/participants/?site=nowhere")


def test_the_list_takes_as_many_database_queries_for_two_participants_as_for_four(
    signed_in: SignedIn, cast: Cast
) -> None:
    coordinator = Reader(signed_in, cast, Role.COORDINATOR)
    walk.at_week_8(cast)
    walk.eligible(cast)
    coordinator.get("/participants/")
    few = queries_of(coordinator, "/participants/")
    walk.randomised(cast)
    walk.eligible(cast)
    assert queries_of(coordinator, "/participants/") == few


def test_the_casebook_takes_as_many_database_queries_for_four_visits_as_for_forty(
    signed_in: SignedIn, cast: Cast
) -> None:
    investigator = Reader(signed_in, cast, Role.INVESTIGATOR)
    few_visits, many_visits = walk.screened(cast), walk.in_follow_up(cast)
    investigator.get(casebook_url(few_visits))
    few = queries_of(investigator, casebook_url(few_visits))
    assert abs(queries_of(investigator, casebook_url(many_visits)) - few) <= 4


STEPS: list[tuple[Callable[[Cast], Participant], str, Role]] = [
    (walk.registered, "Record consent", Role.COORDINATOR),
    (walk.consented, "Screening", Role.COORDINATOR),
    (walk.screened, "Judge eligibility", Role.INVESTIGATOR),
    (walk.eligible, "Baseline", Role.COORDINATOR),
    (walk.baseline_done, "Randomise", Role.COORDINATOR),
    (walk.at_week_8, "Decision at week 8", Role.INVESTIGATOR),
]


@pytest.mark.parametrize(("step", "due", "role"), STEPS)
def test_the_casebook_says_what_is_due_now(
    signed_in: SignedIn, cast: Cast, step: Callable[[Cast], Participant], due: str, role: Role
) -> None:
    page = Reader(signed_in, cast, role).get(casebook_url(step(cast)))
    head = page[page.index("tm-case__next") :][:700]
    assert "Due now" in head or "Overdue" in head
    assert f">{due}" in head


def test_a_whole_number_leads_from_every_page_to_the_casebook_and_a_part_lists(signed_in: SignedIn, cast: Cast) -> None:
    mine, also, other = walk.registered(cast), walk.registered(cast), walk.registered(cast, "LUMC")
    coordinator = Reader(signed_in, cast, Role.COORDINATOR)
    for page in ("/", "/queries/", casebook_url(mine)):
        assert 'action="/participants/"' in coordinator.get(page)
    for typed in (mine.number, f" {mine.number.lower()} "):
        answer = coordinator.client.get("/participants/", {"number": typed})
        assert (answer.status_code, answer.headers["Location"]) == (302, casebook_url(mine))
    page = coordinator.get(f"/participants/?number={mine.number[:-1]}")
    assert mine.number in page
    assert also.number in page
    for sought in ("UMCG-999", other.number):
        page = coordinator.get(f"/participants/?number={sought}")
        assert f"No participant that you may see has “{sought}” in the number" in page
        assert page.count(f'value="{sought}"') == 2


def test_who_sees_no_participants_has_no_box_to_find_one(signed_in: SignedIn, cast: Cast) -> None:
    assert "find-number" not in Reader(signed_in, cast, Role.ADMINISTRATOR, "").get("/")


def test_a_voided_registration_is_found_by_its_number(signed_in: SignedIn, cast: Cast) -> None:
    participant = walk.registered(cast)
    manager = Reader(signed_in, cast, Role.DATA_MANAGER)
    void_registration(by=manager.user, participant=participant, reason="a mistake")
    answer = manager.client.get("/participants/", {"number": participant.number})
    assert answer.headers["Location"] == casebook_url(participant)


def test_the_switch_is_kept_for_the_next_casebook(signed_in: SignedIn, cast: Cast) -> None:
    one, other = walk.screened(cast), walk.screened(cast)
    coordinator = Reader(signed_in, cast, Role.COORDINATOR)
    assert 'aria-current="true">All forms' in coordinator.get(f"{casebook_url(one)}?show=nonsense")
    assert 'aria-current="true">Open' in coordinator.get(f"{casebook_url(one)}?show=open")
    assert 'aria-current="true">Open' in coordinator.get(casebook_url(other))
    assert 'aria-current="true">All forms' in coordinator.get(f"{casebook_url(other)}?show=all")
    assert 'aria-current="true">All forms' in coordinator.get(casebook_url(one))


def test_what_is_weeks_away_is_not_due_now_on_casebook_and_list(signed_in: SignedIn, cast: Cast) -> None:
    participant = walk.in_follow_up(cast)
    month_12 = walk.visit_of(participant, "month_12")
    for visit in participant.visits.filter(took_place_on=None, not_done_reason="").exclude(key__in=["log", "month_12"]):
        if visit.target_on:
            mark_visit_not_done(by=cast.at("UMCG", Role.COORDINATOR), visit=visit, reason="away")
    coordinator = Reader(signed_in, cast, Role.COORDINATOR)
    assert month_12.earliest_on is not None
    with override("en"):
        day = date_format(month_12.earliest_on, "SHORT_DATE_FORMAT")
    for page in (coordinator.get(casebook_url(participant)), coordinator.get("/participants/")):
        assert "Later" in page
        assert f"from {day}" in page
        assert "Due now" not in page.partition("tm-legend")[0]


def test_the_chart_shows_treatments_and_events_with_their_numbers_in_a_table(signed_in: SignedIn, cast: Cast) -> None:
    participant = walk.at_week_8(cast, response=True)
    coordinator = Reader(signed_in, cast, Role.COORDINATOR)
    arm = "esk" if participant.visits.filter(key="session_esk").exists() else "ect"
    walk.visited(cast, participant, f"session_{arm}-1")
    walk.fill(
        cast,
        walk.visit_of(participant, "log"),
        "adverse_event",
        occurrence=None,
        given={"ae_start": participant.registered_on.isoformat()},
    )
    page = coordinator.get(casebook_url(participant))
    for there in ("1 treatment<", "1 event<", "line of the decision: 15", "The numbers as a table", "Another score"):
        assert there in page, there
    page = coordinator.get(f"{casebook_url(participant)}?show=unverified&score=ids_sr.ids_total")
    assert "session: 1 of 16" in page
    assert "line of the decision" not in page
    page = Reader(signed_in, cast, Role.RATER).get(casebook_url(participant))
    for absent in ("1 treatment<", "1 event<", "tm-course__treatment", "tm-course__event"):
        assert absent not in page, absent
    assert "line of the decision: 15" in page


def test_an_overdue_visit_is_marked_on_list_and_casebook(signed_in: SignedIn, cast: Cast) -> None:
    participant = walk.randomised(cast)
    coordinator = Reader(signed_in, cast, Role.COORDINATOR)
    assert "Overdue" in coordinator.get("/participants/")
    assert "Overdue" in coordinator.get(casebook_url(participant))


def test_a_participant_of_another_site_is_not_found(signed_in: SignedIn, cast: Cast) -> None:
    other = walk.registered(cast, "LUMC")
    Reader(signed_in, cast, Role.COORDINATOR).get(casebook_url(other), 404)


def test_a_rater_meets_only_the_forms_of_a_rater_and_no_arm(signed_in: SignedIn, cast: Cast) -> None:
    whole = Reader(signed_in, cast, Role.RATER).get(casebook_url(walk.randomised(cast)))
    page = whole.partition("<main")[2].partition("</main>")[0]
    for word in ("session", "sketamine", "ECT", "Adverse", "IDS", "Allocation", "Running log"):
        assert word not in page, word
    assert "MADRS" in page


def test_who_may_act_finds_the_links_to_do_so(signed_in: SignedIn, cast: Cast) -> None:
    participant = walk.randomised(cast)
    for role, there, absent in [
        (Role.COORDINATOR, "Contact details", "Freeze the casebook"),
        (Role.INVESTIGATOR, "Decision at week 8", "Freeze the casebook"),
        (Role.DATA_MANAGER, "Freeze the casebook", "Contact details"),
        (Role.MONITOR, "Allocation", "Contact details"),
    ]:
        page = Reader(signed_in, cast, role).get(casebook_url(participant))
        assert there in page
        assert absent not in page


def test_a_participant_is_registered_at_the_own_site(signed_in: SignedIn, cast: Cast) -> None:
    coordinator = Reader(signed_in, cast, Role.COORDINATOR)
    assert "UMCG" in coordinator.get("/participants/register/")
    today = timezone.localdate()
    page = coordinator.send("/participants/register/", {"site": "UMCG", **day_boxes("on", today)})
    number = Participant.objects.get().number
    assert f"Participant {number} is registered." in page


def test_a_registration_in_the_future_or_elsewhere_comes_back_as_typed(signed_in: SignedIn, cast: Cast) -> None:
    coordinator = Reader(signed_in, cast, Role.COORDINATOR)
    future = timezone.localdate() + datetime.timedelta(days=3)
    page = coordinator.post("/participants/register/", {"site": "UMCG", **day_boxes("on", future)}, 422)
    assert "lies in the future" in page
    assert f'value="{future.year}"' in page
    coordinator.post("/participants/register/", {"site": "LUMC", **day_boxes("on", future)}, 422)
    page = coordinator.post("/participants/register/", {"site": "UMCG", "on_day": "40"}, 422)
    assert "Enter a day, month and year" in page
    assert not Participant.objects.exists()
    Reader(signed_in, cast, Role.MONITOR).get("/participants/register/", 403)


def test_of_who_has_ended_nothing_is_due(signed_in: SignedIn, cast: Cast) -> None:
    participant = walk.consented(cast)
    walk.fill(cast, walk.visit_of(participant, "log"), "end_of_participation", given={"eop_status": "screen_failure"})
    page = Reader(signed_in, cast, Role.COORDINATOR).get("/participants/")
    assert "Screen failure" in page
    assert "Overdue" not in page


@pytest.mark.parametrize("role", [Role.COORDINATOR, Role.DATA_MANAGER])
def test_an_end_recorded_in_error_is_undone_with_a_reason(signed_in: SignedIn, cast: Cast, role: Role) -> None:
    participant = walk.consented(cast)
    person, url = Reader(signed_in, cast, role), casebook_url(participant)
    assert "ending/undo/" not in person.get(url)
    walk.fill(cast, walk.visit_of(participant, "log"), "end_of_participation", given={"eop_status": "screen_failure"})
    assert f"{url}ending/undo/" in person.get(url)
    person.post(f"{url}ending/undo/", {}, 422)
    assert "is undone" in person.send(f"{url}ending/undo/", {"reason": "of somebody else"})
    participant.refresh_from_db()
    assert participant.is_active
    assert "of somebody else" in person.client.get("/audit/").content.decode()
    for stranger in (Role.RATER, Role.MONITOR):
        Reader(signed_in, cast, stranger).post(f"{url}ending/undo/", {"reason": "x"}, 403)


def test_a_casebook_whose_consent_was_withdrawn_asks_for_the_end_not_for_consent(
    signed_in: SignedIn, cast: Cast
) -> None:
    participant = walk.consented(cast)
    coordinator = Reader(signed_in, cast, Role.COORDINATOR)
    withdraw_consent(
        by=coordinator.user, consent=participant.consents.get(), on=participant.registered_on, reason="moves"
    )
    page = coordinator.get(casebook_url(participant))
    assert "Complete the end of participation" in page
    assert "Record consent" not in page
