"""Planned visits to be taken along as a calendar file: of a site, or of one participant."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from trialmgr.overview.actions import export_calendar
from trialmgr.overview.calendars import calendar_file
from trialmgr.overview.duties import Desk
from trialmgr.overview.weeks import described, planned
from trialmgr.participants.models import Participant
from trialmgr.participants.queries import participant_for
from trialmgr.people.guards import permitted, person
from trialmgr.people.models import Site, User
from trialmgr.studies.clock import today
from trialmgr.studies.queries import current_definition


@permitted("visits.plan")
def of_site(request: HttpRequest, code: str) -> HttpResponse:
    user = person(request)
    own = Site.objects.all() if user.works_everywhere else Site.objects.filter(pk__in=user.site_ids())
    site = get_object_or_404(own, code=code)
    user.check_may("visits.plan", site=site)
    crumbs = [{"label": _("Planned visits"), "url": reverse("overview:week")}, {"label": _("Calendar file")}]
    return _taken(request, _desk(user), crumbs, site)


@permitted("visits.plan")
def of_participant(request: HttpRequest, number: str) -> HttpResponse:
    user = person(request)
    participant = participant_for(user, number, permission="visits.plan")
    crumbs = [
        {"label": number, "url": reverse("participants:detail", args=[number])},
        {"label": _("Calendar file")},
    ]
    return _taken(request, _desk(user), crumbs, participant.site, participant)


def _desk(user: User) -> Desk:
    return Desk(user, current_definition(), today(), None)


def _taken(
    request: HttpRequest,
    desk: Desk,
    crumbs: list[dict[str, str]],
    site: Site,
    participant: Participant | None = None,
) -> HttpResponse:
    """The page says what the file holds; taking it along is an act."""
    rows = planned(desk).filter(participant__site=site)
    visits = list(described(desk, rows.filter(participant=participant) if participant else rows))
    name = participant.number if participant else site.code
    if request.method != "POST":
        blinded = desk.user.sight(desk.definition).blinded or not desk.definition.is_randomised
        context = {"breadcrumbs": crumbs, "name": name, "count": len(visits), "is_blinded": blinded}
        return render(request, "overview/calendars/calendar.html", context)
    export_calendar(by=desk.user, site=site, participant=participant, visits=len(visits))
    content = calendar_file(visits, desk.definition.id, timezone.now())
    answer = HttpResponse(content, content_type="text/calendar; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}.ics"'
    return answer
