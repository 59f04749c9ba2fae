from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from audit.models import TrackedModel, TrackedQuerySet
from trialmgr.protocol.model import StudyDefinition

# Definitions never change once published, so a parsed one may be kept for as long as the process lives.
_parsed: dict[str, StudyDefinition] = {}


class StudyVersion(TrackedModel):
    """One published version of the study definition; immutable, identified by the hash of its canonical JSON."""

    number = models.PositiveIntegerField(_("number"), unique=True)
    label = models.CharField(_("version"), max_length=20)
    sha256 = models.CharField(max_length=64, unique=True)
    document = models.TextField()
    effective_from = models.DateField(_("in force from"))
    published_by = models.CharField(_("published by"), max_length=150)
    published_at = models.DateTimeField(_("published at"))

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
