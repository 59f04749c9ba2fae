"""``study``: check a folder, propose it, approve it, say where it counts, show what is in force."""

from __future__ import annotations

import datetime
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings

from audit.commands import Answer, WrongUsage
from trialmgr.protocol.check import CheckReport, check_study
from trialmgr.protocol.loader import load_study
from trialmgr.protocol.model import StudyDefinition
from trialmgr.studies.actions import approve_version, propose_version, put_in_force
from trialmgr.studies.models import StudyApproval, StudyVersion
from trialmgr.studies.queries import current_version, spans_of


def folder_argument(parser: ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", help="a study folder, or the name of one that comes with trialmgr")


def proposal_arguments(parser: ArgumentParser) -> None:
    folder_argument(parser)
    parser.add_argument("--reason", default="", help="why, for the audit trail (an amendment's number, for instance)")


def number_argument(parser: ArgumentParser) -> None:
    parser.add_argument("number", type=int, metavar="NUMBER", help="number of a proposed version: study versions")


def approval_arguments(parser: ArgumentParser) -> None:
    number_argument(parser)
    _place_arguments(parser)
    parser.add_argument("--from", type=day, default=None, dest="effective_from", metavar="DATE", help="first day (ISO)")


def activation_arguments(parser: ArgumentParser) -> None:
    number_argument(parser)
    _place_arguments(parser)
    parser.add_argument(
        "--from", type=day, required=True, dest="effective_from", metavar="DATE", help="first day (ISO)"
    )


def _place_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--sites", type=codes, default=[], metavar="A,B", help="at these sites alone, by code")
    parser.add_argument("--reason", default="", help="why, for the audit trail")


def day(text: str) -> datetime.date:
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"“{text}” is no day; write it as 2026-05-31") from None


def codes(text: str) -> list[str]:
    return [code.strip() for code in text.split(",") if code.strip()]


def check(*, folder: str) -> Answer:
    report = check_study(study_folder(folder))
    facts = _facts(report.definition)
    data = facts | {
        "examples": report.examples_run,
        "failures": [str(failure) for failure in report.failures],
        "rules_without_examples": list(report.rules_without_examples),
        "unconfirmed": list(report.unconfirmed),
        "without_decimals": list(report.without_decimals),
    }
    return Answer(tuple(_told(report, facts)), data, done=report.is_sound)


def publish(*, folder: str, reason: str, by: Any) -> Answer:
    report = check_study(study_folder(folder))
    if not report.is_sound:
        told = tuple(_told(report, _facts(report.definition)))
        return Answer(told, {"refused": [str(failure) for failure in report.failures]}, done=False)
    version = propose_version(by=by, definition=report.definition, reason=reason)
    lines = (
        f"{report.definition.short_title} {version.label} is proposed as version {version.number} ({version.sha256}).",
        f"It is not in force: somebody else approves it, by: study approve {version.number} --as USERNAME",
    )
    return Answer(lines, {"number": version.number, "sha256": version.sha256})


def approve(*, number: int, effective_from: datetime.date | None, sites: list[str], reason: str, by: Any) -> Answer:
    version = version_numbered(number)
    approve_version(by=by, version=version, effective_from=effective_from, sites=sites, reason=reason)
    return _in_force(version)


def activate(*, number: int, effective_from: datetime.date, sites: list[str], reason: str, by: Any) -> Answer:
    version = version_numbered(number)
    approval = StudyApproval.objects.filter(version=version).first()
    if approval is None:
        raise WrongUsage(f"Version {number} is not approved yet: study approve {number}")
    put_in_force(by=by, approval=approval, sites=sites, effective_from=effective_from, reason=reason)
    return _in_force(version)


def _in_force(version: StudyVersion) -> Answer:
    spans = _spans(version)
    lines = [f"Version {version.number} ({version.label}) is in force {_said(span)}." for span in spans]
    return Answer(tuple(lines), {"number": version.number, "in_force": spans})


def _spans(version: StudyVersion) -> list[dict[str, str]]:
    return [{"site": span.site, "from": span.begins.isoformat()} for span in spans_of(version)]


def _said(span: dict[str, str]) -> str:
    return f"at {span['site'] or 'every site'} from {span['from']}"


def show() -> Answer:
    version = current_version()
    facts = _facts(version.definition) | _of_version(version)
    shown = facts | {"in_force": "; ".join(_said(span) for span in _spans(version))}
    return Answer(tuple(f"{name.replace('_', ' ')}: {value}" for name, value in shown.items()), facts)


def versions() -> Answer:
    found = [_of_version(version) for version in StudyVersion.objects.order_by("number")]
    lines = [_line(each) for each in found]
    return Answer(tuple(lines or ["No version has been proposed yet: study publish DIR"]), {"versions": found})


def _line(version: dict[str, Any]) -> str:
    state = "; ".join(_said(span) for span in version["in_force"]) or "waits for approval by a second person"
    return f"{version['number']}  {version['version']}  proposed by {version['proposed_by']}: {state}"


def _of_version(version: StudyVersion) -> dict[str, Any]:
    approval = StudyApproval.objects.filter(version=version).first()
    return {
        "number": version.number,
        "version": version.label,
        "sha256": version.sha256,
        "proposed_by": version.proposed_by,
        "proposed_at": version.proposed_at.isoformat(timespec="seconds"),
        "approved_by": approval.approved_by if approval else "",
        "in_force": _spans(version),
    }


def version_numbered(number: int) -> StudyVersion:
    version = StudyVersion.objects.filter(number=number).first()
    if version is None:
        raise WrongUsage(f"There is no version {number}: study versions lists them.")
    return version


def study_folder(folder: str) -> Path:
    """A folder as given, or one of those that come with trialmgr."""
    for path in (Path(folder), Path(settings.TRIALMGR_STUDIES) / folder):
        if path.is_dir():
            return path
    raise WrongUsage(f"There is no study folder “{folder}”, here or among those that come with trialmgr.")


def definition_named(name: str) -> StudyDefinition:
    """The definition of a proposed version, by number, or of a folder."""
    return version_numbered(int(name)).definition if name.isdecimal() else load_study(study_folder(name))


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


def _told(report: CheckReport, facts: dict[str, Any]) -> Iterator[str]:
    yield "{title} {version}: {forms} forms, {items} items, {visits} visits".format(**facts)
    yield f"{report.examples_run} examples run, {len(report.failures)} failed"
    yield from (f"  {failure}" for failure in report.failures)
    yield f"{len(report.rules_without_examples)} rules have no example"
    yield from (f"  {rule}" for rule in report.rules_without_examples)
    yield f"{len(report.unconfirmed)} parts are to be confirmed with the protocol"
    yield from (f"  {part}" for part in report.unconfirmed)
    if report.without_decimals:
        yield f"{len(report.without_decimals)} calculated decimals do not say how many decimals they have"
        yield from (f"  {item}" for item in report.without_decimals)
