"""A study in which nothing is drawn by lot: an investigator lets participants in, and no page speaks of lots."""

from __future__ import annotations

import datetime
from collections.abc import Callable

import pytest
from django.test import Client

from audit.acts import ActionRefused
from crf.actions import decide_gate
from crf.models import GateDecision
from crf.policies import reasons_not_enterable
from tests import walk
from tests.amendments import put_in_force
from tests.conftest import PASSWORD
from tests.crf.pages import Reader, casebook_url
from trialmgr.overview.context import nav_items
from trialmgr.overview.duties import duty
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.participants.models import Participant
from trialmgr.participants.states import Status
from trialmgr.people.actions import close_site
from trialmgr.people.models import SYSTEM
from trialmgr.people.permissions import Role
from trialmgr.protocol.model import StudyDefinition
from trialmgr.studies.clock import today

SignedIn = Callable[..., Client]
ENROL = "phases/treatment/"


@pytest.fixture
def cohort(cast: Cast, reset_trd: StudyDefinition) -> StudyDefinition:
    """The shipped trial without its arms: everybody gets the visits of both."""
    document = reset_trd.model_dump(mode="json") | {"version": "9", "arms": [], "randomization": None}
    for phase in document["phases"]:
        phase["opens"] = phase["opens"].replace("allocation", "enrolment")
    for visit in document["visits"]:
        visit["anchor"] = visit["anchor"].replace("allocation", "enrolment")
        visit["arms"] = []
    definition = StudyDefinition.from_json(document)
    put_in_force(definition, days_ago=walk.DAYS_AGO + 10)
    return definition


def again(participant: Participant) -> Participant:
    return Participant.objects.get(pk=participant.pk)


@pytest.mark.usefixtures("cohort")
def test_an_investigator_lets_a_participant_in_after_signing_in_again(signed_in: SignedIn, cast: Cast) -> None:
    participant = walk.baseline_done(cast)
    investigator = Reader(signed_in, cast, Role.INVESTIGATOR)
    url = f"{casebook_url(participant)}{ENROL}"
    book = investigator.get(casebook_url(participant))
    assert f'href="{url}">Enrol</a>' in book
    assert "Randomise" not in book
    assert "an investigator has judged the participant eligible" in investigator.get(url)
    location = investigator.client.post(url, {}).headers["Location"]
    page = investigator.send(location, {"password": PASSWORD})
    assert "The participant is enrolled." in page
    assert "Enrolled on" in page
    assert "Allocation" not in page
    entered = again(participant)
    assert (entered.state, entered.phase, entered.enrolled_on) == (Status.ON_STUDY, "treatment", today())
    first = entered.visits.get(slug="week_1")
    assert first.target_on == today() + datetime.timedelta(days=7)
    decision = GateDecision.objects.get()
    assert (decision.phase, decision.opened, decision.rule, decision.inputs) == ("treatment", True, "", {})


@pytest.mark.usefixtures("cohort")
def test_who_is_not_ready_is_told_every_reason_and_stays_out(signed_in: SignedIn, cast: Cast) -> None:
    participant = walk.screened(cast)
    investigator = Reader(signed_in, cast, Role.INVESTIGATOR)
    page = investigator.get(f"{casebook_url(participant)}{ENROL}")
    assert "This participant cannot be enrolled now" in page
    assert "An investigator has not judged eligibility" in page
    assert "Baseline: complete MADRS first." in page
    with pytest.raises(ActionRefused, match="has not judged eligibility"):
        decide_gate(by=cast.at("UMCG", Role.INVESTIGATOR), participant=participant, phase="treatment")
    assert again(participant).state is Status.SCREENING
    assert not GateDecision.objects.exists()


def test_at_a_closed_site_nobody_is_let_in(cast: Cast, cohort: StudyDefinition) -> None:
    participant = walk.baseline_done(cast)
    assert reasons_not_enterable(participant, cohort) == []
    participant.site = close_site(by=SYSTEM, site=participant.site, on=today(), reason="end of recruitment")
    assert any("not active" in reason for reason in reasons_not_enterable(participant, cohort))


@pytest.mark.usefixtures("cohort")
def test_the_work_list_says_who_may_be_let_in_and_nothing_of_lists(cast: Cast) -> None:
    participant = walk.baseline_done(cast)
    investigator = cast.at("UMCG", Role.INVESTIGATOR)
    [task] = duty(investigator, "enrol").tasks
    assert (task.about, task.link.url) == (participant.number, f"{casebook_url(participant)}{ENROL}")
    assert duty(cast.at("LUMC", Role.INVESTIGATOR), "enrol").count == 0
    assert duty(cast.at("", Role.UNBLINDED_STATISTICIAN), "supply").count == 0
    assert duty(investigator, "randomise").count == 0


@pytest.mark.usefixtures("cohort")
def test_menu_and_figures_speak_of_enrolment(signed_in: SignedIn, cast: Cast) -> None:
    labels = [str(item["label"]) for item in nav_items(cast.at("", Role.UNBLINDED_STATISTICIAN), "/")]
    assert not {"Randomisation", "Code breaks"} & set(labels)
    page = Reader(signed_in, cast, Role.COORDINATOR).get("/recruitment/")
    assert "Enrolled" in page
    assert "Randomised" not in page


def test_where_there_are_arms_nobody_is_let_in_without_a_lot(cast: Cast) -> None:
    participant = walk.baseline_done(cast)
    assert duty(cast.at("UMCG", Role.INVESTIGATOR), "enrol").count == 0
    with pytest.raises(ActionRefused, match="In screening"):
        decide_gate(by=cast.at("UMCG", Role.INVESTIGATOR), participant=participant, phase="screening")
