"""The one door for writes: every change of state is an *act* of a named person, in one transaction, in the ledger.

Source: 21 CFR Part 11 11.10(e), ICH E6(R3) 4.2.2, EMA guideline on computerised systems 6.2.1.

``@action`` opens the transaction, checks the named permission of ``by``, refuses while the study is locked, and
refuses to commit unless the function wrote to the ledger with ``record``. An action called by another joins its act.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from django.db import IntegrityError, transaction
from django.db.models import Model

from audit import ledger, once
from audit.acts import Act, under_way

P = ParamSpec("P")
R = TypeVar("R")


class NotInLedger(Exception):
    """A programming error: an action changed something and recorded nothing."""


@dataclass(frozen=True, slots=True)
class ActionInfo:
    name: str
    permission: str | None
    works_when_locked: bool
    function: Callable[..., Any]


def itself(made: Model) -> Model:
    """For an action that answers with the row it made."""
    return made


ACTIONS: dict[str, ActionInfo] = {}
_lock_guards: list[Callable[[], None]] = []
_surroundings: list[Callable[[], AbstractContextManager[None]]] = []


def refuse_when(guard: Callable[[], None]) -> None:
    """Register the question "is the study locked?", which a later room answers by raising ``ActionRefused``."""
    if guard not in _lock_guards:
        _lock_guards.append(guard)


def surround_with(context: Callable[[], AbstractContextManager[None]]) -> None:
    """Register what stands around each act as a whole, such as reading once what does not change within it."""
    _surroundings.append(context)


def action(
    name: str,
    *,
    permission: str | None,
    site: Callable[..., Any] | None = None,
    works_when_locked: bool = False,
    makes: Callable[[Any], Model] | None = None,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make a function an action called ``name``.

    ``permission``: checked for ``by`` at ``site(**kwargs)``; None only where the function checks who may by itself.
    ``makes``: the row that a result stands for; the act is then done once for what was sent once, see ``audit.once``.
    The function takes keywords only, with ``by`` and, where one is owed, ``reason`` among them.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            if "by" not in kwargs:
                raise TypeError(f"the action {name!r} wants by=, the person who acts")
            by: Any = kwargs["by"]
            where = site(**kwargs) if site else None
            if permission is not None:
                by.check_may(permission, site=where)
            act = Act(name, by, str(kwargs.get("reason") or ""), by.role_names(where))
            with under_way(act) as outer:
                try:
                    with ExitStack() as around:
                        for context in _surroundings:
                            around.enter_context(context())
                        around.enter_context(transaction.atomic())
                        _ask_guards(works_when_locked)
                        own = once.kept_for(by.actor_id, name) if makes and outer is None else None
                        result = function(*args, **kwargs)
                        if makes and own:
                            once.keep(own, makes(result))
                        _close(act, outer)
                    return result
                except IntegrityError:
                    # Locked after the guards were asked? Then the lock's triggers refused the write, and we say so.
                    _ask_guards(works_when_locked or outer is not None)
                    raise

        if name in ACTIONS:
            raise ValueError(f"two actions are called {name!r}")
        ACTIONS[name] = ActionInfo(name, permission, works_when_locked, run)
        return run

    return decorate


def _ask_guards(works_when_locked: bool) -> None:
    for guard in () if works_when_locked else _lock_guards:
        guard()


def _close(act: Act, outer: Act | None) -> None:
    """Hand the lines to the outer act, or write them: last of all, so the ledger's lock is held for moments."""
    if not act.lines:
        raise NotInLedger(f"action {act.name!r} wrote nothing to the ledger")
    if outer is None:
        ledger.append(act)
    else:
        outer.lines.extend(act.lines)
