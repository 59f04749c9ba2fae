"""Lists: made or imported, put in force by a second person, and read by those who may."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from audit.acts import ActionRefused, reasons_against
from randomization import actions
from randomization.forms import ActForm, ImportForm
from randomization.methods.definition import factor_label
from randomization.methods.findings import DesignRefused
from randomization.methods.supply import Forecast
from randomization.models import (
    ListExtension,
    ListOrigin,
    ListPurpose,
    ListStatus,
    RandomizationList,
)
from randomization.policies.lists import check_second_person, is_minimised, reasons_not_in_force
from randomization.policies.supply import places_left
from randomization.queries.lists import manifest_in_force
from randomization.queries.supply import forecasts
from randomization.views.frames import Rows, act_page, acted, list_crumbs, moment, spoken
from trialmgr.people.forms import bound
from trialmgr.people.guards import permitted, person, signed_in_again, signed_in_again_first
from trialmgr.people.models import User
from trialmgr.studies.queries import current_version

STATUS_TAGS = {
    ListStatus.MADE: (gettext_lazy("Made, not in force"), "due"),
    ListStatus.ACTIVE: (gettext_lazy("In force"), "done"),
    ListStatus.CLOSED: (gettext_lazy("Closed"), "none"),
}

PURPOSE_LABELS = {
    ListPurpose.LIVE: gettext_lazy("Live"),
    ListPurpose.REHEARSAL: gettext_lazy("Rehearsal: never for real participants"),
}

ORIGIN_LABELS = {
    ListOrigin.GENERATED: gettext_lazy("Made here from a secret"),
    ListOrigin.IMPORTED: gettext_lazy("Made by an independent statistician and imported"),
}


@permitted("lists.view", "lists.activate")
def lists(request: HttpRequest) -> HttpResponse:
    """The lists: with their strata for those who may see them, without for who activates."""
    user = person(request)
    listed = RandomizationList.objects.select_related("made_by", "activated_by").order_by("-number")
    page = {
        "lists": [_list_view(user, one) for one in listed],
        "may_make": user.may("lists.make"),
        "may_view": user.may("lists.view"),
        "may_limit": user.may("lists.limit") or user.may("lists.view"),
    }
    return render(request, "randomization/lists/all.html", page)


def _list_view(user: User, listed: RandomizationList) -> dict[str, Any]:
    waits = listed.status == ListStatus.MADE and user.may("lists.activate") and listed.made_by_id != user.pk
    may_view = user.may("lists.view")
    return {
        "heading": _("List %(number)s") % {"number": listed.number},
        "rows": _about(listed),
        "strata": _strata(listed) if may_view else None,
        "strata_columns": _strata_columns(),
        "url": reverse("randomization:list", args=[listed.number]) if may_view else "",
        "activate_url": reverse("randomization:activate", args=[listed.number]) if waits else "",
        "acts": [*_acts_of_making(user, listed), *_acts_of_activating(user, listed)],
    }


def _acts_of_making(user: User, listed: RandomizationList) -> list[dict[str, str]]:
    if not user.may("lists.make") or reasons_not_in_force(listed):
        return []
    extend = {"label": _("Extend the list"), "url": reverse("randomization:extend", args=[listed.number])}
    pack = {"label": _("Print envelopes"), "url": reverse("randomization:envelopes", args=[listed.number])}
    return [extend, *([pack] if listed.strata.exclude(reserved_from=None).exists() else [])]


def _acts_of_activating(user: User, listed: RandomizationList) -> list[dict[str, str]]:
    waiting_ones = listed.extensions.filter(activated_at=None).exclude(made_by=user)
    return [
        {
            "label": _("Activate extension %(number)s") % {"number": waiting.number},
            "url": reverse("randomization:activate_extension", args=[listed.number, waiting.number]),
        }
        for waiting in waiting_ones
        if user.may("lists.activate")
    ]


def _about(listed: RandomizationList) -> Rows:
    status, kind = STATUS_TAGS[ListStatus(listed.status)]
    rows: Rows = [
        {"key": _("Status"), "value": status, "kind": kind},
        {"key": _("Purpose"), "value": PURPOSE_LABELS[ListPurpose(listed.purpose)]},
        {"key": _("Origin"), "value": ORIGIN_LABELS[ListOrigin(listed.origin)]},
        {"key": _("Commitment"), "value": listed.commitment},
        {"key": _("Made"), "value": f"{moment(listed.made_at)}, {listed.made_by.actor_name}"},
    ]
    if listed.activated_by is not None:
        activated = f"{moment(listed.activated_at)}, {listed.activated_by.actor_name}"
        rows.append({"key": _("Activated"), "value": activated})
    return rows + [_extension(each) for each in listed.extensions.select_related("made_by", "activated_by")]


def _extension(extension: ListExtension) -> dict[str, Any]:
    made = f"{moment(extension.made_at)}, {extension.made_by.actor_name}"
    if extension.activated_by is None:
        told = _("Made %(made)s; waits to be activated") % {"made": made}
    else:
        activated = f"{moment(extension.activated_at)}, {extension.activated_by.actor_name}"
        told = _("Made %(made)s; activated %(activated)s") % {"made": made, "activated": activated}
    return {"key": _("Extension %(number)s") % {"number": extension.number}, "value": told}


def _strata_columns() -> list[dict[str, Any]]:
    numbers = (_("Length"), _("Left"), _("Randomised lately"), _("Wanted in stock"))
    return [
        {"label": _("Stratum")},
        *({"label": label, "numeric": True} for label in numbers),
        {"label": _("Lasts until about")},
        {"label": _("Supply")},
    ]


def _strata(listed: RandomizationList) -> list[list[dict[str, Any]]]:
    """The shortest supply first. Minimisation has one stratum, for the whole trial, and no supply to speak of."""
    if is_minimised(listed):
        return [_cells(one.key, (one.length, places_left(one), None, None), None) for one in listed.strata.all()]
    return [_supply(each) for each in forecasts(listed)]


def _supply(each: Forecast) -> list[dict[str, Any]]:
    lasts = date_format(each.lasts_until, "Y-m-d") if each.lasts_until else _("Beyond ten years")
    numbers = (each.supply.length, each.supply.left, each.supply.came, each.need)
    tag = (_("Runs low"), "late") if each.is_low else (_("Enough"), "done")
    return [*_cells(each.supply.stratum, numbers, lasts)[:-1], {"text": tag[0], "kind": tag[1]}]


def _cells(stratum: str, numbers: Sequence[int | None], lasts: str | None) -> list[dict[str, Any]]:
    """As wide as the columns are; a dash where there is nothing to say."""
    return [
        {"text": stratum},
        *({"text": number, "numeric": True} for number in numbers),
        {"text": lasts},
        {"text": None},
    ]


@permitted("lists.view")
def one_list(request: HttpRequest, number: int) -> HttpResponse:
    """The restricted page of a list: its design, and the manifest as it was published to the file."""
    listed = get_object_or_404(RandomizationList.objects.select_related("made_by", "activated_by"), number=number)
    shown = _list_view(person(request), listed)
    page = {
        **shown,
        "manifest": json.dumps(manifest_in_force(listed), indent=2, ensure_ascii=False, sort_keys=True),
        "breadcrumbs": list_crumbs(str(shown["heading"])),
    }
    return render(request, "randomization/lists/one.html", page)


@permitted("lists.make")
@signed_in_again
def make(request: HttpRequest) -> HttpResponse:
    """One thing a page: make and seal a list; nobody sees a row of it."""
    if request.method != "POST":
        return _make_page(request, ())
    try:
        listed = actions.make_list(by=person(request))
    except ActionRefused as refusal:
        return _make_page(request, refusal.reasons, status=409)
    except DesignRefused as refusal:
        return _make_page(request, [_(one.message) % one.values for one in refusal.findings], status=409)
    messages.success(request, _("The list is made and sealed. A second person activates it."))
    return redirect("randomization:list", number=listed.number)


def _make_page(request: HttpRequest, reasons: Sequence[str], status: int = 200) -> HttpResponse:
    version = current_version()
    design = version.definition.randomization
    rows: Rows = [{"key": _("Study version"), "value": version.label}]
    if design is not None:
        language = get_language() or "nl"
        sizes = ", ".join(f"{size} ({weight}×)" for size, weight in sorted(design.block_sizes.items()))
        factors = [factor_label(version.definition, factor.key, language) for factor in design.factors]
        rows += [
            {"key": _("Block sizes and their weights"), "value": sizes},
            {"key": _("Stratification factors"), "value": ", ".join(factors)},
            {"key": _("Rows in each stratum"), "value": str(design.length_per_stratum)},
        ]
    page = {"rows": rows, "reasons": reasons, "form": ActForm(), "breadcrumbs": list_crumbs(_("Make a list"))}
    return render(request, "randomization/lists/make.html", page, status=status)


@permitted("lists.make")
@signed_in_again_first
def import_list(request: HttpRequest) -> HttpResponse:
    """The list of an independent statistician: checked, sealed, and its file kept nowhere."""
    user = person(request)
    form = bound(ImportForm, request, files=request.FILES or None)
    act = spoken(lambda: actions.import_list(by=user, **form.cleaned_data))
    if acted(request, form, act):
        messages.success(request, _("The list is sealed. A second person activates it."))
        return redirect("randomization:lists")
    heading = _("Import a list")
    return act_page(
        request,
        form,
        heading,
        warning=_(
            "The file is read and not kept. Whoever made it keeps it: with it the list can be checked at the end."
        ),
        submit=_("Import the list"),
        back=reverse("randomization:lists"),
        breadcrumbs=list_crumbs(heading),
    )


@permitted("lists.activate")
@signed_in_again
def activate(request: HttpRequest, number: int) -> HttpResponse:
    """One thing a page: a second person puts the list in force."""
    listed = get_object_or_404(RandomizationList.objects.select_related("made_by", "activated_by"), number=number)
    if request.method != "POST":
        return _activate_page(request, listed, reasons_against(check_second_person, listed, person(request)))
    try:
        actions.activate_list(by=person(request), listed=listed)
    except ActionRefused as refusal:
        return _activate_page(request, listed, refusal.reasons, status=409)
    messages.success(request, _("The list is in force."))
    return redirect("randomization:lists")


def _activate_page(
    request: HttpRequest, listed: RandomizationList, reasons: Sequence[str], status: int = 200
) -> HttpResponse:
    page = {
        "rows": _about(listed),
        "heading": _("Activate list %(number)s") % {"number": listed.number},
        "reasons": reasons,
        "form": None if reasons else ActForm(),
        "breadcrumbs": list_crumbs(_("Activate")),
    }
    return render(request, "randomization/lists/activate.html", page, status=status)
