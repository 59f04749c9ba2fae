"""Caps and holds: refused within the allocation, named, and nothing consumed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.test import Client

from audit.acts import ActionRefused
from audit.models import LedgerEntry
from randomization import actions
from randomization.models import Allocation, AllocationCap, AllocationHold, Stratum
from randomization.queries.allocations import in_screening, ready_to_randomise
from tests import walk
from tests.audit.staging import deed
from tests.crf.pages import Reader
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.participants.models import Participant
from trialmgr.people.models import Site, User
from trialmgr.people.permissions import Role

pytestmark = pytest.mark.on_both  # a limit is held under another lock


@pytest.fixture
def manager(cast: Cast) -> User:
    return cast.at("", Role.DATA_MANAGER)


def site_of(cast: Cast, code: str) -> Site | None:
    return cast.sites[code] if code else None


def refusals(cast: Cast, participant: Participant) -> tuple[str, ...]:
    by = cast.at(participant.site.code, Role.COORDINATOR)
    with pytest.raises(ActionRefused) as refused:
        actions.allocate(by=by, participant=participant, idempotency_key=participant.number)
    assert not Allocation.objects.filter(participant=participant).exists()
    assert ready_to_randomise(in_screening(Participant.objects.filter(pk=participant.pk))) == []
    return refused.value.reasons


@pytest.mark.parametrize("place", ["UMCG", ""])
def test_a_reached_cap_refuses_the_next_and_another_site_goes_on(cast: Cast, manager: User, place: str) -> None:
    actions.set_cap(by=manager, site=site_of(cast, place), participants=1, reason="pilot phase")
    walk.randomised(cast)
    (reason,) = refusals(cast, walk.baseline_done(cast))
    assert "1" in reason
    assert Stratum.objects.get(key="site=UMCG").used == 1
    if place:
        walk.randomised(cast, "LUMC")
    else:
        refusals(cast, walk.baseline_done(cast, "LUMC"))
    actions.set_cap(by=manager, site=site_of(cast, place), participants=9, reason="pilot is over")
    walk.randomised(cast)


@pytest.mark.parametrize("place", ["UMCG", ""])
def test_a_hold_refuses_until_it_ends_and_keeps_its_reason_to_itself(cast: Cast, manager: User, place: str) -> None:
    actions.place_hold(by=manager, site=site_of(cast, place), reason="deaths in one arm")
    reasons = refusals(cast, walk.baseline_done(cast))
    assert len(reasons) == 1
    assert "deaths" not in reasons[0]
    assert Stratum.objects.get(key="site=UMCG").used == 0
    if place:
        walk.randomised(cast, "LUMC")
    actions.lift_hold(by=manager, site=site_of(cast, place), reason="the board met")
    walk.randomised(cast)


def test_every_reason_is_named_at_once(cast: Cast, manager: User) -> None:
    for site in (None, cast.sites["UMCG"]):
        actions.set_cap(by=manager, site=site, participants=0, reason="not yet")
        actions.place_hold(by=manager, site=site, reason="not yet")
    assert len(refusals(cast, walk.baseline_done(cast))) == 4


def test_a_hold_stands_once_and_ends_once(cast: Cast, manager: User) -> None:
    with pytest.raises(ActionRefused):
        actions.lift_hold(by=manager, site=None, reason="none stands")
    hold = actions.place_hold(by=manager, site=None, reason="recall of a batch")
    assert str(hold) == "hold trial"
    with pytest.raises(ActionRefused):
        actions.place_hold(by=manager, site=None, reason="again")
    actions.lift_hold(by=manager, site=None, reason="batch replaced")
    actions.place_hold(by=manager, site=None, reason="another batch")
    assert AllocationHold.objects.count() == 2
    told = LedgerEntry.objects.filter(object_type="limit").order_by("seq")
    assert [(line.action, line.old, line.new) for line in told] == [
        ("hold.placed", "open", "on hold"),
        ("hold.lifted", "on hold", "open"),
        ("hold.placed", "open", "on hold"),
    ]


def test_a_cap_has_one_row_and_the_trail_has_both_values(cast: Cast, manager: User) -> None:
    for most in (5, 7):
        cap = actions.set_cap(by=manager, site=cast.sites["UMCG"], participants=most, reason="contract")
    assert str(cap) == f"cap {cast.sites['UMCG']}"
    assert AllocationCap.objects.get().participants == 7
    line = LedgerEntry.objects.filter(action="cap.set").latest("seq")
    assert (line.site, line.old, line.new, line.reason) == ("UMCG", "5", "7", "contract")


def test_the_database_too_knows_one_cap_and_one_standing_hold_a_place(cast: Cast, manager: User) -> None:
    actions.set_cap(by=manager, site=None, participants=5, reason="x")
    hold = actions.place_hold(by=manager, site=None, reason="x")
    twice = (
        AllocationCap(site=None, participants=1, reason="x", set_at=hold.placed_at, set_by="x"),
        AllocationHold(site=None, reason="x", placed_at=hold.placed_at, placed_by="x"),
    )
    for row in twice:
        with pytest.raises(IntegrityError), transaction.atomic():
            deed(row.save)


@pytest.mark.parametrize("reason", ["", "  "])
def test_each_owes_a_reason(cast: Cast, manager: User, reason: str) -> None:
    for act in (
        lambda: actions.set_cap(by=manager, site=None, participants=1, reason=reason),
        lambda: actions.place_hold(by=manager, site=None, reason=reason),
        lambda: actions.lift_hold(by=manager, site=None, reason=reason),
    ):
        with pytest.raises(ActionRefused):
            act()


@pytest.mark.parametrize("role", [Role.COORDINATOR, Role.UNBLINDED_STATISTICIAN, Role.MONITOR, Role.ADMINISTRATOR])
def test_only_the_data_manager_sets_them(cast: Cast, role: Role) -> None:
    by = cast.at("UMCG", role)
    with pytest.raises(PermissionDenied):
        actions.set_cap(by=by, site=None, participants=1, reason="x")
    with pytest.raises(PermissionDenied):
        actions.place_hold(by=by, site=None, reason="x")


class TestPages:
    @pytest.fixture
    def desk(self, signed_in: Callable[..., Client], cast: Cast) -> Reader:
        return Reader(signed_in, cast, Role.DATA_MANAGER, "")

    def test_a_cap_is_set_and_read_back(self, cast: Cast, desk: Reader) -> None:
        walk.randomised(cast)
        assert "/randomization/limits/" in desk.get("/randomization/")
        page = desk.get("/randomization/limits/")
        assert "The whole trial" in page
        assert cast.sites["UMCG"].name in page
        url = "/randomization/limits/UMCG/cap/"
        assert "Set the cap" in desk.get(url)
        assert "not a number" in desk.post(url, {"participants": "not a number", "reason": ""}, 422)
        assert "The cap is set." in desk.send(url, {"participants": "12", "reason": "contract"})
        assert "contract" in desk.get(url)
        desk.get("/randomization/limits/NOWHERE/cap/", 404)

    def test_a_hold_is_placed_and_ended(self, desk: Reader) -> None:
        url = "/randomization/limits/trial/hold/"
        assert "is not told the reason" in desk.get(url)
        assert "On hold" in desk.send(url, {"reason": "recall"})
        assert "on hold here already" in desk.post(url, {"reason": "recall"}, 422)
        assert "recall" in desk.get(f"{url}end/")
        assert "Randomisation goes on." in desk.send(f"{url}end/", {"reason": "replaced"})
        assert "recall" not in desk.get(f"{url}end/")

    def test_the_statistician_reads_and_sets_nothing(self, signed_in: Callable[..., Client], cast: Cast) -> None:
        statistician = Reader(signed_in, cast, Role.UNBLINDED_STATISTICIAN, "")
        page = statistician.get("/randomization/limits/")
        assert "/cap/" not in page
        statistician.get("/randomization/limits/trial/cap/", 403)

    @pytest.mark.parametrize("role", [Role.COORDINATOR, Role.RATER, Role.STATISTICIAN, Role.ADMINISTRATOR])
    def test_they_are_closed_to_others(self, signed_in: Callable[..., Client], cast: Cast, role: Role) -> None:
        Reader(signed_in, cast, role).get("/randomization/limits/", 403)
