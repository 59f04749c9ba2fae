"""Signing a saved form."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from crf.actions import sign_entry
from crf.forms import ConfirmForm
from crf.places import form_place
from crf.sheets import open_sheet
from crf.views.frames import frame, show
from trialmgr.people.forms import acted, bound
from trialmgr.people.guards import permitted, person, signed_in_again


@permitted("entries.sign")
@signed_in_again
def sign(request: HttpRequest, number: str, slug: str, form: str, row: int) -> HttpResponse:
    """Check the answers, sign in again, sign. Source: 21 CFR Part 11 11.50 and 11.200."""
    place = form_place(person(request), number, slug, form)
    place.check_may("entries.sign")
    entry = place.entry(row)
    confirm = bound(ConfirmForm, request)
    meaning = _("I have read this form and find it complete and right.")
    if acted(request, confirm, sign_entry, by=place.user, entry=entry, meaning=meaning):
        messages.success(request, _("The form is signed."))
        return redirect(open_sheet(place, row).url)
    sheet = open_sheet(place, row)
    rows = [{"key": field.label, "value": field.shown} for field in sheet.answered()]
    return show(request, "signatures", frame(place, _("Sign this form"), form=confirm, rows=rows, meaning=meaning))
