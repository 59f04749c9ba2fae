"""Which visit a path means where its rule is worked out.

``previous.form.item`` means the nearest earlier one with that form, in the definition's order; the key of a visit that
may come more than once means, on a form of its own, the time at which that form is filled in.
"""

from __future__ import annotations

from trialmgr.protocol.model import StudyDefinition, VisitDefinition

PREVIOUS = "previous"


def visit_at(definition: StudyDefinition, slug: str) -> tuple[VisitDefinition, int] | None:
    """The visit and the ordinal that a slug such as ``week_4`` or ``session-3`` names; None when there is none."""
    key, _, ordinal = slug.partition("-")
    if not definition.has_visit(key) or not (ordinal or "1").isdigit():
        return None
    return definition.visit(key), int(ordinal or "1")


def occurrence(written: str) -> str:
    """``session[3]``, as it stands in an expression, as the slug of that visit: ``session-3``."""
    return written.removesuffix("]").replace("[", "-", 1)


def meant_visit(definition: StudyDefinition, here: str, visit: str, form_key: str) -> str | None:
    """Slug of the visit that a path beginning with ``visit`` names, on a form of the visit ``here``."""
    if visit == PREVIOUS:
        return previous_visit(definition, here, form_key)
    return here if here.partition("-")[0] == visit else visit


def previous_visit(definition: StudyDefinition, slug: str, form_key: str) -> str | None:
    """Slug of the visit before ``slug``; None for the first one and for a visit that has no place in the order.

    Visits of another arm are passed over; from a visit of all arms only visits of all arms count.
    """
    found = visit_at(definition, slug)
    if found is None or found[0].kind != "scheduled":
        return None
    here, ordinal = found
    if ordinal > 1:
        return here.slug(ordinal - 1) if form_key in here.forms else _last_before(definition, here, form_key)
    return _last_before(definition, here, form_key)


def _last_before(definition: StudyDefinition, here: VisitDefinition, form_key: str) -> str | None:
    earlier = definition.visits[: definition.visits.index(here)]
    for visit in reversed(earlier):
        same_arm = not visit.arms or set(visit.arms) & set(here.arms)
        if visit.kind == "scheduled" and form_key in visit.forms and same_arm:
            return visit.slug(len(visit.occurrences()))
    return None
