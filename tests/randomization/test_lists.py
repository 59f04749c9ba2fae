"""Lists: sealed when they are made, put in force by a second person, closed and never deleted."""

from __future__ import annotations

import pytest
from django.core.exceptions import PermissionDenied
from pytest_django import Settings

from audit.acts import ActionRefused
from audit.models import LedgerEntry
from randomization import actions
from randomization.methods.findings import DesignRefused
from randomization.models import Allocation, ListRow, ListStatus, RandomizationList
from randomization.policies.lists import active_list
from tests import walk
from tests.amendments import put_in_force
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.participants.models import Participant
from trialmgr.people.permissions import Role
from trialmgr.protocol.model import StudyDefinition

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
    # Three letters stand in one of so many random texts now and then, about once in five hundred runs.
    readable = [text for arm in reset_trd.arms for text in sealed if arm.key.encode() in text]
    assert len(readable) < len(sealed) / 10


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
    assert active_list() == second
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
    assert active_list() != one


def test_only_a_statistician_makes_a_list(cast: Cast) -> None:
    with pytest.raises(PermissionDenied):
        actions.make_list(by=cast.at("UMCG", Role.COORDINATOR))


def test_a_study_without_a_randomisation_design_has_no_list(cast: Cast, reset_trd: StudyDefinition) -> None:
    parts = {name: getattr(reset_trd, name) for name in StudyDefinition.model_fields}
    put_in_force(StudyDefinition(**{**parts, "randomization": None, "version": "none"}))
    with pytest.raises(DesignRefused):
        actions.make_list(by=cast.at("", Role.UNBLINDED_STATISTICIAN))


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
