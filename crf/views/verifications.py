"""Verifying the values of a saved form against their source."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from crf.actions import verify_items
from crf.forms import ConfirmForm
from crf.places import form_place
from crf.sheets import open_sheet
from crf.views.frames import frame, show
from trialmgr.people.forms import acted, bound
from trialmgr.people.guards import permitted, person


@permitted("entries.verify")
def verify(request: HttpRequest, number: str, slug: str, form: str, row: int) -> HttpResponse:
    """A monitor ticks the values that were held against their source."""
    place = form_place(person(request), number, slug, form)
    place.check_may("entries.verify")
    entry, sheet = place.entry(row), open_sheet(place, row)
    fields = sheet.answered()
    confirm = bound(ConfirmForm, request)
    chosen = [field.key for field in fields if field.key in request.POST.getlist("items")]
    if acted(request, confirm, verify_items, by=place.user, entry=entry, items=chosen):
        messages.success(request, _("Verified: %(n)s.") % {"n": len(chosen)})
        return redirect(sheet.url)
    return show(request, "verifications", frame(place, _("Verify against the source"), form=confirm, fields=fields))
