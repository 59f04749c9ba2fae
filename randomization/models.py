from __future__ import annotations

import enum
from typing import Any, Self

from django.db import models
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from audit.models import TrackedModel, TrackedQuerySet
from trialmgr.participants.models import Participant
from trialmgr.people.models import ScopedQuerySet, Site, User
from trialmgr.studies.queries import current_definition


class ListStatus(enum.StrEnum):
    MADE = "made"
    ACTIVE = "active"
    CLOSED = "closed"


class ListPurpose(enum.StrEnum):
    """A rehearsal's list has its own stream and can never allocate in a live installation."""

    LIVE = "live"
    REHEARSAL = "rehearsal"


class ListOrigin(enum.StrEnum):
    """Made here from a secret, or imported from an independent statistician."""

    GENERATED = "generated"
    IMPORTED = "imported"


class RandomizationList(TrackedModel):
    """A list made before the first allocation. Arms of its rows and its secret are sealed with a key kept outside."""

    number = models.PositiveIntegerField(_("number"), unique=True)
    purpose = models.CharField(_("purpose"), max_length=10, choices=[(each.value, each.value) for each in ListPurpose])
    status = models.CharField(_("status"), max_length=10, choices=[(each.value, each.value) for each in ListStatus])
    origin = models.CharField(
        _("origin"),
        max_length=10,
        choices=[(each.value, each.value) for each in ListOrigin],
        default=ListOrigin.GENERATED.value,
    )
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


class ListExtension(TrackedModel):
    """More rows for a list: sealed when it is made, usable once a second person has activated it.

    ``lengths``: the new length of each stratum, by stratum key. ``manifest``: that of the whole list as extended.
    """

    list = models.ForeignKey(RandomizationList, on_delete=models.PROTECT, related_name="extensions")
    number = models.PositiveIntegerField(_("number"))
    lengths = models.JSONField()
    manifest = models.JSONField()
    reason = models.TextField(_("reason"))
    made_at = models.DateTimeField(_("made at"))
    made_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="extensions_made")
    activated_at = models.DateTimeField(_("activated at"), null=True)
    activated_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="extensions_activated")

    objects = TrackedQuerySet["ListExtension"].as_manager()

    class Meta:
        ordering = ["list", "number"]
        verbose_name = _("extension of a list")
        constraints = [
            models.UniqueConstraint(fields=["list", "number"], name="one_extension_a_number"),
            models.UniqueConstraint(
                fields=["list"], condition=models.Q(activated_at=None), name="one_waiting_extension_a_list"
            ),
            models.CheckConstraint(
                condition=models.Q(activated_at=None, activated_by=None)
                | models.Q(activated_at__isnull=False, activated_by__isnull=False),
                name="extension_activation_has_who_and_when",
            ),
            models.CheckConstraint(
                condition=models.Q(activated_by=None) | ~models.Q(activated_by=models.F("made_by")),
                name="second_person_activates_extension",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.list}, extension {self.number}"


class Stratum(TrackedModel):
    """One stratum of a list and its cursor; the one row that an allocation locks.

    ``used``: the position that was allocated last; the places kept for sealed envelopes, ``reserved_from`` to
    ``reserved_to``, are passed over and may be used in any order. Under minimisation there is one stratum, whose rows
    are made one at a time.
    """

    list = models.ForeignKey(RandomizationList, on_delete=models.PROTECT, related_name="strata")
    key = models.CharField(_("stratum"), max_length=400)
    length = models.PositiveIntegerField()
    used = models.PositiveIntegerField(default=0)
    reserved_from = models.PositiveIntegerField(null=True)
    reserved_to = models.PositiveIntegerField(null=True)

    objects = TrackedQuerySet["Stratum"].as_manager()

    class Meta:
        ordering = ["list", "key"]
        verbose_name = _("stratum")
        constraints = [
            models.UniqueConstraint(fields=["list", "key"], name="one_stratum_a_key"),
            models.CheckConstraint(condition=models.Q(used__lte=models.F("length")), name="stratum_not_overdrawn"),
            models.CheckConstraint(
                condition=models.Q(reserved_from=None, reserved_to=None)
                | models.Q(
                    reserved_from__gte=1,
                    reserved_to__gte=models.F("reserved_from"),
                    reserved_to__lte=models.F("length"),
                ),
                name="reserved_places_lie_in_the_stratum",
            ),
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
    """One participant has one row of the list, and so an arm. Never changed, never undone.

    ``log``: what minimisation looked at and drew, so that it can be replayed; None for a list made beforehand.
    """

    participant = models.OneToOneField(Participant, on_delete=models.PROTECT, related_name="allocation")
    row = models.OneToOneField(ListRow, on_delete=models.PROTECT, related_name="allocation")
    arm = models.CharField(_("arm"), max_length=40)
    levels = models.JSONField(_("strata as randomised"))
    log = models.JSONField(null=True)
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


class AllocationFactQuerySet(AllocationQuerySet):
    """What was noted of an allocation afterwards; seen by whoever sees the allocation."""

    site_path = "allocation__participant__site"


class EnvelopeUse(TrackedModel):
    """An allocation that came from a sealed envelope while the system was down, entered back afterwards."""

    allocation = models.OneToOneField(Allocation, on_delete=models.PROTECT, related_name="envelope")
    opened_at = models.DateTimeField(_("envelope opened at"))
    opened_by = models.CharField(_("envelope opened by"), max_length=150)
    reason = models.TextField(_("reason"))

    append_only = True
    objects = AllocationFactQuerySet.as_manager()

    class Meta:
        ordering = ["opened_at", "pk"]
        verbose_name = _("use of an envelope")

    def __str__(self) -> str:
        return str(self.allocation)


class StratumCorrection(TrackedModel):
    """The true level of a factor that was wrong at the allocation. The allocation and its place in the list stay."""

    allocation = models.ForeignKey(Allocation, on_delete=models.PROTECT, related_name="corrections")
    factor = models.CharField(_("factor"), max_length=40)
    as_randomised = models.CharField(_("as randomised"), max_length=40)
    corrected = models.CharField(_("corrected"), max_length=40)
    reason = models.TextField(_("reason"))
    corrected_at = models.DateTimeField(_("corrected at"))
    corrected_by = models.CharField(_("corrected by"), max_length=150)

    append_only = True
    objects = AllocationFactQuerySet.as_manager()

    class Meta:
        ordering = ["corrected_at", "pk"]
        verbose_name = _("correction of a stratum")

    def __str__(self) -> str:
        return f"{self.allocation} {self.factor}"


class StandingFlags(models.Manager["RandomisedInError"]):
    def get_queryset(self) -> Any:
        return super().get_queryset().filter(withdrawn_at=None)


FlagManager = StandingFlags.from_queryset(AllocationFactQuerySet)


class RandomisedInError(TrackedModel):
    """A participant who should not have been randomised: flagged, countersigned, and kept in the list for good.

    A flag that was itself an error is withdrawn by two people as it was set. Set anew, it is set in the same row.
    """

    allocation = models.OneToOneField(Allocation, on_delete=models.PROTECT, related_name="in_error")
    reason = models.TextField(_("reason"))
    flagged_at = models.DateTimeField(_("flagged at"))
    flagged_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="flagged_in_error")
    countersigned_at = models.DateTimeField(_("countersigned at"), null=True)
    countersigned_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, related_name="countersigned_in_error"
    )
    withdrawal_reason = models.TextField(_("reason of the withdrawal"), blank=True)
    withdrawal_asked_at = models.DateTimeField(_("withdrawal asked at"), null=True)
    withdrawal_asked_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, related_name="flag_withdrawals_asked"
    )
    withdrawn_at = models.DateTimeField(_("withdrawn at"), null=True)
    withdrawn_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="flags_withdrawn")

    objects = FlagManager()

    class Meta:
        ordering = ["flagged_at", "pk"]
        verbose_name = _("randomised in error")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(countersigned_at=None, countersigned_by=None)
                | models.Q(countersigned_at__isnull=False, countersigned_by__isnull=False),
                name="countersignature_has_who_and_when",
            ),
            models.CheckConstraint(
                condition=models.Q(countersigned_by=None) | ~models.Q(countersigned_by=models.F("flagged_by")),
                name="second_person_countersigns",
            ),
            models.CheckConstraint(
                condition=models.Q(withdrawal_asked_at=None, withdrawal_asked_by=None, withdrawal_reason="")
                | models.Q(withdrawal_asked_at__isnull=False, withdrawal_asked_by__isnull=False)
                & ~models.Q(withdrawal_reason=""),
                name="withdrawal_of_flag_has_who_when_why",
            ),
            models.CheckConstraint(
                condition=models.Q(withdrawn_at=None, withdrawn_by=None)
                | models.Q(withdrawn_at__isnull=False, withdrawn_by__isnull=False, withdrawal_asked_by__isnull=False)
                & ~models.Q(withdrawn_by=models.F("withdrawal_asked_by")),
                name="second_person_withdraws_flag",
            ),
        ]

    def __str__(self) -> str:
        return str(self.allocation)


class CodeBreak(TrackedModel):
    """In an emergency somebody was told the arm of one participant: who, when, why, and who of the sponsor knows."""

    participant = models.ForeignKey(Participant, on_delete=models.PROTECT, related_name="code_breaks")
    number = models.PositiveIntegerField(_("number"), unique=True)
    broken_at = models.DateTimeField(_("broken at"))
    broken_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="code_breaks")
    reason = models.TextField(_("reason"))
    noticed_at = models.DateTimeField(_("noticed at"), null=True)
    noticed_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="code_breaks_noticed")

    objects = TrackedQuerySet["CodeBreak"].as_manager()

    class Meta:
        ordering = ["number"]
        verbose_name = _("code break")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(noticed_at=None, noticed_by=None)
                | models.Q(noticed_at__isnull=False, noticed_by__isnull=False),
                name="notice_has_who_and_when",
            )
        ]

    def __str__(self) -> str:
        return f"code break {self.number}"


class AllocationHold(TrackedModel):
    """Randomisation is stopped for a while, at one site or (``site`` empty) in the whole trial."""

    site = models.ForeignKey(Site, on_delete=models.PROTECT, null=True, related_name="holds", verbose_name=_("site"))
    reason = models.TextField(_("reason"))
    placed_at = models.DateTimeField(_("placed at"))
    placed_by = models.CharField(_("placed by"), max_length=150)
    lifted_at = models.DateTimeField(_("lifted at"), null=True)
    lifted_by = models.CharField(_("lifted by"), max_length=150, blank=True)

    objects = TrackedQuerySet["AllocationHold"].as_manager()

    class Meta:
        ordering = ["placed_at", "pk"]
        verbose_name = _("hold")
        constraints = [
            models.UniqueConstraint(
                Coalesce("site", 0), condition=models.Q(lifted_at=None), name="one_hold_a_site_or_trial"
            ),
            models.CheckConstraint(
                condition=models.Q(lifted_at=None, lifted_by="")
                | models.Q(lifted_at__isnull=False) & ~models.Q(lifted_by=""),
                name="lifting_has_who_and_when",
            ),
        ]

    def __str__(self) -> str:
        return f"hold {self.site or 'trial'}"


class AllocationCap(TrackedModel):
    """The most participants that may be randomised at one site or (``site`` empty) in the whole trial."""

    site = models.ForeignKey(Site, on_delete=models.PROTECT, null=True, related_name="caps", verbose_name=_("site"))
    participants = models.PositiveIntegerField(_("participants"))
    reason = models.TextField(_("reason"))
    set_at = models.DateTimeField(_("set at"))
    set_by = models.CharField(_("set by"), max_length=150)

    objects = TrackedQuerySet["AllocationCap"].as_manager()

    class Meta:
        ordering = ["site__code", "pk"]
        verbose_name = _("cap")
        constraints = [models.UniqueConstraint(Coalesce("site", 0), name="one_cap_a_site_or_trial")]

    def __str__(self) -> str:
        return f"cap {self.site or 'trial'}"
