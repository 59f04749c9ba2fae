from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from trialmgr.overview.duties import DUTIES, duty, work_list
from trialmgr.people.guards import person


@login_required
def duties(request: HttpRequest) -> HttpResponse:
    """What waits for this person now."""
    return render(request, "overview/duties/list.html", {"duties": work_list(person(request))})


@login_required
def one_duty(request: HttpRequest, key: str) -> HttpResponse:
    """Everything that waits in one duty."""
    if key not in DUTIES:
        raise Http404
    return render(request, "overview/duties/duty.html", {"duty": duty(person(request), key)})
