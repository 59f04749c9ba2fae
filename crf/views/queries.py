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
from crf.models import QUERY_TRANSITIONS, Query, QueryMessage
from crf.places import VisitPlace, form_place, spoken, visit_place
from crf.queries import query_url
from crf.query_lines import KINDS, OLDEST_FIRST, columns, filtered, in_order, lines, orders
from crf.views.frames import frame, show
from trialmgr.people.forms import acted, bound
from trialmgr.people.guards import permitted, person
from trialmgr.people.models import User
from trialmgr.studies.queries import current_definition

PAGE_SIZE = 50
ACTS: dict[str, tuple[str, str, Callable[..., Query]]] = {
    "answer": ("query.answered", "queries.answer", answer_query),
    "close": ("query.closed", "queries.close", close_query),
    "reopen": ("query.reopened", "queries.close", reopen_query),
}


@permitted("queries.view")
def queries(request: HttpRequest) -> HttpResponse:
    user = person(request)
    sort = request.GET.get("sort") or OLDEST_FIRST
    filter_form = QueryFilter(
        request.GET or None, sites=sites_of(user, "queries.view"), studied=_forms_seen(user), orders=orders(sort)
    )
    filter_form.is_valid()
    rows = filtered(user, filter_form.cleaned_data if filter_form.is_bound else {})
    rows = rows.select_related("entry__visit__participant__site", "entry__study_version", "visit__participant__site")
    rows = rows.defer("entry__study_version__document").prefetch_related("messages")
    page = Paginator(in_order(rows, sort), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "filter_form": filter_form,
        "page_obj": page,
        "columns": columns(sort),
        "rows": lines(list(page.object_list)),
    }
    return render(request, "crf/queries/list.html", context)


def _forms_seen(user: User) -> list[tuple[str, str]]:
    definition = current_definition()
    sight = user.sight(definition)
    return [(form.key, form.label(spoken())) for form in definition.forms if sight.form(form)]


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
