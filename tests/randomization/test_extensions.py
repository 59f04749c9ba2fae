"""A list made longer through its actions: what was allocated stays, what is added waits for a second person."""

from __future__ import annotations

import pytest
from django.core.exceptions import PermissionDenied
from pytest_django import Settings

from audit.acts import ActionRefused
from audit.models import LedgerEntry
from randomization import actions
from randomization.methods.findings import DesignRefused
from randomization.methods.lists.rows import manifest_hash
from randomization.methods.lists.sealing import SealBroken
from randomization.models import Allocation, ListExtension, ListRow, RandomizationList, Stratum
from randomization.queries.lists import list_findings, manifest_in_force, manifests_of
from tests.randomization.list_making import (
    MINIMISED,
    SEX,
    SITE,
    again,
    allocated,
    amend,
    list_in_force,
    manager,
    statistician,
)
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.permissions import Role
from trialmgr.protocol.model import SiteDefinition, StudyDefinition

OTHER_KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


def extended(cast: Cast, listed: RandomizationList, **given: object) -> ListExtension:
    extension = actions.extend_list(by=statistician(cast), listed=listed, reason="recruitment goes on", **given)  # type: ignore[arg-type]  # as the test says
    return actions.activate_extension(by=manager(cast), extension=extension)


def rows_of(listed: RandomizationList) -> dict[tuple[str, int], bytes]:
    rows = ListRow.objects.filter(stratum__list=listed).select_related("stratum")
    return {(row.stratum.key, row.position): bytes(row.sealed) for row in rows}


def test_every_earlier_allocation_stays_when_rows_and_a_site_come_and_factors_are_reordered(
    cast: Cast, reset_trd: StudyDefinition
) -> None:
    listed = list_in_force(cast, factors=(SITE, SEX), length_per_stratum=6)
    before = [allocated(cast, site) for site in ("UMCG", "LUMC", "UMCG")]
    rows, strata = rows_of(listed), set(listed.strata.values_list("key", flat=True))
    new_site = SiteDefinition(code="MUMC", name="Maastricht UMC+")
    amend(cast, parts={"sites": (*reset_trd.sites, new_site)}, factors=(SEX, SITE), length_per_stratum=10)
    extended(cast, listed)
    assert {place: rows_of(listed)[place] for place in rows} == rows
    lengths = dict(listed.strata.values_list("key", "length"))
    assert set(lengths.values()) == {10}
    assert {key.split(";")[1] for key in set(lengths) - strata} == {"site=MUMC"}
    for allocation in before:
        assert Allocation.objects.get(pk=allocation.pk).arm == allocation.arm
    after = allocated(cast, "UMCG")
    same = [each for each in before if each.row.stratum.key == after.row.stratum.key]
    assert after.row.position == len(same) + 1
    assert list_findings(again(listed)) == []


def test_an_extension_waits_for_a_second_person(cast: Cast) -> None:
    listed = list_in_force(cast, length_per_stratum=1)
    allocated(cast)
    extension = actions.extend_list(by=statistician(cast), listed=listed, reason="more", to=2)
    with pytest.raises(ActionRefused):
        allocated(cast)
    with pytest.raises(ActionRefused, match=r"tweede|second"):
        actions.activate_extension(by=statistician(cast), extension=extension)
    actions.activate_extension(by=manager(cast), extension=extension)
    assert allocated(cast).row.position == 2
    with pytest.raises(ActionRefused):
        actions.activate_extension(by=manager(cast), extension=extension)


def test_a_stratum_that_came_with_an_extension_cannot_be_used_before_it_is_activated(
    cast: Cast, reset_trd: StudyDefinition
) -> None:
    amend(cast, parts={"sites": reset_trd.sites[1:]})
    listed = list_in_force(cast)
    amend(cast, parts={"sites": reset_trd.sites})
    extension = actions.extend_list(by=statistician(cast), listed=listed, reason="a site came", each={"site=UMCG": 8})
    assert Stratum.objects.get(list=listed, key="site=UMCG").length == 0
    with pytest.raises(ActionRefused):
        allocated(cast, "UMCG")
    actions.activate_extension(by=manager(cast), extension=extension)
    assert allocated(cast, "UMCG").row.position == 1


def test_the_ledger_holds_hash_and_reason_of_an_extension_and_each_names_the_one_before(cast: Cast) -> None:
    listed = list_in_force(cast, length_per_stratum=4)
    for length in (6, 8):
        extended(cast, listed, to=length)
    first, second, third = manifests_of(listed)
    assert (second["extends"], third["extends"]) == (manifest_hash(first), manifest_hash(second))
    assert manifest_in_force(listed) == third
    lines = LedgerEntry.objects.filter(action="list.extended", object_id=str(listed.number)).order_by("seq")
    assert [line.new for line in lines] == [manifest_hash(second), manifest_hash(third)]
    assert {line.reason for line in lines} == {"recruitment goes on"}
    assert not any("site=" in str(line.detail) for line in lines)
    assert LedgerEntry.objects.filter(action="list.extension_activated").count() == 2


def test_one_extension_waits_at_a_time_and_only_the_list_in_force_is_extended(cast: Cast, settings: Settings) -> None:
    old = RandomizationList.objects.get()
    listed = list_in_force(cast, length_per_stratum=4)
    waiting = actions.extend_list(by=statistician(cast), listed=listed, reason="more", to=6)
    for other in (listed, old):
        with pytest.raises(ActionRefused):
            actions.extend_list(by=statistician(cast), listed=other, reason="more", to=300)
    settings.TRIALMGR_DEMO = True
    with pytest.raises(ActionRefused) as refused:
        actions.extend_list(by=statistician(cast), listed=listed, reason="more", to=300)
    assert len(refused.value.reasons) == 2
    with pytest.raises(ActionRefused, match=r"doel|purpose"):
        actions.activate_extension(by=manager(cast), extension=waiting)


def test_an_extension_of_a_list_that_was_closed_meanwhile_is_not_activated(cast: Cast) -> None:
    extension = actions.extend_list(
        by=statistician(cast), listed=RandomizationList.objects.get(), reason="more", to=300
    )
    list_in_force(cast)
    with pytest.raises(ActionRefused):
        actions.activate_extension(by=manager(cast), extension=extension)


def test_an_extension_owes_a_reason_and_a_permission(cast: Cast) -> None:
    listed = RandomizationList.objects.get()
    with pytest.raises(ActionRefused):
        actions.extend_list(by=statistician(cast), listed=listed, reason=" ", to=300)
    with pytest.raises(PermissionDenied):
        actions.extend_list(by=cast.at("UMCG", Role.COORDINATOR), listed=listed, reason="more", to=300)


def test_another_design_asks_for_a_new_list_and_both_verify(cast: Cast) -> None:
    old = RandomizationList.objects.get()
    first = allocated(cast)
    amend(cast, block_sizes={6: 1}, factors=(SEX,))
    with pytest.raises(DesignRefused, match="make a new list instead"):
        actions.extend_list(by=statistician(cast), listed=old, reason="more", to=300)
    new = list_in_force(cast)
    second = allocated(cast)
    assert (again(old).status, new.status) == ("closed", "active")
    assert (first.row.stratum.list_id, second.row.stratum.list_id) == (old.pk, new.pk)
    assert set(second.levels) == {"sex"}
    assert list_findings(again(old)) == list_findings(again(new)) == []


def test_with_another_key_nothing_is_extended_or_activated(cast: Cast, settings: Settings) -> None:
    listed = RandomizationList.objects.get()
    made = actions.make_list(by=statistician(cast))
    extension = actions.extend_list(by=statistician(cast), listed=listed, reason="more", to=300)
    settings.TRIALMGR_LIST_KEY = OTHER_KEY
    for act in (
        lambda: actions.activate_extension(by=manager(cast), extension=extension),
        lambda: actions.activate_list(by=manager(cast), listed=made),
    ):
        with pytest.raises(SealBroken, match="TRIALMGR_LIST_KEY"):
            act()
    assert again(made).status == "made"


def test_minimisation_goes_on_with_a_new_site(cast: Cast, reset_trd: StudyDefinition) -> None:
    amend(cast, parts={"sites": reset_trd.sites[1:]})
    listed = list_in_force(cast, factors=(SITE, SEX), length_per_stratum=3, **MINIMISED)
    before = [allocated(cast, site) for site in ("LUMC", "AUMC")]
    amend(cast, parts={"sites": reset_trd.sites}, factors=(SEX, SITE))
    with pytest.raises(ActionRefused):
        allocated(cast, "UMCG")
    extended(cast, listed, to=5)
    assert allocated(cast, "UMCG").row.position == 3
    assert [Allocation.objects.get(pk=each.pk).log for each in before] == [each.log for each in before]
    assert Stratum.objects.get(list=listed).length == 5
    assert list_findings(again(listed)) == []


def test_places_for_envelopes_stay_where_they_are_and_new_strata_have_their_own(
    cast: Cast, reset_trd: StudyDefinition
) -> None:
    amend(cast, parts={"sites": reset_trd.sites[1:]})
    listed = list_in_force(cast, length_per_stratum=6, envelopes=2)
    amend(cast, parts={"sites": reset_trd.sites})
    extended(cast, listed, to=9)
    places = {stratum.key: (stratum.reserved_from, stratum.reserved_to) for stratum in listed.strata.all()}
    assert places["site=LUMC"] == (5, 6)
    assert places["site=UMCG"] == (8, 9)
    positions = [allocated(cast, "LUMC").row.position for _ in range(5)]
    assert positions == [1, 2, 3, 4, 7]
    assert list_findings(again(listed)) == []
