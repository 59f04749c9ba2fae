from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings

from audit.commands import Answer, RoomCommand, Subcommand, WrongUsage
from trialmgr.protocol.check import CheckReport, check_study
from trialmgr.protocol.loader import StudyErrors
from trialmgr.protocol.model import StudyDefinition
from trialmgr.studies.actions import publish_study
from trialmgr.studies.queries import NoStudyPublished, current_version


class Command(RoomCommand):
    help = "The study definition: check a folder, put it in force, show what is in force."
    refusals = (StudyErrors, NoStudyPublished)

    def subcommands(self) -> Iterable[Subcommand]:
        yield Subcommand("check", "Load a study folder and run the examples of its rules.", check, _folder)
        yield Subcommand("publish", "Put a study folder in force.", publish, _folder_and_reason, as_user=True)
        yield Subcommand("show", "Show the version in force.", show)


def _folder(parser: ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", help="a study folder, or the name of one that comes with trialmgr")


def _folder_and_reason(parser: ArgumentParser) -> None:
    _folder(parser)
    parser.add_argument("--reason", default="", help="why, for the audit trail (an amendment's number, for instance)")


def check(*, folder: str) -> Answer:
    report = check_study(_path(folder))
    data = _facts(report.definition) | {
        "examples": report.examples_run,
        "failures": [str(failure) for failure in report.failures],
        "rules_without_examples": list(report.rules_without_examples),
        "unconfirmed": list(report.unconfirmed),
    }
    return Answer(tuple(_told(report)), data, done=report.is_sound)


def publish(*, folder: str, reason: str, by: Any) -> Answer:
    report = check_study(_path(folder))
    if not report.is_sound:
        return Answer(tuple(_told(report)), {"refused": [str(failure) for failure in report.failures]}, done=False)
    version = publish_study(by=by, definition=report.definition, reason=reason)
    line = f"{report.definition.short_title} {version.label} is in force as version {version.number} ({version.sha256})"
    return Answer((line,), {"number": version.number, "sha256": version.sha256})


def show() -> Answer:
    try:
        version = current_version()
    except NoStudyPublished:
        raise NoStudyPublished("No study is in force yet: python manage.py study publish DIR --as USERNAME") from None
    facts = _facts(version.definition) | {
        "number": version.number,
        "effective_from": version.effective_from.isoformat(),
        "published_by": version.published_by,
        "published_at": version.published_at.isoformat(timespec="seconds"),
    }
    return Answer(tuple(f"{name.replace('_', ' ')}: {value}" for name, value in facts.items()), facts)


def _path(folder: str) -> Path:
    """A folder as given, or one of those that come with trialmgr."""
    for path in (Path(folder), Path(settings.TRIALMGR_STUDIES) / folder):
        if path.is_dir():
            return path
    raise WrongUsage(f"There is no study folder “{folder}”, here or among those that come with trialmgr.")


def _facts(definition: StudyDefinition) -> dict[str, Any]:
    return {
        "study": definition.id,
        "title": definition.short_title,
        "version": definition.version,
        "sha256": definition.sha256,
        "forms": len(definition.forms),
        "visits": sum(len(visit.occurrences()) for visit in definition.visits),
        "items": sum(len(form.items) for form in definition.forms),
    }


def _told(report: CheckReport) -> Iterator[str]:
    facts = _facts(report.definition)
    yield "{title} {version}: {forms} forms, {items} items, {visits} visits".format(**facts)
    yield f"{report.examples_run} examples run, {len(report.failures)} failed"
    yield from (f"  {failure}" for failure in report.failures)
    yield f"{len(report.rules_without_examples)} rules have no example"
    yield from (f"  {rule}" for rule in report.rules_without_examples)
    yield f"{len(report.unconfirmed)} parts are to be confirmed with the protocol"
    yield from (f"  {part}" for part in report.unconfirmed)
