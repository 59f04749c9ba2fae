"""What others do with a saved form: read its past, sign it, verify it; and freezing a casebook."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from crf import policies
from crf.actions import freeze as freeze_casebook
from crf.actions import sign_entry, unfreeze, verify_items
from crf.fields import FieldView
from crf.forms import ConfirmForm
from crf.layout import item_label
from crf.places import FormPlace, casebook_place, form_place, spoken
from crf.sheets import Sheet, open_sheet
from crf.trail import trail_columns, trail_rows
from crf.views.frames import acted, frame, show
from trialmgr.people.forms import ReasonForm, bound
from trialmgr.people.guards import permitted, person, signed_in_again


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
    rows = [{"key": field.label, "value": field.shown} for field in _answered(sheet)]
    return show(request, "sign", frame(place, _("Sign this form"), form=confirm, rows=rows, meaning=meaning))


@permitted("entries.verify")
def verify(request: HttpRequest, number: str, slug: str, form: str, row: int) -> HttpResponse:
    """A monitor ticks the values that were held against their source."""
    place = form_place(person(request), number, slug, form)
    place.check_may("entries.verify")
    entry, sheet = place.entry(row), open_sheet(place, row)
    fields = _answered(sheet)
    confirm = bound(ConfirmForm, request)
    chosen = [field.key for field in fields if field.key in request.POST.getlist("items")]
    if acted(request, confirm, verify_items, by=place.user, entry=entry, items=chosen):
        messages.success(request, _("Verified: %(n)s.") % {"n": len(chosen)})
        return redirect(sheet.url)
    return show(request, "verify", frame(place, _("Verify against the source"), form=confirm, fields=fields))


@permitted("entries.freeze")
def freeze(request: HttpRequest, number: str) -> HttpResponse:
    """Freeze the casebook of a participant, or unfreeze it with a reason."""
    place = casebook_place(person(request), number)
    if policies.is_frozen(place.participant):
        form = bound(ReasonForm, request)
        if acted(request, form, unfreeze, by=place.user, participant=place.participant):
            messages.success(request, _("The casebook is unfrozen."))
            return redirect(place.url)
        return show(request, "unfreeze", frame(place, _("Unfreeze the casebook"), form=form))
    confirm = bound(ConfirmForm, request)
    if acted(request, confirm, freeze_casebook, by=place.user, participant=place.participant):
        messages.success(request, _("The casebook is frozen."))
        return redirect(place.url)
    return show(request, "freeze", frame(place, _("Freeze the casebook"), form=confirm))


def _answered(sheet: Sheet) -> list[FieldView]:
    """Fields that hold a value, or a reason for having none."""
    return [field for section in sheet.sections() for field in section.fields if field.value or field.missing_reason]


def _trail(request: HttpRequest, place: FormPlace, row: int, heading: str, item: str = "") -> HttpResponse:
    place.entry(row)
    context: dict[str, Any] = frame(
        place, heading, columns=trail_columns(), rows=trail_rows(place, row, item), item=item
    )
    return render(request, "crf/history.html", context)
