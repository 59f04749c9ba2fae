"""Envelopes: the paper to print, and entering back one that was opened while the system was down."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from randomization import actions
from randomization.actions.envelopes import Envelope
from randomization.forms import EnvelopeForm, PackForm
from randomization.models import Allocation, EnvelopeUse, RandomizationList
from randomization.papers.envelopes import envelope_paper
from randomization.policies.allocations import reasons_of_participant
from randomization.policies.frames import check_unblinded
from randomization.views.frames import Rows, act_page, acted, after_act, crumbs, list_crumbs, moment
from trialmgr.participants.queries import participant_for
from trialmgr.people.forms import bound
from trialmgr.people.guards import permitted, person, signed_in_again
from trialmgr.people.models import User
from trialmgr.studies.queries import current_definition


@permitted("lists.make")
@signed_in_again
def envelopes(request: HttpRequest, number: int) -> HttpResponse:
    """The paper for the sealed envelopes, to print; it is made for this answer and kept nowhere."""
    user = person(request)
    check_unblinded(user)
    listed = get_object_or_404(RandomizationList, number=number)
    sites = [(site.code, site.name) for site in current_definition().sites]
    form, packed = bound(PackForm, request, sites=sites), list[Envelope]()
    if acted(request, form, lambda: packed.extend(_packed(user, listed, form))):
        return _paper(listed, packed)
    heading = _("Envelopes of list %(number)s") % {"number": number}
    return act_page(
        request,
        form,
        heading,
        warning=_("This paper shows allocations: print it where nobody else sees it, and destroy the file afterwards."),
        submit=_("Make the paper"),
        back=reverse("randomization:list", args=[number]),
        breadcrumbs=list_crumbs(heading),
    )


def _packed(user: User, listed: RandomizationList, form: PackForm) -> list[Envelope]:
    return actions.export_envelopes(by=user, listed=listed, site=form.cleaned_data["site"])


def _paper(listed: RandomizationList, packed: list[Envelope]) -> HttpResponse:
    paper = envelope_paper(
        packed, listed=listed, definition=current_definition(), at=timezone.now(), language=get_language() or "nl"
    )
    answer = HttpResponse(paper, content_type="application/pdf")
    answer["Content-Disposition"] = f'attachment; filename="envelopes-{listed.number}.pdf"'
    answer["Cache-Control"] = "no-store"
    return answer


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
    wanting = reasons_of_participant(participant, user)
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


def opened(found: Allocation) -> Rows:
    """Of an allocation that came from an envelope: who opened it, when and why."""
    used = EnvelopeUse.objects.filter(allocation=found).first()
    if used is None:
        return []
    about = {"at": moment(used.opened_at), "who": used.opened_by, "reason": used.reason}
    return [{"key": _("From a sealed envelope"), "value": _("Opened %(at)s by %(who)s: %(reason)s") % about}]
