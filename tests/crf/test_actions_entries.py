"""Saving a form: reasons, missing values, rows, revisions, and every state that forbids it."""

from __future__ import annotations

import datetime

import pytest
from django.core.exceptions import PermissionDenied

from audit.acts import ActionRefused
from audit.models import LedgerEntry
from crf.actions import (
    EntryRefused,
    Saved,
    freeze,
    mark_not_done,
    mark_visit_not_done,
    remove_entry,
    reopen_visit,
    save_entry,
    set_visit_day,
    sign_entry,
    verify_items,
)
from crf.actions.entries import ReasonWanted
from crf.faults import entry_faults
from crf.loaded_casebook import LoadedCasebook
from crf.models import EntryStatus, FormEntry, Visit
from crf.policies import can_role_enter, entry_closed_reasons
from tests import walk
from tests.amendments import put_in_force
from tests.audit.recipes import medicine, the, vital_signs
from tests.audit.staging import ledger_length, newest_entries
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.participants.actions import record_consent, withdraw_consent
from trialmgr.participants.models import Consent, Participant
from trialmgr.people.permissions import Role
from trialmgr.protocol.model import Exemption, StudyDefinition, Text
from trialmgr.studies.clock import today

pytestmark = pytest.mark.on_both  # values are stored as JSON, and rows locked otherwise

PRESSURES = {"systolic": "120", "diastolic": "80"}


@pytest.fixture
def visit(cast: Cast) -> Visit:
    """The screening visit of a person who consented, on its day, nothing entered yet."""
    participant = walk.consented(cast)
    visit = walk.visit_of(participant, "screening")
    return set_visit_day(by=the(cast, Role.COORDINATOR), visit=visit, on=participant.registered_on)


def save(cast: Cast, visit: Visit, **given: object) -> Saved:
    wanted: dict[str, object] = {"form_key": "vital_signs", "values": {}}
    return save_entry(by=the(cast, Role.COORDINATOR), visit=visit, **(wanted | given))  # type: ignore[arg-type]  # mixed


class TestValues:
    def test_a_first_entry_needs_no_reason(self, cast: Cast, visit: Visit) -> None:
        saved = save(cast, visit, values={"weight_kg": " 70,5 "})
        assert saved.entry.data == {"weight_kg": "70.5"}
        assert saved.changed == ("weight_kg",)
        assert (saved.entry.status, saved.entry.revision) == ("incomplete", 1)
        assert saved.entry.versions_seen == ["0.1.0"]

    def test_what_is_not_named_stays_as_it_was(self, cast: Cast, visit: Visit) -> None:
        save(cast, visit, values=PRESSURES)
        saved = save(cast, visit, values={"pulse": "66"})
        assert saved.entry.data == PRESSURES | {"pulse": "66"}
        assert saved.changed == ("pulse",)

    def test_a_complete_form_is_complete_and_incomplete_again_when_a_value_goes(self, cast: Cast, visit: Visit) -> None:
        entry = save(cast, visit, values=PRESSURES | {"pulse": "66", "weight_kg": "70"}).entry
        assert entry.status == EntryStatus.COMPLETE
        entry = save(cast, visit, values={"pulse": ""}, reason="of another person").entry
        assert entry.status == EntryStatus.INCOMPLETE
        assert "pulse" not in entry.data

    @pytest.mark.parametrize("value", ["70", ""])
    def test_changing_and_clearing_a_saved_value_owe_a_reason(self, cast: Cast, visit: Visit, value: str) -> None:
        save(cast, visit, values={"pulse": "66"})
        length = ledger_length()
        for reason in ("", "   "):
            with pytest.raises(ReasonWanted) as refusal:
                save(cast, visit, values={"pulse": value}, reason=reason)
            assert refusal.value.items == ("pulse",)
        assert FormEntry.objects.get(visit=visit).data == {"pulse": "66"}
        assert ledger_length() == length
        save(cast, visit, values={"pulse": value}, reason="misread")
        assert [(line.old, line.new, line.reason) for line in newest_entries(length)[1:]] == [
            ("66", value or None, "misread")
        ]

    def test_the_same_value_again_is_no_change(self, cast: Cast, visit: Visit) -> None:
        save(cast, visit, values={"weight_kg": "70.5"})
        saved = save(cast, visit, values={"weight_kg": "70,5"})
        assert saved.changed == ()

    def test_a_derived_value_that_follows_owes_no_reason_of_its_own(self, cast: Cast, visit: Visit) -> None:
        rater = the(cast, Role.RATER)
        nine = {f"madrs_{number}": "2" for number in range(1, 10)}
        first = save_entry(by=rater, visit=visit, form_key="madrs", values=nine)
        assert "madrs_total" not in first.entry.data
        second = save_entry(by=rater, visit=visit, form_key="madrs", values={"madrs_10": "2"})
        assert second.changed == ("madrs_10", "madrs_total")
        with pytest.raises(ReasonWanted) as refusal:
            save_entry(by=rater, visit=visit, form_key="madrs", values={"madrs_10": "1"})
        assert refusal.value.items == ("madrs_10",)

    def test_a_derived_value_cannot_be_typed(self, cast: Cast, visit: Visit) -> None:
        ten = {f"madrs_{number}": "2" for number in range(1, 11)}
        entry = save_entry(
            by=the(cast, Role.RATER), visit=visit, form_key="madrs", values=ten | {"madrs_total": "60"}
        ).entry
        assert entry.data["madrs_total"] == "20"

    def test_what_cannot_be_is_refused_with_its_item_and_nothing_is_kept(self, cast: Cast, visit: Visit) -> None:
        with pytest.raises(EntryRefused) as refusal:
            save(cast, visit, values={"systolic": "80", "diastolic": "120", "pulse": "fast", "shoe_size": "43"})
        assert {problem.item_key for problem in refusal.value.problems} == {"diastolic", "pulse", None}
        assert len(refusal.value.reasons) == 3
        assert not FormEntry.objects.filter(visit=visit).exists()


class TestMissingReasons:
    def test_a_reason_stands_in_the_place_of_a_value(self, cast: Cast, visit: Visit) -> None:
        length = ledger_length()
        entry = save(cast, visit, values=PRESSURES | {"weight_kg": "70"}, missing={"pulse": "refused"}).entry
        assert entry.missing == {"pulse": "refused"}
        assert entry.status == EntryStatus.COMPLETE
        line = next(line for line in newest_entries(length) if line.item == "pulse")
        assert (line.old, line.new, line.detail) == (None, None, {"missing_old": None, "missing_new": "refused"})

    def test_a_reason_drives_out_the_value_and_a_value_the_reason(self, cast: Cast, visit: Visit) -> None:
        save(cast, visit, values={"pulse": "66"})
        entry = save(cast, visit, missing={"pulse": "unknown"}, reason="of another person").entry
        assert (entry.data, entry.missing) == ({}, {"pulse": "unknown"})
        entry = save(cast, visit, values={"pulse": "70"}, reason="found after all").entry
        assert (entry.data, entry.missing) == ({"pulse": "70"}, {})

    def test_a_reason_alone_can_change_or_be_taken_away_with_a_reason_for_change(
        self, cast: Cast, visit: Visit
    ) -> None:
        save(cast, visit, missing={"pulse": "unknown"})
        with pytest.raises(ReasonWanted):
            save(cast, visit, missing={"pulse": "refused"})
        assert save(cast, visit, missing={"pulse": "refused"}, reason="asked").entry.missing == {"pulse": "refused"}
        assert save(cast, visit, missing={"pulse": ""}, reason="asked again").entry.missing == {}

    def test_value_and_reason_together_are_refused(self, cast: Cast, visit: Visit) -> None:
        with pytest.raises(EntryRefused):
            save(cast, visit, values={"pulse": "66"}, missing={"pulse": "refused"})

    def test_a_form_that_was_not_done_is_complete_with_its_reason(self, cast: Cast, visit: Visit) -> None:
        saved = mark_not_done(by=the(cast, Role.COORDINATOR), visit=visit, form_key="vital_signs", code="refused")
        assert saved.entry.data == {}
        assert set(saved.entry.missing) == {"systolic", "diastolic", "pulse", "weight_kg"}
        assert saved.entry.status == EntryStatus.COMPLETE

    def test_a_form_with_values_can_be_marked_not_done_with_a_reason(self, cast: Cast, visit: Visit) -> None:
        save(cast, visit, values={"pulse": "66"})
        coordinator = the(cast, Role.COORDINATOR)
        with pytest.raises(ReasonWanted):
            mark_not_done(by=coordinator, visit=visit, form_key="vital_signs", code="refused")
        saved = mark_not_done(
            by=coordinator, visit=visit, form_key="vital_signs", code="refused", reason="of another person"
        )
        assert saved.entry.data == {}

    def test_a_form_that_does_not_exist_cannot_be_marked_not_done(self, cast: Cast, visit: Visit) -> None:
        with pytest.raises(ActionRefused):
            mark_not_done(by=the(cast, Role.COORDINATOR), visit=visit, form_key="no_such_form", code="refused")


class TestRevisions:
    def test_who_saw_an_older_revision_is_refused(self, cast: Cast, visit: Visit) -> None:
        first = save(cast, visit, values={"pulse": "66"}, revision=0)
        assert save(cast, visit, values={"systolic": "120"}, revision=1).entry.revision == 2
        with pytest.raises(ActionRefused):
            save(cast, visit, values={"pulse": "70"}, revision=first.entry.revision, reason="misread")
        assert FormEntry.objects.get(visit=visit).data["pulse"] == "66"

    def test_two_people_who_open_an_empty_form_do_not_overwrite_each_other(self, cast: Cast, visit: Visit) -> None:
        save(cast, visit, values={"pulse": "66"}, revision=0)
        with pytest.raises(ActionRefused):
            save(cast, visit, values={"pulse": "70"}, revision=0)

    def test_an_entry_read_before_somebody_saved_is_not_signed_verified_or_removed(
        self, cast: Cast, visit: Visit
    ) -> None:
        seen = vital_signs(cast)
        save(cast, seen.visit, values={"pulse": "70"}, reason="misread")
        with pytest.raises(ActionRefused):
            sign_entry(by=the(cast, Role.INVESTIGATOR), entry=seen, meaning="reviewed")
        with pytest.raises(ActionRefused):
            verify_items(by=the(cast, Role.MONITOR), entry=seen, items=["pulse"])
        row = medicine(cast)
        save(cast, row.visit, form_key="concomitant_medication", values={"cm_name": "other"}, reason="misread")
        with pytest.raises(ActionRefused):
            remove_entry(by=the(cast, Role.COORDINATOR), entry=row, reason="twice")


class TestRows:
    def test_a_repeating_form_has_numbered_rows(self, cast: Cast) -> None:
        first = medicine(cast)
        second = walk.fill(cast, first.visit, "concomitant_medication", occurrence=None)
        assert (first.occurrence, second.occurrence) == (1, 2)

    @pytest.mark.parametrize("occurrence", [-1, 0, 3])
    def test_a_row_out_of_order_is_refused(self, cast: Cast, occurrence: int) -> None:
        row = medicine(cast)
        with pytest.raises(ActionRefused):
            walk.fill(cast, row.visit, "concomitant_medication", occurrence=occurrence)

    @pytest.mark.parametrize("occurrence", [None, 2])
    def test_a_form_with_one_row_gets_no_second(self, cast: Cast, visit: Visit, occurrence: int | None) -> None:
        save(cast, visit, values={"pulse": "66"})
        with pytest.raises(ActionRefused):
            save(cast, visit, values={"pulse": "70"}, occurrence=occurrence)

    def test_a_removed_row_stays_readable_and_counts_no_more(self, cast: Cast) -> None:
        row = medicine(cast)
        length = ledger_length()
        removed = remove_entry(by=the(cast, Role.COORDINATOR), entry=row, reason="twice")
        assert (removed.status, removed.data) == (EntryStatus.REMOVED, row.data)
        assert list(FormEntry.objects.filter(visit=row.visit).standing()) == []
        assert LoadedCasebook(row.participant)("log", "concomitant_medication", "cm_name") is None
        (line,) = newest_entries(length)
        assert (line.action, line.old, line.new, line.reason) == ("entry.removed", "complete", "removed", "twice")

    def test_a_row_in_which_nothing_is_answered_is_refused(self, cast: Cast) -> None:
        row = medicine(cast)
        for occurrence, values in ((None, {}), (None, {"cm_name": " "}), (1, dict.fromkeys(row.data, ""))):
            with pytest.raises(ActionRefused, match="at least one answer"):
                save(
                    cast,
                    row.visit,
                    form_key="concomitant_medication",
                    values=values,
                    occurrence=occurrence,
                    reason="typing error",
                )
        assert FormEntry.objects.filter(form_key="concomitant_medication").count() == 1

    def test_removal_owes_a_reason(self, cast: Cast) -> None:
        for entry in (medicine(cast), vital_signs(cast)):
            with pytest.raises(ActionRefused):
                remove_entry(by=the(cast, Role.COORDINATOR), entry=entry, reason="  ")

    def test_a_form_taken_out_is_as_if_it_was_never_entered_and_the_trail_tells_what_it_held(self, cast: Cast) -> None:
        entry = vital_signs(cast)
        length, held = ledger_length(), dict(entry.data)
        removed = remove_entry(by=the(cast, Role.COORDINATOR), entry=entry, reason="of somebody else")
        assert (removed.status, removed.data, removed.missing) == ("removed", {}, {})
        lines = newest_entries(length)
        assert {line.item: line.old for line in lines if line.item} == held
        assert {line.reason for line in lines} == {"of somebody else"}
        assert not FormEntry.objects.standing().filter(pk=entry.pk).exists()
        assert list(entry_faults()) == []

    def test_a_form_taken_out_is_entered_anew_without_a_reason(self, cast: Cast) -> None:
        entry = vital_signs(cast)
        remove_entry(by=the(cast, Role.COORDINATOR), entry=entry, reason="of somebody else")
        saved = save(cast, entry.visit, values={"systolic": "118"})
        assert (saved.entry.pk, saved.entry.data["systolic"]) == (entry.pk, "118")
        assert saved.entry.status == "incomplete"
        assert list(entry_faults()) == []

    def test_a_form_that_was_not_done_is_open_again_once_that_is_taken_out(self, cast: Cast, visit: Visit) -> None:
        coordinator = the(cast, Role.COORDINATOR)
        skipped = mark_not_done(by=coordinator, visit=visit, form_key="vital_signs", code="refused").entry
        removed = remove_entry(by=coordinator, entry=skipped, reason="the wrong form")
        assert (removed.not_done, removed.status) == ("", "removed")
        saved = save(cast, visit, values={"systolic": "118"})
        assert (saved.entry.not_done, saved.entry.data["systolic"]) == ("", "118")
        assert list(entry_faults()) == []

    def test_a_removed_row_is_neither_written_nor_removed_again(self, cast: Cast) -> None:
        row = medicine(cast)
        coordinator = the(cast, Role.COORDINATOR)
        remove_entry(by=coordinator, entry=row, reason="twice")
        with pytest.raises(ActionRefused):
            remove_entry(by=coordinator, entry=row, reason="again")
        with pytest.raises(ActionRefused):
            save(cast, row.visit, form_key="concomitant_medication", values={"cm_name": "x"}, reason="again")

    def test_the_next_row_after_a_removed_one_has_a_number_of_its_own(self, cast: Cast) -> None:
        row = medicine(cast)
        remove_entry(by=the(cast, Role.COORDINATOR), entry=row, reason="twice")
        assert walk.fill(cast, row.visit, "concomitant_medication", occurrence=None).occurrence == 2


class TestForbidden:
    def test_a_role_that_does_not_enter_this_form_is_refused(self, cast: Cast, visit: Visit) -> None:
        form = visit.participant.study_version.definition.form("madrs")
        assert not can_role_enter(the(cast, Role.COORDINATOR), visit, form)
        assert can_role_enter(the(cast, Role.RATER), visit, form)
        with pytest.raises(PermissionDenied):
            save(cast, visit, form_key="madrs", values={"madrs_1": "1"})
        row = medicine(cast)
        with pytest.raises(PermissionDenied):
            remove_entry(by=the(cast, Role.RATER), entry=row, reason="twice")

    def test_an_unknown_form_is_refused(self, cast: Cast, visit: Visit) -> None:
        with pytest.raises(ActionRefused):
            save(cast, visit, form_key="no_such_form")

    def test_a_form_of_another_visit_is_refused(self, cast: Cast, visit: Visit) -> None:
        with pytest.raises(ActionRefused):
            save_entry(by=the(cast, Role.RATER), visit=visit, form_key="hdrs17", values={})

    def test_nothing_is_entered_before_consent_and_the_day_of_the_visit(self, cast: Cast) -> None:
        visit = walk.visit_of(walk.registered(cast), "screening")
        form = visit.participant.study_version.definition.form("vital_signs")
        assert len(entry_closed_reasons(visit, form)) == 2
        with pytest.raises(ActionRefused) as refusal:
            save(cast, visit, values={"pulse": "66"})
        assert len(refusal.value.reasons) == 2

    def test_nothing_is_entered_at_a_visit_that_did_not_take_place(self, cast: Cast) -> None:
        visit = walk.visit_of(walk.consented(cast), "screening")
        mark_visit_not_done(by=the(cast, Role.COORDINATOR), visit=visit, reason="ill")
        with pytest.raises(ActionRefused):
            save(cast, visit, values={"pulse": "66"})

    def test_nothing_is_entered_in_a_frozen_casebook(self, cast: Cast, visit: Visit) -> None:
        row = medicine(cast)
        for participant in (visit.participant, row.participant):
            freeze(by=the(cast, Role.DATA_MANAGER), participant=participant)
        with pytest.raises(ActionRefused):
            save(cast, visit, values={"pulse": "66"})
        with pytest.raises(ActionRefused):
            remove_entry(by=the(cast, Role.COORDINATOR), entry=row, reason="twice")

    def test_after_a_withdrawal_only_what_was_done_before_it_is_entered(self, cast: Cast, visit: Visit) -> None:
        participant = visit.participant
        coordinator = the(cast, Role.COORDINATOR)
        after = participant.registered_on + datetime.timedelta(days=2)
        later = walk.visit_of(participant, "baseline")
        set_visit_day(by=coordinator, visit=later, on=after, reason="earlier than planned")
        withdraw_consent(
            by=coordinator,
            consent=Consent.objects.get(participant=participant),
            on=participant.registered_on + datetime.timedelta(days=1),
            reason="moves away",
        )
        assert save(cast, visit, values={"pulse": "66"}).changed == ("pulse",)
        assert walk.fill(cast, walk.visit_of(participant, "log"), "concomitant_medication").pk
        with pytest.raises(ActionRefused, match="withdrawn before this visit"):
            save(cast, later, values={"pulse": "66"})
        moved = after + datetime.timedelta(days=1)
        with pytest.raises(ActionRefused, match="lies after the withdrawal of consent"):
            set_visit_day(by=coordinator, visit=later, on=moved, reason="misread")

    def test_what_the_definition_exempts_goes_on_after_a_withdrawal(
        self, cast: Cast, reset_trd: StudyDefinition
    ) -> None:
        why = Text(nl="Veiligheid", en="Safety")
        exempt = Exemption(rule="after_withdrawal", visits=("baseline",), reason=why)
        put_in_force(
            reset_trd.model_copy(update={"exemptions": (exempt,), "version": "9.9.8"}), days_ago=walk.DAYS_AGO + 1
        )
        participant = walk.screened(cast)
        coordinator, on = the(cast, Role.COORDINATOR), participant.registered_on + datetime.timedelta(days=1)
        withdraw_consent(by=coordinator, consent=participant.consents.get(), on=on, reason="moves away")
        baseline = walk.visit_of(participant, "baseline")
        assert not baseline.is_not_done
        after = on + datetime.timedelta(days=1)
        set_visit_day(by=coordinator, visit=baseline, on=after, reason="checked for safety")
        assert save(cast, baseline, values={"pulse": "66"}).changed == ("pulse",)


def closed(participant: Participant) -> dict[str, str]:
    """Visits that will not take place, and why."""
    rows = participant.visits.exclude(not_done_reason="").exclude(not_done_reason="ill")
    return dict(rows.values_list("slug", "not_done_reason"))


class TestVisitsAfterAWithdrawal:
    """Open visits close with the last consent, and open again with one that stands."""

    def test_those_still_to_come_are_closed_and_the_others_are_not(self, cast: Cast) -> None:
        participant = walk.randomised(cast)
        coordinator, on = the(cast, Role.COORDINATOR), _in_week_2(participant)
        week_1 = walk.visit_of(participant, "week_1")
        mark_visit_not_done(by=coordinator, visit=week_1, reason="ill")
        withdraw_consent(by=coordinator, consent=participant.consents.get(), on=on, reason="moves away")
        planned = participant.visits.filter(target_on__isnull=False, took_place_on=None).exclude(pk=week_1.pk)
        coming = {visit.slug for visit in planned if visit.latest_on and visit.latest_on >= on}
        assert coming
        assert set(closed(participant)) == coming
        assert set(closed(participant).values()) == {"Consent was withdrawn before this visit."}
        line = LedgerEntry.objects.filter(action="visit.not_done", visit=min(coming)).latest("seq")
        assert (line.new, line.reason) == ("not done", "moves away")
        week_2 = walk.visit_of(participant, min(slug for slug in coming if slug.startswith("week_")))
        with pytest.raises(ActionRefused, match="withdrawn before this visit"):
            reopen_visit(by=coordinator, visit=week_2, reason="misread")

    def test_a_consent_that_stands_opens_them_again(self, cast: Cast) -> None:
        participant = walk.randomised(cast)
        coordinator = the(cast, Role.COORDINATOR)
        before = closed(participant)
        withdraw_consent(
            by=coordinator, consent=participant.consents.get(), on=_in_week_2(participant), reason="moves away"
        )
        assert closed(participant) != before
        _consent_anew(cast, participant)
        assert closed(participant) == before

    def test_an_end_and_a_withdrawal_close_them_in_either_order(self, cast: Cast) -> None:
        participant = walk.randomised(cast)
        log, coordinator = walk.visit_of(participant, "log"), the(cast, Role.COORDINATOR)
        given = {"eop_status": "withdrew_consent", "eop_date": _in_week_2(participant).isoformat()}
        entry = walk.fill(cast, log, "end_of_participation", given=given)
        ended = closed(participant)
        participant.refresh_from_db()
        consent = participant.consents.get()
        withdraw_consent(by=coordinator, consent=consent, on=_in_week_2(participant), reason="moves away")
        assert closed(participant) == ended
        remove_entry(by=coordinator, entry=entry, reason="did not end")
        assert set(closed(participant)) == set(ended)
        assert set(closed(participant).values()) == {"Consent was withdrawn before this visit."}
        walk.fill(cast, log, "end_of_participation", given=given)
        participant.refresh_from_db()
        _consent_anew(cast, participant)
        assert closed(participant) == ended

    def test_nothing_closes_while_another_consent_stands(self, cast: Cast) -> None:
        participant = walk.randomised(cast)
        first = participant.consents.get()
        _consent_anew(cast, participant)
        withdraw_consent(
            by=the(cast, Role.COORDINATOR), consent=first, on=_in_week_2(participant), reason="signed the new one"
        )
        assert closed(participant) == {}


def _in_week_2(participant: Participant) -> datetime.date:
    assert participant.enrolled_on is not None
    return participant.enrolled_on + datetime.timedelta(days=10)


def _consent_anew(cast: Cast, participant: Participant) -> None:
    definition = participant.study_version.definition
    newer = definition.consents[-1].model_copy(update={"key": "consent_v2"})
    consents = (*definition.consents, newer)
    put_in_force(definition.model_copy(update={"consents": consents, "version": "9.9.9"}))
    record_consent(by=the(cast, Role.COORDINATOR), participant=participant, version="consent_v2", given_on=today())


def test_stored_values_remember_what_was_asked(cast: Cast) -> None:
    entry = vital_signs(cast)
    stored = LoadedCasebook(entry.participant)
    assert stored("screening", "vital_signs", "pulse") == entry.data["pulse"]
    assert stored("baseline", "vital_signs", "pulse") is None
    assert stored.asked == {
        "screening.vital_signs.pulse": entry.data["pulse"],
        "baseline.vital_signs.pulse": None,
    }


def test_the_digest_follows_the_content_and_nothing_else(cast: Cast) -> None:
    entry = vital_signs(cast)
    whole, pulse = entry.digest, entry.item_digest("pulse")
    save(cast, entry.visit, values={"systolic": "121"}, reason="misread")
    entry.refresh_from_db()
    assert entry.digest != whole
    assert entry.item_digest("pulse") == pulse
