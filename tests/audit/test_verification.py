"""``verify()``: ledger, history and rows held against one another; each fault told apart."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client

from audit import verification
from audit.verification import verify
from crf.actions import remove_entry, save_entry
from crf.models import Visit
from tests import walk
from tests.audit.recipes import medicine, the, vital_signs
from tests.audit.staging import sql, without_triggers
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.participants.models import Consent
from trialmgr.people.models import User
from trialmgr.people.permissions import Role

pytestmark = pytest.mark.on_both  # times and JSON are stored otherwise, and digests must not differ


def faults() -> list[str]:
    return [fault for found in verify().faults.values() for fault in found]


def document(text: str) -> str:
    return f"'{text}'::jsonb" if connection.vendor == "postgresql" else f"'{text}'"


def test_an_untouched_database_is_whole(cast: Cast) -> None:
    walk.in_follow_up(cast)
    report = verify()
    assert report.is_whole, report.faults
    assert report.entries > 200
    assert set(report.faults) >= {"ledger chain", "triggers", "history", "form entries"}


def test_cleared_and_missing_values_and_removed_rows_are_no_faults(cast: Cast) -> None:
    entry, coordinator = vital_signs(cast), the(cast, Role.COORDINATOR)
    save_entry(by=coordinator, visit=entry.visit, form_key="vital_signs", values={"pulse": ""}, reason="misread")
    save_entry(
        by=coordinator,
        visit=entry.visit,
        form_key="vital_signs",
        values={},
        missing={"weight_kg": "refused"},
        reason="asked",
    )
    remove_entry(by=coordinator, entry=medicine(cast), reason="twice")
    assert faults() == []


def test_a_value_changed_without_the_ledger_is_named_by_entry_and_item(cast: Cast) -> None:
    entry = vital_signs(cast)
    sql(f"UPDATE crf_formentry SET data = {document(json.dumps(entry.data | {'pulse': '99'}))} WHERE id = {entry.pk}")
    report = verify()
    assert not report.is_whole
    assert report.faults["history"] == [f"crf.FormEntry {entry.pk} is not what its newest history row says"]
    assert report.faults["form entries"] == [
        f"form entry {entry.name}, item pulse: the stored value is not the last one in the ledger"
    ]


def test_a_value_changed_in_row_and_history_alike_is_still_found(cast: Cast) -> None:
    entry = vital_signs(cast)
    changed = document(json.dumps(entry.data | {"pulse": "99"}))
    with without_triggers():
        sql(f"UPDATE crf_formentry SET data = {changed} WHERE id = {entry.pk}")
        sql(f"UPDATE crf_historicalformentry SET data = {changed} WHERE id = {entry.pk}")
    assert faults() == [f"form entry {entry.name}, item pulse: the stored value is not the last one in the ledger"]


def test_a_status_changed_without_the_ledger_is_found(cast: Cast) -> None:
    entry = medicine(cast)
    with without_triggers():
        for table in ("crf_formentry", "crf_historicalformentry"):
            sql(f"UPDATE {table} SET status = 'removed' WHERE id = {entry.pk}")
    assert faults() == [f"form entry {entry.name}, status: the stored value is not the last one in the ledger"]


def test_two_participants_who_changed_places_are_found(cast: Cast) -> None:
    one, other = vital_signs(cast), vital_signs(cast)
    save_entry(
        by=cast.at("UMCG", Role.COORDINATOR),
        visit=other.visit,
        form_key="vital_signs",
        values={"pulse": "88"},
        reason="correction",
    )
    first, second = one.participant.number, other.participant.number
    with without_triggers():
        for table in ("participants_participant", "participants_historicalparticipant"):
            sql(f"UPDATE {table} SET number = 'aside' WHERE number = %s", first)
            sql(f"UPDATE {table} SET number = %s WHERE number = %s", first, second)
            sql(f"UPDATE {table} SET number = %s WHERE number = 'aside'", second)
    assert faults() == [
        f"form entry {number}/screening/vital_signs/1, item pulse: the stored value is not the last one in the ledger"
        for number in (second, first)
    ]


def test_a_row_put_in_past_the_application_is_found(cast: Cast) -> None:
    participant = walk.consented(cast)
    consent = Consent.objects.get(participant=participant)
    sql(
        "INSERT INTO participants_consent (version, given_on, taken_by, participant_id) "
        "SELECT 'consent_v2', given_on, taken_by, participant_id FROM participants_consent"
    )
    smuggled = Consent.objects.get(version="consent_v2")
    assert faults() == [f"participants.Consent {smuggled.pk} is not what its newest history row says"]
    assert consent.pk != smuggled.pk


def test_a_row_taken_out_past_the_application_is_found(cast: Cast) -> None:
    consent = Consent.objects.get(participant=walk.consented(cast))
    sql(f"DELETE FROM participants_consent WHERE id = {consent.pk}")
    assert faults() == [f"participants.Consent {consent.pk} stands in the history and not in its table"]


def test_an_entry_taken_out_past_the_application_is_found(cast: Cast) -> None:
    entry = vital_signs(cast)
    sql(f"DELETE FROM crf_formentry WHERE id = {entry.pk}")
    assert f"form entry {entry.name} stands in the ledger and not in the casebook" in faults()


@pytest.mark.parametrize(("act", "fault"), [("", "belongs to no act"), ("f" * 32, "belongs to no act in the ledger")])
def test_a_change_with_a_history_row_of_its_own_but_no_act_is_found(cast: Cast, act: str, fault: str) -> None:
    visit = walk.visit_of(walk.registered(cast), "baseline")
    columns = ", ".join(f'"{field.column}"' for field in Visit._meta.concrete_fields if field.name != "took_place_on")
    sql("UPDATE crf_visit SET took_place_on = %s WHERE id = %s", "2020-01-01", visit.pk)
    sql(
        f"INSERT INTO crf_historicalvisit ({columns}, took_place_on, act, history_date, history_type) "
        f"SELECT {columns}, took_place_on, %s, %s, '~' FROM crf_visit WHERE id = %s",
        act,
        "2020-01-01 00:00:00+00:00",
        visit.pk,
    )
    (found,) = faults()
    assert found.startswith("crf.Visit history row")
    assert found.endswith(fault)


def test_what_a_sign_in_writes_on_its_user_is_no_fault(cast: Cast, signed_in: Callable[[User], Client]) -> None:
    signed_in(cast.at("UMCG", Role.RATER))
    assert faults() == []


def test_a_name_changed_as_if_by_a_sign_in_is_found(cast: Cast) -> None:
    user = cast.at("UMCG", Role.RATER)
    user.first_name = "Somebody"
    user.save(update_fields=["last_login"])
    sql("UPDATE people_user SET first_name = 'Somebody' WHERE id = %s", user.pk)
    (found,) = faults()
    assert found.startswith("people.User history row")


def test_a_later_room_adds_what_it_can_prove(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "_checks", {})
    verification.register("sums", lambda: iter(["two and two are five"]))
    report = verify()
    assert report.faults["sums"] == ["two and two are five"]
    assert not report.is_whole
