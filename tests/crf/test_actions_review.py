"""Edit checks, queries, verification, signatures, freezing."""

from __future__ import annotations

import pytest
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction

from audit.acts import ActionRefused
from crf.actions import (
    answer_query,
    close_query,
    freeze,
    raise_query,
    remove_row,
    reopen_query,
    save_entry,
    set_visit_day,
    sign_entry,
    unfreeze,
    verify_items,
)
from crf.actions.trail import item_reveals
from crf.models import FormEntry, Freeze, Query, QueryStatus, Signature, Verification, Visit
from tests import walk
from tests.audit.recipes import again, medicine, query_on, the, vital_signs
from tests.audit.staging import deed, ledger_length, newest_entries
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.permissions import Role

HIGH = {"systolic": "190"}


def save(cast: Cast, entry: FormEntry, values: dict[str, str], reason: str = "correction") -> FormEntry:
    by = walk.enterer(cast, "UMCG", entry.form)
    return save_entry(by=by, visit=entry.visit, form_key=entry.form_key, values=values, reason=reason).entry


def queries(entry: FormEntry) -> list[tuple[int, str, str, str]]:
    found = Query.objects.filter(entry=entry).order_by("number")
    return [(query.number, query.item, query.check_key, query.status) for query in found]


class TestChecks:
    def test_a_value_outside_the_expected_range_opens_a_query_and_keeps_the_value(self, cast: Cast) -> None:
        entry = vital_signs(cast)
        length = ledger_length()
        entry = save(cast, entry, HIGH)
        assert entry.data["systolic"] == "190"
        assert queries(entry) == [(1, "systolic", "soft_range", "open")]
        message = Query.objects.get(entry=entry).messages.get()
        assert "Verwacht: 90" in message.text
        assert "Expected: 90" in message.text
        assert [line.action for line in newest_entries(length)] == ["entry.saved", "entry.saved", "query.raised"]

    def test_a_correction_closes_it_and_all_three_steps_stay_on_record(self, cast: Cast) -> None:
        entry = vital_signs(cast)
        length = ledger_length()
        save(cast, entry, HIGH)
        save(cast, entry, {"systolic": "130"})
        assert queries(entry) == [(1, "systolic", "soft_range", "closed")]
        lines = [line for line in newest_entries(length) if line.item == "systolic"]
        assert [line.action for line in lines] == ["entry.saved", "query.raised", "entry.saved", "query.closed"]

    def test_an_open_query_is_not_asked_twice(self, cast: Cast) -> None:
        entry = save(cast, vital_signs(cast), HIGH)
        save(cast, entry, {"systolic": "195"})
        assert len(queries(entry)) == 1

    def test_an_accepted_value_is_not_asked_about_again_until_it_changes(self, cast: Cast) -> None:
        entry = save(cast, vital_signs(cast), HIGH)
        close_query(by=the(cast, Role.MONITOR), query=Query.objects.get(entry=entry), text="As in the source.")
        save(cast, entry, {"pulse": "70"})
        assert [status for *_rest, status in queries(entry)] == ["closed"]
        save(cast, entry, {"systolic": "195"})
        assert [status for *_rest, status in queries(entry)] == ["closed", "open"]

    def test_a_check_returns_when_any_item_it_reads_changes(self, cast: Cast) -> None:
        """The query stands on the charge, but it is the placement that made the charge too low."""
        participant = walk.randomised(cast, arm="ect")
        visit = walk.visited(cast, participant, "session_ect-1")
        entry = visit.entries.get()
        steps = (
            ({"laterality": "bt", "charge_mc": "100", "threshold_mc": "50"}, ["closed"]),
            ({"laterality": "rul"}, ["closed", "open"]),
            ({"laterality": "bt"}, ["closed", "closed"]),
        )
        for values, expected in steps:
            save(cast, entry, values)
            raised = Query.objects.filter(entry=entry, check_key="unilateral_low").order_by("number")
            assert [query.status for query in raised] == expected, values

    def test_removing_a_row_closes_what_its_checks_asked(self, cast: Cast) -> None:
        log = walk.visit_of(walk.consented(cast), "log")
        entry = walk.fill(cast, log, "adverse_event", given={"ae_serious_reasons": "hospitalisation"})
        raise_query(by=the(cast, Role.MONITOR), entry=entry, item="ae_term", text="Which?")
        assert [status for *_rest, status in queries(entry)] == ["open", "open"]
        remove_row(by=the(cast, Role.COORDINATOR), entry=entry, reason="twice")
        assert {check: status for _number, _item, check, status in queries(entry)} == {
            "planned_admission": "closed",
            "": "open",
        }

    def test_removing_a_row_leaves_closed_queries_alone(self, cast: Cast) -> None:
        log = walk.visit_of(walk.consented(cast), "log")
        entry = walk.fill(cast, log, "adverse_event", given={"ae_serious_reasons": "hospitalisation"})
        closed = close_query(by=the(cast, Role.MONITOR), query=Query.objects.get(entry=entry), text="Right.")
        remove_row(by=the(cast, Role.COORDINATOR), entry=entry, reason="twice")
        assert again(closed).closed_at == closed.closed_at


class TestQueries:
    def test_a_query_goes_from_open_to_answered_to_closed_and_back(self, cast: Cast) -> None:
        entry = vital_signs(cast)
        monitor, coordinator = the(cast, Role.MONITOR), the(cast, Role.COORDINATOR)
        query = query_on(entry, cast)
        assert answer_query(by=coordinator, query=query, text="Yes.").state is QueryStatus.ANSWERED
        closed = close_query(by=monitor, query=query, text="Thank you.")
        assert (closed.state, closed.closed_at is None) == (QueryStatus.CLOSED, False)
        reopened = reopen_query(by=monitor, query=query, text="One more thing.")
        assert (reopened.state, reopened.closed_at) == (QueryStatus.OPEN, None)
        assert [(message.by, message.text) for message in query.messages.all()] == [
            ("Monitor Trial", "Is this right?"),
            ("Coordinator UMCG", "Yes."),
            ("Monitor Trial", "Thank you."),
            ("Monitor Trial", "One more thing."),
        ]

    def test_steps_out_of_order_are_refused_and_change_nothing(self, cast: Cast) -> None:
        query = query_on(vital_signs(cast), cast)
        monitor, coordinator = the(cast, Role.MONITOR), the(cast, Role.COORDINATOR)
        with pytest.raises(ActionRefused):
            reopen_query(by=monitor, query=query, text="Again.")
        close_query(by=monitor, query=query, text="Seen.")
        at = query.closed_at
        with pytest.raises(ActionRefused):
            close_query(by=monitor, query=query, text="Seen.")
        with pytest.raises(ActionRefused):
            answer_query(by=coordinator, query=query, text="Late.")
        assert (query.state, query.closed_at) == (QueryStatus.CLOSED, at)

    def test_who_read_the_query_before_somebody_closed_it_meets_the_closed_one(self, cast: Cast) -> None:
        query = query_on(vital_signs(cast), cast)
        seen = again(query)
        close_query(by=the(cast, Role.MONITOR), query=query, text="Seen.")
        with pytest.raises(ActionRefused):
            answer_query(by=the(cast, Role.COORDINATOR), query=seen, text="Late.")

    def test_nothing_said_or_no_such_item_is_refused(self, cast: Cast) -> None:
        entry = vital_signs(cast)
        query = query_on(entry, cast)
        monitor = the(cast, Role.MONITOR)
        for text, item in ((" ", "pulse"), ("Why?", "shoe_size")):
            with pytest.raises(ActionRefused):
                raise_query(by=monitor, entry=entry, item=item, text=text)
        for step in (close_query, reopen_query):
            with pytest.raises(ActionRefused):
                step(by=monitor, query=query, text="\n")
        with pytest.raises(ActionRefused):
            answer_query(by=the(cast, Role.COORDINATOR), query=query, text="")

    def test_queries_of_one_entry_are_numbered(self, cast: Cast) -> None:
        entry = vital_signs(cast)
        assert [query_on(entry, cast).number for _time in range(3)] == [1, 2, 3]

    def test_the_site_answers_and_the_monitor_closes(self, cast: Cast) -> None:
        query = query_on(vital_signs(cast), cast)
        with pytest.raises(PermissionDenied):
            close_query(by=the(cast, Role.COORDINATOR), query=query, text="Done.")
        with pytest.raises(PermissionDenied):
            answer_query(by=the(cast, Role.MONITOR), query=query, text="Yes.")
        with pytest.raises(PermissionDenied):
            answer_query(by=cast.at("LUMC", Role.COORDINATOR), query=query, text="Yes.")

    def test_a_query_on_a_form_that_tells_the_arm_is_restricted(self, cast: Cast) -> None:
        entry = medicine(cast)
        length = ledger_length()
        query = raise_query(by=the(cast, Role.MONITOR), entry=entry, item="cm_name", text="Which?")
        assert query.reveals_allocation
        assert all(line.restricted for line in newest_entries(length))
        plain = vital_signs(cast)
        assert not item_reveals(plain, plain.form, "pulse")


class TestVerification:
    def test_a_verified_value_falls_when_it_changes_and_only_then(self, cast: Cast) -> None:
        entry = vital_signs(cast)
        verify_items(by=the(cast, Role.MONITOR), entry=entry, items=["pulse", "systolic"])
        length = ledger_length()
        save(cast, entry, {"pulse": "70"})
        assert dict(Verification.objects.values_list("item", "stands")) == {"pulse": False, "systolic": True}
        assert [line.item for line in newest_entries(length) if line.action == "verification.fell"] == ["pulse"]

    def test_verifying_again_renews_the_row_on_the_new_value(self, cast: Cast) -> None:
        entry = vital_signs(cast)
        monitor = the(cast, Role.MONITOR)
        (first,) = verify_items(by=monitor, entry=entry, items=["pulse"])
        entry = save(cast, entry, {"pulse": "70"})
        (second,) = verify_items(by=monitor, entry=entry, items=["pulse"])
        assert (first.pk, second.stands, second.digest) == (second.pk, True, entry.item_digest("pulse"))
        assert first.digest != second.digest

    def test_only_items_that_hold_something_are_verified(self, cast: Cast) -> None:
        entry = vital_signs(cast)
        for items in ([], ["shoe_size"], ["pulse", "madrs_1"]):
            with pytest.raises(ActionRefused):
                verify_items(by=the(cast, Role.MONITOR), entry=entry, items=items)
        assert not Verification.objects.exists()

    def test_a_reason_for_missing_is_verified_like_a_value_and_falls_with_its_row(self, cast: Cast) -> None:
        row = medicine(cast)
        row = save_entry(
            by=the(cast, Role.COORDINATOR),
            visit=row.visit,
            form_key=row.form_key,
            values={},
            missing={"cm_reason": "unknown"},
            reason="not in the letter",
        ).entry
        verify_items(by=the(cast, Role.MONITOR), entry=row, items=["cm_reason", "cm_name"])
        remove_row(by=the(cast, Role.COORDINATOR), entry=row, reason="twice")
        assert set(Verification.objects.values_list("stands", flat=True)) == {False}


class TestSignatures:
    def test_a_signature_says_who_when_and_what_it_means_and_binds_the_content(self, cast: Cast) -> None:
        entry = vital_signs(cast)
        investigator = the(cast, Role.INVESTIGATOR)
        signature = sign_entry(by=investigator, entry=entry, meaning="reviewed")
        assert (signature.signer, signature.signer_name, signature.role, signature.meaning) == (
            investigator,
            "Investigator UMCG",
            "investigator",
            "reviewed",
        )
        assert signature.signed_at.utcoffset() is not None
        assert signature.digest == entry.digest

    def test_it_lapses_when_the_content_changes_and_the_row_stays(self, cast: Cast) -> None:
        entry = vital_signs(cast)
        investigator = the(cast, Role.INVESTIGATOR)
        first = sign_entry(by=investigator, entry=entry, meaning="reviewed")
        entry = save(cast, entry, {"pulse": entry.data["pulse"]})
        assert again(first).lapsed_at is None, "nothing changed"
        entry = save(cast, entry, {"pulse": "70"})
        assert again(first).lapsed_at is not None
        second = sign_entry(by=investigator, entry=entry, meaning="reviewed")
        assert list(Signature.objects.filter(lapsed_at=None)) == [second]
        assert Signature.objects.count() == 2

    def test_a_removed_row_carries_no_standing_signature(self, cast: Cast) -> None:
        row = medicine(cast)
        signature = sign_entry(by=the(cast, Role.INVESTIGATOR), entry=row, meaning="reviewed")
        remove_row(by=the(cast, Role.COORDINATOR), entry=row, reason="twice")
        assert again(signature).lapsed_at is not None

    def test_only_a_complete_form_is_signed_and_only_once(self, cast: Cast) -> None:
        entry = vital_signs(cast)
        investigator = the(cast, Role.INVESTIGATOR)
        incomplete = save(cast, entry, {"pulse": ""})
        with pytest.raises(ActionRefused):
            sign_entry(by=investigator, entry=incomplete, meaning="reviewed")
        complete = save(cast, entry, {"pulse": "70"})
        sign_entry(by=investigator, entry=complete, meaning="reviewed")
        with pytest.raises(ActionRefused):
            sign_entry(by=investigator, entry=complete, meaning="reviewed")

    def test_a_signature_does_not_fit_another_record(self, cast: Cast) -> None:
        one, other = vital_signs(cast), vital_signs(cast)
        assert one.data == other.data
        assert one.digest != other.digest


class TestFreezing:
    def test_a_frozen_casebook_is_unfrozen_with_a_reason(self, cast: Cast) -> None:
        participant = walk.registered(cast)
        manager = the(cast, Role.DATA_MANAGER)
        frozen = freeze(by=manager, participant=participant)
        with pytest.raises(ActionRefused):
            freeze(by=manager, participant=participant)
        with pytest.raises(ActionRefused):
            unfreeze(by=manager, participant=participant, reason=" ")
        unfrozen = unfreeze(by=manager, participant=participant, reason="a page came late")
        assert (unfrozen.pk, unfrozen.unfrozen_by) == (frozen.pk, manager.actor_name)
        with pytest.raises(ActionRefused):
            unfreeze(by=manager, participant=participant, reason="again")
        assert freeze(by=manager, participant=participant).pk != frozen.pk

    def test_visits_of_a_frozen_casebook_keep_their_day(self, cast: Cast) -> None:
        visit = walk.visit_of(walk.registered(cast), "screening")
        freeze(by=the(cast, Role.DATA_MANAGER), participant=visit.participant)
        with pytest.raises(ActionRefused):
            set_visit_day(by=the(cast, Role.COORDINATOR), visit=visit, on=visit.participant.registered_on)
        assert Visit.objects.get(pk=visit.pk).took_place_on is None

    def test_the_database_holds_one_standing_freeze(self, cast: Cast) -> None:
        frozen = freeze(by=the(cast, Role.DATA_MANAGER), participant=walk.registered(cast))
        second = Freeze(participant=frozen.participant, frozen_at=frozen.frozen_at, frozen_by="x")
        with pytest.raises(IntegrityError), transaction.atomic():
            deed(second.save)


def test_the_rows_name_themselves(cast: Cast) -> None:
    entry = vital_signs(cast)
    number = entry.participant.number
    query = query_on(entry, cast)
    (verified,) = verify_items(by=the(cast, Role.MONITOR), entry=entry, items=["pulse"])
    signature = sign_entry(by=the(cast, Role.INVESTIGATOR), entry=entry, meaning="reviewed")
    frozen = freeze(by=the(cast, Role.DATA_MANAGER), participant=entry.participant)
    named = [entry, query, query.messages.get(), verified, signature, frozen]
    assert [str(row) for row in named] == [
        f"{number} screening vital_signs 1",
        f"{number} screening vital_signs 1 #1",
        "Is this right?",
        f"{number} screening vital_signs 1 pulse",
        f"{number} screening vital_signs 1 Investigator UMCG",
        number,
    ]
