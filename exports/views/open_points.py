"""What is open before a lock: how many of each kind at each site, and the list of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby
from typing import Any, cast

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from crf.figures import Rows
from crf.forms import SiteFilter
from exports.open_points import (
    COUNTED,
    KIND_LABELS,
    WORKED_OUT,
    Casebooks,
    Kind,
    OpenPoint,
    casebooks,
    counts_for,
    figures_for,
    in_reading_order,
    worked_out_for,
)
from exports.views.locks import point_row
from trialmgr.people.guards import permitted, person

PAGE_SIZE = 50


@permitted("sites.view", "releases.view")
def open_points(request: HttpRequest) -> HttpResponse:
    """Counted by queries; what must be worked out from all casebooks is, when its list is opened."""
    user = person(request)
    codes = [site.code for site in figures_for(user).sites]
    rows = [_counted_row(kind, counted, codes) for kind, counted in counts_for(user).items()]
    labels = [_("What"), *codes, _("All sites")]
    context = {
        "columns": [{"label": label, "numeric": number > 0} for number, label in enumerate(labels)],
        "rows": [[cell | {"label": label} for cell, label in zip(row, labels, strict=True)] for row in rows],
        "worked_out": [{"label": KIND_LABELS[kind], "url": _url(kind)} for kind in WORKED_OUT],
    }
    return render(request, "exports/open_points/kinds.html", context)


def _counted_row(kind: Kind, counted: dict[str, int], codes: list[str]) -> list[dict[str, Any]]:
    cells = [_cell(kind, counted.get(code, 0), code) for code in codes]
    return [{"text": KIND_LABELS[kind]}, *cells, _cell(kind, sum(counted.values()), "")]


def _cell(kind: Kind, count: int, site: str) -> dict[str, Any]:
    return {"text": count, "url": _url(kind, site), "about": site, "numeric": True}


def _url(kind: Kind, site: str = "") -> str:
    return reverse("exports:open_points_of", args=[kind.value]) + (f"?{urlencode({'site': site})}" if site else "")


@permitted("sites.view", "releases.view")
def open_points_of(request: HttpRequest, kind: str) -> HttpResponse:
    """One kind, page by page."""
    if kind not in set(Kind):
        raise Http404
    user, chosen = person(request), Kind(kind)
    figures = figures_for(user)
    filter_form = SiteFilter(request.GET or None, sites=figures.sites)
    site = filter_form.cleaned_data["site"] if filter_form.is_valid() else ""
    here = [one.code for one in figures.sites if site in ("", one.code)]
    found: Rows | list[OpenPoint]
    if chosen in COUNTED:
        found = in_reading_order(chosen, figures.rows(COUNTED[chosen], site))
    else:
        found = worked_out_for(user, chosen, here)
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    shown: Iterable[OpenPoint] = page.object_list
    if chosen in COUNTED:
        book = casebooks()
        shown = book.counted(chosen, cast(Rows, page.object_list))
        shown = _a_visit_a_row(book, shown) if chosen is Kind.FORM_ABSENT else shown
    context = {
        "heading": KIND_LABELS[chosen],
        "filter_form": filter_form,
        "page_obj": page,
        "columns": [{"label": _("Participant")}, {"label": _("What")}],
        "rows": [point_row(point, user.may("participants.view")) for point in shown],
        "breadcrumbs": [
            {"label": _("Open points"), "url": reverse("exports:open_points")},
            {"label": KIND_LABELS[chosen]},
        ],
    }
    return render(request, "exports/open_points/list.html", context)


def _a_visit_a_row(book: Casebooks, points: Iterable[OpenPoint]) -> Iterator[OpenPoint]:
    """Forms that were not begun are counted by visit, so they are named in one row."""
    for _visit, found in groupby(points, key=lambda point: (point.participant, point.visit)):
        first, *others = found
        labels = [book.forms[point.form].label(book.language) for point in (first, *others)]
        visit = first.message.removesuffix(f", {labels[0]}")
        yield replace(first, form="", message=f"{visit}: {', '.join(labels)}")
