from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterable
from typing import Any

from audit.commands import Answer, RoomCommand, Subcommand
from randomization.actions import activate_extension, activate_list, make_list
from randomization.management import handing_over as over
from randomization.management.comparing import compare, compare_arguments
from randomization.management.describing import describe, describe_arguments
from randomization.management.finding import extension_numbered, list_numbered
from randomization.methods.findings import DesignRefused
from randomization.methods.lists.sealing import KeyUnusable, SealBroken
from randomization.models import Allocation, ListExtension, RandomizationList
from randomization.queries import list_findings
from trialmgr.studies.queries import NoStudyPublished


class Command(RoomCommand):
    help = "Randomisation lists: make, extend or import one, have a second person activate it, prove it, reveal it."
    refusals = (DesignRefused, KeyUnusable, SealBroken, NoStudyPublished)

    def subcommands(self) -> Iterable[Subcommand]:
        def acts(name: str, told: str, run: Any, arguments: Any = lambda parser: None) -> Subcommand:
            return Subcommand(name, told, run, arguments, as_user=True)

        yield acts("make", "Make and seal the list of the study in force.", make)
        yield acts("extend", "Seal more rows, and the strata that are new in the study.", over.extend, over.extending)
        yield acts("import", "Check and seal a list made by an independent statistician.", over.bring, over.bringing)
        yield acts("activate", "Put a list or an extension in force, as a second person.", activate, _activating)
        yield Subcommand("status", "Lists with their state; nothing of their content.", status)
        yield Subcommand("verify", "Recompute every allocation from its sealed list.", verify, _perhaps_number)
        yield acts("export-envelopes", "Print the sealed envelopes of a list.", over.export, over.exporting)
        yield acts(
            "reveal", "Write all that is needed to check a list, after the study lock.", over.reveal, over.revealing
        )
        yield Subcommand("compare", "Simulate designs side by side for this trial.", compare, compare_arguments)
        yield Subcommand(
            "describe", "Write the randomisation in words, public or restricted.", describe, describe_arguments
        )


def _activating(parser: ArgumentParser) -> None:
    parser.add_argument("number", type=int, help="the number of the list")
    parser.add_argument("extension", type=int, nargs="?", help="the number of its extension; the list when left out")


def _perhaps_number(parser: ArgumentParser) -> None:
    parser.add_argument("number", type=int, nargs="?", help="the number of the list; every list when left out")


def make(*, by: Any) -> Answer:
    listed = make_list(by=by)
    lines = (
        f"List {listed.number} is made and sealed, {listed.manifest['rows']} rows. A second person activates it.",
        f"Commitment, to be kept outside this system: {listed.commitment}",
    )
    return Answer(lines, {"number": listed.number, "commitment": listed.commitment, "manifest": listed.manifest})


def activate(*, by: Any, number: int, extension: int | None) -> Answer:
    listed = list_numbered(number)
    if extension is None:
        listed = activate_list(by=by, listed=listed)
        return Answer((f"List {number} is active.",), {"number": number, "status": listed.status})
    extended = activate_extension(by=by, extension=extension_numbered(listed, extension))
    lines = (f"Extension {extension} of list {number} is active: {extended.manifest['rows']} rows in all.",)
    return Answer(lines, {"number": number, "extension": extension, "rows": extended.manifest["rows"]})


def status() -> Answer:
    """Neutral: how far each stratum is used would tell of blocks to come."""
    rows = [
        {
            "number": listed.number,
            "purpose": listed.purpose,
            "origin": listed.origin,
            "status": listed.status,
            "made_at": listed.made_at.isoformat(timespec="seconds"),
            "made_by": listed.made_by.actor_name,
            "allocations": Allocation.objects.filter(row__stratum__list=listed).count(),
            "commitment": listed.commitment,
            "extensions": [_extension(each) for each in listed.extensions.select_related("made_by")],
        }
        for listed in RandomizationList.objects.select_related("made_by")
    ]
    lines = [line for row in rows for line in _status_lines(row)]
    return Answer(tuple(lines or ["No list has been made."]), {"lists": rows})


def _extension(extension: ListExtension) -> dict[str, Any]:
    return {
        "number": extension.number,
        "status": "made" if extension.activated_at is None else "active",
        "made_at": extension.made_at.isoformat(timespec="seconds"),
        "made_by": extension.made_by.actor_name,
    }


def _status_lines(row: dict[str, Any]) -> Iterable[str]:
    yield (
        f"list {row['number']} ({row['purpose']}, {row['origin']}): {row['status']}, made {row['made_at']} "
        f"by {row['made_by']}, {row['allocations']} allocations"
    )
    for each in row["extensions"]:
        yield f"  extension {each['number']}: {each['status']}, made {each['made_at']} by {each['made_by']}"


def verify(*, number: int | None) -> Answer:
    """The findings name arms: the output is for people who may see the allocation."""
    lists = [list_numbered(number)] if number is not None else list(RandomizationList.objects.all())
    found = {str(listed.number): [str(finding) for finding in list_findings(listed)] for listed in lists}
    lines = [
        line
        for name, findings in found.items()
        for line in [f"list {name}: {len(findings)} findings" if findings else f"list {name}: agrees", *findings]
    ]
    return Answer(tuple(lines or ["No list has been made."]), {"findings": found}, done=not any(found.values()))
