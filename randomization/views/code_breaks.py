"""Breaking the code of one participant; and the log of it, for the sponsor's unblinded roles and inspectors."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from audit.acts import ActionRefused
from randomization import actions
from randomization.forms import ActForm
from randomization.models import Allocation, CodeBreak
from randomization.policies.frames import check_unblinded
from randomization.views.frames import act_page, acted, crumbs, moment
from trialmgr.participants.models import Participant
from trialmgr.participants.queries import participant_for
from trialmgr.people.forms import ReasonForm, bound
from trialmgr.people.guards import permitted, person, signed_in_again
from trialmgr.people.models import User
from trialmgr.studies.queries import current_definition


@permitted("allocation.break")
@signed_in_again
def code_break(request: HttpRequest, number: str) -> HttpResponse:
    """An emergency: the reason, the password again, and the arm, once. The answer is kept nowhere."""
    user = person(request)
    participant = participant_for(user, number, permission="allocation.break")
    form = bound(ReasonForm, request)
    if request.method == "POST" and form.is_valid():
        try:
            allocation = actions.break_code(by=user, participant=participant, reason=form.cleaned_data["reason"])
        except ActionRefused as refusal:
            form.refuse(refusal)
        else:
            return _told(request, participant, allocation)
    heading = _("Break the code")
    return act_page(
        request,
        form,
        heading,
        caption=number,
        warning=_(
            "For an emergency in which the treatment must be known. The sponsor is notified. Whoever works blinded is "
            "unblinded from then on: they enter no form in a blinded role any more, and the role ends with this day."
        ),
        submit=_("Break the code"),
        danger=True,
        back=reverse("participants:detail", args=[number]),
        breadcrumbs=crumbs(participant, heading),
    )


def _told(request: HttpRequest, participant: Participant, allocation: Allocation) -> HttpResponse:
    arm = current_definition().arm(allocation.arm).label(get_language() or "nl")
    rows = [
        {"key": _("Participant"), "value": participant.number},
        {"key": _("Arm"), "value": arm},
        {"key": _("Randomised at"), "value": moment(allocation.allocated_at)},
    ]
    page = {"participant": participant, "rows": rows, "breadcrumbs": crumbs(participant, _("The code is broken"))}
    answer = render(request, "randomization/code_breaks/told.html", page)
    answer["Cache-Control"] = "no-store"
    return answer


@permitted("breaks.view")
def code_breaks(request: HttpRequest) -> HttpResponse:
    """The log: who, when, why, and who of the sponsor knows. It names no arm."""
    user = person(request)
    check_unblinded(user)
    rows = CodeBreak.objects.select_related("participant__site", "broken_by", "noticed_by").order_by("-number")
    labels = (_("Number"), _("Participant"), _("Broken"), _("Reason"), _("Acknowledged"))
    page = {
        "columns": [{"label": label} for label in labels],
        "rows": [_line(user, broken) for broken in rows if user.may("breaks.view", site=broken.participant.site)],
    }
    return render(request, "randomization/code_breaks/all.html", page)


def _line(user: User, broken: CodeBreak) -> list[dict[str, Any]]:
    return [
        {"text": str(broken.number)},
        {"text": broken.participant.number},
        {"text": f"{moment(broken.broken_at)}, {broken.broken_by.actor_name}"},
        {"text": broken.reason},
        _notice_cell(user, broken),
    ]


def _notice_cell(user: User, broken: CodeBreak) -> dict[str, Any]:
    if broken.noticed_by is not None:
        return {"text": f"{moment(broken.noticed_at)}, {broken.noticed_by.actor_name}"}
    if not user.may("breaks.notice"):
        return {"text": _("Not yet"), "kind": "late"}
    url = reverse("randomization:notice", args=[broken.number])
    return {"text": _("Acknowledge"), "url": url, "about": str(broken.number)}


@permitted("breaks.notice")
def notice(request: HttpRequest, number: int) -> HttpResponse:
    """The sponsor knows."""
    user = person(request)
    check_unblinded(user)
    broken = get_object_or_404(CodeBreak.objects.select_related("participant", "broken_by"), number=number)
    form = bound(ActForm, request)
    if acted(request, form, lambda: actions.notice_code_break(by=user, broken=broken)):
        messages.success(request, _("It is recorded that the sponsor knows."))
        return redirect("randomization:code_breaks")
    return act_page(
        request,
        form,
        _("Acknowledge a code break"),
        rows=[
            {"key": _("Participant"), "value": broken.participant.number},
            {"key": _("Broken"), "value": f"{moment(broken.broken_at)}, {broken.broken_by.actor_name}"},
            {"key": _("Reason"), "value": broken.reason},
        ],
        submit=_("Acknowledge"),
        back=reverse("randomization:code_breaks"),
        breadcrumbs=[
            {"label": _("Code breaks"), "url": reverse("randomization:code_breaks")},
            {"label": _("Acknowledge")},
        ],
    )
