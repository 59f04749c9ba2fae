from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from django.contrib.auth.tokens import default_token_generator
from django.db.models import Prefetch, Q, QuerySet, Value
from django.db.models.functions import Concat
from django.http import Http404
from django.shortcuts import get_object_or_404

from trialmgr.people.models import Membership, Site, User
from trialmgr.people.permissions import PERMISSIONS
from trialmgr.people.visibility import blinded_roles
from trialmgr.studies.clock import today
from trialmgr.studies.queries import current_definition


def people(text: str = "") -> QuerySet[User]:
    """Users with their roles, past and present; ``text`` searches user name and name."""
    roles = Prefetch("memberships", Membership.objects.select_related("site").order_by("pk"))
    found: QuerySet[User] = User.objects.prefetch_related(roles).order_by("-is_active", "username")
    if text:
        found = found.filter(Q(username__icontains=text) | Q(first_name__icontains=text) | Q(last_name__icontains=text))
    return found


def called(text: str) -> QuerySet[User]:
    """Users, past and present, of whom it is part of the user name or of the name as the audit trail has it."""
    whole = Concat("first_name", Value(" "), "last_name")
    meant = Q(username__icontains=text) | Q(whole__icontains=text)
    found: QuerySet[User] = User.objects.alias(whole=whole).filter(meant).order_by("pk")
    return found


def person_called(username: str) -> User:
    return get_object_or_404(people(), username=username)


def membership_of(user: User, number: int) -> Membership:
    """A user's roles are numbered from 1 in the order they were granted."""
    held = list(user.memberships.all())
    if not 1 <= number <= len(held):
        raise Http404
    return held[number - 1]


def user_of_link(username: str, token: str) -> User | None:
    """Whose link this is, while it works: once, for three days, for an account that is open."""
    user = User.objects.filter(username=username, is_active=True).first()
    return user if user is not None and default_token_generator.check_token(user, token) else None


def site_called(code: str) -> Site:
    return get_object_or_404(Site, code=code)


def holders_of(*permissions: str) -> QuerySet[User]:
    """Whoever holds one of these today, anywhere."""
    may = {role.value for role, held in PERMISSIONS.items() if held & set(permissions)}
    rows = Membership.objects.in_force(today()).filter(role__in=may)
    found: QuerySet[User] = User.objects.filter(pk__in=rows.values("user"), is_active=True).order_by("username")
    return found


def with_roles(users: Iterable[User]) -> list[User]:
    """The roles of each in force today, read at once for all of them."""
    found, held = list(users), defaultdict[int, list[Membership]](list)
    rows = Membership.objects.in_force(today()).filter(user__in=[user.pk for user in found])
    for membership in rows.select_related("site"):
        held[membership.user_id].append(membership)
    for user in found:
        user.memberships_now = tuple(held[user.pk]) if user.is_active else ()
    return found


def unblinded_holders(permission: str, site: Site | None = None) -> list[User]:
    """Whoever may do this at a site, or in the trial, in a role that is not blinded; for e-mails to them."""
    may = {role.value for role, permissions in PERMISSIONS.items() if permission in permissions}
    may -= blinded_roles(current_definition())
    held = Membership.objects.in_force(today()).filter(Q(site=None) | Q(site=site), role__in=may, user__is_active=True)
    return list(User.objects.filter(pk__in=held.values("user")).order_by("username"))
