"""What the pages of this room share: breadcrumbs, moments, and the page of one act."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from audit.acts import ActionRefused
from audit.once import DoneBefore
from randomization.methods.findings import DesignRefused
from trialmgr.participants.models import Participant
from trialmgr.people.forms import ActForm, status_of
from trialmgr.people.models import User
from trialmgr.studies.queries import current_definition

Rows = list[dict[str, Any]]


def moment(at: datetime.datetime | None) -> str:
    """Day and time at the sites to the second, with the zone."""
    return date_format(localtime(at), "Y-m-d H:i:s T")


def crumbs(participant: Participant, label: str) -> list[dict[str, str]]:
    return [
        {"label": _("Participants"), "url": reverse("participants:list")},
        {"label": participant.number, "url": reverse("participants:detail", args=[participant.number])},
        {"label": label},
    ]


def list_crumbs(label: str) -> list[dict[str, str]]:
    return [{"label": _("Randomisation"), "url": reverse("randomization:lists")}, {"label": label}]


def acted(request: HttpRequest, form: ActForm, act: Callable[[], object]) -> bool:
    """Do the act that a valid form asks for. False before that, and when refused: the form then says why."""
    if request.method != "POST" or not form.is_valid():
        return False
    try:
        act()
    except DoneBefore as before:
        messages.info(request, str(before))
    except ActionRefused as refusal:
        form.refuse(refusal)
        return False
    return True


def act_page(request: HttpRequest, form: ActForm, heading: str, **context: Any) -> HttpResponse:
    """One act. ``rows``: what it is about; ``caption``: above the heading; ``warning``, ``submit``, ``back``.

    ``reasons``, under the title ``refused``: why it is not offered; what was sent all the same is refused by the act.
    """
    return render(
        request, "randomization/frames/act.html", {"form": form, "heading": heading, **context}, status=status_of(form)
    )


def after_act(user: User, number: str) -> str:
    """Where an act on an allocation leads: to it, for the unblinded; to the casebook, for others."""
    sees = user.may("allocation.view") and not user.sight(current_definition()).blinded
    return reverse("randomization:allocation" if sees else "participants:detail", args=[number])


def spoken(act: Callable[[], object]) -> Callable[[], None]:
    """The act, its refusals by the mathematics of the list in the language of the page."""

    def run() -> None:
        try:
            act()
        except DesignRefused as refusal:
            raise ActionRefused(*(_(one.message) % one.values for one in refusal.findings)) from refusal

    return run
