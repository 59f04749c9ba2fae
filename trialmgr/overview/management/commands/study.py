from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from audit.commands import RoomCommand, Subcommand
from crf.outcomes import RuleRefused
from trialmgr.overview.management import amendments, exchange, preview, versions
from trialmgr.protocol.exchange.drafts import ImportRefused
from trialmgr.protocol.loader import StudyErrors
from trialmgr.studies.queries import NoStudyPublished, one_version


class Command(RoomCommand):
    help = "The study definition: check a folder, look at it, propose and approve it, compare, try, migrate."
    refusals = (StudyErrors, NoStudyPublished, RuleRefused, ImportRefused)

    def subcommands(self) -> Iterable[Subcommand]:
        yield Subcommand("new", "Make a small study folder to begin with.", exchange.new_folder, exchange.new_arguments)
        yield Subcommand(
            "check", "Load a study folder and run the examples of its rules.", versions.check, versions.folder_argument
        )
        yield Subcommand(
            "preview", "Write every form as a page, to look at.", preview.preview, preview.preview_arguments
        )
        yield Subcommand("schema", "Write the JSON Schemas for editors.", preview.schema, preview.schema_arguments)
        yield Subcommand(
            "publish",
            "Propose a study folder; from then on it is immutable.",
            versions.publish,
            versions.proposal_arguments,
            as_user=True,
        )
        yield Subcommand(
            "approve",
            "Put a version in force that somebody else proposed.",
            versions.approve,
            versions.approval_arguments,
            as_user=True,
        )
        yield Subcommand(
            "activate",
            "Put an approved version in force at further sites.",
            versions.activate,
            versions.activation_arguments,
            as_user=True,
        )
        yield Subcommand("versions", "List the versions, and where each is in force.", versions.versions)
        yield Subcommand("show", "Show the version in force.", versions.show)
        yield Subcommand(
            "diff",
            "Say in words what changes between two versions, and for whom.",
            amendments.diff,
            amendments.diff_arguments,
        )
        yield Subcommand(
            "try",
            "Try a new rule on stored data before it is switched on.",
            amendments.try_out,
            amendments.try_arguments,
            as_user=True,
        )
        yield Subcommand(
            "migrate",
            "Move stored entries to a newer version, or tell with --dry-run what that would do.",
            amendments.migrate,
            amendments.migrate_arguments,
            as_user=True,
        )
        yield Subcommand(
            "plan-visits",
            "Plan the visits that a newer version added, for participants whose phase has opened.",
            amendments.plan_visits,
            amendments.planning_arguments,
            as_user=True,
        )
        yield Subcommand(
            "import",
            "Make a study folder of an ODM file or a REDCap data dictionary.",
            exchange.import_folder,
            exchange.import_arguments,
        )
        yield Subcommand(
            "export-odm",
            "Write a study folder as CDISC ODM 1.3.2.",
            exchange.export_odm,
            exchange.export_arguments,
        )

    def handle(self, *args: Any, **options: Any) -> None:
        with one_version():
            super().handle(*args, **options)
