"""The casebook over HTTP: visits, entries, queries, verification, signatures, decisions."""

from __future__ import annotations

import datetime

import pytest

from crf.actions import raise_query
from crf.api.decisions import seen_inputs
from crf.models import FormEntry, Signature, Visit
from tests import walk
from tests.api_caller import Caller
from tests.audit.recipes import vital_signs
from tests.walk import answers, at_week_8, consented, randomised, registered, screened
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.participants.models import Participant
from trialmgr.people.permissions import Role
from trialmgr.people.visibility import Sight
from trialmgr.protocol.model import StudyDefinition

pytestmark = pytest.mark.django_db

MADRS = "visits/screening/forms/madrs/rows/1/"
DEMOGRAPHICS = "visits/screening/forms/demographics/rows/1/"


def place(participant: Participant, rest: str) -> str:
    return f"participants/{participant.number}/{rest}"


def caller(cast: Cast, role: Role) -> Caller:
    return Caller(cast.at("UMCG", role))


def day_of(participant: Participant, days: int = 0) -> str:
    return (participant.registered_on + datetime.timedelta(days=days)).isoformat()


def madrs_answers(participant: Participant) -> dict[str, str]:
    return answers(participant, participant.study_version.definition.form("madrs"), participant.registered_on)


@pytest.fixture
def met(cast: Cast) -> Participant:
    """Consented, and the screening visit took place."""
    participant = consented(cast)
    sent = {"on": day_of(participant)}
    status, _visit = caller(cast, Role.COORDINATOR).put(place(participant, "visits/screening/day/"), sent)
    assert status == 200
    return participant


def test_a_visit_is_planned_and_takes_place(cast: Cast, met: Participant) -> None:
    visit = caller(cast, Role.COORDINATOR).get(place(met, "visits/screening/"))[1]
    assert (visit["slug"], visit["took_place_on"]) == ("screening", day_of(met))


def test_another_day_of_a_visit_owes_a_reason(cast: Cast, met: Participant) -> None:
    coordinator, there = caller(cast, Role.COORDINATOR), place(met, "visits/screening/day/")
    assert coordinator.put(there, {"on": day_of(met, 1)})[0] == 409
    assert coordinator.put(there, {"on": day_of(met, 1), "reason": "typing error"})[0] == 200


def test_a_visit_that_did_not_take_place_keeps_its_reason(cast: Cast) -> None:
    there = place(registered(cast), "visits/baseline/not-done/")
    status, visit = caller(cast, Role.COORDINATOR).put(there, {"reason": "did not come"})
    assert (status, visit["not_done_reason"]) == (200, "did not come")


def test_an_unscheduled_visit_is_added(cast: Cast) -> None:
    participant = randomised(cast)
    coordinator, there = caller(cast, Role.COORDINATOR), place(participant, "visits/")
    on = day_of(participant, 20)
    assert coordinator.post(there, {"key": "unscheduled", "on": on})[1]["slug"] == "unscheduled"
    assert coordinator.post(there, {"key": "week_1", "on": on})[0] == 409
    assert coordinator.post(there, {"key": "no_such", "on": on})[0] == 400


def test_a_rater_adds_no_visit_that_reveals_the_allocation(cast: Cast) -> None:
    participant = randomised(cast)
    rater, on = caller(cast, Role.RATER), day_of(participant, 20)
    refused = [rater.post(place(participant, "visits/"), {"key": key, "on": on}) for key in ("session_ect", "no_such")]
    assert refused[0] == refused[1]
    assert refused[0][0] == 400


def test_a_first_entry_owes_no_reason_and_scores_itself(cast: Cast, met: Participant) -> None:
    rater = caller(cast, Role.RATER)
    status, saved = rater.put(place(met, MADRS), {"values": madrs_answers(met), "revision": 0})
    assert status == 200
    assert saved["entry"]["values"]["madrs_total"] == "30"
    assert (saved["entry"]["status"], saved["entry"]["revision"], saved["wanting"]) == ("complete", 1, [])
    assert rater.get(place(met, MADRS)) == (200, saved["entry"])
    assert rater.get(place(met, "visits/screening/entries/")) == (200, [saved["entry"]])
    assert rater.get(place(met, "visits/screening/forms/madrs/rows/")) == (200, [saved["entry"]])


def test_a_change_of_some_items_owes_a_reason_and_leaves_the_others(cast: Cast, met: Participant) -> None:
    rater, there = caller(cast, Role.RATER), place(met, MADRS)
    entered = madrs_answers(met)
    rater.put(there, {"values": entered, "revision": 0})
    item = next(key for key, value in entered.items() if value == "3")
    change = {"values": {item: "4"}, "revision": 1}
    status, refused = rater.patch(there, change)
    assert (status, refused["reason_wanted"]) == (409, [item])
    status, saved = rater.patch(there, change | {"reason": "misread"})
    assert status == 200
    assert saved["changed"] == [item, "madrs_total"]
    assert saved["entry"]["values"]["madrs_total"] == "31"


def test_replacing_a_form_clears_what_is_not_named(cast: Cast, met: Participant) -> None:
    rater, there = caller(cast, Role.RATER), place(met, MADRS)
    entered = madrs_answers(met)
    rater.put(there, {"values": entered, "revision": 0})
    first = next(iter(entered))
    status, saved = rater.put(there, {"values": {first: entered[first]}, "revision": 1, "reason": "wrong person"})
    assert status == 200
    assert saved["entry"]["values"] == {first: entered[first]}
    assert saved["entry"]["status"] == "incomplete"
    assert len(saved["wanting"]) == len(entered) - 1


def test_a_value_may_be_missing_for_a_reason(cast: Cast, met: Participant) -> None:
    first = next(iter(madrs_answers(met)))
    status, saved = caller(cast, Role.RATER).patch(place(met, MADRS), {"missing": {first: "refused"}, "revision": 0})
    assert (status, saved["entry"]["missing"]) == (200, {first: "refused"})


def test_nobody_overwrites_unseen(cast: Cast, met: Participant) -> None:
    rater, there = caller(cast, Role.RATER), place(met, MADRS)
    rater.put(there, {"values": madrs_answers(met), "revision": 0})
    assert rater.put(there, {"values": madrs_answers(met), "revision": 0, "reason": "again"})[0] == 409
    assert rater.put(there, {"values": madrs_answers(met)})[0] == 400


def test_a_value_out_of_range_names_its_item(cast: Cast, met: Participant) -> None:
    first = next(iter(madrs_answers(met)))
    status, refused = caller(cast, Role.RATER).patch(place(met, MADRS), {"values": {first: "7"}, "revision": 0})
    assert status == 422
    assert [problem["item"] for problem in refused["items"]] == [first]
    assert not FormEntry.objects.exists()


def test_an_item_that_is_not_on_the_form_is_refused(cast: Cast, met: Participant) -> None:
    status, refused = caller(cast, Role.RATER).patch(place(met, MADRS), {"values": {"arm": "x"}, "revision": 0})
    assert (status, list(refused)) == (400, ["arm"])


def test_a_warning_is_told_and_opens_a_query(cast: Cast, met: Participant) -> None:
    form = met.study_version.definition.form("vital_signs")
    soft = next(item for item in form.items if item.soft_range is not None and item.soft_range.max is not None)
    assert soft.soft_range is not None
    odd = {soft.key: str(int(soft.soft_range.max or 0) + 1)}
    status, saved = caller(cast, Role.COORDINATOR).patch(
        place(met, "visits/screening/forms/vital_signs/rows/1/"), {"values": odd, "revision": 0}
    )
    assert status == 200
    assert [warning["item"] for warning in saved["warnings"]] == [soft.key]
    assert saved["entry"]["open_queries"] == 1


def test_a_whole_form_may_be_not_done(cast: Cast, met: Participant) -> None:
    there = place(met, "visits/screening/forms/madrs/not-done/")
    status, saved = caller(cast, Role.RATER).post(there, {"code": "refused"})
    assert (status, set(saved["entry"]["missing"].values())) == (201, {"refused"})


def test_a_repeating_form_has_no_single_row_to_mark_as_not_done(cast: Cast, met: Participant) -> None:
    there = place(met, "visits/log/forms/adverse_event/not-done/")
    assert caller(cast, Role.COORDINATOR).post(there, {"code": "refused"})[0] == 404


def test_rows_of_a_repeating_form_come_and_go(cast: Cast, met: Participant) -> None:
    coordinator, rows = caller(cast, Role.COORDINATOR), place(met, "visits/log/forms/adverse_event/rows/")
    form = met.study_version.definition.form("adverse_event")
    values = answers(met, form, met.registered_on)
    made = [coordinator.post(rows, {"values": values})[1]["entry"]["row"] for _time in range(2)]
    assert made == [1, 2]
    status, saved = coordinator.patch(f"{rows}2/", {"values": {"ae_term": "rash"}, "revision": 1, "reason": "precise"})
    assert (status, saved["entry"]["values"]["ae_term"]) == (200, "rash")
    assert coordinator.patch(f"{rows}3/", {"values": {}, "revision": 0})[0] == 404
    status, removed = coordinator.post(f"{rows}2/remove/", {"reason": "entered twice"})
    assert (status, removed["status"]) == (200, "removed")
    assert [row["status"] for row in coordinator.get(rows)[1]] == ["complete", "removed"]


def test_a_form_with_one_row_takes_no_second(cast: Cast, met: Participant) -> None:
    rater = caller(cast, Role.RATER)
    rater.put(place(met, MADRS), {"values": madrs_answers(met), "revision": 0})
    assert rater.post(place(met, "visits/screening/forms/madrs/rows/"), {"values": {}})[0] == 409


def test_who_does_not_enter_a_form_is_refused(cast: Cast, met: Participant) -> None:
    sent = {"values": {}, "revision": 0}
    assert caller(cast, Role.COORDINATOR).put(place(met, MADRS), sent)[0] == 403


@pytest.mark.parametrize(
    "rest",
    [
        "visits/nowhere/",
        "visits/screening-2/",
        "visits/screening/forms/nothing/rows/",
        "visits/screening/forms/hdrs17/rows/",
        "visits/screening/forms/madrs/rows/1/",
        "phases/treatment/",
        "phases/nowhere/",
        "phases/follow_up/",
        "eligibility/",
    ],
)
def test_what_is_not_there_is_not_found(cast: Cast, met: Participant, rest: str) -> None:
    assert caller(cast, Role.MONITOR).get(place(met, rest))[0] == 404


@pytest.mark.parametrize("slug", ["session_ect", "session_ect-1", "session_esk-1", "session_esk-99"])
def test_a_rater_is_refused_the_same_way_whatever_the_arm(cast: Cast, slug: str) -> None:
    rater = caller(cast, Role.RATER)
    people = [randomised(cast, arm=arm) for arm in ("esketamine", "ect")]
    answers_given = [
        [rater.get(place(one, f"visits/{slug}/")), rater.get(place(one, f"visits/{slug}/forms/session_ect/rows/1/"))]
        for one in people
    ]
    assert answers_given[0] == answers_given[1]
    assert {status for status, _document in answers_given[0]} == {403}


def test_a_query_is_raised_answered_closed_and_reopened(cast: Cast, met: Participant) -> None:
    monitor, rater = caller(cast, Role.MONITOR), caller(cast, Role.RATER)
    rater.put(place(met, MADRS), {"values": madrs_answers(met), "revision": 0})
    there = place(met, f"{MADRS}queries/")
    status, query = monitor.post(there, {"item": "madrs_total", "text": "Is this right?"})
    assert (status, query["number"], query["status"]) == (201, 1, "open")
    one = f"{there}1/"
    assert rater.post(f"{one}answer/", {"text": "Yes."})[1]["status"] == "answered"
    assert monitor.post(f"{one}close/", {"text": "Thank you."})[1]["status"] == "closed"
    assert monitor.post(f"{one}close/", {"text": "Thank you."})[0] == 409
    assert monitor.post(f"{one}reopen/", {"text": "One more thing."})[1]["status"] == "open"
    assert monitor.get(one)[1]["messages"][0]["text"] == "Is this right?"
    assert monitor.get(there)[1] == [monitor.get(one)[1]]
    assert rater.get("queries/", status="open")[1]["count"] == 1
    assert rater.get("queries/", participant="UMCG-999")[1]["count"] == 0
    assert rater.get(place(met, MADRS))[1]["open_queries"] == 1


def test_a_rater_sees_no_query_on_a_form_out_of_sight(cast: Cast) -> None:
    participant = screened(cast)
    entry = FormEntry.objects.get(visit__participant=participant, form_key="demographics")
    item = next(iter(entry.data))
    raise_query(by=cast.at("", Role.MONITOR), entry=entry, item=item, text="Is this right?")
    assert caller(cast, Role.RATER).get("queries/")[1]["count"] == 0
    assert caller(cast, Role.COORDINATOR).get("queries/")[1]["count"] == 1
    assert caller(cast, Role.RATER).get(place(participant, DEMOGRAPHICS))[0] == 403


def test_a_monitor_verifies_values_against_their_source(cast: Cast) -> None:
    participant = screened(cast)
    monitor, there = caller(cast, Role.MONITOR), place(participant, MADRS)
    status, rows = monitor.post(f"{there}verify/", {"items": ["madrs_total"]})
    assert (status, [row["item"] for row in rows]) == (200, ["madrs_total"])
    assert monitor.get(there)[1]["verifications"] == rows
    assert monitor.post(f"{there}verify/", {"items": ["nothing"]})[0] == 409
    assert caller(cast, Role.RATER).post(f"{there}verify/", {"items": ["madrs_total"]})[0] == 403


def test_signing_needs_a_person_who_has_just_signed_in_again(cast: Cast) -> None:
    there, sent = place(screened(cast), f"{DEMOGRAPHICS}sign/"), {"meaning": "I have checked this form."}
    assert caller(cast, Role.INVESTIGATOR).post(there, sent)[0] == 403
    status, signature = caller(cast, Role.INVESTIGATOR).signed_in_again().post(there, sent)
    assert (status, signature["lapsed_at"]) == (201, None)
    assert Signature.objects.count() == 1


def test_the_judgement_on_eligibility_can_be_read_by_who_sees_its_form(cast: Cast) -> None:
    participant = screened(cast)
    there = place(participant, "eligibility/")
    status, judged = caller(cast, Role.INVESTIGATOR).signed_in_again().post(there)
    assert (status, judged["eligible"], judged["not_met"]) == (201, True, [])
    assert caller(cast, Role.MONITOR).get(there) == (200, judged)
    assert caller(cast, Role.RATER).get(there)[0] == 403


def test_a_phase_is_opened_by_its_rule(cast: Cast) -> None:
    participant = at_week_8(cast)
    there = place(participant, "phases/follow_up/")
    investigator = caller(cast, Role.INVESTIGATOR)
    assert investigator.post(there)[0] == 403
    status, decision = investigator.signed_in_again().post(there)
    assert (status, decision["opened"]) == (201, True)
    assert decision["inputs"]["week_8.madrs.madrs_total"] == "12"
    assert caller(cast, Role.RATER).get(there) == (200, decision)


def test_what_a_rule_read_on_a_form_out_of_sight_is_left_out() -> None:
    sight = Sight(blinded=True, forms=frozenset({"madrs"}))
    inputs = {"week_8.madrs.madrs_total": "12", "log.adverse_event.ae_serious": None}
    assert seen_inputs(inputs, sight) == {"week_8.madrs.madrs_total": "12"}


def test_the_visits_of_a_rater_are_those_in_sight(cast: Cast, reset_trd: StudyDefinition) -> None:
    participant = randomised(cast)
    seen = {visit["key"] for visit in caller(cast, Role.RATER).get(place(participant, "visits/"))[1]}
    assert seen
    assert not seen & {visit.key for visit in reset_trd.visits if visit.reveals_allocation}
    assert Visit.objects.filter(participant=participant, reveals_allocation=True).exists()


def test_slips_are_taken_back_by_those_who_could_make_them(cast: Cast) -> None:
    entry, coordinator = vital_signs(cast), Caller(cast.at("UMCG", Role.COORDINATOR))
    number = entry.participant.number
    visit, why = f"participants/{number}/visits/screening/", {"reason": "of somebody else"}
    for address in (
        f"{visit}reopen/",
        f"{visit}forms/vital_signs/rows/1/remove/",
        f"participants/{number}/ending/undo/",
    ):
        assert Caller(cast.at("", Role.MONITOR)).post(address, why)[0] == 403
        assert coordinator.post(address, {})[0] == 400
    assert coordinator.post(f"{visit}reopen/", why)[0] == 409
    removed = coordinator.post(f"{visit}forms/vital_signs/rows/1/remove/", why)[1]
    assert (removed["status"], removed["values"]) == ("removed", {})
    assert coordinator.post(f"{visit}reopen/", why)[1]["took_place_on"] is None
    assert coordinator.post(f"participants/{number}/ending/undo/", why)[0] == 409
    walk.fill(cast, walk.visit_of(entry.participant, "log"), "end_of_participation")
    status, document = Caller(cast.at("", Role.DATA_MANAGER)).post(f"participants/{number}/ending/undo/", why)
    assert (status, document["status"], document["ended_on"]) == (200, "screening", None)


def test_a_missing_form_and_a_visit_are_asked_about(cast: Cast, met: Participant) -> None:
    monitor, rater, coordinator = caller(cast, Role.MONITOR), caller(cast, Role.RATER), caller(cast, Role.COORDINATOR)
    form = place(met, "visits/screening/forms/madrs/queries/")
    visit = place(met, "visits/screening/queries/")
    status, asked = monitor.post(form, {"text": "Where is it?"})
    assert (status, asked["form"], asked["row"], asked["item"], asked["number"]) == (201, "madrs", None, "", 1)
    assert rater.post(f"{form}1/answer/", {"text": "On paper."})[1]["status"] == "answered"
    assert monitor.post(f"{form}1/close/", {"text": "Thank you."})[1]["status"] == "closed"
    assert monitor.post(f"{form}1/reopen/", {"text": "And now?"})[1]["status"] == "open"
    assert monitor.get(form)[1] == [monitor.get(f"{form}1/")[1]]
    status, asked = monitor.post(visit, {"text": "When was it?"})
    assert (status, asked["visit"], asked["form"], asked["row"]) == (201, "screening", "", None)
    assert coordinator.post(f"{visit}1/answer/", {"text": "On Monday."})[1]["status"] == "answered"
    assert coordinator.get(visit)[1] == [coordinator.get(f"{visit}1/")[1]]
    assert monitor.get("queries/", form="madrs")[1]["count"] == 1
    assert monitor.get("queries/", participant=met.number)[1]["count"] == 2
    assert monitor.get(f"{visit}2/")[0] == 404
    assert rater.post(visit, {"text": "When?"})[0] == 403
    assert monitor.post(form, {"text": "Where?", "item": "madrs_1"})[0] == 400


def test_a_query_on_a_form_that_was_entered_is_refused(cast: Cast) -> None:
    participant = screened(cast)
    status, refused = caller(cast, Role.MONITOR).post(
        place(participant, "visits/screening/forms/madrs/queries/"), {"text": "Where is it?"}
    )
    assert status == 409
    assert "has been entered" in str(refused)


def test_a_value_for_a_calculated_item_is_refused_by_name(cast: Cast, met: Participant) -> None:
    rater = caller(cast, Role.RATER)
    answered = madrs_answers(met)
    for sent in (
        {"values": answered | {"madrs_total": "3"}},
        {"values": answered, "missing": {"madrs_total": "refused"}},
    ):
        status, refused = rater.put(place(met, MADRS), {**sent, "revision": 0})
        assert (status, [problem["item"] for problem in refused["items"]]) == (422, ["madrs_total"])
    assert not FormEntry.objects.filter(form_key="madrs").exists()
    status, saved = rater.put(place(met, MADRS), {"values": answered | {"madrs_total": ""}, "revision": 0})
    assert (status, "madrs_total" in saved["entry"]["values"]) == (200, True)
    assert rater.patch(place(met, MADRS), {"values": {"madrs_total": "3"}, "revision": 1})[0] == 422
