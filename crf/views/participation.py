from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from crf.actions import move_participant
from crf.actions import undo_ending as undo
from crf.forms import SiteForm, sites_of
from crf.places import casebook_place
from crf.views.frames import frame, show
from trialmgr.people.forms import ReasonForm, acted, bound
from trialmgr.people.guards import permitted, person


@permitted("participants.move")
def change_site(request: HttpRequest, number: str) -> HttpResponse:
    """The participant goes on at another site."""
    place = casebook_place(person(request), number)
    place.check_may("participants.move")
    sites = {site.code: site for site in sites_of(place.user, "participants.move") if site != place.participant.site}
    form = bound(SiteForm, request, sites=list(sites.values()))
    who, by = place.participant, place.user
    if acted(
        request, form, lambda site, reason: move_participant(by=by, participant=who, site=sites[site], reason=reason)
    ):
        messages.success(request, _("The participant is at the other site now."))
        return redirect(place.url)
    return show(request, "participation/site", frame(place, _("Move to another site"), form=form))


@permitted("participants.reopen")
def undo_ending(request: HttpRequest, number: str) -> HttpResponse:
    """The participation did not end."""
    place = casebook_place(person(request), number)
    place.check_may("participants.reopen")
    form = bound(ReasonForm, request)
    if acted(request, form, undo, by=place.user, participant=place.participant):
        messages.success(request, _("The end of participation is undone."))
        return redirect(place.url)
    return show(request, "participation/undo_ending", frame(place, _("Undo the end of participation"), form=form))
