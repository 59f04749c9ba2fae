"""What the documentation must name: settings, system checks, commands, permissions; and its links lead somewhere."""

import argparse
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

from audit.commands import RoomCommand
from scripts.permissions_page import MEANINGS, PAGE, page
from tests.house.tree import ROOT, own_files, relative, room_modules
from trialmgr.people.permissions import known_permissions
from trialmgr.protocol import model
from trialmgr.protocol.expressions import known_functions
from trialmgr.protocol.scoring import FUNCTIONS as SCORES

DOCS = ROOT / "docs"
LINK = re.compile(r"\]\(([^)\s#]+)(?:#[^)]*)?\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def _words_in_code(pattern: str) -> set[str]:
    return {word for path in room_modules() for word in re.findall(pattern, path.read_text("utf-8"))}


def _pages() -> list[Path]:
    return [path for path in own_files() if path.suffix == ".md"]


def room_commands() -> Iterator[tuple[str, RoomCommand]]:
    for name, app in sorted(get_commands().items()):
        if isinstance(app, str) and app.split(".")[0] in {"trialmgr", "audit", "crf", "randomization", "exports"}:
            command = load_command_class(app, name)
            assert isinstance(command, RoomCommand)
            yield name, command


def subcommands() -> Iterator[tuple[str, str, argparse.ArgumentParser]]:
    """Command, subcommand and the parser with its options."""
    for name, command in room_commands():
        for subcommand in command.subcommands():
            parser = argparse.ArgumentParser(add_help=False)
            subcommand.arguments(parser)
            yield name, subcommand.name, parser


def section_of(command: str) -> str:
    """What docs/commands.md says under the heading of a command."""
    text = (DOCS / "commands.md").read_text("utf-8")
    found = re.search(rf"^## {command}$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return found[1] if found else ""


def test_every_setting_is_documented() -> None:
    documented = (DOCS / "settings.md").read_text("utf-8")
    settings = _words_in_code(r"\bTRIALMGR_[A-Z_]+\b") | {"DATABASE_URL", "ALLOWED_HOSTS"}
    assert {name for name in settings if f"`{name}`" not in documented} == set()


def test_every_documented_setting_exists() -> None:
    documented = set(re.findall(r"TRIALMGR_[A-Z_]+", (DOCS / "settings.md").read_text("utf-8")))
    assert documented - _words_in_code(r"\bTRIALMGR_[A-Z_]+\b") == set()


def test_every_system_check_is_documented() -> None:
    documented = set(re.findall(r"trialmgr\.[EW]\d{3}", (DOCS / "settings.md").read_text("utf-8")))
    written = {f"trialmgr.{code}" for code in _words_in_code(r"\b[EW]00\d\b")}
    assert written == documented


def test_every_subcommand_and_option_is_documented() -> None:
    wanting = []
    for command, subcommand, parser in subcommands():
        section = section_of(command)
        options = [option for action in parser._actions for option in action.option_strings if option.startswith("--")]
        wanting += [f"{command} {subcommand}"] if f"`{command} {subcommand}" not in section else []
        wanting += [f"{command} {subcommand} {option}" for option in options if option not in section]
    assert wanting == []


def test_every_documented_subcommand_exists() -> None:
    known = {f"{command} {subcommand}" for command, subcommand, _parser in subcommands()}
    text = (DOCS / "commands.md").read_text("utf-8")
    named = {f"{found[0]} {found[1]}" for found in re.findall(r"^\| `([a-z]+) ([a-z-]+)", text, re.MULTILINE)}
    assert named == known


def test_every_key_function_and_score_of_a_study_definition_is_documented() -> None:
    text = (DOCS / "study-definition.md").read_text("utf-8")
    parts = [part for part in vars(model).values() if isinstance(part, type) and issubclass(part, model.Part)]
    keys = {field.alias or name for part in parts for name, field in part.model_fields.items()} - {"nl", "en"}
    names = keys | set(known_functions()) | SCORES.keys() | {kind.value for kind in model.ItemType}
    assert {name for name in names if not re.search(rf"`{name}\b", text)} == set()


def test_the_permissions_page_is_what_the_code_says() -> None:
    assert known_permissions() == MEANINGS.keys()
    assert PAGE.read_text("utf-8") == page(), "write it again: python scripts/permissions_page.py"


@pytest.mark.parametrize("path", _pages(), ids=lambda path: str(relative(path)))
def test_every_link_leads_to_a_file(path: Path) -> None:
    targets = LINK.findall(FENCE.sub("", path.read_text("utf-8")))
    local = [target for target in targets if "://" not in target and not target.startswith("mailto:")]
    assert [target for target in local if not (path.parent / target).exists()] == []


def test_every_page_is_reached_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        path = waiting.pop()
        if path not in reached and path.suffix == ".md" and path.is_file():
            reached.add(path)
            waiting += [
                Path(os.path.normpath(path.parent / target)) for target in LINK.findall(path.read_text("utf-8"))
            ]
    assert [str(relative(path)) for path in _pages() if path not in reached] == []


def test_every_test_that_the_validation_page_names_exists() -> None:
    named = set(re.findall(r"`([\w/]+/test_\w+\.py)(?:::(\w+))?`", (DOCS / "validation.md").read_text("utf-8")))
    assert len(named) > 40
    wanting = {
        f"{name}::{function}"
        for name, function in named
        if not (ROOT / "tests" / name).is_file()
        or not re.search(rf"def {function}\b" if function else "", (ROOT / "tests" / name).read_text("utf-8"))
    }
    assert wanting == set()


def test_every_library_of_the_application_has_its_reason_in_the_decision() -> None:
    lines = (ROOT / "requirements/base.in").read_text("utf-8").splitlines()
    libraries = {re.split(r"[\[<>=]", line)[0] for line in lines if line and not line.startswith(("#", "-"))}
    text = (DOCS / "decisions/0011-dependencies.md").read_text("utf-8")
    assert {name for name in libraries if name not in text} == set()


def test_every_option_that_is_needed_stands_in_bold() -> None:
    for command, name, parser in subcommands():
        needed = {action.option_strings[0] for action in parser._actions if action.option_strings and action.required}
        row = next(line for line in section_of(command).splitlines() if re.match(rf"\| `{command} {name}[ `]", line))
        bold = set(re.findall(r"\*\*`(--[a-z-]+)", row))
        assert bold == needed or "the same options" in row, f"{command} {name}"
