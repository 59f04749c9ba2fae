"""The one door for writes: every change of state is an *act* of a named person, in one transaction, in the ledger.

Source: 21 CFR Part 11 11.10(e), ICH E6(R3) 4.2.2, EMA guideline on computerised systems 6.2.1.

``@action`` opens the transaction, checks the named permission of ``by``, refuses while the study is locked, and
refuses to commit unless the function wrote to the ledger with ``record``. An action called by another joins its act.
"""

from __future__ import annotations

import functools
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, ParamSpec, Protocol, TypeVar

from django.db import IntegrityError, transaction

P = ParamSpec("P")
R = TypeVar("R")


class ActionRefused(Exception):
    """The state of things does not allow the act. ``reasons``: every one, each a sentence a person can read."""

    def __init__(self, *reasons: str) -> None:
        super().__init__("; ".join(str(reason) for reason in reasons))
        self.reasons = tuple(str(reason) for reason in reasons)


def reasons_against(check: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> tuple[str, ...]:
    """Why a check refuses, for a page that offers the act; empty where it does not."""
    try:
        check(*args, **kwargs)
    except ActionRefused as refusal:
        return refusal.reasons
    return ()


class NotInLedger(Exception):
    """A programming error: an action changed something and recorded nothing."""


class OutsideAction(Exception):
    """A programming error: a tracked row was written outside an action."""


class Actor(Protocol):
    """Whoever acts: a user, or the system itself when an installation is first set up."""

    @property
    def actor_id(self) -> str: ...

    @property
    def actor_name(self) -> str: ...

    def role_names(self, site: Any) -> str: ...

    def check_may(self, permission: str, *, site: Any = None) -> None: ...


@dataclass(frozen=True, slots=True)
class Line:
    """One ledger entry in the making; see ``LedgerEntry`` for the meaning of each field."""

    action: str
    object_type: str
    object_id: str
    site: str = ""
    participant: str = ""
    visit: str = ""
    form: str = ""
    occurrence: str = ""
    item: str = ""
    old: str | None = None
    new: str | None = None
    reason: str = ""
    detail: dict[str, Any] = field(default_factory=dict)
    restricted: bool = False


@dataclass(slots=True)
class Act:
    """One act under way: who, why, and the ledger lines it has gathered."""

    name: str
    actor: Actor
    reason: str
    roles: str
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    lines: list[Line] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ActionInfo:
    name: str
    permission: str | None
    works_when_locked: bool
    function: Callable[..., Any]


ACTIONS: dict[str, ActionInfo] = {}
_lock_guards: list[Callable[[], None]] = []
_surroundings: list[Callable[[], AbstractContextManager[None]]] = []
_current: ContextVar[Act | None] = ContextVar("audit.act", default=None)


def refuse_when(guard: Callable[[], None]) -> None:
    """Register the question "is the study locked?", which a later room answers by raising ``ActionRefused``."""
    if guard not in _lock_guards:
        _lock_guards.append(guard)


def surround_with(context: Callable[[], AbstractContextManager[None]]) -> None:
    """Register what stands around each act as a whole, such as reading once what does not change within it."""
    _surroundings.append(context)


def current_act() -> Act:
    act = _current.get()
    if act is None:
        raise OutsideAction("tracked rows are written through an action only (see audit/acts.py)")
    return act


def acting() -> bool:
    return _current.get() is not None


def record(**fields: Any) -> None:
    """Add a line to the current act. ``action`` and ``reason`` default to those of the act."""
    act = current_act()
    fields.setdefault("action", act.name)
    fields.setdefault("reason", act.reason)
    act.lines.append(Line(**fields))


def action(
    name: str,
    *,
    permission: str | None,
    site: Callable[..., Any] | None = None,
    works_when_locked: bool = False,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make a function an action called ``name``.

    ``permission``: checked for ``by`` at ``site(**kwargs)``; None only where the function checks who may by itself.
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
            outer = _current.get()
            act = Act(name, by, str(kwargs.get("reason") or ""), by.role_names(where))
            if outer is not None:
                act.id = outer.id
            token = _current.set(act)
            try:
                with ExitStack() as around:
                    for context in _surroundings:
                        around.enter_context(context())
                    around.enter_context(transaction.atomic())
                    _ask_guards(works_when_locked)
                    result = function(*args, **kwargs)
                    _close(act, outer)
                return result
            except IntegrityError:
                # Locked after the guards were asked? Then the lock's triggers refused the write, and we say so.
                _ask_guards(works_when_locked or outer is not None)
                raise
            finally:
                _current.reset(token)

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
    from audit.ledger import append

    if not act.lines:
        raise NotInLedger(f"action {act.name!r} wrote nothing to the ledger")
    if outer is None:
        append(act)
    else:
        outer.lines.extend(act.lines)
