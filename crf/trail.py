"""The audit trail of one saved form, in words."""

from __future__ import annotations

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

ACTS = {
    "entry.saved": gettext_lazy("Saved"),
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
}

STATES = {status.value: label for status, label in ENTRY_STATUS_LABELS.items()}


def trail_of(place: FormPlace, row: int, item: str = "") -> QuerySet[LedgerEntry]:
    """Ledger entries of one saved form, or of one item of it; what reveals the allocation for the unblinded only."""
    lines = LedgerEntry.objects.filter(
        participant=place.participant.number, visit=place.visit.slug, form=place.form.key, occurrence=str(row)
    )
    if place.sight.blinded:
        lines = lines.open_part()
    return lines.filter(item=item) if item else lines


def trail_columns() -> list[dict[str, str]]:
    labels = (_("Time"), _("Who"), _("Role"), _("Act"), _("Item"), _("Old value"), _("New value"), _("Reason"))
    return [{"label": label} for label in labels]


def trail_rows(place: FormPlace, row: int, item: str = "") -> list[list[dict[str, Any]]]:
    lines = list(trail_of(place, row, item))
    said = said_by_checks([line.new for line in lines if line.action.startswith("query.")], spoken())
    return [_cells(place, line, said) for line in lines]


def _cells(place: FormPlace, line: LedgerEntry, said: dict[str, str]) -> list[dict[str, Any]]:
    known = place.form.has_item(line.item)
    texts = (
        date_format(localtime(line.at), "SHORT_DATETIME_FORMAT"),
        line.actor,
        role_labels(line.roles),
        ACTS.get(line.action, line.action),
        item_label(place.form, line.item, spoken()) if known else line.item,
        _value(place, line, line.old, "missing_old"),
        said.get(line.new or "") or _value(place, line, line.new, "missing_new"),
        line.reason,
    )
    return [{"text": text or None} for text in texts]


def _value(place: FormPlace, line: LedgerEntry, value: str | None, reason: str) -> str:
    """A value in words, or the reason why there is none; a status by its name, a signature by its meaning."""
    if line.action == "entry.signed":
        return str(line.detail["meaning"]) if value else ""
    if line.action not in ("entry.saved", "entry.migrated") or not place.form.has_item(line.item):
        return str(STATES.get(value or "", value or ""))
    reasons = {entry.code: entry.label(spoken()) for entry in place.definition.missing_reasons.items}
    code = line.detail.get(reason) or ""
    return shown_value(place.definition, place.form.item(line.item), value or "", spoken()) or reasons.get(code, code)
