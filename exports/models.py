from __future__ import annotations

from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from audit.models import TrackedModel, TrackedQuerySet
from trialmgr.people.models import User
from trialmgr.studies.models import StudyLock
from trialmgr.studies.queries import current_definition


class ReleaseQuerySet(TrackedQuerySet["Release"]):
    def for_user(self, user: User) -> Self:
        """None for a role that views no releases; for a blinded person those without the allocation alone."""
        if not user.may("releases.view"):
            return self.none()
        return self.filter(with_allocation=False) if user.sight(current_definition()).blinded else self


class Release(TrackedModel):
    """A locked dataset as it was handed out: its manifest and the hash of that manifest."""

    lock = models.ForeignKey(StudyLock, on_delete=models.PROTECT, related_name="releases")
    number = models.PositiveIntegerField(_("number"), unique=True)
    made_at = models.DateTimeField(_("made at"))
    made_by = models.CharField(_("made by"), max_length=150)
    manifest_sha256 = models.CharField(max_length=64)
    with_allocation = models.BooleanField(_("with the allocation"), default=True)

    append_only = True
    objects = ReleaseQuerySet.as_manager()

    class Meta:
        ordering = ["number"]
        verbose_name = _("release")

    def __str__(self) -> str:
        return f"release {self.number}"


class ReleaseFile(TrackedModel):
    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="files")
    name = models.CharField(_("file"), max_length=120)
    sha256 = models.CharField(max_length=64)
    size = models.PositiveBigIntegerField(_("bytes"))
    rows = models.PositiveIntegerField(_("rows"), null=True)
    reveals_allocation = models.BooleanField(default=False)

    append_only = True
    objects = TrackedQuerySet["ReleaseFile"].as_manager()

    class Meta:
        ordering = ["release", "name"]
        verbose_name = _("file of a release")
        constraints = [models.UniqueConstraint(fields=["release", "name"], name="one_file_a_name")]

    def __str__(self) -> str:
        return self.name
