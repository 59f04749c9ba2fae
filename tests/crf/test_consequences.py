"""What is worked out follows what is corrected, at once, on whatever form: no stored value is ever stale."""

from __future__ import annotations

import pytest

from audit.models import LedgerEntry
from audit.verification import verify
from crf.actions import close_query, mark_not_done, sign_entry, verify_items
from crf.loaded_casebook import load_casebook
from crf.models import EntryStatus, FormEntry, Query
from tests import walk
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.participants.models import Participant
from trialmgr.people.permissions import Role
from trialmgr.protocol.casebook import assess
from trialmgr.protocol.evaluation import SOFT_RANGE

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
    loaded = load_casebook(participant)
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
    participant = walk.screened(cast)
    visit = walk.visit_of(participant, "screening")

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
