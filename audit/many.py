"""One act on many things: each is an act of its own that joins it, with its own checks, rows and lines in the ledger.

What is refused is named and left out, and the others are done: who ticked fifty forms expects that the one which
somebody changed meanwhile does not undo their work on the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.utils.translation import gettext as _

from audit.acts import ActionRefused

R = TypeVar("R")

MOST = 200
"""At once; each holds what it is about until all are done."""


@dataclass(frozen=True, slots=True)
class Many(Generic[R]):
    """``made``: what each gave, at least one. ``refused``: each with its name and the reasons."""

    made: tuple[R, ...]
    refused: tuple[str, ...]


def each(acts: Iterable[tuple[str, Callable[[], R]]]) -> Many[R]:
    """Do them in this order, from within an act. ``acts``: how each thing is called, and what is done with it.

    Raises ActionRefused where nothing could be done.
    """
    wanted = list(acts)
    if len(wanted) > MOST:
        raise ActionRefused(_("Choose at most %(n)s at once.") % {"n": MOST})
    if not wanted:
        raise ActionRefused(_("Choose what it is about: nothing is ticked, or it changed in the meantime."))
    made: list[R] = []
    refused: list[str] = []
    for name, act in wanted:
        try:
            made.append(act())
        except ActionRefused as refusal:
            refused.append(f"{name}: {' '.join(refusal.reasons)}")
    if not made:
        raise ActionRefused(*refused)
    return Many(tuple(made), tuple(refused))
