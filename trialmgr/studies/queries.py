"""Which version of the study counts where and when.

Entries keep the version under which they were begun. What is begun anew takes the version in force at the site of the
participant on the day it belongs to; pages that look across read the newest one in force anywhere, together with the
visits and forms that it dropped and that still hold data.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from audit.statements import found
from trialmgr.protocol.casebook import KeyNames
from trialmgr.protocol.casebook import key_names as names_of
from trialmgr.protocol.lineage import with_dropped_parts
from trialmgr.protocol.model import StudyDefinition
from trialmgr.studies.clock import today
from trialmgr.studies.models import StudyActivation, StudyLock, StudyVersion

WHOLE_TRIAL = ""


class NoStudyPublished(Exception):
    """No study definition is in force: ``study publish DIR`` proposes one, ``study approve`` puts it in force."""

    def __str__(self) -> str:
        return (
            "No study is in force yet: python manage.py study publish DIR --as USERNAME, "
            "then study approve NUMBER --as SOMEBODY_ELSE."
        )


@dataclass(frozen=True, slots=True)
class InForce:
    """``version`` counts at ``site`` (code, or ``WHOLE_TRIAL``) from ``begins`` on."""

    version: StudyVersion
    site: str
    begins: datetime.date


@dataclass(frozen=True, slots=True)
class Timeline:
    """Every day of effect of every approved version, by number of the version and site."""

    spans: tuple[InForce, ...]

    @property
    def only(self) -> StudyVersion | None:
        """The one version there is; None where there is a choice to make."""
        numbers = {span.version.number for span in self.spans}
        return self.spans[0].version if len(numbers) == 1 else None

    def has_begun(self, site: str, day: datetime.date) -> bool:
        """Whether any version is in force at a site on a day."""
        return any(span.site in (WHOLE_TRIAL, site) and span.begins <= day for span in self.spans)

    def at(self, site: str, day: datetime.date) -> StudyVersion:
        """The newest version in force at a site on a day; before the first of them, that first one.

        Raises NoStudyPublished where no version was ever put in force at this site.
        """
        here = [span for span in self.spans if span.site in (WHOLE_TRIAL, site)]
        if not here:
            raise NoStudyPublished
        begun = [span for span in here if span.begins <= day]
        if begun:
            return max(begun, key=_number).version
        return min(here, key=lambda span: (span.begins, span.version.number)).version

    def days_of_effect(self, site: str) -> list[datetime.date]:
        """The days on which something began to count at a site, in order."""
        return sorted({span.begins for span in self.spans if span.site in (WHOLE_TRIAL, site)})

    def newest(self, day: datetime.date) -> StudyVersion:
        """The newest version in force anywhere. Raises NoStudyPublished."""
        begun = [span for span in self.spans if span.begins <= day]
        if not begun:
            raise NoStudyPublished
        return max(begun, key=_number).version

    def is_in_force(self, version: StudyVersion, site: str, day: datetime.date) -> bool:
        return any(
            span.version == version and span.site in (WHOLE_TRIAL, site) and span.begins <= day for span in self.spans
        )

    def up_to(self, newest: StudyVersion) -> tuple[StudyVersion, ...]:
        """The approved versions with a number up to that one, oldest first."""
        found = {span.version.number: span.version for span in self.spans if span.version.number <= newest.number}
        return tuple(found[number] for number in sorted(found))


def _number(span: InForce) -> int:
    return span.version.number


@dataclass(slots=True)
class _Page:
    timeline: Timeline | None = None


_page: ContextVar[_Page | None] = ContextVar("studies.page", default=None)


@contextmanager
def one_version() -> Iterator[None]:
    """Inside, the versions in force are read once: a page with forty visits is drawn from one definition."""
    token = _page.set(_page.get() or _Page())
    try:
        yield
    finally:
        _page.reset(token)


def forget_version() -> None:
    """Another version was put in force: read anew when asked next."""
    page = _page.get()
    if page is not None:
        page.timeline = None


def timeline() -> Timeline:
    page = _page.get() or _Page()
    page.timeline = page.timeline or _read()
    return page.timeline


_OF_ACTIVATIONS = (
    "SELECT v.id, v.sha256, a.site, a.effective_from FROM studies_studyactivation a "
    "JOIN studies_studyapproval p ON p.id = a.approval_id JOIN studies_studyversion v ON v.id = p.version_id "
    "ORDER BY v.number, a.site"
)
_Known: TypeAlias = tuple[tuple[int, str, str, str], ...]
_known: dict[_Known, Timeline] = {}


def _read() -> Timeline:
    """Every act and page asks; while no other version is put in force the answer is the one that is known."""
    stands = tuple((pk, sha256, site, str(begins)) for pk, sha256, site, begins in found(_OF_ACTIVATIONS))
    if stands in _known:
        return _known[stands]
    now = _timeline()
    _known.clear()
    _known[tuple((one.version.pk, one.version.sha256, one.site, str(one.begins)) for one in now.spans)] = now
    return now


def _timeline() -> Timeline:
    # The documents are long and parsed ones are kept, so they are read only when they must be.
    rows = StudyActivation.objects.select_related("approval__version").defer("approval__version__document")
    spans = [InForce(row.approval.version, row.site, row.effective_from) for row in rows]
    return Timeline(tuple(sorted(spans, key=lambda span: (span.version.number, span.site))))


def current_version() -> StudyVersion:
    """The newest version in force anywhere today. Raises NoStudyPublished."""
    return timeline().newest(today())


def current_definition() -> StudyDefinition:
    """The newest definition in force anywhere today, with the visits and forms that it dropped. For looking across."""
    known = timeline()
    newest = known.newest(today())
    return newest.definition if known.only else _across(known.up_to(newest))


def version_at(site: str, day: datetime.date) -> StudyVersion:
    """The version for what is begun at a site on a day, see ``Timeline.at``."""
    return timeline().at(site, day)


def version_of_row(pk: int) -> StudyVersion:
    """The version that a row points to; one in force is known already, and the long document is read for none."""
    known = {span.version.pk: span.version for span in timeline().spans}
    return known.get(pk) or StudyVersion.objects.defer("document").get(pk=pk)


def approved_versions() -> list[StudyVersion]:
    """Every version that a second person approved, oldest first."""
    return list(StudyVersion.objects.filter(approval__isnull=False).order_by("number"))


def spans_of(version: StudyVersion) -> list[InForce]:
    """Where and from which day this version counts."""
    return [span for span in timeline().spans if span.version == version]


def version_before(version: StudyVersion) -> StudyVersion | None:
    """The approved version that this one follows; None for the first."""
    earlier = StudyVersion.objects.filter(approval__isnull=False, number__lt=version.number)
    return earlier.order_by("number").last()


def key_names() -> KeyNames:
    """What the versions that an entry may stand on call their items otherwise."""
    spans = () if timeline().only else timeline().spans
    return names_of(span.version.definition for span in spans)


def _across(versions: tuple[StudyVersion, ...]) -> StudyDefinition:
    for version in versions:
        _definitions[version.sha256] = version.definition
    return _merged(tuple(version.sha256 for version in versions))


_definitions: dict[str, StudyDefinition] = {}


@lru_cache(maxsize=32)
def _merged(hashes: tuple[str, ...]) -> StudyDefinition:
    return with_dropped_parts([_definitions[sha256] for sha256 in hashes])


def open_lock() -> StudyLock | None:
    """The lock that stands now, if the study is locked."""
    return StudyLock.objects.filter(unlocked_at=None).first()


def is_locked() -> bool:
    return bool(found("SELECT 1 FROM studies_studylock WHERE unlocked_at IS NULL"))
