"""The rows of a repeating form."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from crf.actions import remove_row
from crf.casebook import entry_tag
from crf.layout.fields import shown_value
from crf.models import FormEntry, Signature
from crf.places import FormPlace, form_place, spoken
from crf.sheets import Sheet
from crf.views.frames import acted, frame, show
from trialmgr.people.forms import ReasonForm, bound
from trialmgr.people.guards import permitted, person
from trialmgr.protocol.model import Item

SHOWN_ITEMS = 4


@permitted("entries.view")
def rows(request: HttpRequest, number: str, slug: str, form: str) -> HttpResponse:
    place = form_place(person(request), number, slug, form)
    if not place.form.repeating:
        raise Http404
    items = [item for item in place.form.items if place.sight.item(item)][:SHOWN_ITEMS]
    context = frame(
        place,
        place.form_label,
        columns=[{"label": label} for label in (_("Row"), *(item.label(spoken()) for item in items), _("Status"))],
        rows=_rows(place, items),
        sheet=Sheet(place, None, None),
    )
    return render(request, "crf/rows.html", context)


@permitted("entries.enter")
def remove(request: HttpRequest, number: str, slug: str, form: str, row: int) -> HttpResponse:
    place = form_place(person(request), number, slug, form)
    place.check_may("entries.enter")
    entry = place.entry(row)
    why = bound(ReasonForm, request)
    if acted(request, why, remove_row, by=place.user, entry=entry):
        messages.success(request, _("Row %(n)s is removed.") % {"n": row})
        return redirect("crf:rows", number, slug, form)
    return show(request, "remove", frame(place, _("Remove row %(n)s") % {"n": row}, form=why))


def _rows(place: FormPlace, items: list[Item]) -> list[list[dict[str, Any]]]:
    entries = FormEntry.objects.for_user(place.user).filter(visit=place.visit, form_key=place.form.key)
    signatures = Signature.objects.for_user(place.user).filter(entry__visit=place.visit, lapsed_at=None)
    signed = set(signatures.values_list("entry_id", flat=True))
    return [
        [
            {"text": entry.occurrence, "url": place.row_url("row", entry.occurrence), "about": place.form_label},
            *({"text": _cell(place, entry, item)} for item in items),
            _status(entry, signed),
        ]
        for entry in entries.order_by("occurrence")
    ]


def _cell(place: FormPlace, entry: FormEntry, item: Item) -> str | None:
    reasons = {reason.code: reason.label(spoken()) for reason in place.definition.missing_reasons.items}
    value = shown_value(place.definition, item, entry.data.get(item.key, ""), spoken())
    return value or reasons.get(entry.missing.get(item.key, ""))


def _status(entry: FormEntry, signed: set[int]) -> dict[str, str]:
    tag = entry_tag(entry, signed=entry.pk in signed)
    return {"text": tag.text, "kind": tag.kind}
