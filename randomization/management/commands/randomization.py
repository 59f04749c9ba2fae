from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterable
from typing import Any

from audit.commands import Answer, RoomCommand, Subcommand
from randomization.management import envelopes, extensions, lists
from randomization.management.comparison import compare, compare_arguments
from randomization.management.descriptions import describe, describe_arguments
from randomization.methods.findings import DesignRefused
from randomization.methods.lists.sealing import KeyUnusable, SealBroken
from trialmgr.studies.queries import NoStudyPublished


class Command(RoomCommand):
    help = "Randomisation lists: make, extend or import one, have a second person activate it, prove it, reveal it."
    refusals = (DesignRefused, KeyUnusable, SealBroken, NoStudyPublished)

    def subcommands(self) -> Iterable[Subcommand]:
        def acts(name: str, told: str, run: Any, arguments: Any = lambda parser: None) -> Subcommand:
            return Subcommand(name, told, run, arguments, as_user=True)

        yield acts("make", "Make and seal the list of the study in force.", lists.make)
        yield acts(
            "extend",
            "Seal more rows, and the strata that are new in the study.",
            extensions.extend,
            extensions.extend_arguments,
        )
        yield acts(
            "import",
            "Check and seal a list made by an independent statistician.",
            lists.import_file,
            lists.import_arguments,
        )
        yield acts("activate", "Put a list or an extension in force, as a second person.", activate, _activating)
        yield Subcommand("status", "Lists with their state; nothing of their content.", lists.status)
        yield Subcommand("verify", "Recompute every allocation from its sealed list.", lists.verify, _perhaps_number)
        yield acts(
            "export-envelopes", "Print the sealed envelopes of a list.", envelopes.export, envelopes.export_arguments
        )
        yield acts(
            "reveal",
            "Write all that is needed to check a list, after the study lock.",
            lists.reveal,
            lists.reveal_arguments,
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


def activate(*, by: Any, number: int, extension: int | None) -> Answer:
    if extension is None:
        return lists.activate(by=by, number=number)
    return extensions.activate(by=by, number=number, extension=extension)
