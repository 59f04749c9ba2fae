"""The past of a saved form, as the audit trail tells it."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from crf.layout.boxes import item_label
from crf.places import FormPlace, form_place, spoken
from crf.trail import trail_columns, trail_rows
from crf.views.frames import frame
from trialmgr.people.guards import permitted, person


@permitted("entries.view")
def history(request: HttpRequest, number: str, slug: str, form: str, row: int) -> HttpResponse:
    """Everything the audit trail says about one saved form, as far as this person may read it."""
    place = form_place(person(request), number, slug, form)
    return _trail(request, place, row, _("History"))


@permitted("entries.view")
def item_history(request: HttpRequest, number: str, slug: str, form: str, row: int, item: str) -> HttpResponse:
    place = form_place(person(request), number, slug, form)
    if not place.sees_item(item):
        raise PermissionDenied(_("Your role does not give access to this item."))
    return _trail(request, place, row, item_label(place.form, item, spoken()), item)


def _trail(request: HttpRequest, place: FormPlace, row: int, heading: str, item: str = "") -> HttpResponse:
    place.entry(row)
    context: dict[str, Any] = frame(
        place, heading, columns=trail_columns(), rows=trail_rows(place, row, item), item=item
    )
    return render(request, "crf/trail.html", context)
