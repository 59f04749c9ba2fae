from __future__ import annotations

import datetime
from collections.abc import Collection
from functools import cached_property
from typing import Any, ClassVar, Self

from django.contrib.auth.models import AbstractUser, UserManager
from django.core.exceptions import PermissionDenied
from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from audit.acts import acting
from audit.models import TrackedModel, TrackedQuerySet
from trialmgr.people.permissions import PERMISSIONS, ROLE_LABELS, Role
from trialmgr.people.visibility import Sight, blinded_roles, sight_of
from trialmgr.protocol.model import StudyDefinition
from trialmgr.studies.clock import today
from trialmgr.studies.queries import current_definition

# What Django itself writes on a user row while signing in, outside any act of ours; sign-ins have their own entries.
_SIGN_IN_FIELDS = frozenset({"last_login", "password"})

# What the audit trail holds of a name; Django allows a first and a last name of this length each.
_LONGEST_NAME = 150


class Site(TrackedModel):
    """A trial site. It may register and randomise from ``active_from`` until ``closed_on``."""

    code = models.CharField(_("code"), max_length=8, unique=True)
    name = models.CharField(_("name"), max_length=120)
    active_from = models.DateField(_("active from"), null=True)
    closed_on = models.DateField(_("closed on"), null=True)
    next_participant = models.PositiveIntegerField(default=1)

    objects = TrackedQuerySet["Site"].as_manager()

    class Meta:
        ordering = ["code"]
        verbose_name = _("site")

    def __str__(self) -> str:
        return self.name

    def is_active(self, on: datetime.date) -> bool:
        begun = self.active_from is not None and self.active_from <= on
        return begun and (self.closed_on is None or on < self.closed_on)


class PersonManager(UserManager["User"].from_queryset(TrackedQuerySet["User"])):  # type: ignore[misc]  # made at run time
    """Users are made by ``people.actions.create_user`` only."""

    use_in_migrations = False  # migrations of other applications write user rows in bulk

    def create_superuser(self, *args: Any, **kwargs: Any) -> User:
        raise TypeError("make the first administrator with: python manage.py people create-administrator")


class User(AbstractUser, TrackedModel):
    """A person with an account of their own. Never deleted: deactivated. Rights come from memberships alone."""

    language = models.CharField(
        _("language"), max_length=2, choices=[("nl", "Nederlands"), ("en", "English")], blank=True, default=""
    )

    objects: ClassVar[PersonManager] = PersonManager()

    class Meta:
        ordering = ["username"]
        verbose_name = _("user")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(is_superuser=False, is_staff=False), name="no_user_stands_above_the_roles"
            )
        ]

    def save(self, *args: Any, **kwargs: Any) -> None:
        fields: Collection[str] = kwargs.get("update_fields") or ()
        if fields and _SIGN_IN_FIELDS.issuperset(fields) and not acting():
            models.Model.save(self, *args, **kwargs)
        else:
            super().save(*args, **kwargs)

    @property
    def actor_id(self) -> str:
        return str(self.pk)

    @property
    def actor_name(self) -> str:
        return (self.get_full_name() or self.username)[:_LONGEST_NAME]

    @cached_property
    def memberships_now(self) -> tuple[Membership, ...]:
        """Memberships in force today; read once per loaded user."""
        return tuple(self.memberships.select_related("site").in_force(today())) if self.is_active else ()

    @property
    def roles(self) -> frozenset[str]:
        return frozenset(membership.role for membership in self.memberships_now)

    @cached_property
    def learned_allocation(self) -> bool:
        """Whether an act of their own told this person an arm; read once per loaded user."""
        return Unblinding.objects.filter(user=self).exists()

    @property
    def is_blinded_no_more(self) -> bool:
        """Whether this person still holds a blinded role and has learned an allocation: until the end of that day."""
        return bool(self.roles & blinded_roles(current_definition())) and self.learned_allocation

    @property
    def works_everywhere(self) -> bool:
        return any(membership.site_id is None for membership in self.memberships_now)

    def roles_at(self, site: Site | None) -> frozenset[str]:
        """Roles that count at a site; with None, all roles held anywhere."""
        return frozenset(
            membership.role
            for membership in self.memberships_now
            if site is None or membership.site_id in (None, site.pk)
        )

    def role_names(self, site: Site | None) -> str:
        return ",".join(sorted(self.roles_at(site)))

    def may(self, permission: str, *, site: Site | None = None) -> bool:
        return any(permission in PERMISSIONS[Role(role)] for role in self.roles_at(site))

    def check_may(self, permission: str, *, site: Site | None = None) -> None:
        """Raises PermissionDenied with a sentence a person can read."""
        if not self.may(permission, site=site):
            raise PermissionDenied(gettext("Your role does not allow this."))

    def site_ids(self) -> frozenset[int]:
        return frozenset(membership.site_id for membership in self.memberships_now if membership.site_id is not None)

    def sight(self, definition: StudyDefinition) -> Sight:
        return sight_of(definition, self.roles)


class MembershipQuerySet(TrackedQuerySet["Membership"]):
    def in_force(self, on: datetime.date) -> Self:
        return self.not_ended(on).filter(since__lte=on)

    def not_ended(self, on: datetime.date) -> Self:
        """In force, or to come: both bind a person to their duties."""
        return self.filter(models.Q(until=None) | models.Q(until__gt=on))


class Membership(TrackedModel):
    """A user holds a role, at one site or (``site`` empty) for the whole trial, from a day until another."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField(
        _("role"), max_length=30, choices=[(role.value, label) for role, label in ROLE_LABELS.items()]
    )
    site = models.ForeignKey(Site, on_delete=models.PROTECT, null=True, related_name="memberships")
    since = models.DateField(_("from"))
    until = models.DateField(_("until"), null=True)

    objects = MembershipQuerySet.as_manager()

    class Meta:
        ordering = ["user", "role", "since"]
        verbose_name = _("role of a user")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(until=None) | models.Q(until__gte=models.F("since")),
                name="membership_ends_after_start",
            )
        ]

    def __str__(self) -> str:
        return f"{self.user} {self.role}"


class Unblinding(TrackedModel):
    """This person has learned an allocation by an act of their own. Never taken back."""

    user = models.OneToOneField(User, on_delete=models.PROTECT, related_name="unblinding")
    at = models.DateTimeField(_("unblinded at"))

    append_only = True
    objects = TrackedQuerySet["Unblinding"].as_manager()

    class Meta:
        ordering = ["at", "pk"]
        verbose_name = _("unblinding of a user")

    def __str__(self) -> str:
        return str(self.user)


class ScopedQuerySet(TrackedQuerySet[Any]):
    """Rows that belong to a site: ``for_user`` is the one way to read them on behalf of a person.

    ``site_path``: the lookup from the row to its site.
    """

    site_path = "site"

    def at_sites_of(self, user: User) -> Self:
        if user.works_everywhere:
            return self.all()
        return self.filter(**{f"{self.site_path}__in": user.site_ids()})


class SystemActor:
    """The installation itself: sets up the first study, sites and administrator, and records failed sign-ins."""

    actor_id = "system"
    actor_name = "system"

    def role_names(self, site: Any) -> str:
        return "system"

    def check_may(self, permission: str, *, site: Any = None) -> None:
        """May do what sets an installation up; acts on participants belong to people."""
        if permission not in {"sites.manage", "people.manage"}:
            raise PermissionDenied(gettext("Only a person may do this."))


SYSTEM = SystemActor()
