"""The day of registration was recorded wrongly: what counts from it moves along, and the trail tells it."""

from __future__ import annotations

import datetime
from collections.abc import Callable

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client

from audit.acts import ActionRefused
from audit.models import LedgerEntry
from audit.verification import verify
from crf.actions import correct_registration, freeze, undo_ending, void_registration
from crf.faults import casebook_faults
from crf.models import ProtocolDeviation, Visit
from tests import walk
from tests.amendments import amended, put_in_force
from tests.api_caller import Caller
from tests.audit.recipes import again, the
from tests.crf.pages import casebook_url, day_boxes
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.participants.models import Participant
from trialmgr.people.permissions import Role
from trialmgr.protocol.model import StudyDefinition
from trialmgr.studies.clock import today

SignedIn = Callable[..., Client]
DAY = datetime.timedelta(days=1)
WHY = "typed wrongly"


def windows(participant: Participant, **of: object) -> dict[str, tuple[datetime.date | None, ...]]:
    visits: list[Visit] = list(participant.visits.filter(target_on__isnull=False, **of))
    return {visit.slug: (visit.earliest_on, visit.target_on, visit.latest_on) for visit in visits}


def corrected(cast: Cast, participant: Participant, by: datetime.timedelta, role: Role = Role.COORDINATOR) -> None:
    on = participant.registered_on + by
    correct_registration(by=the(cast, role), participant=participant, on=on, reason=WHY)


def test_visits_that_count_from_it_move_along_and_the_trail_tells_why(cast: Cast) -> None:
    participant = walk.registered(cast)
    before, day = windows(participant), participant.registered_on
    corrected(cast, participant, -3 * DAY)
    assert again(participant).registered_on == day - 3 * DAY
    expected = {slug: tuple(one and one - 3 * DAY for one in days) for slug, days in before.items()}
    assert windows(participant) == expected != {}
    line = LedgerEntry.objects.get(action="registration.corrected")
    assert (line.item, line.old, line.new, line.reason) == (
        "registered_on",
        day.isoformat(),
        (day - 3 * DAY).isoformat(),
        WHY,
    )
    moved = LedgerEntry.objects.filter(act=line.act, action="visits.opened")
    assert {one.cause for one in moved} == {participant.number}
    assert not any(verify().faults.values())


def test_what_counts_from_the_allocation_stays(cast: Cast) -> None:
    participant = walk.randomised(cast)
    after = windows(participant, phase="treatment")
    corrected(cast, participant, -DAY)
    assert windows(participant, phase="treatment") == after != {}
    assert list(casebook_faults()) == []


def test_days_that_do_not_go_together_any_more_are_proposed_as_deviations_with_the_reason(cast: Cast) -> None:
    participant = walk.screened(cast)
    assert not ProtocolDeviation.objects.exists()
    corrected(cast, participant, -30 * DAY)
    found = ProtocolDeviation.objects.get()
    assert (found.rule, found.visit.slug, found.reason) == ("outside_window", "screening", WHY)


def test_back_to_the_first_day_everything_is_as_it_was(cast: Cast) -> None:
    participant = walk.screened(cast)
    before = windows(participant)
    corrected(cast, participant, -DAY)
    corrected(cast, participant, DAY)
    assert windows(participant) == before


class TestRefusals:
    def refused(self, cast: Cast, participant: Participant, on: datetime.date, reason: str = WHY) -> str:
        with pytest.raises(ActionRefused) as refusal:
            correct_registration(by=the(cast, Role.COORDINATOR), participant=participant, on=on, reason=reason)
        return refusal.value.reasons[0]

    def test_each_says_what_stands_in_the_way(self, cast: Cast) -> None:
        participant = walk.screened(cast)
        day = participant.registered_on
        assert "reason" in self.refused(cast, participant, day - DAY, reason=" ")
        assert "recorded already" in self.refused(cast, participant, day)
        assert "future" in self.refused(cast, participant, today() + DAY)
        assert "lies before" in self.refused(cast, participant, day + DAY)
        assert "in force" in self.refused(cast, participant, datetime.date(2001, 1, 1))
        freeze(by=the(cast, Role.DATA_MANAGER), participant=participant)
        assert "frozen" in self.refused(cast, participant, day - DAY)
        assert again(participant).registered_on == day

    def test_under_another_version_nobody_was_registered(self, cast: Cast, reset_trd: StudyDefinition) -> None:
        put_in_force(amended(reset_trd), days_ago=walk.DAYS_AGO - 5)
        participant = walk.registered(cast)
        assert "version" in self.refused(cast, participant, participant.registered_on + 10 * DAY)

    def test_a_voided_registration_stays(self, cast: Cast) -> None:
        participant = walk.registered(cast)
        void_registration(by=the(cast, Role.COORDINATOR), participant=participant, reason="twice")
        voided = Participant.every.get(pk=participant.pk)
        assert "voided" in self.refused(cast, voided, participant.registered_on - DAY)

    @pytest.mark.parametrize("role", [Role.RATER, Role.MONITOR, Role.DATA_MANAGER, Role.TREATING_TEAM])
    def test_only_who_registers_corrects(self, cast: Cast, role: Role) -> None:
        participant = walk.registered(cast)
        with pytest.raises(PermissionDenied):
            corrected(cast, participant, -DAY, role)


def test_an_ending_that_stands_closes_by_the_days_as_they_are(cast: Cast) -> None:
    participant = walk.consented(cast)
    walk.fill(cast, walk.visit_of(participant, "log"), "end_of_participation")
    participant = again(participant)
    corrected(cast, participant, -DAY)
    undo_ending(by=the(cast, Role.COORDINATOR), participant=again(participant), reason="goes on")
    assert list(casebook_faults()) == []


class TestPagesAndApi:
    def test_the_page_says_what_moves_and_shows_the_new_day(self, cast: Cast, signed_in: SignedIn) -> None:
        participant = walk.registered(cast)
        client, url = signed_in(the(cast, Role.COORDINATOR)), f"{casebook_url(participant)}registration/"
        assert url in client.get(casebook_url(participant)).content.decode()
        assert "schuiven mee" in client.get(url).content.decode()
        on = participant.registered_on - DAY
        sent = day_boxes("on", on) | {"reason": WHY}
        assert client.post(url, sent | {"reason": ""}).status_code == 422
        answer = client.post(url, sent)
        assert (answer.status_code, answer["Location"]) == (302, casebook_url(participant))
        assert again(participant).registered_on == on

    def test_who_may_not_has_no_link(self, cast: Cast, signed_in: SignedIn) -> None:
        participant = walk.registered(cast)
        client = signed_in(the(cast, Role.RATER))
        assert "registration/" not in client.get(casebook_url(participant)).content.decode()

    def test_over_the_api(self, cast: Cast) -> None:
        participant = walk.registered(cast)
        place, on = f"participants/{participant.number}/registration/", participant.registered_on - DAY
        sent = {"registered_on": on.isoformat(), "reason": WHY}
        assert Caller(the(cast, Role.RATER)).post(place, sent)[0] == 403
        assert Caller(cast.at("LUMC", Role.COORDINATOR)).post(place, sent)[0] == 404
        coordinator = Caller(the(cast, Role.COORDINATOR))
        status, told = coordinator.post(place, sent)
        assert (status, told["registered_on"]) == (200, on.isoformat())
        assert coordinator.post(place, sent)[0] == 409
