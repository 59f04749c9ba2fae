"""Which roles fit a person: duties apart, blinded or not, with or without a site."""

from __future__ import annotations

import datetime

import pytest

from audit.acts import ActionRefused
from tests.audit.recipes import new_person
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people import policies
from trialmgr.people.actions import end_role, grant_role, note_unblinding
from trialmgr.people.models import SYSTEM, Membership
from trialmgr.people.permissions import APART, PERMISSIONS, SITE_ROLES, Role, known_permissions
from trialmgr.people.policies import check_role_fits
from trialmgr.studies.clock import today
from trialmgr.studies.queries import NoStudyPublished

SITE = "UMCG"


def grant(cast: Cast, role: Role, username: str = "newcomer", since: datetime.date | None = None) -> Membership:
    found = Membership.objects.filter(user__username=username).first()
    user = found.user if found else new_person(username)
    site = cast.sites[SITE] if role in SITE_ROLES else None
    return grant_role(by=SYSTEM, user=user, role=role, site=site, since=since)


def fits(cast: Cast, held: Role, wanted: Role) -> bool:
    username = f"{held}-{wanted}"
    grant(cast, held, username)
    try:
        grant(cast, wanted, username)
    except ActionRefused:
        return False
    return True


# Which two roles one person may hold together; all other pairs are refused.
TOGETHER = {
    frozenset({Role.COORDINATOR, Role.INVESTIGATOR}),
    frozenset({Role.COORDINATOR, Role.TREATING_TEAM}),
    frozenset({Role.COORDINATOR, Role.UNBLINDED_STATISTICIAN}),
    frozenset({Role.COORDINATOR, Role.INSPECTOR}),
    frozenset({Role.INVESTIGATOR, Role.TREATING_TEAM}),
    frozenset({Role.INVESTIGATOR, Role.UNBLINDED_STATISTICIAN}),
    frozenset({Role.INVESTIGATOR, Role.INSPECTOR}),
    frozenset({Role.RATER, Role.STATISTICIAN}),
    frozenset({Role.MONITOR, Role.UNBLINDED_STATISTICIAN}),
    frozenset({Role.MONITOR, Role.INSPECTOR}),
    frozenset({Role.DATA_MANAGER, Role.UNBLINDED_STATISTICIAN}),
    frozenset({Role.DATA_MANAGER, Role.INSPECTOR}),
    frozenset({Role.STATISTICIAN, Role.ADMINISTRATOR}),
    frozenset({Role.UNBLINDED_STATISTICIAN, Role.TREATING_TEAM}),
    frozenset({Role.UNBLINDED_STATISTICIAN, Role.INSPECTOR}),
    frozenset({Role.UNBLINDED_STATISTICIAN, Role.ADMINISTRATOR}),
    frozenset({Role.TREATING_TEAM, Role.INSPECTOR}),
    frozenset({Role.INSPECTOR, Role.ADMINISTRATOR}),
}


@pytest.mark.parametrize("held", Role)
def test_which_roles_go_together(cast: Cast, held: Role) -> None:
    allowed = {wanted for wanted in Role if wanted is not held and fits(cast, held, wanted)}
    expected = {wanted for pair in TOGETHER if held in pair for wanted in pair - {held}}
    # Who worked unblinded may still become an administrator, who sees nothing; the other way round as well.
    assert allowed == expected


def test_a_site_role_wants_a_site_and_a_trial_role_none(cast: Cast) -> None:
    user = new_person()
    for role, site in ((Role.RATER, None), (Role.DATA_MANAGER, cast.sites[SITE])):
        with pytest.raises(ActionRefused):
            check_role_fits(user=user, role=role, site=site)
    check_role_fits(user=user, role=Role.MONITOR, site=None)
    check_role_fits(user=user, role=Role.MONITOR, site=cast.sites[SITE])


def test_every_reason_is_told_at_once(cast: Cast) -> None:
    grant(cast, Role.MONITOR)
    user = Membership.objects.get(user__username="newcomer").user
    with pytest.raises(ActionRefused) as refusal:
        check_role_fits(user=user, role=Role.RATER, site=None)
    assert len(refusal.value.reasons) == 3, "no site, a duty apart, worked unblinded"


def test_unblinded_once_is_never_blinded_again(cast: Cast) -> None:
    end_role(by=SYSTEM, membership=grant(cast, Role.TREATING_TEAM), reason="left the ward")
    with pytest.raises(ActionRefused):
        grant(cast, Role.RATER)


def test_whoever_learned_an_allocation_takes_no_blinded_role(cast: Cast) -> None:
    user = new_person()
    note_unblinding(by=user, reason="an emergency at night")
    with pytest.raises(ActionRefused, match="has learned an allocation"):
        grant_role(by=SYSTEM, user=user, role=Role.RATER, site=cast.sites[SITE])


def test_who_ended_a_blinded_role_can_work_unblinded(cast: Cast) -> None:
    end_role(by=SYSTEM, membership=grant(cast, Role.RATER), reason="to the ward")
    assert grant(cast, Role.TREATING_TEAM).pk


def test_a_role_to_come_binds_like_one_in_force(cast: Cast) -> None:
    grant(cast, Role.MONITOR, since=today() + datetime.timedelta(days=7))
    with pytest.raises(ActionRefused):
        grant(cast, Role.COORDINATOR)


def test_the_same_role_is_not_held_twice_at_one_site(cast: Cast) -> None:
    grant(cast, Role.RATER)
    with pytest.raises(ActionRefused):
        grant(cast, Role.RATER)
    user = Membership.objects.get(user__username="newcomer").user
    assert grant_role(by=SYSTEM, user=user, role=Role.RATER, site=cast.sites["LUMC"]).pk


def test_before_a_study_is_published_nobody_is_blinded(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_yet() -> None:
        raise NoStudyPublished

    monkeypatch.setattr(policies, "current_definition", none_yet)
    grant(cast, Role.TREATING_TEAM)
    assert grant(cast, Role.RATER).pk


def test_every_role_has_permissions_and_no_duty_stands_against_itself() -> None:
    assert set(PERMISSIONS) == set(Role)
    assert all(PERMISSIONS.values())
    assert known_permissions() == frozenset().union(*PERMISSIONS.values())
    assert all(not one & others for one, others in APART)


def test_only_people_at_a_site_write_what_a_site_writes() -> None:
    writing = {"entries.enter", "entries.sign", "participants.consent", "participants.randomise", "participants.judge"}
    assert all(not PERMISSIONS[role] & writing for role in Role if role not in SITE_ROLES)


def test_no_blinded_role_reads_the_allocation_or_the_audit_trail() -> None:
    for role in (Role.RATER, Role.STATISTICIAN, Role.ADMINISTRATOR):
        assert not PERMISSIONS[role] & {"allocation.view", "audit.view", "lists.view"}


def test_a_role_held_since_before_the_first_version_of_the_study_unblinds_nobody(cast: Cast) -> None:
    held = grant(cast, Role.RATER, since=datetime.date(2000, 1, 1))
    grant_role(by=SYSTEM, user=held.user, role=Role.RATER, site=cast.sites["LUMC"])
    assert Membership.objects.filter(user=held.user).count() == 2
