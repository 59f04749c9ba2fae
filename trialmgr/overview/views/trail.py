from __future__ import annotations

from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from audit.pages import ActsPage, acts_page, lines_of
from trialmgr.overview.act_words import tell
from trialmgr.overview.actions import export_trail, note_trail
from trialmgr.overview.papers.frames import handed_out
from trialmgr.overview.papers.trail import trail_paper as made_paper
from trialmgr.overview.trail import TrailFilter, csv_lines, readable
from trialmgr.participants.models import Participant
from trialmgr.participants.queries import participant_for
from trialmgr.people.guards import permitted, person
from trialmgr.people.models import User
from trialmgr.studies.queries import current_definition

NOTHING = ActsPage((), newer=None, older=None)


@permitted("audit.view")
def trail(request: HttpRequest) -> HttpResponse:
    """Who did what, when and why, as far as this person may read."""
    user, definition = person(request), current_definition()
    filter_form = TrailFilter(request.GET, user=user, definition=definition)
    oldest_first = request.GET.get("sort") == "time"
    page = _page(request, filter_form, oldest_first) if filter_form.is_valid() else NOTHING
    acts = tell(page.acts, user, definition, get_language() or "nl")
    context = {
        "filter_form": filter_form,
        "page": page,
        "acts": acts[::-1] if oldest_first else acts,
        "oldest_first": oldest_first,
        "printed": _participant(user, filter_form),
    }
    return render(request, "overview/trail/acts.html", context)


def _participant(user: User, filter_form: TrailFilter) -> str:
    """Of whom the trail can be printed: the one that is asked for, where this person knows them."""
    asked = filter_form.cleaned_data.get("participant", "") if filter_form.is_valid() else ""
    known = Participant.every.for_user(user).filter(number=asked.upper())
    return known.values_list("number", flat=True).first() or "" if asked else ""


def _page(request: HttpRequest, filter_form: TrailFilter, oldest_first: bool) -> ActsPage:
    before, after = (_number(request.GET.get(name, "")) for name in ("before", "after"))
    search = filter_form.search()
    return acts_page(search, search.begins(before=before, after=after, oldest_first=oldest_first))


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None


@permitted("audit.view")
def act(request: HttpRequest, number: int) -> HttpResponse:
    """The act to which an entry belongs, with as many of its entries as a page has."""
    user, definition = person(request), current_definition()
    rows = readable(user, definition)
    entry = rows.filter(seq=number).first()
    if entry is None:
        raise Http404
    after = _number(request.GET.get("after", "")) or 0
    shown = lines_of(rows, entry.act, after)
    if not shown.lines:
        raise Http404
    [told] = tell([shown], user, definition, get_language() or "nl")
    return render(request, "overview/trail/act.html", {"act": told, "after": after})


@permitted("audit.view")
@require_POST
def export(request: HttpRequest) -> HttpResponse:
    """The filtered trail as CSV, streamed; taking it out is an act of its own."""
    user, definition = person(request), current_definition()
    asked = TrailFilter(request.POST, user=user, definition=definition)
    if not asked.is_valid():
        raise BadRequest
    # Bounded by the newest entry, so that the one about this export is not part of what it counted.
    rows = asked.search().everything()
    export_trail(by=user, asked=asked.asked(), entries=rows.count())
    answer = StreamingHttpResponse(csv_lines(rows), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="audit-trail.csv"'
    return answer  # type: ignore[return-value]  # a streamed answer is no HttpResponse, but every middleware takes it


@permitted("audit.view")
@require_POST
def trail_paper(request: HttpRequest, number: str) -> HttpResponse:
    """What this person may read of one participant's trail, as a PDF; taking it along is an act of its own."""
    user = person(request)
    participant = participant_for(user, number, permission="audit.view")
    paper = made_paper(user, participant, timezone.now())
    note_trail(by=user, participant=participant, paper=paper)
    return handed_out(paper, f"{_('audit-trail')}-{number}")
