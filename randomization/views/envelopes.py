"""Entering back an envelope that was opened while the system was down."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from randomization import actions, policies
from randomization.forms import EnvelopeForm
from randomization.views.frames import act_page, acted, after_act, crumbs
from trialmgr.participants.queries import participant_for
from trialmgr.people.forms import bound
from trialmgr.people.guards import permitted, person, signed_in_again


@permitted("participants.randomise")
@signed_in_again
def envelope(request: HttpRequest, number: str) -> HttpResponse:
    """What is wanting now is shown and noted; it refuses nothing, because the envelope has been opened."""
    user = person(request)
    participant = participant_for(user, number, permission="participants.randomise")
    form = bound(EnvelopeForm, request)
    if acted(request, form, lambda: actions.enter_envelope(by=user, participant=participant, **form.act())):
        messages.success(request, _("The envelope is entered."))
        return redirect(after_act(user, number))
    wanting = policies.reasons_of_participant(participant, user)
    heading = _("Enter an envelope")
    return act_page(
        request,
        form,
        heading,
        caption=number,
        rows=[{"key": _("Missing now, and noted"), "value": "\n".join(wanting)}] if wanting else [],
        warning=_(
            "Only for an envelope that was opened while the system was down. For good the participant gets the place "
            "of the list that this envelope holds."
        ),
        submit=_("Enter the envelope"),
        back=reverse("participants:detail", args=[number]),
        breadcrumbs=crumbs(participant, heading),
    )
