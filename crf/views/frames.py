"""What the pages of one casebook share: breadcrumbs, heading, status."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from crf.places import CasebookPlace, FormPlace, VisitPlace
from trialmgr.people.forms import status_of


def frame(place: CasebookPlace, heading: str, **context: Any) -> dict[str, Any]:
    """The context of a page at ``place``, or of one under it; ``back`` is the page above the latter."""
    crumbs = [{"label": _("Participants"), "url": reverse("participants:list")}, *_crumbs(place)]
    if crumbs[-1]["label"] == heading:
        del crumbs[-1]
    crumbs.append({"label": heading})
    return {"place": place, "heading": heading, "breadcrumbs": crumbs, "back": place.url, **context}


def show(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    """The page; with status 422 when its form came back with errors."""
    return render(request, f"crf/{template}.html", context, status=status_of(context["form"]))


def _crumbs(place: CasebookPlace) -> list[dict[str, str]]:
    number = place.participant.number
    crumbs = [{"label": number, "url": reverse("participants:detail", args=[number])}]
    if isinstance(place, VisitPlace):
        crumbs.append({"label": place.label, "url": reverse("crf:visit", args=[number, place.visit.slug])})
    if isinstance(place, FormPlace):
        crumbs.append({"label": place.form_label, "url": place.url})
    return crumbs
