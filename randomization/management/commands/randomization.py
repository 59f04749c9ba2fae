from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterable
from typing import Any

from audit.commands import Answer, RoomCommand, Subcommand, WrongUsage
from randomization.actions import activate_list, make_list
from randomization.findings import DesignRefused
from randomization.models import Allocation, RandomizationList
from randomization.queries import list_findings
from randomization.sealing import KeyUnusable, SealBroken
from trialmgr.studies.queries import NoStudyPublished


class Command(RoomCommand):
    help = "Randomisation lists: make one, have a second person activate it, see where it stands, prove it."
    refusals = (DesignRefused, KeyUnusable, SealBroken, NoStudyPublished)

    def subcommands(self) -> Iterable[Subcommand]:
        yield Subcommand("make", "Make and seal the list of the study in force.", make, as_user=True)
        yield Subcommand("activate", "Put a made list in force, as a second person.", activate, _number, as_user=True)
        yield Subcommand("status", "Lists with their state; nothing of their content.", status)
        yield Subcommand("verify", "Recompute every allocation from its sealed list.", verify, _perhaps_number)


def _number(parser: ArgumentParser) -> None:
    parser.add_argument("number", type=int, help="the number of the list")


def _perhaps_number(parser: ArgumentParser) -> None:
    parser.add_argument("number", type=int, nargs="?", help="the number of the list; every list when left out")


def make(*, by: Any) -> Answer:
    listed = make_list(by=by)
    lines = (
        f"List {listed.number} is made and sealed, {listed.manifest['rows']} rows. A second person activates it.",
        f"Commitment, to be kept outside this system: {listed.commitment}",
    )
    return Answer(lines, {"number": listed.number, "commitment": listed.commitment, "manifest": listed.manifest})


def activate(*, by: Any, number: int) -> Answer:
    listed = activate_list(by=by, listed=_listed(number))
    return Answer((f"List {number} is active.",), {"number": number, "status": listed.status})


def status() -> Answer:
    """Neutral: how far each stratum is used would tell of blocks to come."""
    rows = [
        {
            "number": listed.number,
            "purpose": listed.purpose,
            "status": listed.status,
            "made_at": listed.made_at.isoformat(timespec="seconds"),
            "made_by": listed.made_by.actor_name,
            "allocations": Allocation.objects.filter(row__stratum__list=listed).count(),
            "commitment": listed.commitment,
        }
        for listed in RandomizationList.objects.select_related("made_by")
    ]
    lines = [
        "list {number} ({purpose}): {status}, made {made_at} by {made_by}, {allocations} allocations".format(**row)
        for row in rows
    ]
    return Answer(tuple(lines or ["No list has been made."]), {"lists": rows})


def verify(*, number: int | None) -> Answer:
    """The findings name arms: the output is for people who may see the allocation."""
    lists = [_listed(number)] if number is not None else list(RandomizationList.objects.all())
    found = {str(listed.number): [str(finding) for finding in list_findings(listed)] for listed in lists}
    lines = [
        line
        for name, findings in found.items()
        for line in [f"list {name}: {len(findings)} findings" if findings else f"list {name}: agrees", *findings]
    ]
    return Answer(tuple(lines or ["No list has been made."]), {"findings": found}, done=not any(found.values()))


def _listed(number: int) -> RandomizationList:
    listed: RandomizationList | None = RandomizationList.objects.filter(number=number).first()
    if listed is None:
        raise WrongUsage(f"There is no list {number}.")
    return listed
