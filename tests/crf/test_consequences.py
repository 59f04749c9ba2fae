"""What is worked out follows what is corrected, at once, on whatever form: no stored value is ever stale."""

from __future__ import annotations

import datetime
import time
from unittest import mock

import pytest
from django.db import models
from pytest_django import DjangoCaptureOnCommitCallbacks

from audit.acts import ActionRefused, Means, by_means_of
from audit.models import LedgerEntry
from audit.verification import verify
from crf.actions import (
    EntryRefused,
    add_unscheduled_visit,
    close_query,
    mark_not_done,
    save_entry,
    set_visit_day,
    sign_entry,
    undo_ending,
    verify_items,
)
from crf.actions.consequences import EVEN_TIME
from crf.deviations import open_departures
from crf.faults import casebook_faults
from crf.judgements import contradicted
from crf.loaded_casebook import LoadedCasebook
from crf.models import EntryStatus, FormEntry, Query, Signature, Verification
from tests import walk
from tests.amendments import put_in_force
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.participants.actions import end_participation
from trialmgr.participants.models import Participant
from trialmgr.people.permissions import Role
from trialmgr.protocol.casebook import assess
from trialmgr.protocol.evaluation import SOFT_RANGE
from trialmgr.protocol.judgements import Contradiction, Judgement
from trialmgr.protocol.model import Item, ItemType, StudyDefinition
from trialmgr.studies.clock import today

MADRS = [f"madrs_{number}" for number in range(1, 11)]


def outcome_of(participant: Participant) -> FormEntry:
    return FormEntry.objects.get(visit__participant=participant, visit__slug="week_8", form_key="outcome")


def correct_madrs(cast: Cast, participant: Participant, total: int, slug: str = "week_8") -> None:
    walk.fill(cast, walk.visit_of(participant, slug), "madrs", madrs=total, reason="read wrongly from the paper")


@pytest.fixture
def responder(cast: Cast) -> Participant:
    participant = walk.at_week_8(cast)
    if not FormEntry.objects.filter(visit__participant=participant, form_key="outcome").exists():
        walk.fill(cast, walk.visit_of(participant, "week_8"), "outcome")
    return participant


def stale(participant: Participant) -> list[str]:
    """Entries that hold something else than what they come to from nothing."""
    loaded = LoadedCasebook(participant)
    assessed = assess(loaded.entered()).entries
    return [
        entry.name
        for place, entry in loaded.entries.items()
        if (entry.data, entry.missing, entry.unasked, entry.status == EntryStatus.COMPLETE)
        != (
            assessed[place].values,
            assessed[place].missing,
            assessed[place].unasked,
            assessed[place].is_complete,
        )
    ]


def test_the_outcome_follows_a_correction_of_the_score(cast: Cast, responder: Participant) -> None:
    before = outcome_of(responder)
    assert before.data["oc_fall"] == "60.0"
    correct_madrs(cast, responder, 40)
    after = outcome_of(responder)
    assert (after.data["oc_fall"], after.data["oc_response"]) == ("-33.3", "no")
    assert after.revision == before.revision
    assert stale(responder) == []
    assert not any(verify().faults.values())


def test_what_follows_stands_in_the_trail_with_its_cause_on_behalf_of_the_person(
    cast: Cast, responder: Participant
) -> None:
    correct_madrs(cast, responder, 40)
    lines = LedgerEntry.objects.filter(action="entry.followed", item="oc_response")
    line = lines.latest("seq")
    assert (line.old, line.new, line.actor) == ("yes", "no", "system")
    assert line.cause == f"{responder.number}/week_8/madrs/1"
    assert line.on_behalf_of == LedgerEntry.objects.filter(act=line.act, form="madrs").first().actor  # type: ignore[union-attr]


def test_a_signature_and_a_verification_of_what_follows_fall_and_do_not_return(
    cast: Cast, responder: Participant
) -> None:
    entry = outcome_of(responder)
    sign_entry(by=cast.at("UMCG", Role.INVESTIGATOR), entry=entry, meaning="seen")
    verify_items(by=cast.at("", Role.MONITOR), entry=entry, items=["oc_fall", "oc_response"])
    correct_madrs(cast, responder, 40)
    correct_madrs(cast, responder, 12)
    assert outcome_of(responder).data["oc_fall"] == "60.0"
    assert list(entry.signatures.filter(lapsed_at=None)) == []
    assert [row.item for row in entry.verifications.filter(stands=True)] == []
    fell = LedgerEntry.objects.filter(action__in=["signature.lapsed", "verification.fell"], form="outcome")
    assert {line.cause for line in fell} == {f"{responder.number}/week_8/madrs/1"}


def test_a_question_becomes_owed_by_a_correction_on_another_form_and_keeps_its_answer_when_it_is_not(
    cast: Cast,
) -> None:
    participant = walk.consented(cast)
    visit = walk.came(cast, participant, "screening")

    def sex(code: str) -> FormEntry:
        walk.fill(cast, visit, "demographics", given={"sex": code}, reason="correction")
        return FormEntry.objects.get(visit=visit, form_key="labs")

    walk.fill(cast, visit, "demographics", given={"sex": "m"}, reason="correction")
    walk.fill(cast, visit, "labs", reason="correction")
    assert sex("m").status == EntryStatus.COMPLETE
    assert sex("f").status == EntryStatus.INCOMPLETE
    walk.fill(cast, visit, "labs", given={"lb_pregnancy": "negative"}, reason="asked now")
    answered = FormEntry.objects.get(visit=visit, form_key="labs")
    assert answered.status == EntryStatus.COMPLETE
    hidden = sex("m")
    assert "lb_pregnancy" not in hidden.data
    assert hidden.unasked["lb_pregnancy"] == {"value": answered.data["lb_pregnancy"]}
    assert sex("f").data == answered.data
    assert stale(participant) == []
    assert not any(verify().faults.values())


def test_a_form_that_was_not_done_is_complete_and_can_be_filled_in_after_all(cast: Cast) -> None:
    participant = walk.randomised(cast)
    visit = walk.visit_of(participant, "week_1")
    walk.visited(cast, participant, "week_1")
    form = participant.study_version.definition.form("madrs")
    saved = mark_not_done(
        by=walk.enterer(cast, "UMCG", form), visit=visit, form_key="madrs", code="not_done", reason="ill that day"
    )
    assert saved.entry.status == EntryStatus.COMPLETE
    assert saved.entry.data == {}
    assert set(MADRS) <= set(saved.entry.missing)
    walk.fill(cast, visit, "madrs", madrs=20, reason="done a day later")
    entry = FormEntry.objects.get(visit=visit, form_key="madrs")
    assert (entry.not_done, entry.data["madrs_total"]) == ("", "20")
    assert stale(participant) == []
    assert not any(verify().faults.values())


def test_a_query_of_a_check_opens_and_closes_from_whichever_side_its_truth_changes(cast: Cast) -> None:
    """The age at the first episode, on one form, is held against the year of birth, on another.

    The check is a hard one: a correction elsewhere it can't refuse, so it asks.
    """
    participant = walk.screened(cast)
    visit = walk.visit_of(participant, "screening")

    def born(year: str) -> list[str]:
        walk.fill(cast, visit, "demographics", given={"birth_year": year}, reason="correction")
        asked = Query.objects.filter(entry__visit=visit, entry__form_key="background", item="bg_first_age")
        return [query.status for query in asked.exclude(check_key=SOFT_RANGE).order_by("number")]

    assert born("1960") == []
    walk.fill(cast, visit, "background", given={"bg_first_age": "40"}, reason="correction")
    assert born("2000") == ["open"]
    assert born("1961") == ["closed"]
    # Whoever closes a query while its check fires has accepted it, until a value changes that the check reads.
    assert born("2001") == ["closed", "open"]
    query = Query.objects.get(entry__visit=visit, item="bg_first_age", status="open")
    close_query(by=cast.at("", Role.MONITOR), query=query, text="seen in the letter of the GP")
    walk.fill(cast, visit, "demographics", given={"birth_year": "2001", "sex": "f"}, reason="correction")
    assert born("2001") == ["closed", "closed"]
    assert born("2002") == ["closed", "closed", "open"]
    said = query.messages.earliest("pk")
    assert said.check_texts.keys() == {"nl", "en"}
    assert not any(verify().faults.values())


def test_who_signs_what_changed_a_moment_ago_by_a_correction_elsewhere_is_told_to_look_again(
    cast: Cast, responder: Participant
) -> None:
    seen = outcome_of(responder)
    correct_madrs(cast, responder, 40)
    with pytest.raises(ActionRefused, match="changed because another one was corrected"):
        sign_entry(by=cast.at("UMCG", Role.INVESTIGATOR), entry=seen, meaning="seen")


def test_a_form_is_not_done_for_a_known_reason_and_never_one_that_decides(cast: Cast) -> None:
    participant = walk.screened(cast)
    visit = walk.visit_of(participant, "screening")
    investigator = cast.at("UMCG", Role.INVESTIGATOR)
    with pytest.raises(ActionRefused, match="There is no reason “whim”"):
        mark_not_done(by=investigator, visit=visit, form_key="eligibility", code="whim", reason="x")
    with pytest.raises(ActionRefused, match="decides on the participation"):
        mark_not_done(by=investigator, visit=visit, form_key="eligibility", code="not_done", reason="x")


def test_a_text_with_a_character_that_nobody_sees_is_refused_by_its_name(cast: Cast) -> None:
    log = walk.visit_of(walk.consented(cast), "log")
    with pytest.raises(EntryRefused, match=r"U\+200B"):
        walk.fill(cast, log, "concomitant_medication", given={"cm_name": "para\u200bcetamol"}, occurrence=None)


@pytest.mark.parametrize(
    ("role", "means", "waits"),
    [
        (Role.RATER, Means.PAGE, True),
        (Role.RATER, Means.API_KEY, True),
        (Role.RATER, Means.COMMAND, False),
        (Role.COORDINATOR, Means.PAGE, False),
    ],
)
def test_who_is_blinded_is_answered_in_even_time(
    cast: Cast,
    responder: Participant,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
    role: Role,
    means: Means,
    waits: bool,
) -> None:
    """Whatever followed: the wait ends a whole step after it began, when all is kept."""
    form = {Role.RATER: "madrs", Role.COORDINATOR: "demographics"}[role]
    visit = walk.visit_of(responder, {"madrs": "week_8", "demographics": "screening"}[form])
    values = {"madrs": {"madrs_1": "6"}, "demographics": {"birth_year": "1961"}}[form]
    with by_means_of(means), django_capture_on_commit_callbacks() as after:
        save_entry(by=cast.at("UMCG", role), visit=visit, form_key=form, values=values, reason="correction")
    assert len(after) == waits
    with mock.patch("crf.actions.consequences.time") as clock:
        clock.monotonic.return_value = time.monotonic()
        for wait in after:
            wait()
    assert [0 <= call.args[0] <= EVEN_TIME for call in clock.sleep.call_args_list] == [True] * waits


def test_an_ending_without_a_form_is_undone_too(cast: Cast) -> None:
    participant = walk.randomised(cast)
    coordinator = cast.at("UMCG", Role.COORDINATOR)
    day = participant.enrolled_on
    assert day is not None
    end_participation(by=coordinator, participant=participant, transition="participant.ended_early", on=day)
    undone = undo_ending(by=coordinator, participant=participant, reason="another participant was meant")
    assert undone.is_active


def test_a_gate_visit_set_again_on_its_day_moves_no_visit(cast: Cast) -> None:
    participant = walk.in_follow_up(cast)
    gate = walk.visit_of(participant, "week_8")
    assert gate.took_place_on is not None
    planned = list(participant.visits.values_list("slug", "target_on"))
    set_visit_day(by=cast.at("UMCG", Role.COORDINATOR), visit=gate, on=gate.took_place_on, reason="looked up again")
    assert list(participant.visits.values_list("slug", "target_on")) == planned


def test_a_day_marked_as_observed_is_held_against_the_other_days(cast: Cast, reset_trd: StudyDefinition) -> None:
    form = reset_trd.form("vital_signs")
    label = form.items[0].label
    measured = Item(key="measured_on", type=ItemType.DATE, label=label, required=False, observed=True)
    section = form.sections[0].model_copy(update={"items": (*form.sections[0].items, measured)})
    changed = form.model_copy(update={"sections": (section, *form.sections[1:])})
    forms = tuple(changed if one.key == form.key else one for one in reset_trd.forms)
    put_in_force(reset_trd.model_copy(update={"version": "0.2.0", "forms": forms}))
    participant, coordinator = walk.randomised(cast), cast.at("UMCG", Role.COORDINATOR)
    visit = add_unscheduled_visit(by=coordinator, participant=participant, key="unscheduled", on=today())

    def measure(on: datetime.date) -> None:
        save_entry(
            by=walk.enterer(cast, "UMCG", form),
            visit=visit,
            form_key=form.key,
            values={"measured_on": on.isoformat()},
            reason="read again",
        )

    with pytest.raises(EntryRefused):
        measure(today() + datetime.timedelta(days=1))
    measure(today())
    ending = reset_trd.form("end_of_participation")
    assert ending.ends_participation is not None
    day = next(item.key for item in ending.items if item.type is ItemType.DATE)
    died = {ending.ends_participation: "died", day: (today() - datetime.timedelta(days=1)).isoformat()}
    walk.fill(cast, walk.visit_of(participant, "log"), ending.key, given=died)
    participant.refresh_from_db()
    after_death = [one for one in open_departures([participant]) if one.finding.form == form.key]
    assert [(one.finding.item, one.reveals) for one in after_death] == [("measured_on", False)]


def test_each_way_in_which_what_stands_is_not_what_follows_is_named(cast: Cast, responder: Participant) -> None:
    entry = outcome_of(responder)
    verify_items(by=cast.at("", Role.MONITOR), entry=entry, items=["oc_fall"])
    sign_entry(by=cast.at("UMCG", Role.INVESTIGATOR), entry=entry, meaning="seen")
    visit = walk.visit_of(responder, "screening")
    walk.fill(cast, visit, "demographics", given={"birth_year": "1960"}, reason="correction")
    walk.fill(cast, visit, "background", given={"bg_first_age": "40"}, reason="correction")
    walk.fill(cast, visit, "demographics", given={"birth_year": "2000"}, reason="correction")
    query = Query.objects.get(entry__form_key="background", check_key="episode_before_birth")
    assert said_of(responder) == []
    models.QuerySet(Query).filter(pk=query.pk).update(check_key="another")
    models.QuerySet(Verification).update(digest="0" * 64)
    models.QuerySet(Signature).filter(entry=entry).update(digest="0" * 64)
    told = said_of(responder)
    for words in ("fires without a query", "does not fire", "verified with another value", "signed with another"):
        assert any(words in said for said in told), (words, told)


def said_of(participant: Participant) -> list[str]:
    return [fault.said for fault in casebook_faults() if fault.place[0] == participant.number]


def test_a_judgement_that_lost_its_values_is_contradicted_by_what_is_not_known(cast: Cast) -> None:
    nothing = Judgement("eligibility", None, (), {})
    judged = Judgement("eligibility", True, (), {})
    assert "not known: a value is missing" in contradicted(Contradiction(judged, nothing))
