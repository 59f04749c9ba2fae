"""What holds for the command of every room: help, exit codes, answers for people and for machines."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from django.core import checks
from django.core.management import load_command_class
from django.core.management.base import CommandError
from django.db import ProgrammingError
from django.test import override_settings

from audit.acts import ActionRefused
from audit.commands import Answer, RoomCommand, Subcommand
from tests.commands.calling import called
from trialmgr.overview.rehearsal.cast import Cast

ROOMS = {
    "audit": "audit",
    "study": "trialmgr.overview",
    "people": "trialmgr.people",
    "randomization": "randomization",
    "release": "exports",
    "trial": "trialmgr.overview",
}


@pytest.mark.parametrize(("name", "room"), ROOMS.items())
def test_every_subcommand_explains_itself(name: str, room: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = load_command_class(room, name)
    assert isinstance(command, RoomCommand)
    for subcommand in command.subcommands():
        with pytest.raises(SystemExit) as ended:
            command.run_from_argv(["manage.py", name, subcommand.name, "--help"])
        help_text = capsys.readouterr().out
        assert ended.value.code == 0
        assert "--json" in help_text
        assert "--as USERNAME" in help_text or not subcommand.as_user


@pytest.mark.parametrize(("name", "room"), ROOMS.items())
def test_a_command_asks_whether_the_installation_is_safe_and_loads_no_page(name: str, room: str) -> None:
    tags = load_command_class(room, name).requires_system_checks
    with override_settings(TRIALMGR_SECOND_FACTOR=False, TRIALMGR_DEMO=False):
        assert "trialmgr.E001" in [message.id for message in checks.run_checks(tags=list(tags))]
    assert checks.Tags.urls not in tags


def test_without_a_subcommand_it_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        load_command_class("audit", "audit").run_from_argv(["manage.py", "audit"])
    assert ended.value.code == 2
    assert "SUBCOMMAND" in capsys.readouterr().err


def test_a_command_that_writes_must_be_told_who_acts(db: None) -> None:
    with pytest.raises(CommandError, match="--as"):
        called("randomization", "make")


def test_somebody_unknown_or_deactivated_cannot_act(cast: Cast) -> None:
    found = called("randomization", "make", "--as", "nobody")
    assert (found.code, found.out) == (2, "")
    assert "“nobody”" in found.err


def test_a_role_that_may_not_is_refused_in_one_line(cast: Cast) -> None:
    found = called("randomization", "make", "--as", "monitor")
    assert found.code == 1
    assert found.err == "Your role does not allow this.\n"


def test_a_refusal_in_json_stands_on_standard_output_alone(cast: Cast) -> None:
    found = called("randomization", "make", "--as", "monitor", "--json")
    assert (found.code, found.err) == (1, "")
    assert found.answer == {"refused": ["Your role does not allow this."]}


class _Room(RoomCommand):
    refusals = (KeyError,)

    def subcommands(self) -> Iterable[Subcommand]:
        yield Subcommand("refuse", "", lambda: self._raise(ActionRefused("one", "two")))
        yield Subcommand("lines", "", lambda: self._raise(KeyError("first\nsecond")))
        yield Subcommand("silent", "", lambda: self._raise(KeyError()))
        yield Subcommand("broken", "", lambda: self._raise(ProgrammingError("no such table")))
        yield Subcommand("defect", "", lambda: self._raise(ZeroDivisionError()))

    def _raise(self, error: Exception) -> Answer:
        raise error


@pytest.mark.parametrize(
    ("subcommand", "lines"),
    [
        ("refuse", ["one", "two"]),
        ("lines", ["'first\\nsecond'"]),
        ("silent", ["KeyError"]),
        (
            "broken",
            [
                "The database refuses (no such table). Is DATABASE_URL right, and has “manage.py migrate” been run?",
            ],
        ),
    ],
)
def test_refusals_come_out_as_lines_without_a_traceback(
    subcommand: str, lines: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        _Room().run_from_argv(["manage.py", "room", "--skip-checks", subcommand])
    assert ended.value.code == 1
    assert capsys.readouterr().err.splitlines() == lines


def test_the_error_of_the_database_itself_can_be_seen() -> None:
    with pytest.raises(ProgrammingError):
        _Room().run_from_argv(["manage.py", "room", "--traceback", "--skip-checks", "broken"])


def test_a_defect_is_not_taken_for_a_refusal() -> None:
    with pytest.raises(ZeroDivisionError):
        _Room().run_from_argv(["manage.py", "room", "--skip-checks", "defect"])


def test_a_room_says_itself_what_it_can_do() -> None:
    with pytest.raises(NotImplementedError):
        RoomCommand().subcommands()
