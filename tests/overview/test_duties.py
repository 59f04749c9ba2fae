"""The work list shows each person what is due, counts honestly, and asks the database the same number of times."""

from __future__ import annotations

import datetime
from collections.abc import Callable

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from crf.actions import (
    answer_query,
    decide_gate,
    freeze,
    freeze_site,
    freeze_visit,
    judge_eligibility,
    mark_visit_not_done,
    notice_followed,
    raise_query,
    raise_query_on_form,
    raise_query_on_visit,
    register_participant,
    save_entry,
    set_visit_day,
    sign_entry,
    unfreeze_visit,
)
from crf.dangers import dangerous_answers
from crf.drafts import KEPT, draft_url
from crf.models import Draft, FormEntry
from randomization.actions import activate_list, make_list
from randomization.policies.allocations import can_allocate
from randomization.queries.allocations import in_screening, ready_to_randomise
from tests import walk
from tests.audit.recipes import drafted, frozen_and_followed
from trialmgr.overview.duties import DUTIES, NEEDED, Band, Duty, duty, work_list
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.participants.actions import record_consent, withdraw_consent
from trialmgr.participants.models import Participant
from trialmgr.people.actions import close_site, create_user, grant_role
from trialmgr.people.models import SYSTEM, User
from trialmgr.people.permissions import Role, known_permissions
from trialmgr.people.visibility import Sight
from trialmgr.protocol.model import Form, Item
from trialmgr.studies.clock import today
from trialmgr.studies.queries import current_definition, one_version

SITE = walk.SITE


def abouts(found: Duty) -> list[str]:
    return [task.about.split(" ")[0] for task in found.tasks]


def test_a_person_registered_without_consent_waits_for_the_coordinator(cast: Cast) -> None:
    participant = walk.registered(cast)
    found = duty(cast.at(SITE, Role.COORDINATOR), "consent")
    assert (found.count, abouts(found)) == (1, [participant.number])
    assert found.tasks[0].link.url == f"/participants/{participant.number}/consent/"
    assert duty(cast.at("LUMC", Role.COORDINATOR), "consent").count == 0
    assert duty(cast.at(SITE, Role.RATER), "consent").count == 0


def test_forms_wait_only_for_those_who_enter_them(cast: Cast) -> None:
    participant = walk.consented(cast)
    forms = {
        role: [part.label for task in duty(cast.at(SITE, role), "forms").tasks for part in task.more]
        for role in (Role.COORDINATOR, Role.RATER, Role.TREATING_TEAM)
    }
    definition = participant.study_version.definition
    madrs, ids = definition.form("madrs").label("nl"), definition.form("ids_sr").label("nl")
    assert madrs in forms[Role.RATER]
    assert madrs not in forms[Role.COORDINATOR]
    assert ids in forms[Role.COORDINATOR]
    assert forms[Role.TREATING_TEAM] == [definition.form("kset_base").label("en")]
    assert duty(cast.at("", Role.MONITOR), "forms").count == 0


def test_a_visit_that_took_place_links_each_open_form(cast: Cast) -> None:
    participant = walk.consented(cast)
    walk.visited(cast, participant, "screening")
    entry = FormEntry.objects.get(visit__participant=participant, form_key="madrs")
    item = next(iter(entry.data))
    save_entry(
        by=cast.at(SITE, Role.RATER), visit=entry.visit, form_key="madrs", values={item: ""}, reason="typed by mistake"
    )
    task = next(task for task in duty(cast.at(SITE, Role.RATER), "forms").tasks if task.kind != "todo")
    assert task.more[0].url == f"/participants/{participant.number}/visits/screening/forms/madrs/"
    assert task.kind in {"late", "progress"}


def test_a_visit_in_its_window_is_due_and_one_past_it_is_overdue(cast: Cast) -> None:
    begun = walk.registered(cast).registered_on
    fresh = _registered_today(cast)
    kinds = {task.about.split(" ")[0]: task.kind for task in duty(cast.at(SITE, Role.COORDINATOR), "forms").tasks}
    assert begun < fresh.registered_on
    assert kinds == {fresh.number: "due"}
    with time_machine.travel(fresh.registered_on + datetime.timedelta(days=20)):
        both = duty(cast.at(SITE, Role.COORDINATOR), "forms").tasks
    assert [task.kind for task in both] == ["due", "late"], "what is for today stands before what is late"
    assert [task.band for task in both] == [Band.TODAY, Band.LATE]


def test_a_visit_just_done_with_forms_open_is_under_way(cast: Cast) -> None:
    participant = _registered_today(cast)
    visit = walk.visit_of(participant, "screening")
    set_visit_day(by=cast.at(SITE, Role.COORDINATOR), visit=visit, on=today())
    task = duty(cast.at(SITE, Role.RATER), "forms").tasks[0]
    assert (task.kind, task.more[0].url) == (
        "progress",
        f"/participants/{participant.number}/visits/screening/forms/madrs/",
    )
    assert task.when.startswith("took place on ")


def test_nothing_waits_in_a_frozen_casebook(cast: Cast) -> None:
    participant = walk.consented(cast)
    freeze(by=cast.at("", Role.DATA_MANAGER), participant=participant)
    assert duty(cast.at(SITE, Role.COORDINATOR), "forms").count == 0


def test_nothing_waits_at_a_frozen_site_or_visit_nor_on_a_frozen_form(cast: Cast) -> None:
    participant = walk.consented(cast)
    visit = walk.visit_of(participant, "screening")
    rater, manager = cast.at(SITE, Role.RATER), cast.at("", Role.DATA_MANAGER)
    set_visit_day(by=cast.at(SITE, Role.COORDINATOR), visit=visit, on=participant.registered_on)
    form = next(key for key in visit.definition.must_complete if key == "madrs")

    def waiting() -> bool:
        return any(task.link.url.endswith("/visits/screening/") for task in duty(rater, "forms").tasks)

    assert waiting()
    others = set(visit.definition.must_complete) - {form}
    for key in others:
        freeze_visit(by=manager, visit=visit, form_key=key)
    assert waiting()
    [task] = [one for one in duty(rater, "forms").tasks if one.link.url.endswith("/visits/screening/")]
    assert [link.url.rpartition("/forms/")[2] for link in task.more] == [f"{form}/"]
    freeze_visit(by=manager, visit=visit, form_key=form)
    assert not waiting()
    unfreeze_visit(by=manager, visit=visit, form_key=form, reason="a page came late")
    walk.fill(cast, visit, form)
    freeze_visit(by=manager, visit=visit, form_key=form)
    assert not waiting(), "what is complete and frozen is counted once"
    baseline = walk.visit_of(participant, "baseline")
    assert duty(rater, "forms").count == 1
    freeze_visit(by=manager, visit=baseline)
    assert duty(rater, "forms").count == 0
    unfreeze_visit(by=manager, visit=baseline, reason="a page came late")
    freeze_site(by=manager, site=participant.site)
    assert duty(rater, "forms").count == 0


def test_what_followed_in_something_frozen_waits_for_who_froze(cast: Cast) -> None:
    frozen = frozen_and_followed(cast)
    manager = cast.at("", Role.DATA_MANAGER)
    [task] = duty(manager, "frozen").tasks
    assert task.link.url.endswith("/visits/week_8/forms/outcome/freeze/")
    assert duty(cast.at("", Role.MONITOR), "frozen").count == 0
    notice_followed(by=manager, freeze=frozen)
    assert duty(manager, "frozen").count == 0


def test_from_screening_to_allocation_each_step_waits_for_the_right_person(cast: Cast) -> None:
    participant = walk.screened(cast)
    investigator, coordinator = cast.at(SITE, Role.INVESTIGATOR), cast.at(SITE, Role.COORDINATOR)
    assert abouts(duty(investigator, "eligibility")) == [participant.number]
    assert duty(coordinator, "eligibility").count == 0
    assert duty(investigator, "signatures").count == 0, "judging signs the eligibility form"
    judge_eligibility(by=investigator, participant=participant)
    assert duty(investigator, "eligibility").count == 0
    assert duty(coordinator, "randomise").count == 0
    walk.visited(cast, participant, "baseline")
    assert abouts(duty(coordinator, "randomise")) == [participant.number]
    assert duty(cast.at("LUMC", Role.COORDINATOR), "randomise").count == 0
    assert duty(cast.at(SITE, Role.RATER), "randomise").count == 0
    assert duty(cast.at("", Role.MONITOR), "randomise").count == 0


def test_a_person_found_not_eligible_waits_for_the_end_form(cast: Cast) -> None:
    participant = walk.screened(cast, madrs=10)
    judge_eligibility(by=cast.at(SITE, Role.INVESTIGATOR), participant=participant)
    found = duty(cast.at(SITE, Role.COORDINATOR), "ending")
    assert abouts(found) == [participant.number]
    assert found.tasks[0].link.url == f"/participants/{participant.number}/visits/log/forms/end_of_participation/"
    assert duty(cast.at(SITE, Role.RATER), "ending").count == 0


def test_who_withdrew_is_not_to_be_asked_for_consent_but_waits_for_the_end_form(cast: Cast) -> None:
    coordinator = cast.at(SITE, Role.COORDINATOR)
    people = [walk.consented(cast), walk.randomised(cast)]
    for participant in people:
        withdraw_consent(by=coordinator, consent=participant.consents.get(), on=today(), reason="moved away")
    assert duty(coordinator, "consent").count == 0
    found = duty(coordinator, "ending")
    assert abouts(found) == [participant.number for participant in people]
    assert {task.status for task in found.tasks} == {"Consent withdrawn"}


def test_the_decision_at_week_8_waits_until_it_is_taken_and_then_the_end(cast: Cast) -> None:
    participant = walk.at_week_8(cast, response=False)
    investigator = cast.at(SITE, Role.INVESTIGATOR)
    assert abouts(duty(investigator, "decisions")) == [participant.number]
    assert duty(cast.at(SITE, Role.COORDINATOR), "decisions").count == 0
    _skip_what_is_planned(cast, participant)
    assert duty(investigator, "ending").count == 0, "the decision comes first"
    decide_gate(by=investigator, participant=participant, phase="follow_up")
    [offer] = duty(investigator, "decisions").tasks
    assert offer.link.url.endswith("/phases/cross_over/"), "then the decision on the other treatment"
    walk.fill(cast, walk.visit_of(participant, "week_8"), "cross_over_offer", given={"co_offered": "no"})
    decide_gate(by=investigator, participant=participant, phase="cross_over")
    assert duty(investigator, "decisions").count == 0
    assert abouts(duty(investigator, "ending")) == [participant.number]


def test_queries_wait_for_who_enters_the_form_and_answers_for_who_closes(cast: Cast) -> None:
    participant = walk.screened(cast)
    entry = FormEntry.objects.get(visit__participant=participant, form_key="madrs")
    query = raise_query(by=cast.at("", Role.MONITOR), entry=entry, item=next(iter(entry.data)), text="Is this right?")
    rater, monitor = cast.at(SITE, Role.RATER), cast.at("", Role.MONITOR)
    assert duty(rater, "answer").tasks[0].link.url.endswith("/visits/screening/forms/madrs/?query=1#query-1")
    assert duty(cast.at(SITE, Role.COORDINATOR), "answer").count == 0
    assert duty(monitor, "close").count == 0
    answer_query(by=rater, query=query, text="Yes.")
    assert (duty(rater, "answer").count, duty(monitor, "close").count) == (0, 1)
    assert duty(rater, "close").count == 0


def test_queries_on_missing_forms_and_on_visits_wait_for_whoever_enters_or_plans_them(cast: Cast) -> None:
    visit = walk.visit_of(walk.registered(cast), "screening")
    monitor, rater = cast.at("", Role.MONITOR), cast.at(SITE, Role.RATER)
    on_form = raise_query_on_form(by=monitor, visit=visit, form_key="madrs", text="Where is it?")
    on_visit = raise_query_on_visit(by=monitor, visit=visit, text="When was it?")
    coordinator = cast.at(SITE, Role.COORDINATOR)
    assert [task.link.url for task in duty(coordinator, "answer").tasks] == [
        f"/participants/{visit.participant.number}/visits/screening/?query=1#query-1"
    ]
    assert duty(rater, "answer").count == 2
    assert duty(cast.at("LUMC", Role.COORDINATOR), "answer").count == 0
    answer_query(by=rater, query=on_form, text="On paper.")
    answer_query(by=coordinator, query=on_visit, text="On Monday.")
    assert (duty(rater, "answer").count, duty(monitor, "close").count) == (0, 2)


def test_a_signature_that_lapsed_is_wanting_again(cast: Cast) -> None:
    participant = walk.randomised(cast)
    investigator = cast.at(SITE, Role.INVESTIGATOR)
    assert duty(investigator, "signatures").count == 0
    entry = FormEntry.objects.get(visit__participant=participant, form_key="eligibility")
    key, value = next((key, value) for key, value in entry.data.items() if value == "yes")
    visit = entry.visit
    save_entry(by=investigator, visit=visit, form_key="eligibility", values={key: "no"}, reason="misread the letter")
    save_entry(by=investigator, visit=visit, form_key="eligibility", values={key: value}, reason="it was right")
    found = duty(investigator, "signatures")
    assert found.tasks[0].link.url.endswith("/forms/eligibility/rows/1/sign/")
    entry.refresh_from_db()
    sign_entry(by=investigator, entry=entry, meaning="checked")
    assert duty(investigator, "signatures").count == 0


def test_a_made_list_waits_for_a_second_person(cast: Cast) -> None:
    maker, manager = cast.at("", Role.UNBLINDED_STATISTICIAN), cast.at("", Role.DATA_MANAGER)
    listed = make_list(by=maker)
    assert duty(manager, "activation").tasks[0].link.url == f"/randomization/{listed.number}/activate/"
    assert duty(maker, "activation").count == 0
    assert duty(cast.at("", Role.MONITOR), "activation").count == 0
    activate_list(by=manager, listed=listed)
    assert duty(manager, "activation").count == 0


def test_a_stratum_that_runs_low_is_told_to_the_unblinded_statistician_alone(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    statistician = cast.at("", Role.UNBLINDED_STATISTICIAN)
    assert duty(statistician, "supply").count == 0
    monkeypatch.setattr("randomization.queries.supply.lead_weeks", lambda: 5200)
    assert duty(statistician, "supply").count == len(cast.sites)
    assert duty(cast.at("", Role.DATA_MANAGER), "supply").count == 0


def test_no_list_in_force_is_told(cast: Cast, settings: Settings) -> None:
    settings.TRIALMGR_DEMO = True  # a demo allocates from rehearsal lists, and has none
    assert duty(cast.at("", Role.UNBLINDED_STATISTICIAN), "supply").tasks[0].kind == "late"
    assert ready_to_randomise(in_screening(Participant.objects.all())) == []


def test_the_list_of_who_is_ready_agrees_with_the_policy(cast: Cast) -> None:
    """The bulk reading of the work list and the allocation's own policy give the same answer for everybody."""
    walk.registered(cast)
    walk.screened(cast)
    walk.eligible(cast)
    walk.baseline_done(cast)
    walk.randomised(cast)
    withdrawn = walk.baseline_done(cast)
    given = withdrawn.consents.get()
    withdraw_consent(by=cast.at(SITE, Role.COORDINATOR), consent=given, on=today(), reason="moved away")
    freeze(by=cast.at("", Role.DATA_MANAGER), participant=walk.baseline_done(cast))
    refused = walk.screened(cast, madrs=10)
    judge_eligibility(by=cast.at(SITE, Role.INVESTIGATOR), participant=refused)
    walk.baseline_done(cast, "LUMC")
    close_site(by=cast.at("", Role.ADMINISTRATOR), site=cast.sites["LUMC"], on=today(), reason="contract ended")
    ready = {participant.number for participant in ready_to_randomise(in_screening(Participant.objects.all()))}
    by = cast.at(SITE, Role.COORDINATOR)
    assert ready == {each.number for each in Participant.objects.select_related("site") if can_allocate(each, by)}
    assert len(ready) == 1


def test_a_person_at_two_sites_sees_the_work_of_both(cast: Cast) -> None:
    user = create_user(
        by=SYSTEM, username="two.sites", password=None, first_name="Twee", last_name="Locaties", email="t@example.org"
    )
    grant_role(by=SYSTEM, user=user, role=Role.COORDINATOR, site=cast.sites[SITE])
    grant_role(by=SYSTEM, user=user, role=Role.TREATING_TEAM, site=cast.sites["LUMC"])
    user = User.objects.get(pk=user.pk)
    walk.consented(cast)
    walk.consented(cast, "LUMC")
    asked = {
        task.about.split("-")[0]: {part.label for part in task.more}
        for task in duty(user, "forms").tasks
        if task.about.endswith("Baseline")
    }
    kset = current_definition().form("kset_base").label("en")
    assert asked["LUMC"] == {kset}, "what the treating team enters"
    assert asked[SITE] > {kset}
    walk.registered(cast)
    walk.registered(cast, "LUMC")
    assert duty(user, "consent").count == 1, "consent is recorded by a coordinator only"


def test_what_was_typed_and_not_saved_is_told_to_its_author_alone(cast: Cast) -> None:
    """Once a place, the newest; gone from the list with the right to go on with it."""
    draft = drafted(cast)
    author = draft.author
    [task] = duty(author, "drafts").tasks
    assert (task.participant, task.link.url) == (
        draft.visit.participant.number,
        f"/participants/{draft.visit.participant.number}/visits/{draft.visit.slug}/forms/{draft.form_key}/",
    )
    assert (task.since, task.until) == (today(), today() + KEPT)
    assert (task.turn, task.band) == ("You", Band.TODAY)
    others = {cast.at(SITE, role) for role in (Role.COORDINATOR, Role.INVESTIGATOR, Role.RATER)} - {author}
    assert {duty(other, "drafts").count for other in others} == {0}
    with time_machine.travel(timezone.now() + KEPT + datetime.timedelta(hours=1)):
        assert duty(author, "drafts").count == 0


def test_a_draft_of_a_row_leads_to_that_row_and_one_of_a_row_not_begun_to_a_new_one(cast: Cast) -> None:
    log = walk.visit_of(walk.consented(cast), "log")
    new, saved = (Draft(visit=log, form_key="adverse_event", occurrence=row) for row in (0, 2))
    rows = f"/participants/{log.participant.number}/visits/log/forms/adverse_event/rows/"
    assert (draft_url(new), draft_url(saved)) == (f"{rows}new/", f"{rows}2/")


def test_a_dangerous_answer_stands_on_top_for_a_week(cast: Cast) -> None:
    participant = _registered_today(cast)
    visit = walk.visit_of(participant, "screening")
    set_visit_day(by=cast.at(SITE, Role.COORDINATOR), visit=visit, on=today())
    walk.fill(cast, visit, "madrs", given={"madrs_10": "5"})
    rater, monitor = cast.at(SITE, Role.RATER), cast.at("", Role.MONITOR)
    found = work_list(rater)
    first = found.parts[0].cases[0].first
    assert (found.duties[0].key, first.band, first.participant) == ("dangers", Band.SAFETY, participant.number)
    assert first.link.url.endswith("/visits/screening/forms/madrs/")
    madrs = current_definition().form("madrs").item("madrs_10")
    assert madrs.danger is not None
    assert madrs.danger.message("en") in first.said
    assert duty(cast.at("LUMC", Role.RATER), "dangers").count == 0
    assert duty(monitor, "dangers").count == 0
    with time_machine.travel(today() + datetime.timedelta(days=9)):
        assert duty(rater, "dangers").count == 0
        followed = FormEntry.history.filter(form_key="madrs").latest()
        followed.pk, followed.history_date = None, timezone.now()
        FormEntry.history.model._base_manager.bulk_create([followed])
        assert duty(rater, "dangers").count == 0, "what follows elsewhere does not bring it back"
        walk.fill(cast, visit, "madrs", given={"madrs_10": "6"}, reason="misread")
        assert duty(rater, "dangers").count == 1, "saved today, whenever the visit was"


def test_a_dangerous_answer_that_reveals_the_arm_is_told_to_nobody_blinded(cast: Cast) -> None:
    blood = Item.model_validate(DANGEROUS_ITEM)
    seen, blind = Sight(blinded=False, forms=frozenset()), Sight(blinded=True, forms=frozenset())
    form = current_definition().form("madrs")
    form = form.model_copy(update={"sections": (form.sections[0].model_copy(update={"items": (blood,)}),)})
    entry = _Entered(form)
    assert [answer.key for answer in dangerous_answers(entry, seen)] == ["blood"]  # type: ignore[arg-type]
    assert list(dangerous_answers(entry, blind)) == []  # type: ignore[arg-type]


def test_what_is_weeks_away_is_next_or_later_and_never_due(cast: Cast) -> None:
    """One visit of each participant: the first that opens."""
    participant = walk.consented(cast)
    baseline = walk.visit_of(participant, "baseline")
    assert baseline.earliest_on is not None
    seen = {}
    for days in (30, 10):
        with time_machine.travel(baseline.earliest_on - datetime.timedelta(days=days)):
            [seen[days]] = duty(cast.at(SITE, Role.RATER), "coming").tasks
    assert [(task.status, task.band) for task in seen.values()] == [("Later", Band.LATER), ("Next", Band.NEXT)]
    assert seen[10].window.startswith("from ")
    assert duty(cast.at("", Role.MONITOR), "coming").count == 0


def test_the_list_stands_by_participant_and_is_sorted_as_asked(cast: Cast, signed_in: Callable[[User], Client]) -> None:
    late, fresh = walk.consented(cast), _registered_today(cast)
    entry = walk.fill(cast, walk.came(cast, late, "screening"), "vital_signs")
    raise_query(by=cast.at("", Role.MONITOR), entry=entry, item="systolic", text="Is <this> right?")
    coordinator = cast.at(SITE, Role.COORDINATOR)
    assert [(part.heading, [case.number for case in part.cases]) for part in work_list(coordinator).parts] == [
        ("Today", [fresh.number]),
        ("Late", [late.number]),
    ]
    orders = {
        sort: [case.number for case in work_list(coordinator, sort).parts[0].cases]
        for sort in ("participant", "age", "until")
    }
    assert orders == {sort: [late.number, fresh.number] for sort in orders}
    client = signed_in(coordinator)
    page = client.get("/", HTTP_ACCEPT_LANGUAGE="en").content.decode()
    assert "Is &lt;this&gt; right?" in page
    assert f'href="/participants/{late.number}/"' in page
    assert "<caption>Today</caption>" in page
    by_age = client.get("/?sort=age", HTTP_ACCEPT_LANGUAGE="en").content.decode()
    assert 'href="?sort=age" aria-current="true"' in by_age
    assert client.get("/?sort=nonsense", HTTP_ACCEPT_LANGUAGE="en").content.decode().count("<caption>Today") == 1


@pytest.mark.parametrize("role", [Role.COORDINATOR, Role.INVESTIGATOR, Role.RATER, Role.MONITOR, Role.DATA_MANAGER])
def test_the_work_list_asks_the_database_as_often_for_many_as_for_few(
    cast: Cast, signed_in: Callable[[User], Client], role: Role
) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/").status_code == 200
        return len(queries)

    client = signed_in(cast.at(SITE, role))
    _some_of_each(cast)
    client.get("/")
    before = asked()
    _some_of_each(cast)
    assert asked() == before


def test_a_long_duty_shows_its_first_tasks_its_true_count_and_a_page_of_its_own(
    cast: Cast, signed_in: Callable[[User], Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trialmgr.overview.duties.SHOWN", 1)
    for _time in range(3):
        walk.registered(cast)
    client = signed_in(cast.at(SITE, Role.COORDINATOR))
    found = next(each for each in work_list(cast.at(SITE, Role.COORDINATOR)).duties if each.key == "consent")
    assert (found.count, len(found.tasks)) == (3, 1)
    page = client.get("/", HTTP_ACCEPT_LANGUAGE="en").content.decode()
    assert "/duties/consent/" in page
    assert "(first 1 below)" in page
    assert client.get("/duties/consent/").content.decode().count('scope="rowgroup"') == 3
    assert client.get("/duties/close/").status_code == 200
    assert client.get("/duties/nonsense/").status_code == 404


def test_nothing_is_asked_for_a_person_who_has_nothing_to_do_there(
    cast: Cast, django_assert_num_queries: Callable[..., object]
) -> None:
    assert NEEDED.keys() == DUTIES.keys()
    assert set().union(*NEEDED.values()) <= known_permissions()
    _some_of_each(cast)
    inspector = cast.at("", Role.INSPECTOR)
    with one_version(), django_assert_num_queries(2):  # type: ignore[attr-defined]
        assert work_list(inspector).duties == ()


def test_whoever_has_nothing_to_do_is_told_so(cast: Cast, signed_in: Callable[[User], Client]) -> None:
    for role in (Role.INSPECTOR, Role.STATISTICIAN, Role.ADMINISTRATOR):
        page = signed_in(cast.at("", role)).get("/", HTTP_ACCEPT_LANGUAGE="en").content.decode()
        assert "Nothing waits for you now." in page


def test_a_blinded_rater_meets_no_trace_of_the_arm(cast: Cast, signed_in: Callable[[User], Client]) -> None:
    rater = signed_in(cast.at(SITE, Role.RATER))
    for arm in ("esketamine", "ect"):
        walk.randomised(cast, arm=arm)
        page = rater.get("/duties/forms/", HTTP_ACCEPT_LANGUAGE="en").content.decode().lower()
        assert "week 1" in page
        assert "esketamine" not in page
        assert "ect session" not in page
        assert "session_ect" not in page


DANGEROUS_ITEM = {
    "key": "blood",
    "label": {"nl": "Bloed", "en": "Blood"},
    "type": "yes_no",
    "reveals_allocation": True,
    "danger": {"fires_if": "blood", "message": {"nl": "Bel.", "en": "Call."}},
}


class _Entered:
    """An entry as far as its dangers are asked for."""

    def __init__(self, form: Form) -> None:
        self.form, self.data = form, {"blood": "yes", "gone": "yes"}
        self.study_version = type("Version", (), {"definition": current_definition()})


def _registered_today(cast: Cast) -> Participant:
    by = cast.at(SITE, Role.COORDINATOR)
    participant = register_participant(by=by, site=cast.sites[SITE], on=today())
    version = participant.study_version.definition.consents[-1].key
    record_consent(by=by, participant=participant, version=version, given_on=today())
    return participant


def _some_of_each(cast: Cast) -> None:
    walk.registered(cast)
    walk.screened(cast)
    walk.baseline_done(cast)
    walk.at_week_8(cast)
    entry = FormEntry.objects.filter(form_key="madrs").last()
    assert entry is not None
    monitor = cast.at("", Role.MONITOR)
    query = raise_query(by=monitor, entry=entry, item=next(iter(entry.data)), text="Is this right?")
    raise_query(by=monitor, entry=entry, item=query.item, text="And this?")
    answer_query(by=cast.at(SITE, Role.RATER), query=query, text="Yes.")


def _skip_what_is_planned(cast: Cast, participant: Participant) -> None:
    for visit in participant.visits.filter(target_on__isnull=False, took_place_on=None):
        mark_visit_not_done(by=cast.at(SITE, Role.COORDINATOR), visit=visit, reason="missed")
