"""Protocol deviations: the list across participants, why it happened so, and how an investigator weighs it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from crf.actions import explain_deviation, judge_deviation
from crf.casebook import departures_in_sight
from crf.deviations import Departure, departures
from crf.forms import ExplainForm, SiteFilter, WeighForm, sites_of
from crf.models import ProtocolDeviation
from crf.places import VisitPlace, spoken, visit_place
from crf.views.frames import frame, show
from trialmgr.participants.models import Participant
from trialmgr.people.forms import acted, bound
from trialmgr.people.guards import permitted, person
from trialmgr.people.models import User


@permitted("entries.view")
def deviations(request: HttpRequest) -> HttpResponse:
    """What does not go together as the data stand, by site, and what was said of it."""
    user = person(request)
    filter_form = SiteFilter(request.GET or None, sites=sites_of(user, "entries.view"))
    wanted = filter_form.cleaned_data if filter_form.is_valid() else {}
    people = Participant.objects.for_user(user).select_related("site")
    if wanted.get("site"):
        people = people.filter(site__code=wanted["site"])
    rows = [_row(one) for one in departures(people.order_by("site__code", "number")) if one.is_seen_by(user)]
    columns = (_("Site"), _("Participant"), _("Visit"), _("What does not go together"), _("Reason"), _("Weight"))
    context = {"filter_form": filter_form, "columns": [{"label": label} for label in columns], "rows": rows}
    return render(request, "crf/deviations/list.html", context)


def _row(one: Departure) -> list[dict[str, Any]]:
    number, deviation = one.visit.participant.number, one.deviation
    reason = {"text": deviation.reason} if deviation else {"text": _("Not explained"), "kind": "late"}
    return [
        {"text": one.visit.participant.site.code},
        {"text": number, "url": reverse("participants:detail", args=[number])},
        {"text": one.visit.label(spoken()), "url": reverse("crf:visit", args=[number, one.visit.slug])},
        {"text": one.text},
        reason,
        {"text": deviation.get_weight_display() if deviation and deviation.weight else None},
    ]


@permitted("visits.plan")
def explain(request: HttpRequest, number: str, slug: str) -> HttpResponse:
    place = visit_place(person(request), number, slug)
    place.check_may("visits.plan")
    asked = {one.finding.rule.value + " " + one.finding.about: one for one in _here(place) if one.is_asked}
    form = bound(ExplainForm, request, findings=[(key, one.text) for key, one in asked.items()])
    if acted(request, form, _explain, asked=asked, by=place.user):
        messages.success(request, _("The reason is saved."))
        return redirect(place.url)
    return show(request, "deviations/explain", frame(place, _("Why is this right?"), form=form))


@permitted("participants.judge")
def weigh(request: HttpRequest, number: str, slug: str) -> HttpResponse:
    place = visit_place(person(request), number, slug)
    place.check_may("participants.judge")
    explained = {str(one.deviation.pk): one.deviation for one in _here(place) if one.deviation is not None}
    form = bound(WeighForm, request, findings=[(key, one.text(spoken())) for key, one in explained.items()])
    if acted(request, form, _weigh, explained=explained, by=place.user):
        messages.success(request, _("The judgement is saved."))
        return redirect(place.url)
    return show(request, "deviations/weigh", frame(place, _("Weigh a deviation"), form=form))


def _here(place: VisitPlace) -> list[Departure]:
    return departures_in_sight(place).get(place.visit.pk, [])


def _explain(*, asked: dict[str, Departure], by: User, finding: str, reason: str) -> ProtocolDeviation:
    one = asked[finding].finding
    return explain_deviation(by=by, visit=asked[finding].visit, rule=one.rule.value, about=one.about, reason=reason)


def _weigh(
    *, explained: dict[str, ProtocolDeviation], by: User, finding: str, weight: str, reason: str
) -> ProtocolDeviation:
    return judge_deviation(by=by, deviation=explained[finding], weight=weight, reason=reason)
