"""The pages of study versions, and the duties that a new version brings."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from crf.actions import add_unscheduled_visit
from tests import walk
from tests.amendments import amended, approver, items, new_item, proposer, put_in_force
from tests.audit.recipes import vital_signs
from tests.conftest import PASSWORD
from tests.crf.pages import Reader, day_boxes
from trialmgr.overview.changes import changes_for
from trialmgr.overview.duties import duty
from trialmgr.overview.duties.versions import newest_consent
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.participants.actions import record_consent
from trialmgr.people.permissions import Role
from trialmgr.protocol.model import ConsentVersion, StudyDefinition, Text
from trialmgr.studies.actions import propose_version
from trialmgr.studies.clock import today
from trialmgr.studies.models import StudyVersion
from trialmgr.studies.queries import Timeline

SignedIn = Callable[..., Client]


def height(form: dict[str, Any]) -> dict[str, Any]:
    items(form).append(new_item("height_cm", unit="cm"))
    return form


@pytest.fixture
def proposed(cast: Cast, reset_trd: StudyDefinition) -> StudyVersion:
    return propose_version(by=proposer(), definition=amended(reset_trd, vital_signs=height), reason="amendment 1")


class TestPages:
    def test_the_list_says_what_waits_and_what_counts(
        self, signed_in: SignedIn, cast: Cast, proposed: StudyVersion
    ) -> None:
        page = Reader(signed_in, cast, Role.INSPECTOR).get("/study/")
        assert "every site from" in page
        assert "Waits for approval" in page
        assert 'href="/study/2/"' in page

    def test_a_version_says_what_it_changes_and_which_saved_forms_it_touches(
        self, signed_in: SignedIn, cast: Cast, proposed: StudyVersion
    ) -> None:
        vital_signs(cast)
        page = Reader(signed_in, cast, Role.DATA_MANAGER).get("/study/2/")
        assert "Form vital_signs: Item height_cm" in page
        assert "Saved forms that it touches" in page
        assert "Approve this version" not in page, "who proposed it does not approve it"

    def test_the_first_version_follows_none(self, signed_in: SignedIn, cast: Cast) -> None:
        assert "This is the first version." in Reader(signed_in, cast, Role.DATA_MANAGER).get("/study/1/")

    def test_there_is_no_version_that_nobody_proposed(self, signed_in: SignedIn, cast: Cast) -> None:
        Reader(signed_in, cast, Role.DATA_MANAGER).get("/study/7/", 404)

    def test_a_second_person_signs_in_again_and_approves(
        self, signed_in: SignedIn, cast: Cast, proposed: StudyVersion
    ) -> None:
        reader = Reader(signed_in, cast, Role.UNBLINDED_STATISTICIAN)
        assert 'href="/study/2/approve/"' in reader.get("/study/2/")
        day = today() + datetime.timedelta(days=14)
        sent = day_boxes("effective_from", day) | {"sites": ["UMCG", "LUMC"], "reason": "read"}
        assert reader.client.post("/study/2/approve/", sent)["Location"].startswith("/account/reauthenticate/")
        reader.sign_in_again(PASSWORD)
        page = reader.send("/study/2/approve/", sent)
        assert "Version 2 is approved." in page
        assert "UMCG from" in page
        assert "PSYQ from" not in page

    def test_a_refusal_comes_back_with_what_was_typed(
        self, signed_in: SignedIn, cast: Cast, proposed: StudyVersion
    ) -> None:
        reader = Reader(signed_in, cast, Role.UNBLINDED_STATISTICIAN)
        reader.sign_in_again(PASSWORD)
        sent = day_boxes("effective_from", today() - datetime.timedelta(days=9)) | {"sites": ["UMCG"]}
        page = reader.post("/study/2/approve/", sent, 422)
        assert "An amendment cannot take effect before today: give today or a later day." in page
        assert 'value="UMCG" checked' in page
        nowhere = reader.post("/study/2/approve/", {"sites": ["NOWHERE"]}, 422)
        assert "NOWHERE" in nowhere

    def test_who_proposed_reads_why_they_cannot_approve(
        self, signed_in: SignedIn, cast: Cast, proposed: StudyVersion
    ) -> None:
        page = Reader(signed_in, cast, Role.DATA_MANAGER).get("/study/2/approve/")
        assert "Somebody else than who proposed a version approves it." in page
        assert '<button class="tm-button"' not in page.partition("<main")[2].partition("</main>")[0]


class TestSight:
    def test_a_blinded_reader_meets_no_trace_of_an_arm(
        self, signed_in: SignedIn, cast: Cast, reset_trd: StudyDefinition
    ) -> None:
        arms = (reset_trd.arms[0].model_copy(update={"ratio": 2}), *reset_trd.arms[1:])
        of_arm = next(visit for visit in reset_trd.visits if visit.arms)
        visits = tuple(
            visit.model_copy(update={"day": visit.day + 1}) if visit is of_arm else visit for visit in reset_trd.visits
        )
        changed = reset_trd.model_copy(update={"version": "0.2.0", "arms": arms, "visits": visits})
        propose_version(by=proposer(), definition=changed)
        blinded = Reader(signed_in, cast, Role.STATISTICIAN).get("/study/2/")
        assert "the version number changes" in blinded
        assert not any(word in blinded for word in (of_arm.key, "ratio", *(arm.key for arm in reset_trd.arms)))
        seen = Reader(signed_in, cast, Role.DATA_MANAGER).get("/study/2/")
        assert of_arm.key in seen

    def test_an_administrator_who_sees_no_form_reads_of_none(
        self, signed_in: SignedIn, cast: Cast, reset_trd: StudyDefinition
    ) -> None:
        same_label = amended(reset_trd, version=reset_trd.version, vital_signs=height)
        propose_version(by=proposer(), definition=same_label)
        page = Reader(signed_in, cast, Role.ADMINISTRATOR).get("/study/2/")
        assert "Nothing that your role reads changes." in page

    def test_the_design_is_told_to_who_may_see_lists_and_hinted_at_to_other_unblinded(
        self, cast: Cast, reset_trd: StudyDefinition
    ) -> None:
        assert reset_trd.randomization is not None
        design = reset_trd.randomization.model_copy(update={"length_per_stratum": 7, "block_sizes": {4: 1}})
        changed = reset_trd.model_copy(update={"randomization": design})
        told = {
            role: [change.text("en") for change in changes_for(cast.at("", role), reset_trd, changed)]
            for role in (Role.UNBLINDED_STATISTICIAN, Role.DATA_MANAGER, Role.STATISTICIAN)
        }
        assert any("“7”" in text for text in told[Role.UNBLINDED_STATISTICIAN])
        assert told[Role.DATA_MANAGER] == ["The design of the randomisation changes; who may see the lists reads how."]
        assert told[Role.STATISTICIAN] == []


class TestDuties:
    def test_a_version_waits_for_who_may_approve_it(self, cast: Cast, proposed: StudyVersion) -> None:
        (task,) = duty(approver(), "approval").tasks
        assert task.link.url == "/study/2/"
        assert duty(proposer(), "approval").count == 0
        assert duty(cast.at("UMCG", Role.COORDINATOR), "approval").count == 0

    def test_visits_of_before_want_no_form_that_is_required_since(self, cast: Cast, reset_trd: StudyDefinition) -> None:
        """The unscheduled visit of today wants it."""
        participant = walk.randomised(cast)
        coordinator = cast.at("UMCG", Role.COORDINATOR)
        before = {task.about for task in duty(coordinator, "forms").tasks}
        visits = tuple(
            visit.model_copy(update={"required_forms": (*visit.must_complete, "vital_signs")})
            if visit.key in ("unscheduled", "screening")
            else visit
            for visit in reset_trd.visits
        )
        wider = tuple(
            visit.model_copy(update={"required_forms": (*visit.must_complete, "background")})
            if visit.key == "screening"
            else visit
            for visit in visits
        )
        put_in_force(reset_trd.model_copy(update={"version": "0.2.0", "visits": wider}))
        assert {task.about for task in duty(coordinator, "forms").tasks} == before
        add_unscheduled_visit(by=coordinator, participant=participant, key="unscheduled", on=today())
        after = {task.about for task in duty(coordinator, "forms").tasks}
        assert len(after - before) == 1

    def test_a_decision_waits_when_the_visit_is_complete_by_its_own_version(
        self, cast: Cast, reset_trd: StudyDefinition
    ) -> None:
        walk.at_week_8(cast)
        investigator = cast.at("UMCG", Role.INVESTIGATOR)
        before = duty(investigator, "decisions").count
        assert before > 0
        visits = tuple(
            visit.model_copy(update={"required_forms": visit.forms}) if visit.key == "week_8" else visit
            for visit in reset_trd.visits
        )
        put_in_force(reset_trd.model_copy(update={"version": "0.2.0", "visits": visits}))
        assert duty(investigator, "decisions").count == before

    def test_consent_is_asked_again_where_the_new_version_counts(self, cast: Cast, reset_trd: StudyDefinition) -> None:
        here, there = walk.consented(cast, "UMCG"), walk.consented(cast, "LUMC")
        walk.registered(cast, "UMCG")  # has consented to nothing yet
        newer = ConsentVersion(key="consent_v9", label=Text(nl="Versie 9", en="Version 9"), valid_from="2023-01-01")
        consents = (*reset_trd.consents, newer)
        coordinator, other = cast.at("UMCG", Role.COORDINATOR), cast.at("LUMC", Role.COORDINATOR)
        assert duty(coordinator, "consent_again").count == 0
        put_in_force(reset_trd.model_copy(update={"version": "0.2.0", "consents": consents}), sites=["UMCG"])
        (task,) = duty(coordinator, "consent_again").tasks
        assert task.about.startswith(here.number)
        assert task.link.url == f"/participants/{here.number}/consent/"
        assert duty(other, "consent_again").count == 0, there.number
        record_consent(by=coordinator, participant=here, version="consent_v9", given_on=today())
        assert duty(coordinator, "consent_again").count == 0

    def test_a_consent_version_of_later_is_not_asked_yet(
        self, cast: Cast, reset_trd: StudyDefinition, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = datetime.date.fromisoformat(min(consent.valid_from for consent in reset_trd.consents))
        assert newest_consent("UMCG", first - datetime.timedelta(days=1)) is None
        newest = newest_consent("UMCG", today())
        assert newest is not None
        assert newest.key == reset_trd.consents[-1].key
        monkeypatch.setattr("trialmgr.studies.queries._read", lambda: Timeline(()))
        assert newest_consent("UMCG", today()) is None
