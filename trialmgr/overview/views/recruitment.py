from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.formats import date_format
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from trialmgr.overview import recruitment as figures
from trialmgr.people.guards import permitted, person
from trialmgr.studies.queries import current_definition

Cells = list[dict[str, object]]


@permitted("overview.view")
def recruitment(request: HttpRequest) -> HttpResponse:
    user, definition = person(request), current_definition()
    sites, months = figures.by_site(user), figures.by_month(user)
    entered = _("Randomised") if definition.is_randomised else _("Enrolled")
    page = {
        "entered": entered,
        "flow": figures.flow(user, definition, get_language() or "nl"),
        "target": definition.target_participants,
        "all_sites": user.works_everywhere,
        "site_columns": _columns(_("Site"), _("Registered"), _("Screen failures"), entered),
        "site_rows": [_site_row(site) for site in sites] + ([_total(sites)] if len(sites) > 1 else []),
        "stratum_columns": _columns(_("Stratum"), _("Randomised")),
        "stratum_rows": [_cells(key, number) for key, number in figures.by_stratum(user, definition)],
        "month_columns": _columns(_("Month"), _("Registered"), entered, _("Total")),
        "month_rows": [_month_row(month) for month in reversed(months)],
        "chart": _chart(months, definition.target_participants),
    }
    return render(request, "overview/recruitment/recruitment.html", page)


def _columns(first: str, *rest: str) -> list[dict[str, object]]:
    return [{"label": first}, *({"label": label, "numeric": True} for label in rest)]


def _cells(label: str, *numbers: int) -> Cells:
    cells: Cells = [{"text": label}]
    return cells + [{"text": number, "numeric": True} for number in numbers]


def _site_row(site: figures.SiteFigures) -> Cells:
    return _cells(f"{site.code} · {site.name}", site.registered, site.failures, site.randomised)


def _total(sites: list[figures.SiteFigures]) -> Cells:
    return _cells(
        _("All sites"),
        sum(site.registered for site in sites),
        sum(site.failures for site in sites),
        sum(site.randomised for site in sites),
    )


def _month_row(month: figures.MonthFigures) -> Cells:
    return _cells(date_format(month.month, "F Y"), month.registered, month.randomised, month.total)


def _chart(months: list[figures.MonthFigures], target: int) -> figures.LineChart | None:
    if not months:
        return None
    labels = [date_format(month.month, "M Y") for month in months]
    return figures.line_chart([month.total for month in months], labels, target)
