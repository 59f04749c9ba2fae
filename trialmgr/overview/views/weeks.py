"""The visits of a week, to be printed."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from crf.forms import sites_of
from trialmgr.overview.duties import Desk
from trialmgr.overview.trail import DAY_FORMATS
from trialmgr.overview.weeks import DAYS, week
from trialmgr.people.guards import permitted, person
from trialmgr.people.models import Site
from trialmgr.studies.clock import today
from trialmgr.studies.queries import current_definition

_FIRST, _LAST = datetime.date(1900, 1, 8), datetime.date(2199, 12, 20)
"""Days whose neighbouring weeks are weeks of the calendar, too."""


class WeekFilter(forms.Form):
    day = forms.DateField(
        label=_("Week of the day"),
        input_formats=DAY_FORMATS,
        required=False,
        validators=[MinValueValidator(_FIRST), MaxValueValidator(_LAST)],
        widget=forms.DateInput(format="%d-%m-%Y"),
    )
    site = forms.ChoiceField(label=_("Site"), required=False)

    def __init__(self, *args: Any, sites: Sequence[Site], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered = [("", _("All")), *((site.code, site.name) for site in sites)]
        self.fields["site"] = forms.ChoiceField(label=_("Site"), required=False, choices=offered)
        if len(sites) == 1:
            del self.fields["site"]


@permitted("entries.view")
def planned_week(request: HttpRequest) -> HttpResponse:
    user = person(request)
    sites = sites_of(user, "entries.view")
    filter_form = WeekFilter(request.GET, sites=sites)
    if not filter_form.is_valid():
        return render(request, "overview/weeks/week.html", {"filter_form": filter_form})
    asked, definition = filter_form.cleaned_data, current_definition()
    codes = [asked["site"]] if asked.get("site") else [site.code for site in sites]
    found = week(Desk(user, definition, today(), None), asked["day"] or today(), codes)
    planning = [site for site in sites_of(user, "visits.plan") if site.code in codes]
    context = {
        "filter_form": filter_form,
        "week": found,
        "before": _address(asked, found.first - datetime.timedelta(days=DAYS)),
        "after": _address(asked, found.first + datetime.timedelta(days=DAYS)),
        "names": "; ".join(site.name for site in sites if site.code in codes),
        "planning": planning,
        "is_blinded": user.sight(definition).blinded or not definition.is_randomised,
    }
    return render(request, "overview/weeks/week.html", context)


def _address(asked: Mapping[str, Any], monday: datetime.date) -> str:
    site = {"site": asked["site"]} if asked.get("site") else {}
    return f"?{urlencode({'day': monday.isoformat(), **site})}"
