"""Caps and holds: for the data manager to set, for the unblinded statistician to see."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from randomization import actions
from randomization.actions.limits import WHOLE_TRIAL
from randomization.forms import CapForm
from randomization.models import Allocation, AllocationCap, AllocationHold
from randomization.views.frames import act_page, acted, list_crumbs, moment
from trialmgr.people.forms import ReasonForm, bound
from trialmgr.people.guards import permitted, person
from trialmgr.people.models import Site


@permitted("lists.limit", "lists.view")
def limits(request: HttpRequest) -> HttpResponse:
    """The whole trial and each site: how many are randomised, how many may be, and whether it is on hold."""
    may = person(request).may("lists.limit")
    counted = Counter(Allocation.objects.values_list("participant__site", flat=True))
    caps = {cap.site_id: cap for cap in AllocationCap.objects.all()}
    holds = {hold.site_id: hold for hold in AllocationHold.objects.filter(lifted_at=None)}
    rows = [_line(None, counted.total(), caps.get(None), holds.get(None), may)]
    rows += [
        _line(site, counted[site.pk], caps.get(site.pk), holds.get(site.pk), may)
        for site in Site.objects.order_by("code")
    ]
    page = {"columns": _columns(may), "rows": rows, "breadcrumbs": list_crumbs(_("Caps and holds"))}
    return render(request, "randomization/limits.html", page)


def _columns(may: bool) -> list[dict[str, Any]]:
    columns: list[dict[str, Any]] = [
        {"label": _("Where")},
        {"label": _("Randomised"), "numeric": True},
        {"label": _("Cap"), "numeric": True},
        {"label": _("Hold")},
    ]
    return [*columns, *({"label": label} for label in (_("Change the cap"), _("Change the hold")) if may)]


def _line(
    site: Site | None, counted: int, cap: AllocationCap | None, hold: AllocationHold | None, may: bool
) -> list[dict[str, Any]]:
    place = site.code if site else WHOLE_TRIAL
    name = site.name if site else _("The whole trial")
    cells: list[dict[str, Any]] = [
        {"text": name},
        {"text": counted, "numeric": True},
        {"text": cap.participants if cap else _("None"), "numeric": True},
        {"text": _("On hold"), "kind": "stop"} if hold else {"text": _("Open"), "kind": "done"},
    ]
    if not may:
        return cells
    act, label = ("lift_hold", _("End the hold")) if hold else ("place_hold", _("Put on hold"))
    return [
        *cells,
        {"text": _("Set the cap"), "url": reverse("randomization:set_cap", args=[place]), "about": name},
        {"text": label, "url": reverse(f"randomization:{act}", args=[place]), "about": name},
    ]


@permitted("lists.limit")
def set_cap(request: HttpRequest, place: str) -> HttpResponse:
    site, user = _site(place), person(request)
    form = bound(CapForm, request)
    if acted(request, form, lambda: actions.set_cap(by=user, site=site, **form.cleaned_data)):
        messages.success(request, _("The cap is set."))
        return redirect("randomization:limits")
    standing = AllocationCap.objects.filter(site=site).first()
    rows = (
        [
            {"key": _("Cap"), "value": str(standing.participants)},
            {"key": _("Set"), "value": f"{moment(standing.set_at)}, {standing.set_by}"},
            {"key": _("Reason"), "value": standing.reason},
        ]
        if standing
        else []
    )
    return _page(request, form, site, _("Set the cap"), rows=rows)


@permitted("lists.limit")
def place_hold(request: HttpRequest, place: str) -> HttpResponse:
    site, user = _site(place), person(request)
    form = bound(ReasonForm, request)
    if acted(request, form, lambda: actions.place_hold(by=user, site=site, **form.cleaned_data)):
        messages.success(request, _("Randomisation is on hold."))
        return redirect("randomization:limits")
    warning = _("Nobody can be randomised here until the hold ends. Whoever randomises is not told the reason.")
    return _page(request, form, site, _("Put on hold"), warning=warning)


@permitted("lists.limit")
def lift_hold(request: HttpRequest, place: str) -> HttpResponse:
    site, user = _site(place), person(request)
    form = bound(ReasonForm, request)
    if acted(request, form, lambda: actions.lift_hold(by=user, site=site, **form.cleaned_data)):
        messages.success(request, _("Randomisation goes on."))
        return redirect("randomization:limits")
    hold = AllocationHold.objects.filter(site=site, lifted_at=None).first()
    rows = (
        [
            {"key": _("On hold since"), "value": f"{moment(hold.placed_at)}, {hold.placed_by}"},
            {"key": _("Reason"), "value": hold.reason},
        ]
        if hold
        else []
    )
    return _page(request, form, site, _("End the hold"), rows=rows)


def _page(request: HttpRequest, form: ReasonForm, site: Site | None, heading: str, **context: Any) -> HttpResponse:
    caption = site.name if site else _("The whole trial")
    back = reverse("randomization:limits")
    breadcrumbs = [*list_crumbs(_("Caps and holds")), {"label": heading}]
    breadcrumbs[1]["url"] = back
    return act_page(
        request, form, heading, caption=caption, submit=heading, back=back, breadcrumbs=breadcrumbs, **context
    )


def _site(place: str) -> Site | None:
    return None if place == WHOLE_TRIAL else get_object_or_404(Site, code=place)
