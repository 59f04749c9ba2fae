from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from trialmgr.overview.duties import DUTIES, SORTS, list_of_one, work_list
from trialmgr.people.guards import person


@login_required
def duties(request: HttpRequest) -> HttpResponse:
    """What waits for this person now."""
    user, sort = person(request), _sort(request)
    context = {
        "list": work_list(user, sort),
        "sorts": SORTS.items(),
        "sort": sort,
        "sees_week": user.may("entries.view"),
    }
    return render(request, "overview/duties/list.html", context)


@login_required
def one_duty(request: HttpRequest, key: str) -> HttpResponse:
    """Everything that waits in one duty."""
    if key not in DUTIES:
        raise Http404
    sort = _sort(request)
    duty, found = list_of_one(person(request), key, sort)
    context = {"duty": duty, "list": found, "sorts": SORTS.items(), "sort": sort}
    return render(request, "overview/duties/duty.html", context)


def _sort(request: HttpRequest) -> str:
    """As the address says; by urgency where it says nothing that is known."""
    asked = request.GET.get("sort", "")
    return asked if asked in SORTS else ""
