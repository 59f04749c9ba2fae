"""Entering forms: the whole form, judged by the server, with nothing that was typed ever lost."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from crf.actions import freeze, save_entry, set_visit_day
from crf.models import FormEntry, Visit
from exports.actions import lock_study
from tests import walk
from tests.audit.recipes import vital_signs
from tests.crf.pages import Reader, boxes, casebook_url, form_url, visit_url
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.participants.models import Participant
from trialmgr.participants.queries import form_for
from trialmgr.people.permissions import Role

SignedIn = Callable[..., Client]

VITALS = {"systolic": "130", "diastolic": "80"}


def screening(cast: Cast) -> Visit:
    """The screening visit, its day recorded, nothing entered."""
    participant = walk.consented(cast)
    visit = walk.visit_of(participant, "screening")
    return set_visit_day(by=cast.at("UMCG", Role.COORDINATOR), visit=visit, on=participant.registered_on)


def log_of(participant: Participant) -> Visit:
    return walk.visit_of(participant, "log")


def answers(visit: Visit, form: str, **given: str) -> dict[str, str]:
    participant = visit.participant
    definition = participant.study_version.definition
    day = visit.took_place_on or participant.registered_on
    found = form_for(participant, definition, form)
    return walk.answers(participant, found, day, given=given)


def test_a_form_is_entered_and_says_that_it_is_complete_with_its_score(signed_in: SignedIn, cast: Cast) -> None:
    visit = screening(cast)
    rater = Reader(signed_in, cast, Role.RATER)
    assert "the past seven days" in rater.get(form_url(visit, "madrs"))
    page = rater.send(form_url(visit, "madrs"), boxes(answers(visit, "madrs")))
    assert "Saved. The form is complete." in page
    assert ">30</output>" in page


def test_what_is_wanting_is_named_after_saving(signed_in: SignedIn, cast: Cast) -> None:
    visit = screening(cast)
    rater = Reader(signed_in, cast, Role.RATER)
    page = rater.send(form_url(visit, "madrs"), boxes({"madrs_1": "3"}))
    assert "Still missing: Reported sadness; " in page
    assert FormEntry.objects.get().status == "incomplete"


def test_a_value_out_of_range_comes_back_at_its_field_as_typed(signed_in: SignedIn, cast: Cast) -> None:
    visit = screening(cast)
    page = Reader(signed_in, cast, Role.RATER).post(
        form_url(visit, "madrs"), boxes({"madrs_1": "9", "madrs_2": "4"}), 422
    )
    assert 'href="#item-madrs_1">Apparent sadness: Expected: 0 to 6.' in page
    assert 'name="item.madrs_1" type="text" inputmode="numeric" autocomplete="off" spellcheck="false" value="9"' in page
    assert 'value="4"' in page
    assert not FormEntry.objects.exists()


def test_a_change_of_a_saved_value_asks_for_a_reason_and_keeps_what_was_typed(signed_in: SignedIn, cast: Cast) -> None:
    visit = walk.visit_of(walk.screened(cast), "screening")
    rater = Reader(signed_in, cast, Role.RATER)
    url, changed = form_url(visit, "madrs"), boxes(answers(visit, "madrs", madrs_1="4"), revision=1)
    page = rater.post(url, changed, 422)
    assert "A saved value changes: give the reason." in page
    assert "Saved earlier:" in page
    assert "data-error-summary" not in page
    assert "autofocus" in page
    assert "give the reason" in rater.post(url, changed | {"reason_choice": "other"}, 422)
    page = rater.send(url, changed | {"reason_choice": "typing", "reason_text": "three was meant"})
    assert "Saved. The form is complete." in page
    history = rater.get(f"{url}rows/1/history/madrs_1/")
    assert "Typing error: three was meant" in history


def test_an_emptied_box_empties_the_saved_value(signed_in: SignedIn, cast: Cast) -> None:
    visit = walk.visit_of(walk.screened(cast), "screening")
    typed = answers(visit, "madrs", madrs_1="")
    sent = boxes(typed, revision=1, reason_choice="other", reason_text="not asked")
    page = Reader(signed_in, cast, Role.RATER).send(form_url(visit, "madrs"), sent)
    assert "Still missing: Apparent sadness." in page


def test_a_reason_for_no_value_may_stand_in_its_place(signed_in: SignedIn, cast: Cast) -> None:
    visit = screening(cast)
    sent = boxes(answers(visit, "madrs", madrs_1="")) | {"missing.madrs_1": "refused"}
    rater = Reader(signed_in, cast, Role.RATER)
    assert "The form is complete" in rater.send(form_url(visit, "madrs"), sent)
    assert "Participant declined" in rater.get(f"{form_url(visit, 'madrs')}rows/1/history/")


def test_nobody_overwrites_what_another_saved_meanwhile(signed_in: SignedIn, cast: Cast) -> None:
    visit = walk.visit_of(walk.screened(cast), "screening")
    rater = Reader(signed_in, cast, Role.RATER)
    for stale in ("0", "none"):
        sent = boxes(answers(visit, "madrs", madrs_1="5"), reason_choice="typing") | {"revision": stale}
        page = rater.send(form_url(visit, "madrs"), sent)
        assert "Choose for each question which value stands in its box" in page
        assert FormEntry.objects.get(form_key="madrs").revision == 1


def test_a_check_that_asks_is_said_and_its_query_linked(signed_in: SignedIn, cast: Cast) -> None:
    visit = screening(cast)
    sent = boxes(answers(visit, "madrs", madrs_10="5"))
    page = Reader(signed_in, cast, Role.RATER).send(form_url(visit, "madrs"), sent)
    assert "A check asks about" in page
    assert f"{form_url(visit, 'madrs')}rows/1/queries/1/" in page


def test_an_answer_that_opens_a_question_is_revealed_by_the_page_and_decided_by_the_server(
    signed_in: SignedIn, cast: Cast
) -> None:
    participant = walk.randomised(cast, arm="esketamine")
    visit = walk.visit_of(participant, "session_esk-1")
    day = visit.target_on or participant.registered_on
    set_visit_day(by=cast.at("UMCG", Role.COORDINATOR), visit=visit, on=day)
    team = Reader(signed_in, cast, Role.TREATING_TEAM)
    url = form_url(visit, "session_esketamine")
    assert 'data-show-when-name="item.dose_given" data-show-when-value="no"' in team.get(url)
    team.send(url, boxes({"dose_given": "no", "dose_mg": "40", "not_given_reason": "blood pressure"}))
    assert "dose_mg" not in FormEntry.objects.get(form_key="session_esketamine").data


@pytest.mark.parametrize("role", [Role.MONITOR, Role.TREATING_TEAM, Role.INSPECTOR])
def test_who_does_not_enter_a_form_reads_it(signed_in: SignedIn, cast: Cast, role: Role) -> None:
    visit = walk.visit_of(walk.screened(cast), "screening")
    reader = Reader(signed_in, cast, role)
    page = reader.get(form_url(visit, "madrs"))
    assert "<form" not in page[page.index("<main") :]
    assert "Apparent sadness" in page
    assert "nothing can be entered now" not in page
    reader.post(form_url(visit, "madrs"), boxes({"madrs_1": "1"}), 403)


def test_before_the_day_of_the_visit_nothing_can_be_entered_and_typing_is_kept(signed_in: SignedIn, cast: Cast) -> None:
    visit = walk.visit_of(walk.registered(cast), "screening")
    rater = Reader(signed_in, cast, Role.RATER)
    page = rater.get(form_url(visit, "madrs"))
    assert "Record the day of the visit first." in page
    assert "record consent first" in page
    assert "Nothing is entered on this form yet." in page
    page = rater.post(form_url(visit, "madrs"), boxes({"madrs_1": "5"}), 422)
    assert 'value="5"' in page
    assert "Record the day of the visit first." in page


def test_a_frozen_casebook_and_a_locked_study_can_only_be_read(signed_in: SignedIn, cast: Cast) -> None:
    participant = walk.screened(cast)
    visit = walk.visit_of(participant, "screening")
    freeze(by=cast.at("", Role.DATA_MANAGER), participant=participant)
    assert "is frozen" in Reader(signed_in, cast, Role.RATER).get(form_url(visit, "madrs"))


def test_unknown_keys_are_not_found(signed_in: SignedIn, cast: Cast) -> None:
    participant = walk.screened(cast)
    rater = Reader(signed_in, cast, Role.INVESTIGATOR)
    base = f"/participants/{participant.number}/visits/"
    for path in (
        "nowhere/",
        "screening-2/",
        "screening-1/",
        "screening-x/",
        "week_1/",
        "screening/forms/nothing/",
        "screening/forms/session_ect/",
        "screening/forms/madrs/rows/",
        "screening/forms/madrs/rows/1/",
        "screening/forms/madrs/rows/new/",
        "screening/forms/madrs/rows/7/history/",
        "screening/forms/madrs/rows/1/history/nothing/",
        "screening/forms/madrs/rows/1/queries/9/",
        "log/forms/adverse_event/rows/3/",
        "log/forms/adverse_event/not-done/",
    ):
        rater.get(base + path, 404)


@pytest.mark.parametrize("arm", ["esketamine", "ect"])
def test_a_blinded_rater_gets_the_same_refusal_whatever_the_arm(signed_in: SignedIn, cast: Cast, arm: str) -> None:
    participant = walk.randomised(cast, arm=arm)
    rater = Reader(signed_in, cast, Role.RATER)
    base = f"/participants/{participant.number}/visits/"
    for path in (
        "session_esk-1/",
        "session_ect-1/",
        "session_ect-99/",
        "session_esk-1/forms/madrs/",
        "log/forms/adverse_event/",
        "log/forms/adverse_event/rows/1/",
        "log/forms/end_of_participation/",
        "week_1/forms/session_ect/",
        "week_1/forms/ids_sr/",
    ):
        rater.get(base + path, 403)


def test_the_whole_form_can_be_recorded_as_not_done(signed_in: SignedIn, cast: Cast) -> None:
    visit = screening(cast)
    rater = Reader(signed_in, cast, Role.RATER)
    url = f"{form_url(visit, 'madrs')}not-done/"
    assert "Participant declined" in rater.get(url)
    rater.post(url, {"code": ""}, 422)
    assert "The form is recorded as not done." in rater.send(url, {"code": "refused"})
    assert FormEntry.objects.get().status == "complete"
    assert "Reason for the change" in rater.get(url)
    Reader(signed_in, cast, Role.COORDINATOR).post(url, {"code": "refused", "reason": "so"}, 403)


def test_rows_of_a_repeating_form_are_added_changed_and_removed(signed_in: SignedIn, cast: Cast) -> None:
    visit = log_of(walk.randomised(cast))
    team = Reader(signed_in, cast, Role.TREATING_TEAM)
    url = form_url(visit, "adverse_event")
    assert team.post(url, {}, 302) == ""
    assert "No row is entered yet." in team.get(f"{url}rows/")
    assert "New row" in team.get(f"{url}rows/new/")
    page = team.send(f"{url}rows/new/", boxes(answers(visit, "adverse_event", ae_serious="no")))
    assert "Row 1" in page
    assert "Remove this row" in page
    team.send(f"{url}rows/new/", boxes({"ae_serious": "no"}))
    rows = team.get(f"{url}rows/")
    assert "Complete" in rows
    assert "Incomplete" in rows
    assert "Rows: 2" in team.get(visit_url(visit))
    assert "no longer" not in team.get(f"{url}rows/2/remove/")
    team.post(f"{url}rows/2/remove/", {"reason": ""}, 422)
    assert "Row 2 is removed." in team.send(f"{url}rows/2/remove/", {"reason": "entered twice"})
    assert "This row has been removed." in team.get(f"{url}rows/2/")
    assert "Removed" in team.get(f"{url}rows/")
    Reader(signed_in, cast, Role.MONITOR).get(f"{url}rows/2/remove/", 403)


def test_who_reads_rows_is_offered_no_new_one_and_who_enters_learns_why_not(signed_in: SignedIn, cast: Cast) -> None:
    participant = walk.registered(cast)
    url = f"{form_url(log_of(participant), 'adverse_event')}rows/"
    assert "Add a row" not in Reader(signed_in, cast, Role.MONITOR).get(url)
    page = Reader(signed_in, cast, Role.COORDINATOR).get(url)
    assert "Add a row" not in page
    assert "record consent first" in page


def test_a_hard_check_speaks_at_its_first_item(signed_in: SignedIn, cast: Cast) -> None:
    visit = screening(cast)
    coordinator = Reader(signed_in, cast, Role.COORDINATOR)
    typed = answers(visit, "vital_signs") | {"systolic": "80", "diastolic": "120"}
    page = coordinator.post(form_url(visit, "vital_signs"), boxes(typed), 422)
    assert "data-error-summary" in page


def test_saved_values_stand_in_the_boxes_again(signed_in: SignedIn, cast: Cast) -> None:
    visit = screening(cast)
    coordinator = cast.at("UMCG", Role.COORDINATOR)
    save_entry(by=coordinator, visit=visit, form_key="demographics", values={"birth_year": "1980"})
    page = Reader(signed_in, cast, Role.COORDINATOR).get(form_url(visit, "demographics"))
    assert 'value="1980"' in page
    assert "Why do you change it?" in page


def test_a_locked_study_can_only_be_read_and_typing_is_kept(
    signed_in: SignedIn, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit = walk.visit_of(walk.screened(cast), "screening")
    monkeypatch.setattr("exports.policies.open_points", list)
    lock_study(by=cast.at("", Role.DATA_MANAGER), reason="final analysis")
    rater = Reader(signed_in, cast, Role.RATER)
    assert "The study is locked: a data manager can unlock it, with a reason." in rater.get(form_url(visit, "madrs"))
    page = rater.post(form_url(visit, "madrs"), boxes({"madrs_1": "5"}, revision=1), 422)
    assert "The study is locked since" in page
    assert 'value="5"' in page
    contact = f"/participants/{visit.participant.number}/contact/"
    coordinator = Reader(signed_in, cast, Role.COORDINATOR)
    assert "The study is locked since" in coordinator.post(contact, {"name": "A. Jansen"}, 422)


def test_a_form_entered_for_somebody_else_is_taken_out_and_entered_anew(signed_in: SignedIn, cast: Cast) -> None:
    entry = vital_signs(cast)
    coordinator = Reader(signed_in, cast, Role.COORDINATOR)
    url = f"{casebook_url(entry.participant)}visits/screening/forms/vital_signs/"
    assert f"{url}rows/1/remove/" in coordinator.get(url)
    assert "as if it was never entered" in coordinator.get(f"{url}rows/1/remove/")
    assert "The form is removed." in coordinator.send(f"{url}rows/1/remove/", {"reason": "of somebody else"})
    entry.refresh_from_db()
    page = coordinator.get(url)
    assert "remove/" not in page
    assert "was saved before" not in page
    assert "Saved." in coordinator.send(url, boxes({"systolic": "118"}, revision=entry.revision))
    entry.refresh_from_db()
    assert entry.data["systolic"] == "118"
