from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from trialmgr.protocol.model import StudyDefinition
from trialmgr.studies.models import StudyLock, StudyVersion


class NoStudyPublished(Exception):
    """No study definition is in force yet: ``python manage.py study publish DIR`` publishes one."""


@dataclass(slots=True)
class _Page:
    version: StudyVersion | None = None


_page: ContextVar[_Page | None] = ContextVar("studies.page", default=None)


@contextmanager
def one_version() -> Iterator[None]:
    """Inside, the version in force is read once: a page with forty visits is drawn from one definition."""
    token = _page.set(_Page())
    try:
        yield
    finally:
        _page.reset(token)


def forget_version() -> None:
    """Another version was published: read anew when asked next."""
    page = _page.get()
    if page is not None:
        page.version = None


def current_version() -> StudyVersion:
    """The newest published version. Raises NoStudyPublished."""
    page = _page.get() or _Page()
    page.version = page.version or _newest()
    return page.version


def _newest() -> StudyVersion:
    # The document is long and a parsed one is kept, so it is read only when it must be.
    version = StudyVersion.objects.defer("document").order_by("number").last()
    if version is None:
        raise NoStudyPublished
    return version


def current_definition() -> StudyDefinition:
    return current_version().definition


def open_lock() -> StudyLock | None:
    """The lock that stands now, if the study is locked."""
    return StudyLock.objects.filter(unlocked_at=None).first()
