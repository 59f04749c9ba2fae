"""A form entered at the wrong visit, or of the wrong participant: taken out here and entered anew there, in one act."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.translation import override

from audit.acts import ActionRefused
from audit.models import LedgerEntry
from audit.verification import verify
from crf.actions import (
    EntryRefused,
    freeze,
    mark_not_done,
    move_entry,
    register_participant,
    remove_entry,
    save_entry,
    set_visit_day,
    sign_entry,
    store_file,
    verify_items,
)
from crf.faults import casebook_faults
from crf.models import FormEntry, StoredFile, Visit
from exports.open_points import Kind, open_points
from tests import walk
from tests.amendments import amended, put_in_force
from tests.api_caller import Caller
from tests.audit.recipes import again, query_on, the
from tests.crf.pages import Reader, form_url
from tests.crf.test_groups_and_files import PDF, study, visit
from tests.crf.test_pages_hidden_items import visit as half_hidden
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.participants.actions import record_consent
from trialmgr.participants.models import Participant
from trialmgr.people.models import User
from trialmgr.people.permissions import Role
from trialmgr.protocol.model import StudyDefinition
from trialmgr.studies.clock import today

__all__ = ["half_hidden", "study", "visit"]

SignedIn = Callable[..., Client]
WHY = "of another visit"


def day(cast: Cast, participant: Participant, slug: str) -> Visit:
    """The visit took place on its planned day, or on that of registration."""
    planned = walk.visit_of(participant, slug)
    on = planned.target_on or participant.registered_on
    set_visit_day(by=the(cast, Role.COORDINATOR), visit=planned, on=on, reason="late")
    return walk.visit_of(participant, slug)


def screened(cast: Cast, site: str = "UMCG") -> tuple[Participant, FormEntry]:
    participant = walk.consented(cast, site)
    on = participant.registered_on
    planned = walk.visit_of(participant, "screening")
    set_visit_day(by=cast.at(site, Role.COORDINATOR), visit=planned, on=on)
    return participant, walk.fill(cast, walk.visit_of(participant, "screening"), "vital_signs")


def moved(cast: Cast, entry: FormEntry, to: Visit, by: User | None = None) -> FormEntry:
    return move_entry(by=by or the(cast, Role.COORDINATOR), entry=again(entry), to=to, reason=WHY).entry


def test_it_is_taken_out_here_and_entered_anew_there(cast: Cast) -> None:
    participant, entry = screened(cast)
    baseline, held = day(cast, participant, "baseline"), entry.entered
    query_on(entry, cast)
    verify_items(by=the(cast, Role.MONITOR), entry=entry, items=["systolic"])
    sign_entry(by=the(cast, Role.INVESTIGATOR), entry=again(entry), meaning="read")
    there = moved(cast, entry, baseline)
    here = again(entry)
    assert (here.status, here.data, here.missing) == ("removed", {}, {})
    assert (there.visit, there.status) == (baseline, "complete")
    assert (there.entered.values, there.entered.missing) == (held.values, held.missing)
    assert not there.queries.exists()
    assert not there.verifications.exists()
    assert not there.signatures.exists()
    assert here.queries.count() == 1
    assert not here.verifications.filter(stands=True).exists()
    assert not here.signatures.filter(lapsed_at=None).exists()
    assert list(casebook_faults()) == []
    assert not any(verify().faults.values())


def test_the_trail_tells_at_both_ends_in_one_act(cast: Cast) -> None:
    participant, entry = screened(cast)
    there = moved(cast, entry, day(cast, participant, "baseline"))
    lines = LedgerEntry.objects.filter(action="entry.moved").order_by("seq")
    assert [(line.object_id, line.old, line.new, line.reason) for line in lines] == [
        (entry.name, None, there.name, WHY),
        (there.name, entry.name, None, WHY),
    ]
    act = LedgerEntry.objects.filter(act=lines[0].act)
    assert {"entry.removed", "entry.saved", "entry.moved"} <= set(act.values_list("action", flat=True))


def test_a_line_that_names_a_revealing_visit_is_kept_from_the_blinded(cast: Cast) -> None:
    participant = walk.randomised(cast)
    slugs = [one.slug for one in participant.visits.filter(reveals_allocation=True, ordinal__lte=2)]
    first, second = (day(cast, participant, slug) for slug in slugs)
    entry = walk.fill(cast, first, first.definition.forms[0])
    moved(cast, entry, second, walk.enterer(cast, "UMCG", entry.form))
    lines = LedgerEntry.objects.filter(action="entry.moved")
    assert [line.restricted for line in lines] == [True, True]


def test_the_form_of_another_participant_goes_to_that_one(cast: Cast) -> None:
    _wrong, entry = screened(cast)
    right = walk.consented(cast)
    there = moved(cast, entry, day(cast, right, "screening"))
    assert (there.participant, there.entered.values) == (right, entry.entered.values)
    assert not any(verify().faults.values())


def test_what_follows_is_worked_out_at_both_ends(cast: Cast) -> None:
    """The total of week 8, by which the outcome is worked out, was that of week 7."""
    participant = walk.at_week_8(cast)
    week_7 = day(cast, participant, "week_7")
    outcome = FormEntry.objects.get(form_key="outcome")
    assert outcome.data["oc_response"] == "yes"
    moved(cast, FormEntry.objects.get(visit__key="week_8", form_key="madrs"), week_7, the(cast, Role.RATER))
    assert "oc_response" not in again(outcome).data
    assert [one.form for one in open_points() if one.kind is Kind.FORM_ABSENT and one.visit == "week_8"] == ["madrs"]
    assert list(casebook_faults()) == []


def test_a_row_becomes_a_new_row(cast: Cast) -> None:
    wrong, right = walk.consented(cast), walk.consented(cast)
    rows = [walk.fill(cast, walk.visit_of(who, "log"), "adverse_event", occurrence=None) for who in (wrong, right)]
    there = moved(cast, rows[0], rows[1].visit)
    assert (there.occurrence, again(rows[0]).status, again(rows[1]).status) == (2, "removed", "complete")
    assert again(rows[0]).data == rows[0].data, "a row stays readable"


def test_that_a_form_was_not_done_goes_along(cast: Cast) -> None:
    participant, _entry = screened(cast)
    baseline, coordinator = day(cast, participant, "baseline"), the(cast, Role.COORDINATOR)
    screening = walk.visit_of(participant, "screening")
    entry = mark_not_done(by=coordinator, visit=screening, form_key="ids_sr", code="refused").entry
    there = moved(cast, entry, baseline)
    assert (there.not_done, there.status, again(entry).not_done) == ("refused", "complete", "")


def test_files_and_rows_of_a_group_go_along_and_come_back(cast: Cast, visit: Visit) -> None:
    coordinator = the(cast, Role.COORDINATOR)
    values = {"systolic": "120", "diastolic": "80", "trials.1.drug": "lithium"}
    entry = save_entry(by=coordinator, visit=visit, form_key="vital_signs", values=values).entry
    form = entry.form
    mark = store_file(by=coordinator, visit=visit, form=form, item="letter", name="a.pdf", content=PDF)
    values = {"letter": mark, "trials.3.drug": "quetiapine"}
    save_entry(by=coordinator, visit=visit, form_key="vital_signs", values=values, reason="more")
    other = register_participant(by=coordinator, site=cast.sites["UMCG"], on=today())
    version = other.study_version.definition.consents[-1].key
    record_consent(by=coordinator, participant=other, version=version, given_on=today())
    there = moved(cast, entry, day(cast, other, "screening"))
    assert (there.data["letter"], there.data["trials.1.drug"], there.data["letter_count"]) == (mark, "lithium", "2")
    assert StoredFile.objects.filter(participant=other).count() == 1
    back = moved(cast, there, visit)
    assert back.pk == entry.pk
    assert [back.data[f"trials.{row}.drug"] for row in (4, 6)] == ["lithium", "quetiapine"]
    assert back.rows_used == {"trials": 6}
    assert not any(verify().faults.values())


def test_what_cannot_be_entered_there_stays_where_it_is(cast: Cast) -> None:
    participant, entry = screened(cast)
    other, filled = screened(cast)
    elsewhere, _same = screened(cast, "LUMC")
    baseline = walk.visit_of(participant, "baseline")
    for to, said in (
        (entry.visit, "choose the visit at which it belongs"),
        (filled.visit, "entered on this form at that visit already"),
        (walk.visit_of(elsewhere, "baseline"), "within one site"),
        (baseline, "Record the day of the visit first"),
        (walk.visit_of(other, "log"), "does not belong to this visit"),
    ):
        with override("en"), pytest.raises(ActionRefused, match=said):
            moved(cast, entry, to)
    freeze(by=the(cast, Role.DATA_MANAGER), participant=other)
    with override("en"), pytest.raises(ActionRefused, match="frozen"):
        moved(cast, entry, walk.visit_of(other, "baseline"))
    assert again(entry).status == "complete"
    assert not LedgerEntry.objects.filter(action__in=["entry.moved", "entry.removed"]).exists()


def tighter(form: dict[str, Any]) -> dict[str, Any]:
    for section in form["sections"]:
        for item in section["items"]:
            if item["key"] == "systolic":
                item["range"], item["soft_range"] = {"min": 1, "max": 60}, None
    return form


def test_a_value_that_is_refused_there_leaves_everything_as_it_was(cast: Cast, reset_trd: StudyDefinition) -> None:
    """The version in force at the right visit takes it no more."""
    participant, entry = screened(cast)
    put_in_force(amended(reset_trd, vital_signs=tighter), days_ago=walk.DAYS_AGO - 1)
    baseline = day(cast, participant, "baseline")
    with pytest.raises(EntryRefused):
        moved(cast, entry, baseline)
    assert (again(entry).status, again(entry).data) == ("complete", entry.data)
    assert not baseline.entries.exists()


def test_it_is_for_who_enters_the_form_gives_a_reason_and_finds_it_there(cast: Cast) -> None:
    participant, entry = screened(cast)
    baseline = day(cast, participant, "baseline")
    for by in (the(cast, Role.RATER), the(cast, Role.MONITOR), cast.at("LUMC", Role.COORDINATOR)):
        with pytest.raises(PermissionDenied):
            moved(cast, entry, baseline, by)
    with pytest.raises(ActionRefused):
        move_entry(by=the(cast, Role.COORDINATOR), entry=entry, to=baseline, reason=" ")
    remove_entry(by=the(cast, Role.COORDINATOR), entry=again(entry), reason="nothing")
    with override("en"), pytest.raises(ActionRefused, match="removed already"):
        moved(cast, entry, baseline)


def test_who_does_not_see_the_whole_form_moves_none(cast: Cast, half_hidden: Visit) -> None:
    entry = FormEntry.objects.get(form_key="madrs")
    to = day(cast, entry.participant, "baseline")
    with override("en"), pytest.raises(ActionRefused, match="out of your sight"):
        moved(cast, entry, to, the(cast, Role.RATER))


def test_two_casebooks_are_held_in_one_order_whichever_way_it_goes(cast: Cast) -> None:
    (first, entry), (second, filled) = screened(cast), screened(cast)
    to = [day(cast, first, "baseline"), day(cast, second, "baseline")]
    for moving, target in ((entry, to[1]), (filled, to[0])):
        with CaptureQueriesContext(connection) as seen:
            moved(cast, moving, target)
        held = [each["sql"] for each in seen if "SELECT status FROM participants_participant" in each["sql"]]
        assert [f"id = {who.pk}" in sql for who, sql in zip((first, second), held, strict=False)] == [True, True]


def test_the_page_offers_the_visits_that_have_the_form(signed_in: SignedIn, cast: Cast) -> None:
    participant, entry = screened(cast)
    other, elsewhere = walk.consented(cast), walk.registered(cast, "LUMC")
    day(cast, participant, "baseline")
    reader, url = Reader(signed_in, cast, Role.COORDINATOR), form_url(entry.visit, "vital_signs")
    assert f"{url}rows/1/move/" in reader.get(url)
    page = reader.get(f"{url}rows/1/move/")
    assert 'value="baseline"' in page
    assert 'value="screening"' not in page
    assert 'value="screening"' in reader.get(f"{url}rows/1/move/?participant={other.number}")
    for number in (elsewhere.number, "UMCG-999"):
        assert "At your sites no other visit" in reader.get(f"{url}rows/1/move/?participant={number}")
    sent = {"visit": "screening", "reason": WHY}
    assert "Record the day" in reader.post(f"{url}rows/1/move/?participant={other.number}", sent, 422)
    assert "Moved: it stands here now." in reader.send(f"{url}rows/1/move/", {"visit": "baseline", "reason": WHY})
    Reader(signed_in, cast, Role.MONITOR).get(f"{url}rows/1/move/", 403)


def test_the_page_of_a_row_leads_to_its_new_number(signed_in: SignedIn, cast: Cast) -> None:
    wrong, right = walk.consented(cast), walk.consented(cast)
    row = walk.fill(cast, walk.visit_of(wrong, "log"), "adverse_event", occurrence=None)
    reader = Reader(signed_in, cast, Role.COORDINATOR)
    url = f"{form_url(row.visit, 'adverse_event')}rows/1/move/?participant={right.number}"
    page = reader.send(url, {"visit": "log", "reason": WHY})
    assert "Moved: it stands here now." in page
    assert right.number in page


def test_the_api_moves_it(cast: Cast) -> None:
    participant, entry = screened(cast)
    other = walk.consented(cast)
    day(cast, participant, "baseline")
    day(cast, other, "screening")
    caller = Caller(the(cast, Role.COORDINATOR))
    address = f"participants/{participant.number}/visits/screening/forms/vital_signs/rows/1/move/"
    assert caller.post(address, {"reason": WHY})[0] == 400
    assert caller.post(address, {"visit": "no_such_visit", "reason": WHY})[0] == 404
    assert caller.post(address, {"visit": "log", "reason": WHY})[0] == 404
    assert caller.post(address, {"visit": "screening", "reason": WHY})[0] == 409
    status, told = caller.post(address, {"visit": "baseline", "reason": WHY})
    assert (status, told["entry"]["visit"], told["entry"]["status"]) == (201, "baseline", "complete")
    address = address.replace("screening", "baseline")
    status, told = caller.post(address, {"participant": other.number, "visit": "screening", "reason": WHY})
    assert (status, told["entry"]["participant"]) == (201, other.number)
    assert Caller(the(cast, Role.RATER)).post(address, {"visit": "screening", "reason": WHY})[0] == 403
    assert again(entry).status == "removed"
