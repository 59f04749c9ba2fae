"""Lists and allocations through their actions: one door, every refusal named, nothing consumed when refused."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, connection, transaction
from pytest_django import Settings

from audit.acts import ActionRefused
from audit.models import LedgerEntry
from randomization import actions, policies
from randomization.methods.findings import DesignRefused
from randomization.methods.lists.sealing import SealBroken
from randomization.models import Allocation, ListRow, ListStatus, RandomizationList, Stratum
from randomization.queries import list_findings
from tests import walk
from tests.amendments import put_in_force
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.participants.models import Participant
from trialmgr.people.actions import close_site, grant_role
from trialmgr.people.models import SYSTEM
from trialmgr.people.permissions import Role
from trialmgr.protocol.model import StratificationFactor, StudyDefinition
from trialmgr.studies.clock import today

KEY = "0123456789abcdef"


@pytest.fixture
def ready(cast: Cast) -> Participant:
    return walk.baseline_done(cast)


def test_a_list_has_a_sealed_row_for_every_place_of_every_stratum(cast: Cast, reset_trd: StudyDefinition) -> None:
    listed = RandomizationList.objects.get()
    assert reset_trd.randomization is not None
    length = reset_trd.randomization.length_per_stratum
    assert [stratum.key for stratum in listed.strata.all()] == sorted(f"site={site.code}" for site in reset_trd.sites)
    for stratum in listed.strata.all():
        positions = list(stratum.rows.values_list("position", flat=True))
        assert positions == list(range(1, length + 1))
    sealed = [bytes(row.sealed) for row in ListRow.objects.all()]
    assert len({len(text) for text in sealed}) == 1
    assert not any(arm.key.encode() in text for arm in reset_trd.arms for text in sealed)


def test_the_commitment_enters_the_ledger_and_the_secret_does_not_stand_open(cast: Cast) -> None:
    listed = RandomizationList.objects.get()
    line = LedgerEntry.objects.get(action="list.made")
    assert line.new == listed.commitment
    assert line.detail["manifest"]


def test_the_one_who_made_a_list_cannot_activate_it(cast: Cast) -> None:
    statistician = cast.at("", Role.UNBLINDED_STATISTICIAN)
    listed = actions.make_list(by=statistician)
    with pytest.raises(ActionRefused, match=r"tweede|second"):
        actions.activate_list(by=statistician, listed=listed)
    assert listed.status == ListStatus.MADE


def test_a_new_list_closes_the_old_one_when_it_is_activated_and_keeps_it(cast: Cast) -> None:
    first = RandomizationList.objects.get()
    second = actions.make_list(by=cast.at("", Role.UNBLINDED_STATISTICIAN))
    actions.activate_list(by=cast.at("", Role.DATA_MANAGER), listed=second)
    first.refresh_from_db()
    assert (first.status, second.status, second.number) == ("closed", "active", first.number + 1)
    assert policies.active_list() == second
    with pytest.raises(ActionRefused):
        actions.activate_list(by=cast.at("", Role.DATA_MANAGER), listed=first)


def test_a_live_installation_takes_no_seed(cast: Cast) -> None:
    with pytest.raises(ActionRefused):
        actions.make_list(by=cast.at("", Role.UNBLINDED_STATISTICIAN), rehearsal_seed="1")


def test_a_rehearsal_list_returns_with_its_seed_and_never_serves_a_live_installation(
    cast: Cast, settings: Settings
) -> None:
    statistician, manager = cast.at("", Role.UNBLINDED_STATISTICIAN), cast.at("", Role.DATA_MANAGER)
    settings.TRIALMGR_DEMO = True
    one, two, other = (actions.make_list(by=statistician, rehearsal_seed=seed) for seed in ("7", "7", "8"))
    assert one.commitment == two.commitment != other.commitment
    assert one.manifest["list_hash"] == two.manifest["list_hash"]
    settings.TRIALMGR_DEMO = False
    with pytest.raises(ActionRefused):
        actions.activate_list(by=manager, listed=one)
    assert policies.active_list() != one


def test_only_a_statistician_makes_a_list(cast: Cast) -> None:
    with pytest.raises(PermissionDenied):
        actions.make_list(by=cast.at("UMCG", Role.COORDINATOR))


def test_a_study_without_a_randomisation_design_has_no_list(cast: Cast, reset_trd: StudyDefinition) -> None:
    parts = {name: getattr(reset_trd, name) for name in StudyDefinition.model_fields}
    put_in_force(StudyDefinition(**{**parts, "randomization": None, "version": "none"}))
    with pytest.raises(DesignRefused):
        actions.make_list(by=cast.at("", Role.UNBLINDED_STATISTICIAN))


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
    assert not policies.can_allocate(ready, by)


def test_every_reason_is_named_at_once_and_nothing_is_consumed(cast: Cast) -> None:
    participant = walk.registered(cast)
    with pytest.raises(ActionRefused) as refused:
        actions.allocate(by=cast.at("UMCG", Role.COORDINATOR), participant=participant, idempotency_key=KEY)
    # No consent, no judgement, and one reason for each of the eight forms of screening and baseline.
    assert len(refused.value.reasons) == 2 + 8
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


@pytest.mark.parametrize("row", ["list", "stratum", "row", "allocation"])
def test_rows_name_themselves_without_their_arm(cast: Cast, row: str) -> None:
    allocation = Allocation.objects.get(participant=walk.randomised(cast))
    named = {
        "list": allocation.row.stratum.list,
        "stratum": allocation.row.stratum,
        "row": allocation.row,
        "allocation": allocation,
    }[row]
    assert str(named)
    assert allocation.arm not in str(named)
