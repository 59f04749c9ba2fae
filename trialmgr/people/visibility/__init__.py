"""What a role may see: blinding as pure functions over plain data.

Source: ICH E6(R3) 4.1 (blinding in data governance). A role is blinded or not by the study definition; whatever
reveals the allocation (an arm's visits, forms or items so marked) does not exist for a blinded role.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from trialmgr.protocol.model import Form, Item, StudyDefinition, VisitDefinition


@dataclass(frozen=True, slots=True)
class Sight:
    """What a person meets. ``forms``: keys of the forms; ``blinded``: no trace of the allocation."""

    blinded: bool
    forms: frozenset[str]

    def form(self, form: Form) -> bool:
        return form.key in self.forms

    def item(self, item: Item) -> bool:
        return not (self.blinded and item.reveals_allocation)

    def visit(self, visit: VisitDefinition) -> bool:
        return not (self.blinded and visit.reveals_allocation)


NOTHING = Sight(blinded=True, forms=frozenset())


def sight_of(definition: StudyDefinition, roles: Iterable[str]) -> Sight:
    """What these roles together see. Blinded as soon as one of them is: roles are never mixed to see more.

    A role that the study does not name sees nothing, for nobody said whether it is blinded.
    """
    known, wanted = {role.key: role for role in definition.roles}, set(roles)
    if not wanted or not wanted <= known.keys():
        return NOTHING
    held = [known[role] for role in wanted]
    blinded = any(role.blinded for role in held)
    forms = {form.key for form in definition.forms for role in held if _sees(role.key, role.sees, form)}
    revealing = {form.key for form in definition.forms if form.reveals_allocation}
    return Sight(blinded=blinded, forms=frozenset(forms - revealing if blinded else forms))


def _sees(role: str, sees: str, form: Form) -> bool:
    return sees == "all" or (sees == "entered" and role in form.entered_by)


def blinded_roles(definition: StudyDefinition) -> frozenset[str]:
    return frozenset(role.key for role in definition.roles if role.blinded)
