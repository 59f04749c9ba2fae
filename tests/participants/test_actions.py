"""A participant from registration to the end: states, consent, contact details."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import pytest
from django.conf import settings
from django.db import IntegrityError, models, transaction

from audit.acts import ActionRefused, OutsideAction
from audit.models import LedgerEntry
from tests import walk
from tests.audit.recipes import again, the, with_contact
from tests.audit.staging import all_actions, deed, ledger_length, newest_entries, sql
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.participants import contact
from trialmgr.participants.actions import (
    _move,
    correct_consent,
    end_participation,
    enrol,
    erase_contact,
    open_phase,
    read_contact,
    record_consent,
    register,
    save_contact,
    withdraw_consent,
)
from trialmgr.participants.models import Consent, ContactDetails, Participant
from trialmgr.participants.policies import can_transition
from trialmgr.participants.queries import valid_consent
from trialmgr.participants.states import ENDINGS, STATUS_LABELS, TRANSITIONS, Status, ending, mermaid, undoing
from trialmgr.people.actions import close_site
from trialmgr.people.models import SYSTEM
from trialmgr.people.permissions import Role
from trialmgr.studies.clock import today

DAY = datetime.timedelta(days=1)
UNDOING = {undoing(status) for status in Status} | {
    "participant.phase_closed",
    "participant.enrolment_undone",
    "participant.voided",
}
DIAGRAM = Path(settings.BASE_DIR) / "docs" / "participant-states.md"


class TestStates:
    def reached(self, cast: Cast) -> dict[Status, Participant]:
        coordinator, investigator = the(cast, Role.COORDINATOR), the(cast, Role.INVESTIGATOR)

        def at(*transitions: str) -> Participant:
            participant = walk.registered(cast)
            for transition in transitions:
                if transition == "participant.enrolled":
                    enrol(by=coordinator, participant=participant, phase="treatment", on=today())
                else:
                    end_participation(by=investigator, participant=participant, transition=transition, on=today())
            return participant

        return {
            Status.SCREENING: at(),
            Status.SCREEN_FAILURE: at("participant.failed_screening"),
            Status.ON_STUDY: at("participant.enrolled"),
            Status.COMPLETED: at("participant.enrolled", "participant.completed"),
            Status.ENDED_EARLY: at("participant.enrolled", "participant.ended_early"),
        }

    def test_the_table_says_what_the_actions_do(self, cast: Cast) -> None:
        """Every transition from every state: allowed exactly where the table allows it, to the state it says."""
        for transition, (sources, target) in TRANSITIONS.items():
            if transition == "participant.registered":
                continue
            for state, participant in self.reached(cast).items():
                assert participant.state is state
                assert can_transition(participant, transition) == (state in sources)
                if state in sources:
                    assert self.go(cast, participant, transition).state is target
                else:
                    with pytest.raises(ActionRefused):
                        self.go(cast, participant, transition)
                    assert again(participant).state is state

    def go(self, cast: Cast, participant: Participant, transition: str) -> Participant:
        by = the(cast, Role.INVESTIGATOR)
        if transition == "participant.enrolled":
            return enrol(by=by, participant=participant, phase="treatment", on=today())
        if transition == "participant.phase_opened":
            return open_phase(by=by, participant=participant, phase="follow_up")
        if transition in UNDOING:
            gone = {"enrolled_on": None} if transition == "participant.enrolment_undone" else {"ended_on": None}
            deed(lambda: _move(participant, transition, **gone))
            return participant
        return end_participation(by=by, participant=participant, transition=transition, on=today())

    def test_every_transition_has_its_action(self) -> None:
        ends = {"participant.failed_screening", "participant.completed", "participant.ended_early"}
        assert set(TRANSITIONS) - ends - UNDOING <= set(all_actions())
        assert set(ENDINGS.values()) | {"participant.ended_early"} == ends

    def test_every_ending_of_the_study_leads_somewhere(self, cast: Cast) -> None:
        definition = walk.registered(cast).study_version.definition
        for item in definition.codelist("end_status").items:
            assert ending(item.code, Status.SCREENING) == "participant.failed_screening"
            assert (
                Status.ON_STUDY in TRANSITIONS[ending(item.code, Status.ON_STUDY)][0] or item.code == "screen_failure"
            )

    def test_every_state_has_a_label_and_is_reached(self) -> None:
        assert set(STATUS_LABELS) == set(Status) == {target for _sources, target in TRANSITIONS.values()}

    def test_the_diagram_in_the_documentation_is_the_one_of_the_code(self) -> None:
        text = DIAGRAM.read_text("utf-8")
        assert f"```mermaid\n{mermaid()}```\n" in text
        assert all(f"| `{state}` |" in text for state in Status)

    def test_the_database_ties_state_and_dates(self, cast: Cast) -> None:
        participant = walk.registered(cast)
        for changes in (
            {"status": "completed"},
            {"status": "on_study"},
            {"status": "unheard_of"},
            {"ended_on": today()},
        ):
            wrong = again(participant)
            for name, value in changes.items():
                setattr(wrong, name, value)
            with pytest.raises(IntegrityError), transaction.atomic():
                deed(wrong.save)

    def test_who_read_the_participant_before_the_end_cannot_enrol_them(self, cast: Cast) -> None:
        participant = walk.registered(cast)
        seen = again(participant)
        self.go(cast, participant, "participant.failed_screening")
        with pytest.raises(ActionRefused):
            self.go(cast, seen, "participant.enrolled")
        assert again(participant).enrolled_on is None


class TestRegistration:
    def test_numbers_run_within_the_site(self, cast: Cast) -> None:
        numbers = [
            register(by=cast.at(site, Role.COORDINATOR), site=cast.sites[site], on=today()).number
            for site in ("UMCG", "LUMC", "UMCG")
        ]
        assert numbers == ["UMCG-001", "LUMC-001", "UMCG-002"]
        assert str(Participant.objects.get(number="LUMC-001")) == "LUMC-001"

    def test_not_at_a_closed_site_nor_in_the_future(self, cast: Cast) -> None:
        coordinator, site = the(cast, Role.COORDINATOR), cast.sites["UMCG"]
        with pytest.raises(ActionRefused):
            register(by=coordinator, site=site, on=today() + DAY)
        close_site(by=SYSTEM, site=site, on=today(), reason="full")
        with pytest.raises(ActionRefused):
            register(by=coordinator, site=site, on=today())
        assert not Participant.objects.exists()


class TestConsent:
    def test_a_version_is_recorded_once_and_not_in_the_future(self, cast: Cast) -> None:
        participant, coordinator = walk.registered(cast), the(cast, Role.COORDINATOR)
        for version, on in (("consent_v1", today() + DAY), ("no_such_version", today())):
            with pytest.raises(ActionRefused):
                record_consent(by=coordinator, participant=participant, version=version, given_on=on)
        consent = record_consent(by=coordinator, participant=participant, version="consent_v1", given_on=today())
        assert (consent.taken_by, valid_consent(participant)) == ("Coordinator UMCG", consent)
        assert str(consent) == f"{participant.number} consent_v1"
        with pytest.raises(ActionRefused):
            record_consent(by=coordinator, participant=participant, version="consent_v1", given_on=today())

    def test_a_withdrawal_stands_on_its_day_and_once(self, cast: Cast) -> None:
        participant, coordinator = walk.consented(cast), the(cast, Role.COORDINATOR)
        consent = Consent.objects.get(participant=participant)
        for on in (today() + DAY, consent.given_on - DAY):
            with pytest.raises(ActionRefused):
                withdraw_consent(by=coordinator, consent=consent, on=on, reason="")
        length = ledger_length()
        withdraw_consent(by=coordinator, consent=consent, on=today(), reason="moves away")
        assert valid_consent(participant) is None
        (line,) = newest_entries(length)
        assert (line.item, line.new, line.reason) == ("consent", f"withdrawn {today().isoformat()}", "moves away")
        with pytest.raises(ActionRefused):
            withdraw_consent(by=coordinator, consent=consent, on=today(), reason="again")


class TestConsentCorrected:
    """Source: a day typed wrongly is otherwise mended by a withdrawal that never was."""

    @pytest.fixture
    def consent(self, cast: Cast) -> Consent:
        return Consent.objects.get(participant=walk.consented(cast))

    def test_the_old_and_the_new_day_and_version_stand_in_the_trail(self, cast: Cast, consent: Consent) -> None:
        old, new = consent.given_on, consent.given_on + DAY
        length = ledger_length()
        correct_consent(
            by=the(cast, Role.COORDINATOR), consent=consent, version="consent_v1", given_on=new, reason="misread"
        )
        (line,) = newest_entries(length)
        assert (line.action, line.old, line.new, line.reason) == (
            "consent.corrected",
            old.isoformat(),
            new.isoformat(),
            "misread",
        )
        assert line.detail == {"version_old": "consent_v1", "version": "consent_v1"}
        assert again(consent).given_on == new

    @pytest.mark.parametrize("on", [today() + DAY, datetime.date(1900, 1, 1)])
    def test_no_day_to_come_and_none_before_the_study_was_in_force_at_the_site(
        self, cast: Cast, consent: Consent, on: datetime.date
    ) -> None:
        with pytest.raises(ActionRefused):
            correct_consent(
                by=the(cast, Role.COORDINATOR), consent=consent, version="consent_v1", given_on=on, reason="misread"
            )
        with pytest.raises(ActionRefused):
            record_consent(
                by=the(cast, Role.COORDINATOR), participant=walk.registered(cast), version="consent_v1", given_on=on
            )

    def test_neither_to_an_unknown_version_nor_to_what_stands_nor_without_a_reason(
        self, cast: Cast, consent: Consent
    ) -> None:
        on = consent.given_on
        for version, day, reason in (("v9", on, "x"), ("consent_v1", on, "x"), ("consent_v1", on + DAY, " ")):
            with pytest.raises(ActionRefused):
                correct_consent(
                    by=the(cast, Role.COORDINATOR), consent=again(consent), version=version, given_on=day, reason=reason
                )
        assert again(consent).given_on == on

    def test_not_to_a_day_after_its_withdrawal(self, cast: Cast, consent: Consent) -> None:
        coordinator, on = the(cast, Role.COORDINATOR), consent.given_on + DAY
        withdraw_consent(by=coordinator, consent=consent, on=on, reason="moves")
        with pytest.raises(ActionRefused):
            correct_consent(by=coordinator, consent=consent, version="consent_v1", given_on=on + DAY, reason="misread")
        correct_consent(by=coordinator, consent=consent, version="consent_v1", given_on=on, reason="misread")


class TestContact:
    DETAILS = {
        "name": "Jansje Voorbeeld",
        "born_on": "1957-03-02",
        "email": "jansje@example.org",
        "telephone": "0612345678",
    }

    @pytest.fixture
    def participant(self, cast: Cast) -> Participant:
        participant = walk.registered(cast)
        save_contact(by=the(cast, Role.COORDINATOR), participant=participant, details=self.DETAILS)
        return participant

    def test_details_are_read_back_by_the_site_and_every_reading_is_kept(
        self, cast: Cast, participant: Participant
    ) -> None:
        length = ledger_length()
        assert read_contact(by=the(cast, Role.COORDINATOR), participant=participant) == self.DETAILS
        assert [line.action for line in newest_entries(length)] == ["contact.read"]

    def test_nobody_kept_is_nobody_read(self, cast: Cast) -> None:
        empty = dict.fromkeys(contact.FIELDS, "")
        assert read_contact(by=the(cast, Role.COORDINATOR), participant=walk.registered(cast)) == empty

    def test_at_rest_nothing_can_be_read(self, participant: Participant) -> None:
        row = ContactDetails.objects.get(participant=participant)
        assert str(row) == participant.number
        assert not any(value.encode() in bytes(row.sealed) for value in self.DETAILS.values())
        assert contact.unseal(row.sealed) == self.DETAILS

    def test_they_stand_nowhere_else(self, cast: Cast, participant: Participant) -> None:
        save_contact(by=the(cast, Role.COORDINATOR), participant=participant, details={"name": "Jansje Anders"})
        lines = json.dumps(list(LedgerEntry.objects.values()), default=str)
        assert not any(value in lines for value in (*self.DETAILS.values(), "Anders"))
        filled = [line.detail for line in LedgerEntry.objects.filter(action="contact.saved").order_by("seq")]
        assert filled == [{"filled": ["name", "born_on", "email", "telephone"]}, {"filled": ["name"]}]
        assert not hasattr(ContactDetails, "history")
        found = sql("SELECT participant_id FROM participants_contactdetails")
        assert found == [(participant.pk,)]

    def test_they_can_be_erased_for_good(self, cast: Cast) -> None:
        participant = with_contact(cast)
        erase_contact(by=the(cast, Role.COORDINATOR), participant=participant, reason="asked for")
        assert not ContactDetails.objects.exists()
        assert LedgerEntry.objects.get(action="contact.erased").reason == "asked for"

    def test_they_too_are_written_within_an_act_only(self, participant: Participant) -> None:
        with pytest.raises(OutsideAction):
            ContactDetails.objects.get().save()
        assert issubclass(ContactDetails, models.Model)
