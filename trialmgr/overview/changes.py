"""What changes between two versions, as far as one person may read it."""

from __future__ import annotations

from collections.abc import Iterator

from trialmgr.people.models import User
from trialmgr.people.visibility import Sight, sight_of
from trialmgr.protocol.differences import Change, Kind, differences
from trialmgr.protocol.model import StudyDefinition, Text


def changes_for(user: User, old: StudyDefinition, new: StudyDefinition) -> tuple[Change, ...]:
    """Without forms out of sight; for the blinded nothing that reveals; the design for who may see lists alone.

    Who is not blinded and may not see lists is told that the design changes, and not how.
    """
    sights = [sight_of(definition, user.roles) for definition in (old, new)]
    return tuple(dict.fromkeys(_readable(user, sights, differences(old, new))))


def _readable(user: User, sights: list[Sight], changes: tuple[Change, ...]) -> Iterator[Change]:
    blinded = any(sight.blinded for sight in sights)
    forms = frozenset().union(*(sight.forms for sight in sights))
    for change in changes:
        hidden = (change.reveals and blinded) or (change.form and change.form not in forms)
        if not hidden:
            yield change if user.may("lists.view") or not change.restricted else _DESIGN


_DESIGN = Change(
    Kind.CHANGED,
    "randomization",
    "randomization",
    Text(
        nl="Het ontwerp van de randomisatie verandert; wie de lijsten mag inzien, leest hoe.",
        en="The design of the randomisation changes; who may see the lists reads how.",
    ),
    reveals=True,
)
