"""The audit trail in words of the study: labels, code lists, units and reasons instead of keys and codes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit.models import LedgerEntry
from crf.layout.boxes import item_label
from crf.layout.fields import shown_value
from crf.models import ENTRY_STATUS_LABELS
from crf.places import FormPlace, spoken
from crf.queries import said_by_checks
from trialmgr.people.permissions import role_labels
from trialmgr.people.visibility import Sight
from trialmgr.protocol.judgements import eligibility_form
from trialmgr.protocol.model import Form, StudyDefinition

ACTS = {
    "entry.saved": gettext_lazy("Saved"),
    "entry.followed": gettext_lazy("Worked out anew"),
    "entry.migrated": gettext_lazy("Moved to another study version"),
    "entry.moved": gettext_lazy("Moved to where it belongs"),
    "entry.removed": gettext_lazy("Row removed"),
    "draft.expired": gettext_lazy("Typed answers not saved thrown away"),
    "entry.signed": gettext_lazy("Signed"),
    "signature.lapsed": gettext_lazy("Signature lapsed"),
    "items.verified": gettext_lazy("Verified"),
    "verification.fell": gettext_lazy("Verification lapsed"),
    "query.raised": gettext_lazy("Query raised"),
    "query.answered": gettext_lazy("Query answered"),
    "query.closed": gettext_lazy("Query closed"),
    "query.reopened": gettext_lazy("Query reopened"),
    "query.assigned": gettext_lazy("Query assigned"),
}
OF_VALUES = frozenset({"entry.saved", "entry.followed", "entry.migrated", "entry.removed"})
"""Acts whose lines about an item hold its values."""

STATES = {status.value: label for status, label in ENTRY_STATUS_LABELS.items()}


@dataclass(frozen=True, slots=True)
class Words:
    """How a study speaks of what its trail names by keys; a key that it does not know stands as it is.

    ``definition``: the one in force, with all that earlier versions had. ``forms``: those of one participant, where
    they are known.
    """

    definition: StudyDefinition
    language: str
    forms: dict[str, Form] = field(default_factory=dict)

    def visit(self, slug: str) -> str:
        key, _dash, ordinal = slug.partition("-")
        if not self.definition.has_visit(key):
            return slug
        return " ".join(filter(None, (self.definition.visit(key).label(self.language), ordinal)))

    def form(self, key: str) -> str:
        return self.definition.form(key).label(self.language) if self.definition.has_form(key) else key

    def place(self, visit: str, form: str, row: str) -> str:
        """``Week 8 · MADRS``, with the number of the row where it is not the first."""
        named = [self.visit(visit) if visit else "", self.form(form) if form else ""]
        if row not in ("", "1"):
            named.append(_("row %(number)s") % {"number": row})
        return " · ".join(filter(None, named))

    def cause(self, entry: LedgerEntry, sight: Sight) -> str:
        """What a consequence follows from, in words; nothing where this person may not know of it."""
        number, slug, form, row = [*entry.cause.split("/"), "", "", ""][:4]
        key = slug.partition("-")[0]
        is_known = not slug or (self.definition.has_visit(key) and sight.visit(self.definition.visit(key)))
        if sight.blinded and not (is_known and (not form or form in sight.forms)):
            return ""
        return self.place(slug, form, row) or number

    def item(self, entry: LedgerEntry) -> str:
        form = self._form_of(entry)
        return item_label(form, entry.item, self.language) if form else entry.item

    def values(self, entry: LedgerEntry) -> tuple[str, str]:
        """Old and new, each in words or with the reason why there is none."""
        return self._value(entry, entry.old, "missing_old"), self._value(entry, entry.new, "missing_new")

    def _value(self, entry: LedgerEntry, value: str | None, reason: str) -> str:
        if entry.action == "entry.signed":
            return str(entry.detail["meaning"]) if value else ""
        form = self._form_of(entry) if entry.action in OF_VALUES else None
        if form is None:
            return str(STATES.get(value or "", value or ""))
        reasons = {each.code: each.label(self.language) for each in self.definition.missing_reasons.items}
        code = entry.detail.get(reason) or ""
        shown = shown_value(self.definition, form.item(entry.item), value or "", self.language)
        return shown or reasons.get(code, code)

    def _form_of(self, entry: LedgerEntry) -> Form | None:
        """The form that has the item of a line; the criteria of eligibility stand in versions of their own."""
        if not entry.item or not self.definition.has_form(entry.form):
            return None
        if entry.form not in self.forms:
            self.forms[entry.form] = self.definition.form(entry.form)
        form = self.forms[entry.form]
        if form.eligibility and not form.has_item(entry.item):
            known = (eligibility_form(self.definition, version) for version in self.definition.eligibility)
            form = next((one for one in known if one.has_item(entry.item)), form)
        return form if form.has_item(entry.item) else None


def said_in(entries: Iterable[LedgerEntry], language: str) -> dict[str, str]:
    """What edit checks said in these lines, in the language of the reader."""
    return said_by_checks([entry.new for entry in entries if entry.action.startswith("query.")], language)


def trail_of(place: FormPlace, row: int, item: str = "") -> QuerySet[LedgerEntry]:
    """Ledger entries of one saved form, or of one item of it; what reveals the allocation for the unblinded only."""
    lines = LedgerEntry.objects.filter(participant=place.participant.number, visit=place.visit.slug)
    lines = lines.besides(("form", place.form.key)).filter(occurrence=str(row))
    if place.sight.blinded:
        lines = lines.open_part()
    return lines.filter(item=item) if item else lines


def trail_columns() -> list[dict[str, str]]:
    labels = (_("Time"), _("Who"), _("Role"), _("Act"), _("Item"), _("Old value"), _("New value"), _("Reason"))
    return [{"label": label} for label in labels]


def trail_rows(place: FormPlace, row: int, item: str = "") -> list[list[dict[str, Any]]]:
    lines = list(trail_of(place, row, item))
    words, said = Words(place.definition, spoken(), {place.form.key: place.form}), said_in(lines, spoken())
    return [_cells(words, line, said) for line in lines]


def _cells(words: Words, line: LedgerEntry, said: dict[str, str]) -> list[dict[str, Any]]:
    old, new = words.values(line)
    texts = (
        date_format(localtime(line.at), "SHORT_DATETIME_FORMAT"),
        line.actor,
        role_labels(line.roles),
        ACTS.get(line.action, line.action),
        words.item(line),
        old,
        said.get(line.new or "") or new,
        line.reason,
    )
    return [{"text": text or None} for text in texts]
