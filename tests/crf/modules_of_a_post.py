"""Which modules of ours one POST of a form passes, from the view to the commit.

Counted is every Python file of the rooms in which a function runs between the call of the view and the end of the
transaction of the outermost act. Left out: the guard around the view and the middleware, for they stand around every
page alike; what is drawn afterwards; libraries; and code that runs once, when a module is first imported.
"""

from __future__ import annotations

import inspect
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from audit import actions as door
from tests.house.tree import ROOMS, ROOT

DOOR = Path(door.__file__)
"""Where an act begins and ends: the function ``run`` that ``@action`` makes of it."""


@dataclass
class Passed:
    """``calls``: by module, in the order in which they were first entered. ``returns``: how often control came back to
    a module, from another one, after it had left it by then.
    """

    calls: Counter[str] = field(default_factory=Counter)
    returns: Counter[str] = field(default_factory=Counter)

    @property
    def modules(self) -> list[str]:
        return list(self.calls)

    def of(self, room: str) -> list[str]:
        return [name for name in self.calls if name.startswith(f"{room}.")]

    def __str__(self) -> str:
        lines = [f"{self.calls[name]:5} calls {self.returns[name]:4} returns  {name}" for name in self.calls]
        total = f"{sum(self.calls.values()):5} calls {self.returns.total():4} returns  {len(lines)} modules"
        return "\n".join([*lines, total])


class _Watch:
    """Follows the stack of our own functions from the first call of ``view`` until its outermost act has ended."""

    def __init__(self, view: CodeType) -> None:
        self.view, self.passed = view, Passed()
        self.stack: list[tuple[FrameType, str]] = []
        self.acts = 0
        self.state = "before"

    def __call__(self, frame: FrameType, event: str, _argument: Any) -> None:
        if event == "call":
            self._enter(frame)
        elif event == "return" and self.stack and self.stack[-1][0] is frame:
            self.stack.pop()
            self._leave(frame.f_code)

    def _enter(self, frame: FrameType) -> None:
        if self.state == "before" and frame.f_code is self.view:
            self.state = "within"
        name = module_of(frame.f_code) if self.state == "within" else None
        if name is None:
            return
        self.acts += _is_act(frame.f_code)
        if self.stack and self.stack[-1][1] != name and name in self.passed.calls:
            self.passed.returns[name] += 1
        self.passed.calls[name] += 1
        self.stack.append((frame, name))

    def _leave(self, code: CodeType) -> None:
        if _is_act(code):
            self.acts -= 1
            self.state = "within" if self.acts else "committed"


def module_of(code: CodeType) -> str | None:
    """The dotted name of a module of the rooms; None for other code, and for the body of a module itself."""
    path = Path(code.co_filename)
    if code.co_name == "<module>" or not path.is_relative_to(ROOT) or path.suffix != ".py":
        return None
    parts = path.relative_to(ROOT).with_suffix("").parts
    if parts[0] not in ROOMS or "migrations" in parts:
        return None
    return ".".join(parts).removesuffix(".__init__")


def _is_act(code: CodeType) -> bool:
    return code.co_name == "run" and Path(code.co_filename) == DOOR


@contextmanager
def passed_by(view: Any) -> Iterator[Passed]:
    """What a page passes that is answered by ``view``, as its module defines it."""
    watch = _Watch(inspect.unwrap(view).__code__)
    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        yield watch.passed
    finally:
        sys.setprofile(before)
