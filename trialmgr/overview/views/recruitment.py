from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.formats import date_format
from django.utils.http import urlencode
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from trialmgr.overview import flow as flows
from trialmgr.overview import recruitment as figures
from trialmgr.overview.actions import export_flow
from trialmgr.overview.flow_chart import flow_chart
from trialmgr.people.guards import permitted, person
from trialmgr.people.models import Site, User
from trialmgr.protocol.model import StudyDefinition
from trialmgr.studies.clock import today
from trialmgr.studies.queries import current_definition

Cells = list[dict[str, object]]


@permitted("overview.view")
def recruitment(request: HttpRequest) -> HttpResponse:
    user, definition = person(request), current_definition()
    sites = figures.by_site(user)
    chosen = _chosen(request, sites)
    entered = _entered(definition)
    columns = _columns(_("Site"), _("Registered"), _("Screen failures"), entered, _("Target"), _("Planned by today"))
    page = {
        "entered": entered,
        "registered": sum(one.registered for one in sites),
        "failures": sum(one.failures for one in sites),
        "randomised": sum(one.randomised for one in sites),
        "target": definition.target_participants,
        "all_sites": user.works_everywhere,
        "site_columns": columns,
        "site_rows": _site_rows(definition, sites),
        "stratum_columns": _columns(_("Stratum"), _("Randomised")),
        "stratum_rows": [_cells(key, number) for key, number in figures.by_stratum(user, definition)],
        "chosen": chosen,
        **_course(user, definition, [chosen] if chosen else [one.site for one in sites], chosen is None),
    }
    return render(request, "overview/recruitment/recruitment.html", page)


def _entered(definition: StudyDefinition) -> str:
    return _("Randomised") if definition.is_randomised else _("Enrolled")


def _chosen(request: HttpRequest, sites: list[figures.SiteFigures]) -> Site | None:
    """The one site whose course is asked for, of those that are this person's."""
    code = request.GET.get("site")
    found = [one.site for one in sites if one.site.code == code]
    if code and not found:
        raise Http404
    return found[0] if found else None


def _columns(first: str, *rest: str) -> list[dict[str, object]]:
    return [{"label": first}, *({"label": label, "numeric": True} for label in rest)]


def _cells(label: str, *numbers: int | None) -> Cells:
    cells: Cells = [{"text": label}]
    return cells + [{"text": number, "numeric": True} for number in numbers]


def _site_rows(definition: StudyDefinition, sites: list[figures.SiteFigures]) -> list[Cells]:
    """With several sites each leads to its own course, and the last row adds them up."""
    rows = [_site_row(f"{one.site.code} · {one.site.name}", definition, [one]) for one in sites]
    if len(sites) < 2:
        return rows
    for one, cells in zip(sites, rows, strict=True):
        cells[0]["url"] = f"?{urlencode({'site': one.site.code})}#by-month"
    return [*rows, _site_row(_("All sites"), definition, sites)]


def _site_row(label: str, definition: StudyDefinition, sites: list[figures.SiteFigures]) -> Cells:
    aims = figures.aims(definition, [one.site for one in sites])
    return _cells(
        label,
        sum(one.registered for one in sites),
        sum(one.failures for one in sites),
        sum(one.randomised for one in sites),
        aims.target,
        aims.by(today()),
    )


def _course(user: User, definition: StudyDefinition, sites: list[Site], every: bool) -> dict[str, object]:
    """The course by month of these sites together, with their target and plan. ``every``: all that are the person's."""
    aims, rows = figures.aims(definition, sites), figures.in_reach(user).filter(site__in=sites)
    months = figures.by_month(rows, aims.plans, today())
    whole = user.works_everywhere and every
    target = definition.target_participants if whole else aims.target
    planned = (_("Planned"),) if aims.plans else ()
    return {
        "aims": aims,
        "chart": _chart(months, target, aims) if months else None,
        "chart_target": _("Target of the trial") if whole else _("Target of the site"),
        "month_columns": _columns(_("Month"), _("Registered"), _entered(definition), _("Total"), *planned),
        "month_rows": [_month_row(month, aims) for month in reversed(months)],
        "differs": aims.target if whole and aims.target != target else None,
    }


def _month_row(month: figures.MonthFigures, aims: figures.Aims) -> Cells:
    planned = (aims.by(figures.end_of_month(month.month)),) if aims.plans else ()
    return _cells(date_format(month.month, "F Y"), month.registered, month.randomised, month.total, *planned)


def _chart(months: list[figures.MonthFigures], target: int | None, aims: figures.Aims) -> figures.LineChart:
    shown = [month.month for month in months]
    shown += [month for month in figures.months_until(shown[0], aims.plans) if month > shown[-1]]
    plan = [aims.line(figures.end_of_month(month)) for month in shown] if aims.plans else []
    return figures.line_chart([one.total for one in months], [date_format(each, "M Y") for each in shown], target, plan)


@permitted("overview.view")
def flow(request: HttpRequest) -> HttpResponse:
    """The flow diagram, and the same numbers as a table."""
    found = flows.flow(person(request), current_definition(), get_language() or "nl")
    page = {"flow": found, "diagram": flow_chart(found), "all_sites": person(request).works_everywhere}
    return render(request, "overview/recruitment/flow.html", page)


@permitted("overview.view")
@require_POST
def flow_file(request: HttpRequest) -> HttpResponse:
    """The diagram as a file; taking it out is an act of its own."""
    found = flows.flow(person(request), current_definition(), get_language() or "nl")
    drawn = render_to_string("overview/recruitment/diagram.html", {"diagram": flow_chart(found), "alone": True})
    export_flow(by=person(request), drawn=drawn)
    answer = HttpResponse(drawn, content_type="image/svg+xml; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="flow.svg"'
    return answer
