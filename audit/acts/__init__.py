"""What an act is: somebody acts, for a reason, and its lines say what changed. The door is in ``audit.actions``.

Source: 21 CFR Part 11 11.10(e), ICH E6(R3) 4.2.2, EMA guideline on computerised systems 6.2.1.
"""

from __future__ import annotations

import enum
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, ParamSpec, Protocol

P = ParamSpec("P")


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
class _System:
    """Who writes what follows from an act; it decides nothing, so nobody asks whether it may."""

    actor_id: str = "system"
    actor_name: str = "system"
    roles: str = "system"


BY_THE_SYSTEM = _System()


class Means(enum.StrEnum):
    """What somebody acts with."""

    PAGE = "page"
    API = "api"
    API_KEY = "api_key"
    IMPORT = "import"
    COMMAND = "command"
    WORKER = "worker"


_means: ContextVar[Means] = ContextVar("audit.means", default=Means.COMMAND)


@contextmanager
def by_means_of(means: Means) -> Iterator[None]:
    """Acts begun inside say that they were done so; what is not said otherwise is done by a command."""
    token = _means.set(means)
    try:
        yield
    finally:
        _means.reset(token)


@dataclass(frozen=True, slots=True)
class Line:
    """One ledger entry in the making; see ``LedgerEntry`` for the meaning of each field.

    A line with a ``cause`` is the system's, on behalf of whoever acts.
    """

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
    cause: str = ""
    seal: str = ""


@dataclass(slots=True)
class Act:
    """One act under way: who, why, and the ledger lines it has gathered."""

    name: str
    actor: Actor
    reason: str
    roles: str
    means: Means = field(default_factory=_means.get)
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    lines: list[Line] = field(default_factory=list)


_current: ContextVar[Act | None] = ContextVar("audit.act", default=None)


def current_act() -> Act:
    act = _current.get()
    if act is None:
        raise OutsideAction("tracked rows are written through an action only (see audit/actions.py)")
    return act


def acting() -> bool:
    return _current.get() is not None


@contextmanager
def under_way(act: Act) -> Iterator[Act | None]:
    """Make ``act`` the current one; yields the act it joins, if it was begun within another."""
    outer = _current.get()
    if outer is not None:
        act.id = outer.id
    token = _current.set(act)
    try:
        yield outer
    finally:
        _current.reset(token)


def record(**fields: Any) -> None:
    """Add a line to the current act. ``action`` and ``reason`` default to those of the act."""
    act = current_act()
    fields.setdefault("action", act.name)
    fields.setdefault("reason", act.reason)
    act.lines.append(Line(**fields))
