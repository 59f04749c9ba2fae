"""What stays in sight under a form while it is filled in: its score, what is wanting, and which form comes next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from crf.casebook import FormLine
from crf.layout.fields import FieldView, SectionView
from crf.sheets import Sheet
from trialmgr.protocol.evaluation import Evaluation


@dataclass(frozen=True, slots=True)
class Foot:
    """``first``: the field that is wanting first. ``next``: the form to go on with; None when no other one is due."""

    total: FieldView | None
    wanting: str
    first: FieldView | None
    next: FormLine | None


def foot_of(sheet: Sheet, evaluation: Evaluation, sections: Sequence[SectionView]) -> Foot:
    """``evaluation``: what the boxes come to; ``sections``: the boxes as the page has them."""
    fields = {field.key: field for section in sections for field in section.fields}
    wanting = sheet.wanted(evaluation)
    return Foot(
        total=fields.get(total_of(sheet)),
        wanting=wanting_in_words(len(wanting)),
        first=fields.get(wanting[0]) if wanting else None,
        next=next_form(sheet.forms, sheet.form.key),
    )


def total_of(sheet: Sheet) -> str:
    """The score that reads the most items of the form, if it adds up any; its key, or nothing."""
    scores = {item.key: len(item.score.items) for item in sheet.form.plain_items if item.score}
    most = max((key for key in scores if key not in sheet.hidden), key=scores.__getitem__, default="")
    return most if scores.get(most, 0) > 1 else ""


def wanting_in_words(count: int) -> str:
    return ngettext("%(n)s wanting", "%(n)s wanting", count) % {"n": count} if count else _("Nothing wanting")


def next_form(forms: tuple[FormLine, ...], form: str) -> FormLine | None:
    """The next one that is due to this person, in the order of the visit; after the last one the first again."""
    keys = [line.key for line in forms]
    here = keys.index(form) + 1 if form in keys else 0
    return next((line for line in (*forms[here:], *forms[:here]) if line.is_due and line.key != form), None)
