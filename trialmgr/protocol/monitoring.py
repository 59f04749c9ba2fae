"""Which answers are held against their source (source data verification), by the plan of the study. Pure.

Source: ICH E6(R3) 3.11.4.2 (monitoring in proportion to risk); EMA/269011/2013, section 5.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from trialmgr.protocol.model import Form, RowKey, StudyDefinition, VerificationPlan

EVERY_ANSWER = VerificationPlan(extent="all")
DIGITS = 8
"""So many hexadecimal digits of the draw are looked at."""


def draw_of(study: str, number: str) -> str:
    """What a participant draws: the same at every time and place. A draw, no secret: so MD5, which databases know."""
    return hashlib.md5(f"{study}:{number}".encode(), usedforsecurity=False).hexdigest()[:DIGITS]


def bound_of(share: int) -> str:
    """Who draws less is among the share (in a hundred)."""
    return f"{share * 16**DIGITS // 100:0{DIGITS}x}"


def is_drawn(study: str, number: str, share: int) -> bool:
    return draw_of(study, number) < bound_of(share)


def item_of(key: str) -> str:
    """The item of a key, which may be one of a row."""
    row = RowKey.read(key)
    return row.item if row else key


@dataclass(frozen=True, slots=True)
class FormPlan:
    """The plan of one form. ``critical``, ``passed_over``: keys of items; the latter are worked out, or out of sight.

    ``share``: of a hundred participants, for the others of whom the critical items alone count.
    """

    critical: frozenset[str]
    passed_over: frozenset[str]
    extent: str
    share: int | None

    def holds(self, key: str, *, is_drawn: bool) -> bool:
        """Whether the answer under this key, of a row or not, is to be verified."""
        item = item_of(key)
        if item in self.passed_over:
            return False
        return item in self.critical if self.is_partial(is_drawn) else self.extent != "none"

    def is_partial(self, is_drawn: bool) -> bool:
        return self.extent == "critical" or (self.extent == "share" and not is_drawn)


def form_plans(definition: StudyDefinition, hidden: Mapping[str, Collection[str]]) -> dict[str, FormPlan]:
    """By key of the form. ``hidden``: by form, the items that whoever asks does not meet."""
    return {form.key: _form_plan(definition, form, hidden.get(form.key, ())) for form in definition.forms}


def _form_plan(definition: StudyDefinition, form: Form, hidden: Collection[str]) -> FormPlan:
    plan = plan_of(definition, form)
    passed_over = {item.key for item in form.items if item.is_derived} | set(hidden)
    critical = frozenset(critical_keys(definition, form) - passed_over)
    return FormPlan(critical, frozenset(passed_over), plan.extent, plan.share)


def plan_of(definition: StudyDefinition, form: Form) -> VerificationPlan:
    return form.verification or definition.verification or EVERY_ANSWER


def critical_keys(definition: StudyDefinition, form: Form) -> set[str]:
    """Items that are marked so; on the form that holds the criteria, all criteria as well."""
    criteria = {one.id.lower() for version in definition.eligibility for one in version.criteria}
    return {item.key for item in form.items if item.critical} | (criteria if form.eligibility else set())


@dataclass(frozen=True, slots=True)
class Progress:
    """Of one entry: keys of the answers that the plan wants verified, and of those that still are to be."""

    planned: tuple[str, ...]
    left: tuple[str, ...]

    @property
    def is_done(self) -> bool:
        """All of it is verified; of nothing nobody says so."""
        return bool(self.planned) and not self.left

    @property
    def done(self) -> int:
        return len(self.planned) - len(self.left)


def progress(plan: FormPlan, answered: Iterable[str], verified: Collection[str], *, is_drawn: bool) -> Progress:
    planned = tuple(key for key in answered if plan.holds(key, is_drawn=is_drawn))
    return Progress(planned, tuple(key for key in planned if key not in verified))
