"""One installation in which there is one of everything, and everybody who may knock at its doors."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.conf import settings
from django.test import Client
from django.urls import reverse

from crf.actions import raise_query, raise_query_on_form, raise_query_on_visit
from crf.models import FormEntry
from exports.actions import lock_study, make_release, unlock_study
from randomization.actions import break_code, extend_list, flag_in_error
from randomization.models import RandomizationList
from tests.conftest import PASSWORD
from tests.walk import at_week_8, fill, visit_of
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.participants.actions import save_contact
from trialmgr.participants.models import Participant
from trialmgr.people.actions import create_user, grant_role
from trialmgr.people.models import SYSTEM, User
from trialmgr.people.permissions import Role

# Who knocks. Capitals work at the participant's own site or for the whole trial, small letters at another site.
WHO = {
    "C": (Role.COORDINATOR, "UMCG"),
    "I": (Role.INVESTIGATOR, "UMCG"),
    "R": (Role.RATER, "UMCG"),
    "T": (Role.TREATING_TEAM, "UMCG"),
    "M": (Role.MONITOR, ""),
    "D": (Role.DATA_MANAGER, ""),
    "S": (Role.STATISTICIAN, ""),
    "U": (Role.UNBLINDED_STATISTICIAN, ""),
    "X": (Role.INSPECTOR, ""),
    "A": (Role.ADMINISTRATOR, ""),
    "c": (Role.COORDINATOR, "LUMC"),
    "i": (Role.INVESTIGATOR, "LUMC"),
    "r": (Role.RATER, "LUMC"),
    "t": (Role.TREATING_TEAM, "LUMC"),
    "m": (Role.MONITOR, "LUMC"),
}


@dataclass
class House:
    """``sessions``: letter of ``WHO`` -> session key of that person, who has just signed in again."""

    participant: Participant
    sessions: dict[str, str] = field(default_factory=dict)

    def visitor(self, who: str) -> Client:
        client = Client(raise_request_exception=False)
        if who in self.sessions:
            client.cookies[settings.SESSION_COOKIE_NAME] = self.sessions[who]
        return client


def build(cast: Cast) -> House:
    """``TRIALMGR_RELEASES`` must be a folder that may be written."""
    _release(cast.at("", Role.DATA_MANAGER))
    participant = at_week_8(cast, "UMCG")
    details = {"name": "N. N.", "email": "", "telephone": ""}
    save_contact(by=cast.at("UMCG", Role.COORDINATOR), participant=participant, details=details)
    fill(cast, visit_of(participant, "log"), "adverse_event")
    entry = FormEntry.objects.get(visit__participant=participant, visit__key="baseline", form_key="madrs")
    raise_query(by=cast.at("", Role.MONITOR), entry=entry, item="madrs_total", text="Is this right?")
    monitor, log = cast.at("", Role.MONITOR), visit_of(participant, "log")
    raise_query_on_form(by=monitor, visit=log, form_key="adverse_event", text="And the fall of May?")
    raise_query_on_visit(by=monitor, visit=visit_of(participant, "baseline"), text="Was it on this day?")
    note_what_can_happen(cast, participant)
    wait_for_extension(cast)
    house = House(participant)
    for letter, (role, site) in WHO.items():
        person = cast.people.get((role, site)) or _monitor_of(cast, site)
        house.sessions[letter] = _session(person)
    return house


def note_what_can_happen(cast: Cast, participant: Participant) -> None:
    """The code was broken and the allocation is flagged; neither has been answered."""
    break_code(by=cast.at("UMCG", Role.TREATING_TEAM), participant=participant, reason="fainted")
    flag_in_error(by=cast.at("UMCG", Role.COORDINATOR), allocation=participant.allocation, reason="was not eligible")


def wait_for_extension(cast: Cast) -> None:
    extend_list(
        by=cast.at("", Role.UNBLINDED_STATISTICIAN),
        listed=RandomizationList.objects.get(number=1),
        reason="more participants",
        to=300,
    )


def _release(data_manager: User) -> None:
    """Of the empty study: nothing is open yet."""
    lock_study(by=data_manager, reason="trying the lock")
    make_release(by=data_manager)
    unlock_study(by=data_manager, reason="the trial begins")


def _monitor_of(cast: Cast, site: str) -> User:
    person = create_user(
        by=SYSTEM,
        username="monitor-of-one",
        password=PASSWORD,
        first_name="Monitor",
        last_name=site,
        email="m@example.org",
    )
    grant_role(by=SYSTEM, user=person, role=Role.MONITOR, site=cast.sites[site])
    return person


def _session(person: User) -> str:
    client = Client()
    client.force_login(person, backend="allauth.account.auth_backends.AuthenticationBackend")
    answer = client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    assert answer.status_code == 302
    return client.cookies[settings.SESSION_COOKIE_NAME].value
