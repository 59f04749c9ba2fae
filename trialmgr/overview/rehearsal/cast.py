"""The people of a rehearsal, one for each role, and at each site for the roles that work there."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field

from randomization.actions import activate_list, make_list
from trialmgr.people.actions import activate_site, create_site, create_user, grant_role
from trialmgr.people.models import SYSTEM, Membership, Site, User
from trialmgr.people.permissions import PERMISSIONS, SITE_ROLES, Role
from trialmgr.protocol.model import Form, StudyDefinition
from trialmgr.studies.actions import approve_version, propose_version
from trialmgr.studies.clock import today
from trialmgr.studies.models import StudyVersion

# Before the first invented day of any rehearsal.
LONG_AGO = datetime.timedelta(days=3 * 365)


@dataclass
class Cast:
    """``people``: (role, site code or "") -> user."""

    sites: dict[str, Site] = field(default_factory=dict)
    people: dict[tuple[Role, str], User] = field(default_factory=dict)

    def at(self, site: str, role: Role) -> User:
        """The person who holds a role at a site, or for the whole trial."""
        return self.people.get((role, site)) or self.people[(role, "")]

    def who_may(self, permission: str, site: str) -> User:
        """The first person, in the order of the roles, whose role at this site allows it."""
        return self.at(site, next(role for role in Role if permission in PERMISSIONS[role]))

    def enterer(self, form: Form, site: str) -> User:
        """The first of the roles that the study definition lets enter the form."""
        return self.at(site, Role(form.entered_by[0]))


def set_up(definition: StudyDefinition, *, password: str | None, seed: str | None) -> Cast:
    """Open the sites, make the people, the study in force and an active list (a rehearsal list with ``seed``)."""
    cast = Cast()
    begin = min(today() - LONG_AGO, datetime.date.fromisoformat(definition.valid_from))
    for site in definition.sites:
        created = create_site(by=SYSTEM, site=site)
        cast.sites[site.code] = activate_site(by=SYSTEM, site=created, on=begin, reason="rehearsal")
    for role in Role:
        for code in cast.sites if role in SITE_ROLES else [""]:
            cast.people[(role, code)] = _person(role, cast.sites.get(code), password, begin)
    put_study_in_force(cast, definition, effective_from=begin)
    if definition.is_randomised:
        put_list_in_force(cast, seed)
    return cast


def put_study_in_force(
    cast: Cast, definition: StudyDefinition, *, effective_from: datetime.date | None = None, reason: str = ""
) -> StudyVersion:
    """A version proposed by one and approved by another, for every site."""
    version = propose_version(by=cast.people[(Role.DATA_MANAGER, "")], definition=definition, reason=reason)
    approver = cast.people[(Role.UNBLINDED_STATISTICIAN, "")]
    approve_version(by=approver, version=version, effective_from=effective_from)
    return version


def put_list_in_force(cast: Cast, seed: str | None) -> None:
    """A list made by one and activated by another; the same ``seed``, in a demo, gives the same list again."""
    listed = make_list(by=cast.people[(Role.UNBLINDED_STATISTICIAN, "")], rehearsal_seed=seed)
    activate_list(by=cast.people[(Role.DATA_MANAGER, "")], listed=listed)


def standing_cast() -> Cast:
    """The cast of an installation that ``set_up`` has prepared."""
    cast = Cast(sites={site.code: site for site in Site.objects.all()})
    for membership in Membership.objects.select_related("user", "site"):
        code = membership.site.code if membership.site else ""
        cast.people[(Role(membership.role), code)] = membership.user
    return cast


def username_of(role: Role, site: str) -> str:
    return f"{role.value}-{site.lower()}" if site else role.value


def _person(role: Role, site: Site | None, password: str | None, since: datetime.date) -> User:
    code = site.code if site else ""
    user = create_user(
        by=SYSTEM,
        username=username_of(role, code),
        password=password,
        first_name=role.value.replace("_", " ").capitalize(),
        last_name=code or "Trial",
        email=f"{username_of(role, code)}@example.org",
    )
    grant_role(by=SYSTEM, user=user, role=role, site=site, since=since)
    return user
