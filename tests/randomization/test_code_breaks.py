"""An emergency code break: one participant, told once, logged, noticed; and whoever was blinded is so no more."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from unittest import mock

import pytest
import time_machine
from django.core import mail
from django.core.exceptions import PermissionDenied
from django.core.mail import EmailMessage
from django.db import connection
from django.test import Client
from django.utils import timezone

from audit.acts import ActionRefused
from audit.models import LedgerEntry
from crf.actions import save_entry
from randomization import actions
from randomization.models import Allocation, CodeBreak
from tests import walk
from tests.audit.recipes import again, new_person
from tests.audit.staging import lock_the_study
from tests.blinding.words import arm_words
from tests.conftest import PASSWORD
from tests.crf.pages import Reader, casebook_url
from tests.randomization.list_making import amend
from trialmgr.overview.duties import duty
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.participants.models import Participant
from trialmgr.people.actions import end_role, grant_role, note_unblinding
from trialmgr.people.models import SYSTEM, Membership, Unblinding, User
from trialmgr.people.permissions import Role
from trialmgr.protocol.model import StudyDefinition
from trialmgr.studies.clock import today
from trialmgr.studies.queries import current_definition

SignedIn = Callable[..., Client]
OnCommit = Callable[..., object]


@pytest.fixture
def participant(cast: Cast) -> Participant:
    return walk.randomised(cast)


@pytest.fixture
def investigator(cast: Cast) -> User:
    return cast.at("UMCG", Role.INVESTIGATOR)


def blind(cast: Cast, *keys: Role) -> None:
    """An amendment that blinds these roles, as in a double-blind trial."""
    roles = tuple(
        role.model_copy(update={"blinded": True}) if role.key in keys else role for role in current_definition().roles
    )
    amend(cast, parts={"roles": roles})


class TestTheAct:
    def test_it_tells_the_arm_and_leaves_it_in_no_row_of_its_own(
        self, cast: Cast, participant: Participant, investigator: User, reset_trd: StudyDefinition
    ) -> None:
        told = actions.break_code(by=investigator, participant=participant, reason="unconscious, cause unknown")
        assert told.arm == Allocation.objects.get(participant=participant).arm
        broken = CodeBreak.objects.get()
        assert (broken.number, broken.broken_by, broken.noticed_at) == (1, investigator, None)
        assert str(broken) == "code break 1"
        lines = LedgerEntry.objects.filter(action="code.broken")
        assert [line.restricted for line in lines] == [True]
        assert not arm_words(reset_trd).search(f"{broken.reason}{[(line.new, line.detail) for line in lines]}")

    def test_each_has_the_next_number_and_the_same_emergency_has_one(
        self, cast: Cast, participant: Participant, investigator: User
    ) -> None:
        actions.break_code(by=investigator, participant=participant, reason="unconscious")
        actions.break_code(by=investigator, participant=participant, reason="unconscious")
        assert CodeBreak.objects.count() == 1
        actions.break_code(by=cast.at("UMCG", Role.TREATING_TEAM), participant=participant, reason="unconscious")
        with time_machine.travel(timezone.now() + datetime.timedelta(hours=1), tick=False):
            actions.break_code(by=investigator, participant=participant, reason="again")
        assert list(CodeBreak.objects.values_list("number", flat=True)) == [1, 2, 3]

    def test_who_was_not_randomised_has_no_code_and_a_reason_is_owed(self, cast: Cast, investigator: User) -> None:
        with pytest.raises(ActionRefused):
            actions.break_code(by=investigator, participant=walk.registered(cast), reason="unconscious")
        with pytest.raises(ActionRefused):
            actions.break_code(by=investigator, participant=walk.randomised(cast), reason=" ")
        assert not CodeBreak.objects.exists()
        assert not Unblinding.objects.exists()

    def test_it_works_while_the_study_is_locked_and_so_does_the_notice(
        self, cast: Cast, participant: Participant, investigator: User
    ) -> None:
        lock_the_study()
        actions.break_code(by=investigator, participant=participant, reason="overdose")
        actions.notice_code_break(by=cast.at("", Role.DATA_MANAGER), broken=CodeBreak.objects.get())

    @pytest.mark.parametrize(
        ("role", "site"),
        [(Role.COORDINATOR, "UMCG"), (Role.RATER, "UMCG"), (Role.INVESTIGATOR, "LUMC"), (Role.DATA_MANAGER, "")],
    )
    def test_only_who_treats_at_that_site_may(
        self, cast: Cast, participant: Participant, role: Role, site: str
    ) -> None:
        with pytest.raises(PermissionDenied):
            actions.break_code(by=cast.at(site, role), participant=participant, reason="curious")

    def test_notice_is_taken_once(self, cast: Cast, participant: Participant, investigator: User) -> None:
        actions.break_code(by=investigator, participant=participant, reason="overdose")
        manager, broken = cast.at("", Role.DATA_MANAGER), CodeBreak.objects.get()
        actions.notice_code_break(by=manager, broken=broken)
        assert CodeBreak.objects.get().noticed_by == manager
        with pytest.raises(ActionRefused):
            actions.notice_code_break(by=cast.at("", Role.UNBLINDED_STATISTICIAN), broken=broken)


class TestTheSponsor:
    def test_the_unblinded_sponsor_gets_a_letter_without_arm_or_participant(
        self,
        participant: Participant,
        investigator: User,
        reset_trd: StudyDefinition,
        django_capture_on_commit_callbacks: OnCommit,
    ) -> None:
        with django_capture_on_commit_callbacks(execute=True):  # type: ignore[attr-defined]
            actions.break_code(by=investigator, participant=participant, reason="overdose")
        told = sorted(address for message in mail.outbox for address in message.to)
        people = ("data_manager", "inspector", "monitor", "unblinded_statistician")
        assert told == [f"{name}@example.org" for name in people]
        for message in mail.outbox:
            text = f"{message.subject} {message.body}"
            assert not arm_words(reset_trd).search(text)
            assert participant.number not in text

    def test_the_break_stands_when_the_mail_does_not_go(
        self, participant: Participant, investigator: User, django_capture_on_commit_callbacks: OnCommit
    ) -> None:
        failing = mock.patch.object(EmailMessage, "send", side_effect=OSError("no route"))
        with failing, django_capture_on_commit_callbacks(execute=True):  # type: ignore[attr-defined]
            actions.break_code(by=investigator, participant=participant, reason="overdose")
        assert CodeBreak.objects.count() == 1

    def test_a_duty_waits_until_notice_is_taken(self, cast: Cast, participant: Participant, investigator: User) -> None:
        actions.break_code(by=investigator, participant=participant, reason="overdose")
        manager = cast.at("", Role.DATA_MANAGER)
        assert duty(manager, "breaks").count == duty(cast.at("", Role.UNBLINDED_STATISTICIAN), "breaks").count == 1
        for role in (Role.MONITOR, Role.STATISTICIAN, Role.RATER, Role.COORDINATOR, Role.INVESTIGATOR):
            assert duty(cast.at("UMCG", role), "breaks").count == 0
        actions.notice_code_break(by=manager, broken=CodeBreak.objects.get())
        assert duty(manager, "breaks").count == 0

    def test_a_sponsor_role_that_the_definition_blinds_is_told_nothing(
        self, cast: Cast, participant: Participant, investigator: User, signed_in: SignedIn
    ) -> None:
        actions.break_code(by=investigator, participant=participant, reason="overdose")
        blind(cast, Role.DATA_MANAGER)
        manager = Reader(signed_in, cast, Role.DATA_MANAGER, "")
        assert duty(again(manager.user), "breaks").count == 0
        manager.get("/code-breaks/", 403)
        manager.get("/code-breaks/1/notice/", 403)
        manager.get("/code-breaks/99/notice/", 403)


class TestUnblinding:
    """In a trial where the investigators are blinded."""

    @pytest.fixture
    def blinded(self, cast: Cast, participant: Participant) -> User:
        """Somebody who was never unblinded: an investigator of after the amendment."""
        blind(cast, Role.INVESTIGATOR, Role.TREATING_TEAM)
        user = walk_in(cast, "physician", Role.INVESTIGATOR)
        assert user.sight(current_definition()).blinded
        return user

    def test_a_blinded_person_breaks_the_code_and_is_blinded_no_more(
        self, cast: Cast, participant: Participant, blinded: User
    ) -> None:
        actions.break_code(by=blinded, participant=participant, reason="overdose")
        assert str(Unblinding.objects.get()) == "physician"
        visit = walk.visit_of(participant, "screening")
        with pytest.raises(PermissionDenied):
            save_entry(by=again(blinded), visit=visit, form_key="eligibility", values={}, reason="late")
        tomorrow = timezone.now() + datetime.timedelta(days=1)
        with time_machine.travel(tomorrow, tick=False):
            assert again(blinded).roles == frozenset()
        ended = LedgerEntry.objects.get(action="role.ended")
        assert (ended.object_id, ended.old) == ("physician", "investigator")

    def test_no_blinded_role_ever_again_and_unblinded_ones_are_free(
        self, cast: Cast, participant: Participant, blinded: User
    ) -> None:
        actions.break_code(by=blinded, participant=participant, reason="overdose")
        tomorrow = timezone.now() + datetime.timedelta(days=1)
        with time_machine.travel(tomorrow, tick=False):
            for role in (Role.RATER, Role.INVESTIGATOR):
                with pytest.raises(ActionRefused, match=r"learned an allocation|toewijzing"):
                    grant_role(by=SYSTEM, user=again(blinded), role=role, site=cast.sites["UMCG"])
            grant_role(by=SYSTEM, user=again(blinded), role=Role.COORDINATOR, site=cast.sites["UMCG"])
            assert "coordinator" in again(blinded).roles

    def test_a_role_that_is_still_to_come_never_begins_and_one_that_ends_today_ends_today(
        self, cast: Cast, blinded: User
    ) -> None:
        later = today() + datetime.timedelta(days=30)
        grant_role(by=SYSTEM, user=blinded, role=Role.RATER, site=cast.sites["LUMC"], since=later)
        note_unblinding(by=blinded, reason="told")
        memberships = {one.role: one for one in Membership.objects.filter(user=blinded)}
        assert memberships["rater"].until == memberships["rater"].since == later
        assert memberships["investigator"].until == today() + datetime.timedelta(days=1)
        note_unblinding(by=blinded, reason="told again")
        assert Unblinding.objects.count() == 1

    def test_the_database_never_takes_an_unblinding_back(self, blinded: User) -> None:
        note_unblinding(by=blinded, reason="told")
        with pytest.raises(Exception, match="append-only"), connection.cursor() as cursor:
            cursor.execute("DELETE FROM people_unblinding")

    def test_who_worked_unblinded_before_an_amendment_blinded_the_role_stays_unblinded(
        self, cast: Cast, participant: Participant
    ) -> None:
        blind(cast, Role.COORDINATOR)
        old, new = cast.at("UMCG", Role.COORDINATOR), walk_in(cast, "newcomer", Role.COORDINATOR)
        for user in (old, new):
            end_role(by=SYSTEM, membership=Membership.objects.get(user=user), reason="another task")
        with pytest.raises(ActionRefused, match=r"worked unblinded|niet-geblindeerd"):
            grant_role(by=SYSTEM, user=again(old), role=Role.RATER, site=cast.sites["UMCG"])
        grant_role(by=SYSTEM, user=again(new), role=Role.RATER, site=cast.sites["UMCG"])


def walk_in(cast: Cast, username: str, role: Role) -> User:
    """A newcomer in a role at the site."""
    user = new_person(username)
    grant_role(by=SYSTEM, user=user, role=role, site=cast.sites["UMCG"])
    return again(user)


class TestPages:
    def test_reason_password_again_and_the_arm_once(
        self, cast: Cast, participant: Participant, signed_in: SignedIn, reset_trd: StudyDefinition
    ) -> None:
        url = f"{casebook_url(participant)}code-break/"
        physician = Reader(signed_in, cast, Role.TREATING_TEAM)
        assert url in physician.get(casebook_url(participant))
        page = physician.get(url)
        assert "Break the code" in page
        asked = physician.client.post(url, {"reason": "overdose"})
        assert asked["Location"].startswith("/account/reauthenticate/")
        assert not CodeBreak.objects.exists()
        answer = physician.client.post(asked["Location"], {"password": PASSWORD})
        arm = Allocation.objects.get(participant=participant).arm
        assert reset_trd.arm(arm).label("en") in answer.content.decode()
        assert answer["Cache-Control"] == "no-store"
        kept = dict(physician.client.session.items())
        assert not arm_words(reset_trd).search(str(kept))
        physician.sign_in_again(PASSWORD)
        assert "This field is required" in physician.post(url, {"reason": ""}, 422)

    def test_who_was_not_randomised_is_refused_on_the_page(self, cast: Cast, signed_in: SignedIn) -> None:
        physician = Reader(signed_in, cast, Role.TREATING_TEAM)
        physician.sign_in_again(PASSWORD)
        page = physician.post(f"{casebook_url(walk.registered(cast))}code-break/", {"reason": "overdose"}, 422)
        assert "there is no code to break" in page

    def test_the_log_names_who_when_and_why_and_no_arm(
        self,
        cast: Cast,
        participant: Participant,
        investigator: User,
        signed_in: SignedIn,
        reset_trd: StudyDefinition,
    ) -> None:
        manager = Reader(signed_in, cast, Role.DATA_MANAGER, "")
        assert "No code has been broken." in manager.get("/code-breaks/")
        actions.break_code(by=investigator, participant=participant, reason="overdose")
        page = manager.get("/code-breaks/")
        assert "/code-breaks/1/notice/" in page
        for said in (participant.number, "Investigator UMCG", "overdose"):
            assert said in page
        assert not arm_words(reset_trd).search(page.split("<main")[1])
        inspector = Reader(signed_in, cast, Role.INSPECTOR, "")
        assert "Not yet" in inspector.get("/code-breaks/")
        assert "overdose" in manager.get("/code-breaks/1/notice/")
        assert "the sponsor knows" in manager.send("/code-breaks/1/notice/", {})
        assert "This code break has been acknowledged already" in manager.post("/code-breaks/1/notice/", {}, 422)
        assert "Data manager Trial" in inspector.get("/code-breaks/")
        manager.get("/code-breaks/7/notice/", 404)
