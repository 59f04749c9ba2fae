"""Queries: the list across participants, raising one, and the thread in which it is answered and closed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from crf.actions import (
    answer_query,
    close_query,
    raise_query,
    raise_query_on_form,
    raise_query_on_visit,
    reopen_query,
)
from crf.forms import MessageForm, QueryFilter, sites_of
from crf.layout.boxes import item_label
from crf.models import QUERY_TRANSITIONS, Query, QueryMessage, QueryQuerySet, QueryStatus
from crf.places import VisitPlace, form_place, spoken, visit_place
from crf.queries import query_url, unclosed_queries, with_definitions
from crf.views.frames import frame, show
from trialmgr.people.forms import acted, bound
from trialmgr.people.guards import permitted, person
from trialmgr.studies.queries import current_definition

PAGE_SIZE = 50
KINDS = {QueryStatus.OPEN: "query", QueryStatus.ANSWERED: "progress", QueryStatus.CLOSED: "done"}
ACTS: dict[str, tuple[str, str, Callable[..., Query]]] = {
    "answer": ("query.answered", "queries.answer", answer_query),
    "close": ("query.closed", "queries.close", close_query),
    "reopen": ("query.reopened", "queries.close", reopen_query),
}


@permitted("queries.view")
def queries(request: HttpRequest) -> HttpResponse:
    user = person(request)
    filter_form = QueryFilter(request.GET or None, sites=sites_of(user, "queries.view"))
    wanted = filter_form.cleaned_data if filter_form.is_valid() else {}
    rows: QueryQuerySet = unclosed_queries(user)
    if wanted.get("status"):
        rows = Query.objects.for_user(user).counted().filter(status=wanted["status"])
    if wanted.get("site"):
        rows = rows.about(participant__site__code=wanted["site"])
    rows = rows.select_related("entry__visit__participant__site", "entry__study_version", "visit__participant__site")
    rows = rows.defer("entry__study_version__document").prefetch_related("messages").order_by("raised_at", "pk")
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "filter_form": filter_form,
        "page_obj": page,
        "columns": [{"label": label} for label in _columns()],
        "rows": _rows(list(page.object_list)),
    }
    return render(request, "crf/queries/list.html", context)


@permitted("queries.raise")
def raise_one(request: HttpRequest, number: str, slug: str, form: str, row: int, item: str) -> HttpResponse:
    place = form_place(person(request), number, slug, form)
    place.check_may("queries.raise")
    if not place.sees_item(item):
        raise PermissionDenied(_("Your role does not give access to this item."))
    back = place.row_url("row", row) if place.form.repeating else place.url
    act = partial(raise_query, by=place.user, entry=place.entry(row), item=item)
    return _raise(request, place, act, back, item_label(place.form, item, spoken()))


@permitted("queries.raise")
def raise_on_form(request: HttpRequest, number: str, slug: str, form: str) -> HttpResponse:
    """About a form that was not entered, or about rows that are not there."""
    place = form_place(person(request), number, slug, form)
    place.check_may("queries.raise")
    act = partial(raise_query_on_form, by=place.user, visit=place.visit, form_key=form)
    return _raise(request, place, act, place.url, _("The form as a whole"))


@permitted("queries.raise")
def raise_on_visit(request: HttpRequest, number: str, slug: str) -> HttpResponse:
    place = visit_place(person(request), number, slug)
    place.check_may("queries.raise")
    act = partial(raise_query_on_visit, by=place.user, visit=place.visit)
    return _raise(request, place, act, place.url, _("The visit as a whole"))


def _raise(request: HttpRequest, place: VisitPlace, act: Callable[..., Query], back: str, about: str) -> HttpResponse:
    text = bound(MessageForm, request)
    if acted(request, text, act):
        messages.success(request, _("The query is raised."))
        return redirect(back)
    return show(request, "queries/raise", frame(place, _("Raise a query"), form=text, item_label=about))


@permitted("queries.view")
def thread(request: HttpRequest, number: str, slug: str, form: str, row: int, n: int) -> HttpResponse:
    place = form_place(person(request), number, slug, form)
    entry = place.entry(row)
    query = get_object_or_404(Query.objects.for_user(place.user), entry=entry, number=n)
    query.entry = entry
    back = place.row_url("row", row) if place.form.repeating else place.url
    return _thread(request, place, query, back, item_label(place.form, query.item, spoken()))


@permitted("queries.view")
def thread_of_form(request: HttpRequest, number: str, slug: str, form: str, n: int) -> HttpResponse:
    place = form_place(person(request), number, slug, form)
    return _thread(request, place, _of_visit(place, form, n), place.url, _("The form as a whole"))


@permitted("queries.view")
def thread_of_visit(request: HttpRequest, number: str, slug: str, n: int) -> HttpResponse:
    place = visit_place(person(request), number, slug)
    return _thread(request, place, _of_visit(place, "", n), place.url, _("The visit as a whole"))


def _of_visit(place: VisitPlace, form: str, n: int) -> Query:
    rows = Query.objects.for_user(place.user)
    query: Query = get_object_or_404(rows, visit=place.visit, form_key=form, number=n)
    query.visit = place.visit
    return query


def _thread(request: HttpRequest, place: VisitPlace, query: Query, back: str, about: str) -> HttpResponse:
    """One query: what was said, and what this person may say."""
    chosen = request.POST.get("act", "")  # the button that was pressed
    text = bound(MessageForm, request)
    if request.method == "POST":
        if chosen not in ACTS:
            raise Http404
        _transition, permission, act = ACTS[chosen]
        place.check_may(permission)
        if acted(request, text, act, by=place.user, query=query):
            messages.success(request, _("Your message is saved."))
            return redirect(query_url(query))
    context = frame(
        place,
        _("Query %(n)s") % {"n": query.number},
        form=text,
        query=query,
        kind=KINDS[query.state],
        item_label=about,
        acts=_acts(place, query),
        sheet_url=back,
        thread=[_said(message) for message in query.messages.all()],
    )
    return show(request, "queries/query", context)


def _said(message: QueryMessage) -> dict[str, Any]:
    by = _("Edit check, when %(name)s saved the form") % {"name": message.by} if message.check_texts else message.by
    return {"by": by, "at": message.at, "text": message.shown(spoken())}


def _acts(place: VisitPlace, query: Query) -> list[str]:
    return [
        name
        for name, (transition, permission, _act) in ACTS.items()
        if query.state in QUERY_TRANSITIONS[transition][0] and place.may(permission)
    ]


def _columns() -> tuple[str, ...]:
    return (_("Participant"), _("Visit"), _("Form"), _("Query"), _("Item"), _("Status"), _("Raised by"), _("Raised on"))


def _rows(queries: list[Query]) -> list[list[dict[str, Any]]]:
    with_definitions(query.of_visit for query in queries)
    return [_row(query) for query in queries]


def _row(query: Query) -> list[dict[str, Any]]:
    visit = query.of_visit
    number = visit.participant.number
    return [
        {"text": number},
        {"text": visit.label(spoken())},
        {"text": _form_of(query)},
        {"text": _("Query %(n)s") % {"n": query.number}, "url": query_url(query), "about": number},
        {"text": _item_of(query)},
        {"text": query.get_status_display(), "kind": KINDS[query.state]},
        {"text": _("Edit check") if query.check_key else query.messages.all()[0].by},
        {"text": date_format(localtime(query.raised_at), "SHORT_DATE_FORMAT")},
    ]


def _form_of(query: Query) -> str | None:
    if query.entry is not None:
        return query.entry.form.label(spoken())
    return current_definition().form(query.form_key).label(spoken()) if query.form_key else None


def _item_of(query: Query) -> str:
    if query.entry is None:
        return _("The form as a whole") if query.form_key else _("The visit as a whole")
    form = query.entry.form
    return item_label(form, query.item, spoken()) if form.has_item(query.item) else query.item
