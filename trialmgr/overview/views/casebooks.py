"""The casebook of a participant, to take along."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from crf.places import casebook_place
from trialmgr.overview.actions import note_casebook
from trialmgr.overview.papers.casebooks import casebook_paper as made_paper
from trialmgr.overview.papers.frames import handed_out
from trialmgr.people.guards import permitted, person


@permitted("participants.view")
@require_POST
def casebook_paper(request: HttpRequest, number: str) -> HttpResponse:
    """The casebook as a PDF, by the sight of this person; taking it along is an act of its own."""
    place = casebook_place(person(request), number)
    paper = made_paper(place, timezone.now())
    note_casebook(by=place.user, participant=place.participant, paper=paper)
    return handed_out(paper, f"{_('casebook')}-{number}")
