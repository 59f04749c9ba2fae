"""Where each site stands, in figures, and the list behind each of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from django.core.paginator import Paginator
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from crf.figure_lists import columns, in_order, lines
from crf.figures import (
    Figure,
    Figures,
    Rows,
    figure_label,
    is_of_participants,
    is_of_queries,
    is_of_visits,
    to_participant,
    to_visit,
)
from crf.forms import FigureFilter, sites_of
from crf.models import QueryStatus, on_visit
from crf.places import spoken
from crf.views.selections import deed_of, sites_to_act
from trialmgr.people.guards import permitted, person
from trialmgr.people.models import Site, User

PAGE_SIZE = 50


def figures_of(user: User) -> Figures:
    return Figures.of(user, sites_of(user, "sites.view"))


@permitted("sites.view")
def sites(request: HttpRequest) -> HttpResponse:
    """A row a site, a figure a column; each figure leads to its list."""
    figures = figures_of(person(request))
    counts = {figure: figures.by_site(figure) for figure in figures.shown}
    ages = figures.median_ages()
    labels = [_("Site"), *(figure_label(figure, figures.definition) for figure in figures.shown)]
    rows = [_row(site, counts, ages) for site in figures.sites]
    if len(rows) > 1:
        rows.append(_total(counts))
    for row in rows:
        for cell, label in zip(row, labels, strict=True):
            cell["label"] = label
    context = {
        "columns": [{"label": label, "numeric": number > 0} for number, label in enumerate(labels)],
        "rows": rows,
        "now": timezone.now(),
    }
    return render(request, "crf/sites/sites.html", context)


def _row(site: Site, counts: Mapping[Figure, Mapping[str, int]], ages: Mapping[str, int]) -> list[dict[str, Any]]:
    here = {figure: counted.get(site.code, 0) for figure, counted in counts.items()}
    cells = _cells(here, site.code)
    if site.code in ages:
        said = _("%(n)s (%(age)s d)") % {"n": here[Figure.QUERIES], "age": ages[site.code]}
        cells[list(here).index(Figure.QUERIES)]["text"] = said
    return [{"text": site.code}, *cells]


def _total(counts: Mapping[Figure, Mapping[str, int]]) -> list[dict[str, Any]]:
    return [{"text": _("All sites")}, *_cells({figure: sum(one.values()) for figure, one in counts.items()}, "")]


def _cells(counts: Mapping[Figure, int], site: str) -> list[dict[str, Any]]:
    return [_cell(figure, counts, site) for figure in counts]


def _cell(figure: Figure, counts: Mapping[Figure, int], site: str) -> dict[str, Any]:
    text: object = counts[figure]
    if figure is Figure.PLANNED:
        done = counts[figure] - counts[Figure.UNVERIFIED]
        text = _("%(done)s of %(planned)s") % {"done": done, "planned": counts[figure]}
    return {"text": text, "url": figure_url(figure, site), "about": site, "numeric": True}


def figure_url(figure: Figure, site: str) -> str:
    """The list behind a figure of a site; of all sites for ""."""
    wanted = {"site": site} if site else {}
    if figure is Figure.QUERIES:
        return f"{reverse('crf:queries')}?{urlencode(wanted | {'status': QueryStatus.OPEN.value})}"
    query = f"?{urlencode(wanted)}" if wanted else ""
    return reverse("crf:figure", args=[figure.value]) + query


@permitted("sites.view")
def figure(request: HttpRequest, figure: str) -> HttpResponse:
    """Exactly the things that the figure counts, to be sorted and filtered."""
    chosen = known_figure(figure)
    figures = figures_of(person(request))
    heading = figure_label(chosen, figures.definition)
    filter_form = FigureFilter(request.GET or None, **_offered(figures, chosen))
    wanted = filter_form.cleaned_data if filter_form.is_valid() else {}
    rows = figures.rows(chosen, wanted.get("site", "")).filter(*_conditions(chosen, wanted))
    rows, order = in_order(chosen, rows, request.GET.get("sort", ""))
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    user, listed = person(request), lines(figures, chosen, cast(Rows, page.object_list))
    for line in listed:
        for cell, column in zip(line.cells, columns(chosen), strict=True):
            cell["label"] = column.label
    deed = deed_of(user, chosen)
    context = {
        "deed": deed,
        "places": sites_to_act(user, deed) if deed else frozenset(),
        "filtered": request.GET.urlencode(),
        "figure": chosen.value,
        "heading": heading,
        "filter_form": filter_form,
        "page_obj": page,
        "columns": [_head(column.key, str(column.label), bool(column.order), order) for column in columns(chosen)],
        "lines": listed,
        "breadcrumbs": [{"label": _("Standing of sites"), "url": reverse("crf:sites")}, {"label": heading}],
    }
    return render(request, "crf/sites/figure.html", context)


def known_figure(key: str) -> Figure:
    if key not in set(Figure):
        raise Http404
    return Figure(key)


def _offered(figures: Figures, chosen: Figure) -> dict[str, Any]:
    """What may be filtered by: visits and forms in sight, where the things have them."""
    definition, sight = figures.definition, figures.plan.sight
    visits = [(one.key, one.label(spoken())) for one in definition.visits if sight.visit(one)]
    forms = [(one.key, one.label(spoken())) for one in definition.forms if one.key in sight.forms]
    at_visit = not is_of_participants(chosen)
    has_form = at_visit and not is_of_visits(chosen)
    return {"sites": figures.sites, "visits": visits if at_visit else [], "forms": forms if has_form else []}


def _conditions(chosen: Figure, wanted: Mapping[str, str]) -> list[Q]:
    number, visit, form = wanted.get("participant"), wanted.get("visit"), wanted.get("form")
    at = to_visit(chosen)
    found = [_of_form(chosen, form)] if form else []
    if is_of_queries(chosen):
        found += [on_visit(participant__number__icontains=number)] if number else []
        return found + ([on_visit(key=visit)] if visit else [])
    found += [Q(**{f"{to_participant(chosen)}number__icontains": number})] if number else []
    return found + ([Q(**{f"{at}key": visit})] if visit else [])


def _of_form(chosen: Figure, form: str) -> Q:
    return Q(entry__form_key=form) | Q(form_key=form) if is_of_queries(chosen) else Q(form_key=form)


def _head(key: str, label: str, sortable: bool, order: str) -> dict[str, Any]:
    """``sort``: what a press on the head asks for; ``direction``: as it stands."""
    if not sortable:
        return {"label": label}
    direction = {key: "ascending", f"-{key}": "descending"}.get(order, "")
    return {"label": label, "sort": f"-{key}" if order == key else key, "direction": direction}
