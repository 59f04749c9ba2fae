"""Nothing false is locked: what somebody changed past the application is named by lock, release and command."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import connection, models

from audit.acts import ActionRefused
from audit.verification import verify
from crf.actions import (
    close_query,
    confirm_judgement,
    raise_query,
    raise_query_on_visit,
    sign_entry,
    verify_items,
)
from crf.faults import casebook_faults
from crf.judgements import judgements_of
from crf.models import EntryStatus, FormEntry, Query, QueryStatus, Visit
from exports import lock_triggers
from exports.actions import lock_study, make_release
from exports.open_points import Kind, open_points
from tests import walk
from tests.api_caller import Caller
from tests.audit.staging import sql, without_triggers
from tests.commands.calling import called
from tests.exports.closed_trial import close_all, close_queries, data_manager
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.participants.models import Participant
from trialmgr.people.permissions import Role

PLACE = "UMCG-001/week_8/outcome/1"


def forge(entry: FormEntry, **fields: object) -> None:
    """Past the application, as somebody with the password of the database can."""
    models.QuerySet(FormEntry).filter(pk=entry.pk).update(**fields)


def outcome(treated: Participant) -> FormEntry:
    return FormEntry.objects.get(visit__participant=treated, visit__slug="week_8", form_key="outcome")


def a_value(treated: Participant) -> str:
    entry = outcome(treated)
    forge(entry, data=entry.data | {"oc_response": "yes"})
    return entry.name


def what_somebody_entered(treated: Participant) -> str:
    entry = FormEntry.objects.get(visit__participant=treated, form_key="demographics")
    forge(entry, data=entry.data | {"birth_year": "1961"})
    return entry.name


def a_completeness(treated: Participant) -> str:
    entry = outcome(treated)
    forge(entry, status=EntryStatus.INCOMPLETE.value)
    return entry.name


def a_query(treated: Participant) -> str:
    query = Query.objects.filter(entry__visit__participant=treated).first()
    assert query is not None
    models.QuerySet(Query).filter(pk=query.pk).update(status=QueryStatus.ANSWERED.value, closed_at=None)
    return str(query.entry.name)


def what_a_query_is_about(treated: Participant) -> str:
    query = Query.objects.filter(entry__visit__participant=treated, item="sex").get()
    models.QuerySet(Query).filter(pk=query.pk).update(item="birth_year")
    return str(query.entry.name)


def a_query_that_nobody_raised(treated: Participant) -> str:
    query = Query.objects.filter(entry__visit__participant=treated, item="sex").get()
    query.pk, query.number = None, query.number + 1
    models.Model.save_base(query, raw=True)
    return str(query.entry.name)


def an_answer_kept_aside(treated: Participant) -> str:
    entry = FormEntry.objects.get(visit__participant=treated, form_key="demographics")
    forge(entry, unasked={"birth_year": {"value": "1950"}}, data={**entry.data, "birth_year": "1950"})
    return entry.name


def that_a_form_was_not_done(treated: Participant) -> str:
    entry = FormEntry.objects.filter(visit__participant=treated, form_key="vital_signs").earliest("pk")
    forge(entry, not_done="not_done")
    return str(entry.name)


FORGERIES: list[Callable[[Participant], str]] = [
    a_value,
    what_somebody_entered,
    a_completeness,
    a_query,
    what_a_query_is_about,
    a_query_that_nobody_raised,
    an_answer_kept_aside,
    that_a_form_was_not_done,
]


def with_a_query(cast: Cast) -> Participant:
    treated, _failed = close_all(cast)
    entry = FormEntry.objects.get(visit__participant=treated, form_key="demographics")
    query = raise_query(by=data_manager(cast), entry=entry, item="sex", text="Is this right?")
    close_query(by=data_manager(cast), query=query, text="It is.")
    return treated


def where(name: str) -> str:
    number, visit, form, _row = name.split("/")
    return f"{number} {visit}/{form}"


@pytest.mark.parametrize("forgery", FORGERIES)
def test_what_was_changed_past_the_application_is_named_before_the_lock(
    cast: Cast, forgery: Callable[[Participant], str]
) -> None:
    treated = with_a_query(cast)
    assert (open_points(), called("casebook", "verify").code) == ([], 0)
    name = forgery(treated)
    points = [point for point in open_points() if point.kind is Kind.STORED_OTHERWISE]
    assert {f"{point.participant} {point.where}" for point in points} == {where(name)}
    with pytest.raises(ActionRefused) as refused:
        lock_study(by=data_manager(cast), reason="all data are in")
    assert any(where(name) in reason for reason in refused.value.reasons)
    told = called("casebook", "verify")
    assert told.code == 1
    assert name in told.out
    assert any(verify().faults.values())


@pytest.mark.parametrize("forgery", FORGERIES)
def test_what_was_changed_after_the_lock_is_named_by_a_release(
    cast: Cast, tmp_path: Path, forgery: Callable[[Participant], str]
) -> None:
    treated = with_a_query(cast)
    lock_study(by=data_manager(cast), reason="all data are in")
    lock_triggers.remove(connection)
    name = forgery(treated)
    with pytest.raises(ActionRefused) as refused:
        make_release(by=data_manager(cast), out=tmp_path / "out")
    assert any(where(name) in reason for reason in refused.value.reasons)
    assert not (tmp_path / "out").exists()


# Cases 01 and 02: data of before consequences followed


def stale(cast: Cast) -> tuple[Participant, FormEntry]:
    """The outcome of a trial that is done stays behind, verified and signed, as data of before stand."""
    treated, _failed = close_all(cast)
    before = outcome(treated)
    walk.fill(cast, walk.visit_of(treated, "week_8"), "madrs", madrs=0, reason="read wrongly from the paper")
    after = outcome(treated)
    assert (after.data["oc_fall"], after.data["oc_response"], after.data["oc_remission"]) == ("100.0", "yes", "yes")
    forge(after, data=before.data, missing=before.missing)
    held = outcome(treated)
    verify_items(by=cast.at("", Role.MONITOR), entry=held, items=["oc_fall"])
    sign_entry(by=cast.at(walk.SITE, Role.INVESTIGATOR), entry=held, meaning="seen")
    return treated, held


def test_data_of_before_are_settled_by_an_act_of_their_own(cast: Cast) -> None:
    treated, held = stale(cast)
    settle = ("casebook", "settle", "--as", "data_manager")
    told = called(*settle)
    assert "UMCG-001: 3 would be settled" in told.out
    assert f"form entry {PLACE}, item oc_fall: not what follows from the data" in told.out
    assert outcome(treated).data == held.data, "a dry run changes nothing"
    assert called(*settle, "--apply").err.strip() == "Give the reason."
    assert called(*settle, "--apply", "--reason", "the values follow from now on").code == 0
    entry = outcome(treated)
    assert (entry.data["oc_fall"], entry.data["oc_response"]) == ("100.0", "yes")
    assert entry.revision == held.revision
    assert not entry.signatures.filter(lapsed_at=None).exists()
    assert not entry.verifications.filter(stands=True).exists()
    assert list(casebook_faults()) == []
    again = called(*settle, "--apply", "--reason", "again")
    assert "would" not in again.out
    assert "settled" not in again.out


def test_a_locked_study_is_only_reported(cast: Cast) -> None:
    treated, _failed = close_all(cast)
    lock_study(by=data_manager(cast), reason="all data are in")
    lock_triggers.remove(connection)
    a_value(treated)
    settle = ("casebook", "settle", "--as", "data_manager")
    told = called(*settle)
    assert (told.code, "The study is locked: this is only a report." in told.out) == (0, True)
    assert "UMCG-001: 1 would be settled" in told.out
    assert called(*settle, "--apply", "--reason", "x").code == 1
    assert outcome(treated).data["oc_response"] == "yes"


def test_only_who_may_move_entries_settles(cast: Cast) -> None:
    assert called("casebook", "settle", "--as", "coordinator-umcg").code == 1


def test_a_corrected_score_reaches_the_release_with_the_outcome_that_follows_from_it(
    cast: Cast, tmp_path: Path
) -> None:
    """Case 02, and case 01 as the API shows it."""
    treated, _failed = close_all(cast)
    walk.fill(cast, walk.visit_of(treated, "week_8"), "madrs", madrs=0, reason="read wrongly from the paper")
    entries = Caller(data_manager(cast)).get(f"participants/{treated.number}/visits/week_8/forms/outcome/rows/1/")[1]
    assert (entries["values"]["oc_fall"], entries["values"]["oc_remission"]) == ("100.0", "yes")
    for found in judgements_of([treated])[treated.pk].contradictions:
        by = cast.at(walk.SITE, Role.INVESTIGATOR)
        confirm_judgement(by=by, participant=treated, about=found.judged.about, reason="treated elsewhere by then")
    close_queries(cast)
    assert open_points() == []
    lock_study(by=data_manager(cast), reason="all data are in")
    make_release(by=data_manager(cast), out=tmp_path / "out")
    with (tmp_path / "out/form_outcome.csv").open(encoding="utf-8-sig", newline="") as file:
        (row,) = [row for row in csv.DictReader(file) if row["participant"] == treated.number]
    assert (row["oc_fall"], row["oc_response"], row["oc_remission"]) == ("100.0", "yes", "yes")


def test_what_stands_in_the_trail_and_not_in_the_casebook_any_more_is_named(cast: Cast) -> None:
    treated = with_a_query(cast)
    query = Query.objects.filter(entry__visit__participant=treated).latest("pk")
    screening = treated.visits.get(slug="screening")
    asked = raise_query_on_visit(by=cast.at("", Role.MONITOR), visit=screening, text="When was it?")
    lock_triggers.remove(connection)
    with without_triggers():
        sql("DELETE FROM crf_querymessage WHERE query_id = %s", query.pk)
        sql("DELETE FROM crf_query WHERE id = %s", query.pk)
        sql("UPDATE crf_query SET status = 'answered' WHERE id = %s", asked.pk)
        models.QuerySet(Visit).filter(participant=treated, slug="week_8").update(slug="week_9")
    points = [point for point in open_points() if point.kind is Kind.STORED_OTHERWISE]
    assert any(point.visit == "week_8" and point.reveals_allocation for point in points)
    assert any((point.visit, point.form) == ("screening", "") for point in points)
    assert any("demographics" in fault for faults in verify().faults.values() for fault in faults)
