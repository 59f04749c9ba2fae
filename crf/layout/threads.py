"""A query as a page draws it beside what it is about, and the box in which one is raised; each in one language."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import NamedTuple


class MessageView(NamedTuple):
    by: str
    at: datetime.datetime
    text: str


class ChangeView(NamedTuple):
    """How the value came to be what it is: one step of it."""

    at: datetime.datetime
    by: str
    old: str
    new: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PastView:
    """The value now and its newest changes; of a form or visit as a whole nothing, for it has no value."""

    value: str = ""
    changes: tuple[ChangeView, ...] = ()
    history_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelView:
    """``key``: the id of the box, or of the panel where there is none. ``url``: where it is sent.

    ``typed`` and ``error`` come back with what was refused.
    """

    key: str
    about: str
    url: str
    past: PastView = PastView()
    typed: str = ""
    error: str = ""

    @property
    def form(self) -> str:
        """The id of the form that sends it: one of its own, for a panel may stand amid the boxes of another."""
        return f"{self.key}-form"


@dataclass(frozen=True, slots=True, kw_only=True)
class AskView(PanelView):
    """The box in which a query is raised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadView(PanelView):
    """One query. ``acts``: what this person may do with it now; ``has_next``: another one waits for them.

    ``assignee``: a name, "" for nobody. ``takers``: user names with names of those it may be assigned to, None for who
    may not assign it.
    """

    number: int
    status: str
    kind: str
    turn: str
    days: int
    messages: tuple[MessageView, ...]
    acts: tuple[str, ...]
    has_next: bool
    assignee: str = ""
    takers: tuple[tuple[str, str], ...] | None = None

    @property
    def assigning(self) -> str:
        """The id of the form that assigns it."""
        return f"{self.key}-assign"
