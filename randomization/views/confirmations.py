"""Confirmations: the paper of an allocation, for the investigator's site file."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from randomization.papers.confirmations import confirmation_paper
from randomization.queries.allocations import allocation_seen
from trialmgr.people.guards import permitted, person
from trialmgr.studies.queries import current_definition


@permitted("allocation.view")
def confirmation(request: HttpRequest, number: str) -> HttpResponse:
    """The page of an allocation as a PDF."""
    found = allocation_seen(person(request), number)
    paper = confirmation_paper(found, current_definition(), "en" if get_language() == "en" else "nl")
    answer = HttpResponse(paper, content_type="application/pdf")
    answer["Content-Disposition"] = f'attachment; filename="{_("allocation")}-{number}.pdf"'
    return answer
