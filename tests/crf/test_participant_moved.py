"""A participant goes on at another site: rights follow the site; number, allocation and stratum stay as they are."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.utils.translation import override

from audit.acts import ActionRefused
from audit.models import LedgerEntry
from audit.verification import verify
from crf.actions import freeze, move_participant, set_visit_day, void_registration
from crf.faults import casebook_faults
from exports.open_points import open_points
from randomization.models import Allocation
from randomization.queries.corrections import strata_that_differ
from tests import walk
from tests.amendments import put_in_force
from tests.api_caller import Caller
from tests.audit.recipes import again, the
from tests.crf.pages import Reader, casebook_url
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.overview.trail import readable
from trialmgr.participants.actions import save_contact
from trialmgr.participants.models import Participant
from trialmgr.people.actions import close_site
from trialmgr.people.models import SYSTEM, Site
from trialmgr.people.permissions import Role
from trialmgr.studies.clock import today
from trialmgr.studies.queries import current_definition

SignedIn = Callable[..., Client]
WHY = "lives in Leiden now"


def moved(cast: Cast, participant: Participant, code: str = "LUMC") -> Participant:
    by, site = the(cast, Role.DATA_MANAGER), Site.objects.get(code=code)
    return move_participant(by=by, participant=again(participant), site=site, reason=WHY)


def refused(cast: Cast, participant: Participant, code: str = "LUMC") -> str:
    with override("en"), pytest.raises(ActionRefused) as told:
        moved(cast, participant, code)
    return str(told.value)


def test_number_allocation_stratum_and_what_is_open_stay_as_they_are(cast: Cast) -> None:
    participant = walk.at_week_8(cast)
    allocation, points = Allocation.objects.get(), [(one.kind, one.where) for one in open_points()]
    moved(cast, participant)
    now = again(participant)
    assert (now.number, now.site.code) == (participant.number, "LUMC")
    held = Allocation.objects.get()
    assert (held.arm, held.levels, held.row_id) == (allocation.arm, allocation.levels, allocation.row_id)
    assert held.levels["site"] == "UMCG"
    assert strata_that_differ(Allocation.objects.all()) == []
    assert [(one.kind, one.where) for one in open_points()] == points
    assert list(casebook_faults()) == []
    assert not any(verify().faults.values())
    assert walk.registered(cast).number == "UMCG-002"
    assert walk.registered(cast, "LUMC").number == "LUMC-001"


def test_the_people_of_the_new_site_have_the_casebook_and_those_of_the_old_have_not(
    signed_in: SignedIn, cast: Cast
) -> None:
    participant = walk.screened(cast)
    save_contact(by=the(cast, Role.COORDINATOR), participant=participant, details={"name": "Jansje Voorbeeld"})
    url = casebook_url(participant)
    here, there = (Reader(signed_in, cast, Role.COORDINATOR, site) for site in ("UMCG", "LUMC"))
    there.get(url, 404)
    moved(cast, participant)
    here.get(url, 404)
    assert url not in here.get("/participants/")
    assert url in there.get("/participants/")
    assert "Jansje Voorbeeld" in there.get(f"{url}contact/")
    visit = walk.visit_of(again(participant), "baseline")
    with pytest.raises(PermissionDenied):
        set_visit_day(by=the(cast, Role.COORDINATOR), visit=visit, on=today(), reason="late")
    set_visit_day(by=cast.at("LUMC", Role.COORDINATOR), visit=visit, on=today(), reason="late")
    assert walk.fill(cast, walk.visit_of(again(participant), "baseline"), "madrs").status == "complete"


def test_the_trail_tells_it_at_both_sites_and_what_was_before_to_the_new_one_too(cast: Cast) -> None:
    participant = walk.screened(cast)
    other = walk.registered(cast)
    moved(cast, participant)
    set_visit_day(
        by=cast.at("LUMC", Role.COORDINATOR),
        visit=walk.visit_of(again(participant), "baseline"),
        on=today(),
        reason="late",
    )
    lines = LedgerEntry.objects.filter(action="participant.moved").order_by("seq")
    assert [(line.site, line.old, line.new, line.reason) for line in lines] == [
        ("UMCG", "UMCG", "LUMC", WHY),
        ("LUMC", "UMCG", "LUMC", WHY),
    ]
    here, there = (
        readable(cast.at(site, Role.COORDINATOR), current_definition()).filter(action__in=["visit.day_set"])
        for site in ("UMCG", "LUMC")
    )
    assert set(here.values_list("participant", "visit")) == {(participant.number, "screening")}
    assert set(there.values_list("participant", "visit")) == {
        (participant.number, "screening"),
        (participant.number, "baseline"),
    }
    everything = readable(cast.at("LUMC", Role.COORDINATOR), current_definition())
    assert not everything.filter(participant=other.number).exists()
    assert not readable(cast.at("LUMC", Role.RATER), current_definition()).filter(restricted=True).exists()


def test_back_again_the_first_site_reads_what_the_other_did(cast: Cast) -> None:
    participant = walk.consented(cast)
    moved(cast, participant)
    coordinator = cast.at("LUMC", Role.COORDINATOR)
    set_visit_day(by=coordinator, visit=walk.visit_of(again(participant), "screening"), on=participant.registered_on)
    moved(cast, participant, "UMCG")
    read = readable(the(cast, Role.COORDINATOR), current_definition())
    assert read.filter(site="LUMC", action="visit.day_set").exists()


def test_it_is_refused_where_it_cannot_be(cast: Cast) -> None:
    participant = walk.consented(cast)
    assert "at this site already" in refused(cast, participant, "UMCG")
    close_site(by=SYSTEM, site=cast.sites["AUMC"], on=today(), reason="end")
    assert "is not active" in refused(cast, participant, "AUMC")
    manager, site = the(cast, Role.DATA_MANAGER), cast.sites["LUMC"]
    with pytest.raises(ActionRefused):
        move_participant(by=manager, participant=participant, site=site, reason=" ")
    for role in (Role.COORDINATOR, Role.INVESTIGATOR, Role.MONITOR, Role.RATER):
        with pytest.raises(PermissionDenied):
            move_participant(by=the(cast, role), participant=participant, site=cast.sites["LUMC"], reason=WHY)
    put_in_force(current_definition().model_copy(update={"version": "0.2.0"}), sites=["LUMC"])
    assert "different versions" in refused(cast, participant)
    freeze(by=the(cast, Role.DATA_MANAGER), participant=participant)
    assert "frozen" in refused(cast, participant)
    voided = walk.registered(cast)
    void_registration(by=the(cast, Role.COORDINATOR), participant=voided, reason="twice")
    with override("en"), pytest.raises(ActionRefused, match="was voided"):
        move_participant(by=the(cast, Role.DATA_MANAGER), participant=voided, site=cast.sites["PROP"], reason=WHY)


def test_on_the_page(signed_in: SignedIn, cast: Cast) -> None:
    participant = walk.consented(cast)
    url = casebook_url(participant)
    manager = Reader(signed_in, cast, Role.DATA_MANAGER)
    assert f'href="{url}site/"' in manager.get(url)
    page = manager.get(f"{url}site/")
    assert 'value="LUMC"' in page
    assert 'value="UMCG"' not in page
    manager.post(f"{url}site/", {"site": "LUMC", "reason": ""}, 422)
    assert "The participant is at the other site now." in manager.send(f"{url}site/", {"site": "LUMC", "reason": WHY})
    Reader(signed_in, cast, Role.COORDINATOR, "LUMC").get(f"{url}site/", 403)


def test_over_the_api(cast: Cast) -> None:
    participant = walk.consented(cast)
    caller, address = Caller(the(cast, Role.DATA_MANAGER)), f"participants/{participant.number}/site/"
    assert caller.post(address, {"site": "LUMC"})[0] == 400
    assert caller.post(address, {"site": "NONE", "reason": WHY})[0] == 404
    status, told = caller.post(address, {"site": "LUMC", "reason": WHY})
    assert (status, told["site"]) == (200, "LUMC")
    assert caller.post(address, {"site": "LUMC", "reason": WHY})[0] == 409
    assert Caller(cast.at("LUMC", Role.COORDINATOR)).post(address, {"site": "UMCG", "reason": WHY})[0] == 403
