"""Freezing a casebook."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from crf import policies
from crf.actions import freeze as freeze_casebook
from crf.actions import unfreeze
from crf.forms import ConfirmForm
from crf.places import casebook_place
from crf.views.frames import frame, show
from trialmgr.people.forms import ReasonForm, acted, bound
from trialmgr.people.guards import permitted, person


@permitted("entries.freeze")
def freeze(request: HttpRequest, number: str) -> HttpResponse:
    """Freeze the casebook of a participant, or unfreeze it with a reason."""
    place = casebook_place(person(request), number)
    if policies.is_frozen(place.participant):
        form = bound(ReasonForm, request)
        if acted(request, form, unfreeze, by=place.user, participant=place.participant):
            messages.success(request, _("The casebook is unfrozen."))
            return redirect(place.url)
        return show(request, "freezes/unfreeze", frame(place, _("Unfreeze the casebook"), form=form))
    confirm = bound(ConfirmForm, request)
    if acted(request, confirm, freeze_casebook, by=place.user, participant=place.participant):
        messages.success(request, _("The casebook is frozen."))
        return redirect(place.url)
    return show(request, "freezes/freeze", frame(place, _("Freeze the casebook"), form=confirm))
