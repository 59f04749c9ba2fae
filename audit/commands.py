"""One command a room, with subcommands: a subcommand is a door to an action, as a page is.

Exit codes: 0 done, 1 refused or faults found, 2 wrong usage. ``--json`` puts one JSON document, and nothing else, on
standard output. Commands speak English; what they store speaks the language of the trial.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.core.checks import Tags
from django.core.exceptions import PermissionDenied
from django.core.management.base import BaseCommand, CommandParser
from django.db import OperationalError, ProgrammingError
from django.utils.translation import override

from audit.acts import ActionRefused


@dataclass(frozen=True, slots=True)
class Answer:
    """What a subcommand found or did: ``lines`` for people, ``data`` for machines; ``done`` False means faults."""

    lines: tuple[str, ...]
    data: dict[str, Any] = field(default_factory=dict)
    done: bool = True


@dataclass(frozen=True, slots=True)
class Subcommand:
    """``run`` takes the parsed options by name and returns an answer. ``as_user``: it writes, so ``--as`` is owed."""

    name: str
    help: str
    run: Callable[..., Answer]
    arguments: Callable[[ArgumentParser], None] = lambda parser: None
    as_user: bool = False


class WrongUsage(Exception):
    """The command was called with something that does not exist; exit code 2."""


class RoomCommand(BaseCommand):
    """The command of a room. ``subcommands`` lists what it can do; ``refusals`` what else a room raises to refuse."""

    # Looking at all of the code again would load every page, which takes longer than most commands run.
    requires_system_checks = (Tags.security,)
    refusals: tuple[type[Exception], ...] = ()

    def subcommands(self) -> Iterable[Subcommand]:
        raise NotImplementedError

    def add_arguments(self, parser: CommandParser) -> None:
        places = parser.add_subparsers(dest="subcommand", required=True, metavar="SUBCOMMAND")
        for subcommand in self.subcommands():
            own = places.add_parser(subcommand.name, help=subcommand.help, description=subcommand.help)
            own.set_defaults(subcommand=subcommand)
            own.add_argument("--json", action="store_true", dest="as_json", help="answer in JSON on standard output")
            if subcommand.as_user:
                own.add_argument("--as", required=True, dest="as_username", metavar="USERNAME", help="who acts")
            subcommand.arguments(own)

    def handle(self, *args: Any, **options: Any) -> None:
        subcommand, as_json = options["subcommand"], options["as_json"]
        refusals: tuple[type[Exception], ...] = (ActionRefused, PermissionDenied, *self.refusals)
        own = {name: value for name, value in options.items() if name not in _OF_DJANGO}
        try:
            with override("en"):
                answer = self._run(subcommand, own)
        except WrongUsage as wrong:
            self._stop([str(wrong)], as_json, code=2)
        except refusals as refusal:
            self._stop(list(_reasons(refusal)), as_json, code=1)
        except (OperationalError, ProgrammingError) as error:
            if options["traceback"]:
                raise
            reason = f"The database refuses ({error}). Is DATABASE_URL right, and has “manage.py migrate” been run?"
            self._stop([reason], as_json, code=1)
        self.stdout.write(_document(answer.data) if as_json else "\n".join(answer.lines))
        if not answer.done:
            sys.exit(1)

    def _run(self, subcommand: Subcommand, options: dict[str, Any]) -> Answer:
        if subcommand.as_user:
            options["by"] = acting_user(options.pop("as_username"))
        return subcommand.run(**options)

    def _stop(self, reasons: list[str], as_json: bool, *, code: int) -> NoReturn:
        if as_json:
            self.stdout.write(_document({"refused": reasons}))
        else:
            self.stderr.write("\n".join(reasons))
        sys.exit(code)


_OF_DJANGO = frozenset(
    {
        "subcommand",
        "as_json",
        "verbosity",
        "settings",
        "pythonpath",
        "traceback",
        "no_color",
        "force_color",
        "skip_checks",
        "stdout",
        "stderr",
    }
)


def acting_user(username: str) -> AbstractBaseUser:
    """The person named with ``--as``. WrongUsage when there is no such account, or it was deactivated."""
    user: AbstractBaseUser | None = get_user_model()._default_manager.filter(username=username, is_active=True).first()
    if user is None:
        raise WrongUsage(f"--as: there is no active account with the user name “{username}”.")
    return user


def _reasons(refusal: Exception) -> Iterator[str]:
    if isinstance(refusal, ActionRefused):
        yield from refusal.reasons
    else:
        yield from str(refusal).splitlines() or [type(refusal).__name__]


def _document(data: dict[str, Any]) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False, default=str)
