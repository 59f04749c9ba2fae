from __future__ import annotations

from trialmgr.protocol.model import StudyDefinition
from trialmgr.studies.models import StudyLock, StudyVersion


class NoStudyPublished(Exception):
    """No study definition is in force yet: ``python manage.py study publish DIR`` publishes one."""


def current_version() -> StudyVersion:
    """The newest published version. Raises NoStudyPublished."""
    version = StudyVersion.objects.order_by("number").last()
    if version is None:
        raise NoStudyPublished
    return version


def current_definition() -> StudyDefinition:
    return current_version().definition


def open_lock() -> StudyLock | None:
    """The lock that stands now, if the study is locked."""
    return StudyLock.objects.filter(unlocked_at=None).first()
