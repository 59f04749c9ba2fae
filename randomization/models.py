from __future__ import annotations

import enum
from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from audit.models import TrackedModel, TrackedQuerySet
from trialmgr.participants.models import Participant
from trialmgr.people.models import ScopedQuerySet, User
from trialmgr.studies.queries import current_definition


class ListStatus(enum.StrEnum):
    MADE = "made"
    ACTIVE = "active"
    CLOSED = "closed"


class ListPurpose(enum.StrEnum):
    """A rehearsal's list has its own stream and can never allocate in a live installation."""

    LIVE = "live"
    REHEARSAL = "rehearsal"


class RandomizationList(TrackedModel):
    """A list made before the first allocation. Arms of its rows and its secret are sealed with a key kept outside."""

    number = models.PositiveIntegerField(_("number"), unique=True)
    purpose = models.CharField(_("purpose"), max_length=10, choices=[(each.value, each.value) for each in ListPurpose])
    status = models.CharField(_("status"), max_length=10, choices=[(each.value, each.value) for each in ListStatus])
    algorithm = models.CharField(_("algorithm"), max_length=40)
    design = models.JSONField()
    factors = models.JSONField()
    commitment = models.CharField(_("commitment"), max_length=64)
    manifest = models.JSONField()
    sealed_secret = models.BinaryField()
    made_at = models.DateTimeField(_("made at"))
    made_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="lists_made")
    activated_at = models.DateTimeField(_("activated at"), null=True)
    activated_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="lists_activated")

    objects = TrackedQuerySet["RandomizationList"].as_manager()

    class Meta:
        ordering = ["number"]
        verbose_name = _("randomisation list")
        constraints = [
            models.UniqueConstraint(fields=["status"], condition=models.Q(status="active"), name="one_active_list"),
            models.CheckConstraint(
                condition=models.Q(activated_at=None, activated_by=None)
                | models.Q(activated_at__isnull=False, activated_by__isnull=False),
                name="list_activation_has_who_and_when",
            ),
            models.CheckConstraint(
                condition=models.Q(activated_by=None) | ~models.Q(activated_by=models.F("made_by")),
                name="second_person_activates",
            ),
        ]

    def __str__(self) -> str:
        return f"list {self.number}"


class Stratum(TrackedModel):
    """One stratum of a list and its cursor; the one row that an allocation locks."""

    list = models.ForeignKey(RandomizationList, on_delete=models.PROTECT, related_name="strata")
    key = models.CharField(_("stratum"), max_length=400)
    length = models.PositiveIntegerField()
    used = models.PositiveIntegerField(default=0)

    objects = TrackedQuerySet["Stratum"].as_manager()

    class Meta:
        ordering = ["list", "key"]
        verbose_name = _("stratum")
        constraints = [
            models.UniqueConstraint(fields=["list", "key"], name="one_stratum_a_key"),
            models.CheckConstraint(condition=models.Q(used__lte=models.F("length")), name="stratum_not_overdrawn"),
        ]

    def __str__(self) -> str:
        return self.key


class ListRow(models.Model):
    """One sealed row; never changed after it was made (a trigger holds that)."""

    stratum = models.ForeignKey(Stratum, on_delete=models.PROTECT, related_name="rows")
    position = models.PositiveIntegerField()
    sealed = models.BinaryField()

    append_only = True

    class Meta:
        ordering = ["stratum", "position"]
        constraints = [models.UniqueConstraint(fields=["stratum", "position"], name="one_row_a_position")]

    def __str__(self) -> str:
        return f"{self.stratum} {self.position}"


class AllocationQuerySet(ScopedQuerySet):
    site_path = "participant__site"

    def for_user(self, user: User) -> Self:
        """Allocations as a person may see them: none for a blinded person."""
        if not user.may("allocation.view") or user.sight(current_definition()).blinded:
            return self.none()
        return self.at_sites_of(user)


class Allocation(TrackedModel):
    """One participant has one row of the list, and so an arm. Never changed, never undone."""

    participant = models.OneToOneField(Participant, on_delete=models.PROTECT, related_name="allocation")
    row = models.OneToOneField(ListRow, on_delete=models.PROTECT, related_name="allocation")
    arm = models.CharField(_("arm"), max_length=40)
    levels = models.JSONField(_("strata as randomised"))
    idempotency_key = models.CharField(max_length=64, unique=True)
    allocated_at = models.DateTimeField(_("randomised at"))
    allocated_by = models.CharField(_("randomised by"), max_length=150)

    append_only = True
    objects = AllocationQuerySet.as_manager()

    class Meta:
        ordering = ["allocated_at", "pk"]
        verbose_name = _("allocation")

    def __str__(self) -> str:
        return str(self.participant)
