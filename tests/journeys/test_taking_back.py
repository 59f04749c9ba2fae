"""Each slip is taken back in the browser by whoever may, and the audit trail has the reason."""

from __future__ import annotations

import datetime
import json

import pytest

from tests.journeys.conftest import Hire
from tests.journeys.staff import Member
from tests.journeys.trial import Trial
from trialmgr.people.permissions import Role

pytestmark = pytest.mark.journey
WHY = "recorded in error"
ACTS = {
    "allocation.flag_withdrawal_asked",
    "consent.corrected",
    "consent.withdrawal_undone",
    "entry.moved",
    "entry.removed",
    "gate.undone",
    "participant.screening_reopened",
    "participant.moved",
    "participant.voided",
    "registration.corrected",
    "allocation.flag_withdrawn",
    "visit.reopened",
}


def test_each_slip_is_taken_back_by_the_right_person_with_a_reason(one_day: Trial, hire: Hire) -> None:
    numbers: dict[str, str] = json.loads(one_day.prepare("in_error"))
    of = {name: f"/participants/{number}/" for name, number in numbers.items()}
    screening = f"{of['form']}visits/screening/"
    coordinator, investigator = hire(one_day, Role.COORDINATOR), hire(one_day, Role.INVESTIGATOR)
    coordinator.sign_in()
    _registrations_and_consents(coordinator, of)
    take_back(coordinator, f"{of['day']}visits/screening/reopen/")
    take_back(coordinator, f"{screening}forms/labs/rows/1/remove/", "Remove what was entered")
    take_back(coordinator, f"{screening}forms/demographics/rows/1/remove/", "Remove what was entered")
    coordinator.open(f"{screening}forms/vital_signs/rows/1/move/")
    coordinator.page.locator("[name=visit]").first.check()
    _give_reason(coordinator, "Move what was entered")
    coordinator.reads("Vital signs")
    take_back(coordinator, f"{of['ending']}ending/undo/", "Undo the end of participation")
    coordinator.reads("The end of participation is undone.")
    take_back(coordinator, f"{of['decision']}allocation/in-error/withdraw/", "Ask to withdraw the flag")
    coordinator.reads("The withdrawal of the flag waits for a second person.")

    investigator.sign_in()
    investigator.open(f"{of['decision']}allocation/in-error/withdraw/sign/")
    investigator.sign_again("Countersign")
    investigator.reads("The flag is withdrawn.")
    take_back(investigator, f"{of['decision']}phases/follow_up/undo/", "Take this decision back")
    investigator.reads("The decision is taken back.")

    manager = hire(one_day, Role.DATA_MANAGER)
    manager.sign_in()
    take_back(manager, f"{of['decision']}site/", "Move to this site")
    manager.reads("The participant is at the other site now.")
    assert ACTS - set(json.loads(one_day.prepare("taken_back"))) == set()


def _registrations_and_consents(coordinator: Member, of: dict[str, str]) -> None:
    earlier = one_day_before(coordinator)
    coordinator.open(f"{of['registered late']}registration/")
    coordinator.give_day("on", earlier)
    _give_reason(coordinator, "Correct the day of registration")
    coordinator.reads("The day of registration is corrected.")
    take_back(coordinator, f"{of['registered']}void/", "Void this registration")
    coordinator.reads("The registration is voided.", "Registration voided")
    coordinator.open(f"{of['consent']}consent/consent_v1/correct/")
    coordinator.give_day("given_on", earlier)
    _give_reason(coordinator, "Save the correction")
    coordinator.reads("The consent is corrected.")
    take_back(coordinator, f"{of['withdrawal']}consent/consent_v1/withdraw/undo/", "Take the withdrawal back")
    coordinator.reads("The withdrawal of consent is taken back.")


def one_day_before(coordinator: Member) -> datetime.date:
    """Before everybody of this journey was registered, in the past of a trial that had begun."""
    return coordinator.trial.today - datetime.timedelta(days=151)


def take_back(by: Member, page: str, button: str = "Save") -> None:
    by.open(page)
    _give_reason(by, button)


def _give_reason(by: Member, button: str) -> None:
    by.page.locator("[name=reason]").fill(WHY)
    by.press(button)
    assert "reason" not in by.path
