"""Allocations: the next place, once, to who is ready; every refusal named; rows of minimisation made one at a time."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core import mail
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, connection, transaction
from django.test import Client
from hypothesis import strategies as st
from pytest_django import Settings

from audit.acts import ActionRefused
from audit.models import LedgerEntry
from randomization import actions
from randomization.methods.designs import minimisation
from randomization.methods.lists.sealing import SealBroken
from randomization.methods.words import chunks
from randomization.models import Allocation, ListRow, RandomizationList, Stratum
from randomization.policies.allocations import StratumUsedUp, can_allocate
from randomization.policies.supply import next_position
from randomization.queries.allocations import in_screening, ready_to_randomise, waiting_by_stratum
from randomization.queries.lists import list_findings
from tests import walk
from tests.amendments import put_in_force
from tests.audit.staging import deed
from tests.crf.pages import Reader, casebook_url
from tests.randomization.list_making import MINIMISED, SEX, SITE, allocated, amend, list_in_force
from trialmgr.overview.duties import duty
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.participants.actions import save_contact
from trialmgr.participants.models import Participant
from trialmgr.people.actions import close_site, grant_role
from trialmgr.people.models import SYSTEM
from trialmgr.people.permissions import Role
from trialmgr.protocol.model import StratificationFactor, StudyDefinition
from trialmgr.studies.clock import today
from trialmgr.studies.queries import current_definition

KEY = "0123456789abcdef"

OnCommit = Callable[..., object]

pytestmark = pytest.mark.on_both  # a place is taken under another lock

DESIGN = minimisation({"a": 2, "b": 1}, factors={"sex": ["f", "m"], "site": ["x", "y", "z"]}, measure="range", p="4/5")

LEVELS = st.fixed_dictionaries({"sex": st.sampled_from("fm"), "site": st.sampled_from("xyz")})


def stream() -> Iterator[bytes]:
    return chunks(bytes(range(32)), "TRIAL", "live", "all")


@pytest.fixture
def ready(cast: Cast) -> Participant:
    return walk.baseline_done(cast)


def test_an_allocation_takes_the_next_row_opens_the_arms_visits_and_enters_the_trial(
    cast: Cast, ready: Participant
) -> None:
    allocation = actions.allocate(by=cast.at("UMCG", Role.COORDINATOR), participant=ready, idempotency_key=KEY)
    ready.refresh_from_db()
    assert (allocation.row.position, allocation.levels) == (1, {"site": "UMCG"})
    assert (ready.status, ready.phase, ready.enrolled_on) == ("on_study", "treatment", today())
    arms = {arm for visit in ready.visits.all() for arm in visit.definition.arms}
    assert arms == {allocation.arm}
    assert list_findings(RandomizationList.objects.get()) == []


def test_the_arm_stands_in_the_restricted_part_of_the_ledger_alone(cast: Cast, ready: Participant) -> None:
    allocation = actions.allocate(by=cast.at("UMCG", Role.COORDINATOR), participant=ready, idempotency_key=KEY)
    told = LedgerEntry.objects.filter(participant=ready.number, new=allocation.arm)
    assert [line.restricted for line in told] == [True]
    for line in LedgerEntry.objects.filter(participant=ready.number).open_part():
        assert allocation.arm not in f"{line.new}{line.old}{line.detail}{line.visit}{line.object_id}"


def test_asking_again_with_the_same_key_gives_the_same_allocation(cast: Cast, ready: Participant) -> None:
    by = cast.at("UMCG", Role.COORDINATOR)
    first = actions.allocate(by=by, participant=ready, idempotency_key=KEY)
    assert actions.allocate(by=by, participant=ready, idempotency_key=KEY) == first
    assert Stratum.objects.get(key="site=UMCG").used == 1


def test_a_participant_is_randomised_once(cast: Cast, ready: Participant) -> None:
    by = cast.at("UMCG", Role.COORDINATOR)
    actions.allocate(by=by, participant=ready, idempotency_key=KEY)
    with pytest.raises(ActionRefused) as refused:
        actions.allocate(by=by, participant=ready, idempotency_key="another key of a person")
    assert len(refused.value.reasons) >= 2
    assert Stratum.objects.get(key="site=UMCG").used == 1
    assert not can_allocate(ready, by)


def _forms_before(participant: Participant) -> int:
    return sum(
        len(visit.must_complete) for visit in participant.study_version.definition.visits if visit.before_allocation
    )


def test_every_reason_is_named_at_once_and_nothing_is_consumed(cast: Cast) -> None:
    participant = walk.registered(cast)
    with pytest.raises(ActionRefused) as refused:
        actions.allocate(by=cast.at("UMCG", Role.COORDINATOR), participant=participant, idempotency_key=KEY)
    # No consent, no judgement, and one reason for each form of screening and baseline.
    assert len(refused.value.reasons) == 2 + _forms_before(participant)
    assert Stratum.objects.get(key="site=UMCG").used == 0
    assert not Allocation.objects.exists()


def test_a_closed_site_does_not_randomise(cast: Cast, ready: Participant) -> None:
    close_site(by=SYSTEM, site=cast.sites["UMCG"], on=today(), reason="end of recruitment")
    ready = Participant.objects.get(pk=ready.pk)
    with pytest.raises(ActionRefused) as refused:
        actions.allocate(by=cast.at("UMCG", Role.COORDINATOR), participant=ready, idempotency_key=KEY)
    assert len(refused.value.reasons) == 1


def test_without_an_active_list_nobody_is_randomised(cast: Cast, ready: Participant, settings: Settings) -> None:
    settings.TRIALMGR_DEMO = True  # the only list is a live one
    with pytest.raises(ActionRefused) as refused:
        actions.allocate(by=cast.at("UMCG", Role.COORDINATOR), participant=ready, idempotency_key=KEY)
    assert len(refused.value.reasons) == 1


def test_a_used_up_stratum_refuses_without_saying_how_long_it_was(
    cast: Cast, ready: Participant, reset_trd: StudyDefinition
) -> None:
    assert reset_trd.randomization is not None
    parts = {name: getattr(reset_trd, name) for name in StudyDefinition.model_fields}
    short = reset_trd.randomization.model_copy(update={"length_per_stratum": 1})
    put_in_force(StudyDefinition(**{**parts, "randomization": short, "version": "short"}))
    listed = actions.make_list(by=cast.at("", Role.UNBLINDED_STATISTICIAN))
    actions.activate_list(by=cast.at("", Role.DATA_MANAGER), listed=listed)
    by = cast.at("UMCG", Role.COORDINATOR)
    actions.allocate(by=by, participant=ready, idempotency_key=KEY)
    with pytest.raises(ActionRefused) as refused:
        actions.allocate(by=by, participant=walk.baseline_done(cast), idempotency_key="next")
    assert not any(sign.isdigit() for sign in str(refused.value))


def test_a_list_may_be_stratified_by_an_item_of_a_form(
    cast: Cast, ready: Participant, reset_trd: StudyDefinition
) -> None:
    assert reset_trd.randomization is not None
    factors = (
        StratificationFactor(key="sex", source="screening.demographics.sex"),
        StratificationFactor(key="site", source="site"),
    )
    parts = {name: getattr(reset_trd, name) for name in StudyDefinition.model_fields}
    design = reset_trd.randomization.model_copy(update={"factors": factors, "length_per_stratum": 4})
    put_in_force(StudyDefinition(**{**parts, "randomization": design, "version": "sex"}))
    listed = actions.make_list(by=cast.at("", Role.UNBLINDED_STATISTICIAN))
    actions.activate_list(by=cast.at("", Role.DATA_MANAGER), listed=listed)
    sexes = len(reset_trd.codelist(reset_trd.form("demographics").item("sex").codelist or "").items)
    assert listed.strata.count() == sexes * len(reset_trd.sites)
    unknown = walk.registered(cast)
    with pytest.raises(ActionRefused) as refused:
        actions.allocate(by=cast.at("UMCG", Role.COORDINATOR), participant=unknown, idempotency_key="unknown")
    assert any("sex" in reason for reason in refused.value.reasons)
    allocation = actions.allocate(by=cast.at("UMCG", Role.COORDINATOR), participant=ready, idempotency_key=KEY)
    assert set(allocation.levels) == {"sex", "site"}
    assert allocation.row.stratum.key == ";".join(f"{key}={allocation.levels[key]}" for key in ("sex", "site"))


def test_another_sites_coordinator_and_a_rater_cannot_randomise(cast: Cast, ready: Participant) -> None:
    for by in (cast.at("LUMC", Role.COORDINATOR), cast.at("UMCG", Role.RATER)):
        with pytest.raises(PermissionDenied):
            actions.allocate(by=by, participant=ready, idempotency_key=KEY)


def test_with_another_key_no_row_opens_and_nothing_is_consumed(
    cast: Cast, ready: Participant, settings: Settings
) -> None:
    settings.TRIALMGR_LIST_KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()
    with pytest.raises(SealBroken):
        actions.allocate(by=cast.at("UMCG", Role.COORDINATOR), participant=ready, idempotency_key=KEY)
    assert Stratum.objects.get(key="site=UMCG").used == 0


def test_the_database_itself_refuses_a_second_use_of_a_row(cast: Cast) -> None:
    first, second = walk.randomised(cast), walk.baseline_done(cast)
    taken = Allocation.objects.get(participant=first)
    stolen: list[Any] = [taken.row_id, second.pk, taken.arm, "{}", "stolen", taken.allocated_at, taken.allocated_by]
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO randomization_allocation"
            " (row_id, participant_id, arm, levels, idempotency_key, allocated_at, allocated_by)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s)",
            stolen,
        )


def test_allocations_are_seen_by_the_unblinded_at_their_own_site(cast: Cast) -> None:
    participant = walk.randomised(cast)
    seen = {
        who: Allocation.objects.for_user(cast.at(site, who)).filter(participant=participant).exists()
        for who, site in {
            Role.COORDINATOR: "UMCG",
            Role.TREATING_TEAM: "LUMC",
            Role.RATER: "UMCG",
            Role.STATISTICIAN: "",
            Role.UNBLINDED_STATISTICIAN: "",
            Role.ADMINISTRATOR: "",
        }.items()
    }
    assert [who for who, sees in seen.items() if sees] == [Role.COORDINATOR, Role.UNBLINDED_STATISTICIAN]


def test_a_role_that_an_amendment_blinds_sees_no_allocation_any_more(cast: Cast, reset_trd: StudyDefinition) -> None:
    walk.randomised(cast)
    monitor = cast.at("", Role.MONITOR)
    assert Allocation.objects.for_user(monitor).exists()
    document = reset_trd.model_dump(mode="json") | {"version": "9.9.9"}
    document["roles"] = [role | {"blinded": role["blinded"] or role["key"] == "monitor"} for role in document["roles"]]
    put_in_force(StudyDefinition.from_json(document))
    assert not Allocation.objects.for_user(monitor).exists()


def test_a_falsified_arm_is_found_by_recomputing_the_list(cast: Cast, reset_trd: StudyDefinition) -> None:
    allocation = Allocation.objects.get(participant=walk.randomised(cast))
    other = next(arm.key for arm in reset_trd.arms if arm.key != allocation.arm)
    listed = RandomizationList.objects.get()
    manifest = dict(listed.manifest, commitment="0" * 64)
    listed.manifest = manifest
    assert [str(finding) for finding in list_findings(listed)]
    assert other != allocation.arm


def test_a_blinded_person_never_takes_an_unblinded_role_unnoticed(cast: Cast) -> None:
    with pytest.raises(ActionRefused):
        grant_role(by=SYSTEM, user=cast.at("UMCG", Role.RATER), role=Role.COORDINATOR, site=cast.sites["UMCG"])


class TestMinimisation:
    def test_rows_are_made_one_at_a_time_and_the_log_replays(self, cast: Cast) -> None:
        listed = list_in_force(cast, factors=(SITE, SEX), **MINIMISED)
        assert not ListRow.objects.filter(stratum__list=listed).exists()
        made = [allocated(cast, site) for site in ("UMCG", "LUMC", "UMCG")]
        assert [each.row.position for each in made] == [1, 2, 3]
        assert [each.log["arm"] for each in made if each.log] == [each.arm for each in made]
        assert [each.levels["site"] for each in made] == ["UMCG", "LUMC", "UMCG"]
        assert Stratum.objects.get(list=listed).used == 3
        assert list_findings(listed) == []

    def test_a_level_that_the_design_does_not_know_is_refused_and_the_statistician_sees_who_waits(
        self, cast: Cast
    ) -> None:
        listed = list_in_force(cast, factors=(SITE, SEX), **MINIMISED)
        listed.design = listed.design | {
            "factors": listed.design["factors"] | {"site": {"levels": ["LUMC", "AUMC"], "weight": 1}}
        }
        deed(listed.save)
        participant = walk.baseline_done(cast)
        with pytest.raises(StratumUsedUp):
            allocated(cast, participant=participant)
        assert waiting_by_stratum(in_screening(Participant.objects.all())) == {"all": 1}

    def test_it_ends_with_the_most_that_were_planned(self, cast: Cast) -> None:
        list_in_force(cast, factors=(SITE, SEX), length_per_stratum=1, **MINIMISED)
        most = Stratum.objects.get(list__status="active").length
        stratum = Stratum.objects.get(list__status="active")
        stratum.used = most - 1
        deed(stratum.save)
        assert next_position(stratum) == most


class TestRefusals:
    def test_everything_that_is_wanting_is_named_in_one_answer(self, cast: Cast) -> None:
        manager = cast.at("", Role.DATA_MANAGER)
        participant = walk.registered(cast)
        actions.place_hold(by=manager, site=cast.sites["UMCG"], reason="recall")
        actions.set_cap(by=manager, site=None, participants=0, reason="full")
        list_in_force(cast, factors=(SITE, SEX), length_per_stratum=4)
        with pytest.raises(ActionRefused) as refused:
            allocated(cast, participant=participant)
        # consent, judgement, forms, hold, cap, and the level of sex
        assert len(refused.value.reasons) == 1 + 1 + _forms_before(participant) + 1 + 1 + 1
        assert not Stratum.objects.exclude(used=0).exists()
        assert not LedgerEntry.objects.filter(participant=participant.number, action="participant.randomised").exists()

    def test_the_same_person_is_refused_at_the_allocation_too(self, cast: Cast) -> None:
        one, two = walk.baseline_done(cast), walk.baseline_done(cast, "LUMC")
        details = {"email": "jansje@example.org"}
        save_contact(by=cast.at("UMCG", Role.COORDINATOR), participant=one, details=details)
        mark = one.identity_marks.get()
        deed(type(mark)(participant=two, kind="email", mark=mark.mark).save)
        with pytest.raises(ActionRefused) as refused:
            allocated(cast, "LUMC", two)
        assert one.number not in str(refused.value)
        assert ready_to_randomise(in_screening(Participant.objects.all())) == []
        save_contact(
            by=cast.at("LUMC", Role.COORDINATOR), participant=two, details=details, other_person="a shared mailbox"
        )
        assert len(ready_to_randomise(in_screening(Participant.objects.all()))) == 2
        allocated(cast, "LUMC", two)

    def test_a_new_site_without_a_stratum_waits_for_the_statistician(self, cast: Cast) -> None:
        stratum = Stratum.objects.get(key="site=UMCG")
        stratum.key = "site=ELSEWHERE"
        deed(stratum.save)
        with pytest.raises(StratumUsedUp):
            allocated(cast)


class TestUsedUp:
    @pytest.fixture
    def waiting(self, cast: Cast) -> Participant:
        list_in_force(cast, length_per_stratum=1)
        allocated(cast)
        return walk.baseline_done(cast)

    def test_the_unblinded_statistician_is_told_once_for_each_who_waits(
        self, cast: Cast, waiting: Participant, django_capture_on_commit_callbacks: OnCommit
    ) -> None:
        for _turn in range(2):
            with django_capture_on_commit_callbacks(execute=True), pytest.raises(StratumUsedUp):  # type: ignore[attr-defined]
                allocated(cast, participant=waiting)
        assert [message.to for message in mail.outbox] == [["unblinded_statistician@example.org"]]
        assert not any(word in mail.outbox[0].body for word in ("UMCG", waiting.number))
        line = LedgerEntry.objects.get(action="stratum.used_up")
        assert (line.restricted, line.detail) == (True, {"stratum": "site=UMCG"})

    def test_who_waits_is_on_the_work_list_of_the_statistician_alone(self, cast: Cast, waiting: Participant) -> None:
        (task,) = duty(cast.at("", Role.UNBLINDED_STATISTICIAN), "waiting").tasks
        assert task.about == "site=UMCG"
        for role in (Role.COORDINATOR, Role.DATA_MANAGER, Role.STATISTICIAN):
            assert duty(cast.at("UMCG", role), "waiting").count == 0
        assert duty(cast.at("UMCG", Role.COORDINATOR), "randomise").count == 0

    def test_the_page_says_no_number_of_places(
        self, cast: Cast, waiting: Participant, signed_in: Callable[..., Client]
    ) -> None:
        page = Reader(signed_in, cast, Role.COORDINATOR).get(f"{casebook_url(waiting)}randomise/")
        assert "The trial statistician has to extend the list." in page


class TestTwice:
    def test_the_same_key_gives_the_same_answer_and_a_line_that_says_so(self, cast: Cast) -> None:
        participant, key = walk.baseline_done(cast), uuid.uuid4().hex
        by = cast.at("UMCG", Role.COORDINATOR)
        one, two = (actions.allocate(by=by, participant=participant, idempotency_key=key) for _turn in range(2))
        assert one == two
        assert Allocation.objects.count() == 1
        assert LedgerEntry.objects.filter(participant=participant.number, new="asked again").count() == 1

    def test_a_key_is_of_one_participant(self, cast: Cast) -> None:
        by, key = cast.at("UMCG", Role.COORDINATOR), uuid.uuid4().hex
        actions.allocate(by=by, participant=walk.baseline_done(cast), idempotency_key=key)
        with pytest.raises(ActionRefused):
            actions.allocate(by=by, participant=walk.baseline_done(cast), idempotency_key=key)


class TestBlindedCoordinator:
    def test_who_randomises_blinded_is_led_back_to_the_casebook_and_told_no_arm(
        self, cast: Cast, signed_in: Callable[..., Client]
    ) -> None:
        roles = tuple(
            role.model_copy(update={"blinded": True}) if role.key == Role.COORDINATOR else role
            for role in current_definition().roles
        )
        amend(cast, parts={"roles": roles})
        participant = walk.randomised(cast)
        reader = Reader(signed_in, cast, Role.COORDINATOR)
        page = reader.get(casebook_url(participant))
        assert "allocation/correct/" in page
        assert "allocation/in-error/" in page
        reader.get(f"{casebook_url(participant)}allocation/", 403)
        sent = {"reason": "was not eligible"}
        assert "The flag is saved." in reader.send(f"{casebook_url(participant)}allocation/in-error/", sent)
