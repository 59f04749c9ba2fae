from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from audit.models import TrackedModel, TrackedQuerySet
from trialmgr.protocol.model import StudyDefinition

# Definitions never change once published, so a parsed one may be kept for as long as the process lives.
_parsed: dict[str, StudyDefinition] = {}


class StudyVersion(TrackedModel):
    """One proposed version of the study definition; immutable, identified by the hash of its canonical JSON.

    It counts from the day that a ``StudyActivation`` names, and that needs the ``StudyApproval`` of a second person.
    """

    number = models.PositiveIntegerField(_("number"), unique=True)
    label = models.CharField(_("version"), max_length=20)
    sha256 = models.CharField(max_length=64, unique=True)
    document = models.TextField()
    proposer_id = models.CharField(max_length=40, blank=True, default="")
    proposed_by = models.CharField(_("proposed by"), max_length=150)
    proposed_at = models.DateTimeField(_("proposed at"))
    reason = models.TextField(_("reason"), blank=True, default="")

    append_only = True
    objects = TrackedQuerySet["StudyVersion"].as_manager()

    class Meta:
        ordering = ["number"]
        verbose_name = _("study version")

    def __str__(self) -> str:
        return self.label

    @property
    def definition(self) -> StudyDefinition:
        if self.sha256 not in _parsed:
            _parsed[self.sha256] = StudyDefinition.model_validate_json(self.document)
        return _parsed[self.sha256]


class StudyApproval(TrackedModel):
    """A second person stands for a version. ``proposer_id`` repeats who proposed it, so that the database can compare.

    Source: EMA guideline on computerised systems, annex 2 (release of a configuration by somebody else than its maker).
    """

    version = models.OneToOneField(StudyVersion, on_delete=models.PROTECT, related_name="approval")
    proposer_id = models.CharField(max_length=40, blank=True, default="")
    approver_id = models.CharField(max_length=40)
    approved_by = models.CharField(_("approved by"), max_length=150)
    approved_at = models.DateTimeField(_("approved at"))

    append_only = True
    objects = TrackedQuerySet["StudyApproval"].as_manager()

    class Meta:
        ordering = ["version"]
        verbose_name = _("approval of a study version")
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(proposer_id=models.F("approver_id")), name="study_approved_by_second_person"
            )
        ]

    def __str__(self) -> str:
        return f"{self.version} {self.approved_by}"


class StudyActivation(TrackedModel):
    """From ``effective_from`` a version is in force at one site, or (``site`` empty) at every site."""

    approval = models.ForeignKey(StudyApproval, on_delete=models.PROTECT, related_name="activations")
    site = models.CharField(_("site"), max_length=8, blank=True)
    effective_from = models.DateField(_("in force from"))
    activated_by = models.CharField(_("put in force by"), max_length=150)
    activated_at = models.DateTimeField(_("put in force at"))

    append_only = True
    objects = TrackedQuerySet["StudyActivation"].as_manager()

    class Meta:
        ordering = ["approval", "site"]
        verbose_name = _("day of effect of a study version")
        constraints = [models.UniqueConstraint(fields=["approval", "site"], name="one_day_of_effect_a_site")]

    def __str__(self) -> str:
        return f"{self.approval.version} {self.site} {self.effective_from}"


class StudyLock(TrackedModel):
    """The study is locked from ``locked_at`` until ``unlocked_at``: no data may change. At most one stands open."""

    locked_at = models.DateTimeField(_("locked at"))
    locked_by = models.CharField(_("locked by"), max_length=150)
    reason = models.TextField(_("reason"))
    ledger_seq = models.BigIntegerField(_("last audit trail entry before the lock"))
    ledger_hash = models.CharField(max_length=64)
    unlocked_at = models.DateTimeField(_("unlocked at"), null=True)
    unlocked_by = models.CharField(_("unlocked by"), max_length=150, blank=True)
    unlock_reason = models.TextField(_("reason for unlocking"), blank=True)

    objects = TrackedQuerySet["StudyLock"].as_manager()

    class Meta:
        ordering = ["pk"]
        verbose_name = _("study lock")
        constraints = [
            models.UniqueConstraint(
                fields=["unlocked_by"], condition=models.Q(unlocked_at=None), name="one_open_study_lock"
            ),
            models.CheckConstraint(
                condition=models.Q(unlocked_at=None, unlocked_by="")
                | ~models.Q(unlocked_at=None) & ~models.Q(unlocked_by=""),
                name="study_unlock_has_who_and_when",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.locked_at:%Y-%m-%d %H:%M}"
