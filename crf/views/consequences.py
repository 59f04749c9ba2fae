"""What a correction would change on other forms, shown before it is saved, as far as the person sees those forms."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence

from django.utils.translation import gettext as _

from audit.ledger import canonical
from crf.actions.consequences import Consequence, followers_of, preview
from crf.layout.fields import shown_value
from crf.layout.groups import item_label
from crf.models import ENTRY_STATUS_LABELS, EntryStatus
from crf.places import CasebookPlace, spoken
from crf.sheets import Sheet


def follows_from(sheet: Sheet, values: Mapping[str, str], missing: Mapping[str, str]) -> tuple[str, ...]:
    """One line for each value that would be otherwise, and for each form that would be complete no more, or again.

    Both as ``read_submission`` gives them. Nothing for a form that is entered for the first time, or that is refused;
    and what follows on forms that the person never sees is not even worked out.
    """
    if sheet.entry is None or not any(sheet.place.sees_form(form) for form in followers_of({sheet.form.key})):
        return ()
    evaluation = sheet.judged(values, missing)
    if evaluation.problems:
        return ()
    place = sheet.place
    found = preview(place.participant, sheet.entry, evaluation)
    return tuple(line for one in found if _is_seen(place, one) for line in _lines(place, one))


def seen_mark(follows: Sequence[str]) -> str:
    """So that what is saved is what was looked at."""
    return hashlib.sha256(canonical(list(follows))).hexdigest() if follows else ""


def _is_seen(place: CasebookPlace, one: Consequence) -> bool:
    entry = one.entry
    seen = place.sees_form(entry.form_key) and place.sight.visit(entry.visit.definition)
    return seen and not (place.sight.blinded and entry.reveals_allocation)


def _lines(place: CasebookPlace, one: Consequence) -> Iterator[str]:
    entry, language = one.entry, spoken()
    form, definition = entry.form, entry.study_version.definition
    where = f"{entry.visit.label(language)}, {form.label(language)}"
    for key in (key for key in one.changed if place.sight.item(form.item(key))):
        old, new = (
            shown_value(definition, form.item(key), held.get(key, ""), language) or _("no value")
            for held in (one.before.data, entry.data)
        )
        yield f"{where}: {item_label(form, key, language)}: {old} → {new}"
    if one.before.status != entry.status:
        yield f"{where}: {ENTRY_STATUS_LABELS[EntryStatus(entry.status)]}"
