"""The addresses of the house and two more that leak, to prove that the proofs would notice."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import path

from crf.models import Visit
from randomization.models import Allocation
from trialmgr.people.guards import permitted
from trialmgr.urls import urlpatterns as of_the_house


@permitted("participants.view")
def loud(request: HttpRequest) -> HttpResponse:
    """Names the arm."""
    return HttpResponse(f"<a href='/'>home</a> {Allocation.objects.earliest('pk').arm}")


@permitted("participants.view")
def quiet(request: HttpRequest) -> HttpResponse:
    """Names nothing, but counts what it should not."""
    return HttpResponse(str(Visit.objects.filter(reveals_allocation=True, took_place_on__isnull=False).count()))


urlpatterns = [path("loud/", loud), path("quiet/", quiet), *of_the_house]
