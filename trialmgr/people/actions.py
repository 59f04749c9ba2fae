from __future__ import annotations

import datetime
from collections.abc import Callable

from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.authtoken.models import Token

from audit.actions import action, itself
from audit.acts import ActionRefused, Actor, record
from trialmgr.people.models import Membership, Site, Unblinding, User
from trialmgr.people.permissions import Role
from trialmgr.people.policies import check_account_fits, check_role_fits, roles_to_end
from trialmgr.protocol.model import SiteDefinition
from trialmgr.studies.clock import today

_followers: list[Callable[[User], object]] = []


def follow_roles_with(follower: Callable[[User], object]) -> None:
    """Register what a later room does, in the same act, when somebody may or sees less than before."""
    if follower not in _followers:
        _followers.append(follower)


def _follow(user: User) -> None:
    for follower in _followers:
        follower(user)


@action("site.created", permission="sites.manage")
def create_site(*, by: Actor, site: SiteDefinition) -> Site:
    """A site of the study definition; it may not work before ``activate_site``."""
    created = Site(code=site.code, name=site.name)
    created.save()
    record(object_type="site", object_id=site.code, site=site.code, new=site.name)
    return created


@action("site.activated", permission="sites.manage")
def activate_site(*, by: Actor, site: Site, on: datetime.date, reason: str) -> Site:
    """Source: ICH E6(R3) 4.3.5: a site starts after its approvals; ``reason`` names them."""
    _check_reason(reason)
    _set_day(site, "active_from", on)
    if site.closed_on is not None:
        _set_day(site, "closed_on", None)
    return site


@action("site.closed", permission="sites.manage")
def close_site(*, by: Actor, site: Site, on: datetime.date, reason: str) -> Site:
    _check_reason(reason)
    _set_day(site, "closed_on", on)
    return site


def _set_day(site: Site, field: str, day: datetime.date | None) -> None:
    old = getattr(site, field)
    setattr(site, field, day)
    site.save()
    record(object_type="site", object_id=site.code, site=site.code, item=field, old=_written(old), new=_written(day))


def _written(day: datetime.date | None) -> str | None:
    return day.isoformat() if day else None


def _check_reason(reason: str) -> None:
    if not reason.strip():
        raise ActionRefused(_("Give the reason."))


@action("user.created", permission="people.manage", works_when_locked=True, makes=itself)
def create_user(
    *, by: Actor, username: str, password: str | None, first_name: str, last_name: str, email: str, language: str = ""
) -> User:
    """An account of one person; names are never used again. Without a password it cannot sign in yet."""
    user = User(username=username, first_name=first_name, last_name=last_name, email=email, language=language)
    check_account_fits(user, password)
    user.set_password(password)
    user.save()
    record(object_type="user", object_id=username, new=user.actor_name)
    return user


@action("user.password_link", permission="people.manage", works_when_locked=True)
def make_password_link(*, by: Actor, user: User) -> str:
    """A token with which this person, once and within three days, sets a password that nobody else learns."""
    if not user.is_active:
        raise ActionRefused(_("This account is deactivated."))
    record(object_type="user", object_id=user.username, item="password", new="link made")
    return default_token_generator.make_token(user)


@action("user.deactivated", permission="people.manage", works_when_locked=True)
def deactivate_user(*, by: Actor, user: User, reason: str) -> User:
    """The account stays, its sessions end: every request loads the user and meets ``is_active`` first."""
    _check_reason(reason)
    if not user.is_active:
        raise ActionRefused(_("This account is deactivated already."))
    user.is_active = False
    user.save()
    user.__dict__.pop("memberships_now", None)
    record(object_type="user", object_id=user.username, item="is_active", old="yes", new="no")
    _follow(user)
    return user


@action("role.granted", permission="people.manage", works_when_locked=True, makes=itself)
def grant_role(
    *, by: Actor, user: User, role: Role, site: Site | None = None, since: datetime.date | None = None
) -> Membership:
    """Refused with every reason: duties that stay apart, a role without or with a site, unblinded before."""
    check_role_fits(user=user, role=role, site=site)
    membership = Membership(user=user, role=role.value, site=site, since=since or today())
    membership.save()
    user.__dict__.pop("memberships_now", None)
    code = site.code if site else ""
    record(object_type="user", object_id=user.username, site=code, item="role", new=role.value)
    return membership


@action("role.ended", permission="people.manage", works_when_locked=True)
def end_role(*, by: Actor, membership: Membership, reason: str) -> Membership:
    _check_reason(reason)
    if membership.until is not None:
        raise ActionRefused(_("This role has ended already."))
    membership.until = max(today(), membership.since)
    membership.save()
    membership.user.__dict__.pop("memberships_now", None)
    code = membership.site.code if membership.site else ""
    record(
        object_type="user", object_id=membership.user.username, site=code, item="role", old=membership.role, new=None
    )
    _follow(membership.user)
    return membership


@action("user.unblinded", permission=None, works_when_locked=True)
def note_unblinding(*, by: User, reason: str) -> None:
    """A person has learned an allocation by an act of their own: no blinded role from now on, in this trial, ever.

    Blinded roles that they hold end with this day; until then they enter no form in them, but can still read what they
    need in the emergency. Of someone who works unblinded it is noted all the same.
    """
    User.objects.select_for_update().get(pk=by.pk)
    if not Unblinding.objects.filter(user=by).exists():
        Unblinding(user=by, at=timezone.now()).save()
    by.__dict__.pop("learned_allocation", None)
    record(object_type="user", object_id=by.username, item="unblinded", new="yes")
    tomorrow = today() + datetime.timedelta(days=1)
    for membership in roles_to_end(by):
        membership.until = max(min(membership.until or tomorrow, tomorrow), membership.since)
        membership.save()
        record(
            action="role.ended",
            object_type="user",
            object_id=by.username,
            site=membership.site.code if membership.site else "",
            item="role",
            old=membership.role,
        )
    _follow(by)


@action("user.signed_in", permission=None, works_when_locked=True)
def note_sign_in(*, by: User) -> None:
    record(object_type="user", object_id=by.username)


@action("user.signed_out", permission=None, works_when_locked=True)
def note_sign_out(*, by: User) -> None:
    record(object_type="user", object_id=by.username)


@action("user.sign_in_failed", permission=None, works_when_locked=True)
def note_failed_sign_in(*, by: Actor, username: str) -> None:
    """Only a name that exists is kept: what is typed in that box by mistake may be a password."""
    known = User.objects.filter(username__iexact=username).exists()
    record(object_type="user", object_id=username[:120] if known else "unknown")


@action("user.language", permission=None, works_when_locked=True)
def choose_language(*, by: User, language: str) -> None:
    if language not in dict(settings.LANGUAGES):
        raise ActionRefused(_("Choose one of the languages on offer."))
    old, by.language = by.language, language
    by.save()
    record(object_type="user", object_id=by.username, item="language", old=old, new=language)


@action("user.password_changed", permission=None, works_when_locked=True)
def change_password(*, by: User, password: str) -> None:
    """A person's own password; that it changed is kept, the password is not."""
    by.set_password(password)
    by.save()
    record(object_type="user", object_id=by.username, item="password")


@action("user.second_factor", permission=None, works_when_locked=True)
def note_second_factor(*, by: User, kind: str, change: str) -> None:
    """``change``: added, removed or renewed."""
    record(object_type="user", object_id=by.username, item=kind, new=change)


@action("token.made", permission="people.manage", works_when_locked=True)
def make_api_key(*, by: Actor, user: User) -> str:
    """The API key with which a program acts as this person; the one before it works no more."""
    Token.objects.filter(user=user).delete()
    record(object_type="user", object_id=user.username, item="token", new="made")
    key: str = Token.objects.create(user=user).key
    return key
