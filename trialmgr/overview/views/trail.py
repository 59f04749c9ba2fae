from __future__ import annotations

from django.core.exceptions import BadRequest
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from audit.models import LedgerHead
from crf.queries import said_by_checks
from trialmgr.overview import trail as audit_trail
from trialmgr.overview.act_labels import act_label
from trialmgr.overview.actions import export_trail
from trialmgr.overview.trail import TrailFilter
from trialmgr.people.guards import permitted, person
from trialmgr.people.permissions import role_labels
from trialmgr.studies.queries import current_definition

PAGE = 50
_HEADINGS = (
    ("time", _("Time")),
    ("who", _("Who")),
    ("act", _("Act")),
    ("participant", _("Participant")),
    ("form", _("Where")),
)


@permitted("audit.view")
def trail(request: HttpRequest) -> HttpResponse:
    """Who did what, when and why, as far as this person may read."""
    user, definition, sort = person(request), current_definition(), request.GET.get("sort", "")
    filter_form = TrailFilter(request.GET, user=user, definition=definition)
    found = filter_form.narrow(audit_trail.readable(user, definition))
    page_obj = Paginator(audit_trail.sorted_by(found, sort), PAGE).get_page(request.GET.get("page"))
    said = said_by_checks([entry.new for entry in page_obj], get_language() or "nl")
    lines = [
        {
            "entry": entry,
            "act": act_label(entry.action),
            "roles": role_labels(entry.roles),
            "new": said.get(entry.new or "", entry.new),
        }
        for entry in page_obj
    ]
    page = {
        "filter_form": filter_form,
        "page_obj": page_obj,
        "lines": lines,
        "headings": [_heading(name, label, sort) for name, label in _HEADINGS],
    }
    return render(request, "overview/trail.html", page)


def _heading(name: str, label: object, sort: str) -> dict[str, object]:
    """``next``: the order that a click on the heading gives."""
    order = {name: "ascending", f"-{name}": "descending"}.get(sort, "")
    return {"label": label, "order": order, "next": f"-{name}" if sort == name else name}


@permitted("audit.view")
@require_POST
def export(request: HttpRequest) -> HttpResponse:
    """The filtered trail as CSV, streamed; taking it out is an act of its own."""
    user, definition = person(request), current_definition()
    asked = TrailFilter(request.POST, user=user, definition=definition)
    if not asked.is_valid():
        raise BadRequest
    # Bounded, so that the entry about this export is not part of what it counted.
    rows = asked.narrow(audit_trail.readable(user, definition)).filter(seq__lte=LedgerHead.objects.get(pk=1).seq)
    export_trail(by=user, asked=asked.asked(), entries=rows.count())
    answer = StreamingHttpResponse(audit_trail.csv_lines(rows), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="audit-trail.csv"'
    return answer  # type: ignore[return-value]  # a streamed answer is no HttpResponse, but every middleware takes it
