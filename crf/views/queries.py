"""Queries: the list across participants, raising one, and the thread in which it is answered and closed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from crf.actions import (
    answer_query,
    assign_query,
    close_query,
    raise_query,
    raise_query_on_form,
    raise_query_on_visit,
    reopen_query,
)
from crf.forms import AssignForm, MessageForm, QueryFilter, sites_of
from crf.layout.fields import ErrorLink
from crf.layout.threads import AskView, PanelView
from crf.models import Query
from crf.places import VisitPlace, form_place, spoken, visit_place
from crf.queries import query_at
from crf.query_lines import OLDEST_FIRST, columns, filtered, in_order, lines, orders
from crf.threads import ask_about, ask_about_form, ask_about_visit, threads_of
from crf.turns import STEPS, next_query
from crf.views.frames import frame, show
from trialmgr.people.forms import ActForm, acted, bound
from trialmgr.people.guards import permitted, person
from trialmgr.people.models import User
from trialmgr.studies.queries import current_definition

PAGE_SIZE = 50
ACTS: dict[str, Callable[..., Query]] = {"answer": answer_query, "close": close_query, "reopen": reopen_query}
ASSIGN = "assign"
P = TypeVar("P", bound=PanelView)


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
    entry = place.entry(row)
    act = partial(raise_query, by=place.user, entry=entry, item=item)
    return _raise(request, place, act, ask_about(place, entry, item))


@permitted("queries.raise")
def raise_on_form(request: HttpRequest, number: str, slug: str, form: str) -> HttpResponse:
    """About a form that was not entered, or about rows that are not there."""
    place = form_place(person(request), number, slug, form)
    place.check_may("queries.raise")
    act = partial(raise_query_on_form, by=place.user, visit=place.visit, form_key=form)
    return _raise(request, place, act, ask_about_form(place))


@permitted("queries.raise")
def raise_on_visit(request: HttpRequest, number: str, slug: str) -> HttpResponse:
    place = visit_place(person(request), number, slug)
    place.check_may("queries.raise")
    act = partial(raise_query_on_visit, by=place.user, visit=place.visit)
    return _raise(request, place, act, ask_about_visit(place))


def _raise(request: HttpRequest, place: VisitPlace, act: Callable[..., Query], ask: AskView) -> HttpResponse:
    """On a page of its own where something was wrong, or for who comes to it by its address."""
    text = bound(MessageForm, request)
    made = acted(request, text, act)
    if made:
        messages.success(request, _("The query is raised."))
        return redirect(query_at(made))
    ask, errors = _refused(ask, text)
    return show(request, "queries/raise", frame(place, _("Raise a query"), form=text, errors=errors, ask=ask))


@permitted("queries.view")
def thread(request: HttpRequest, number: str, slug: str, form: str, row: int, n: int) -> HttpResponse:
    place = form_place(person(request), number, slug, form)
    entry = place.entry(row)
    query = get_object_or_404(Query.objects.for_user(place.user), entry=entry, number=n)
    query.entry = entry
    return _thread(request, place, query)


@permitted("queries.view")
def thread_of_form(request: HttpRequest, number: str, slug: str, form: str, n: int) -> HttpResponse:
    place = form_place(person(request), number, slug, form)
    return _thread(request, place, _of_visit(place, form, n))


@permitted("queries.view")
def thread_of_visit(request: HttpRequest, number: str, slug: str, n: int) -> HttpResponse:
    place = visit_place(person(request), number, slug)
    return _thread(request, place, _of_visit(place, "", n))


def _of_visit(place: VisitPlace, form: str, n: int) -> Query:
    rows = Query.objects.for_user(place.user)
    query: Query = get_object_or_404(rows, visit=place.visit, form_key=form, number=n)
    query.visit = place.visit
    return query


def _thread(request: HttpRequest, place: VisitPlace, query: Query) -> HttpResponse:
    """One query by itself: what was refused comes back here, with what was typed."""
    if request.POST.get("act") == ASSIGN:
        return _assign(request, place, query)
    text = bound(MessageForm, request)
    if request.method == "POST":
        chosen, _dash, onwards = request.POST.get("act", "").partition("-")  # the button that was pressed
        if chosen not in ACTS:
            raise Http404
        place.check_may(STEPS[chosen][1])
        if acted(request, text, ACTS[chosen], by=place.user, query=query):
            messages.success(request, _("Your message is saved."))
            return redirect(_next(request, place, query) if onwards else query_at(query))
    return _show(request, place, query, text)


def _assign(request: HttpRequest, place: VisitPlace, query: Query) -> HttpResponse:
    place.check_may("queries.assign")
    choice = AssignForm(request.POST)
    if acted(request, choice, assign_query, by=place.user, query=query):
        named = query.assigned_to
        messages.success(
            request,
            _("The query is assigned to %(name)s.") % {"name": named.actor_name}
            if named
            else _("The query is assigned to nobody."),
        )
        return redirect(query_at(query))
    return _show(request, place, query, choice)


def _show(request: HttpRequest, place: VisitPlace, query: Query, text: ActForm) -> HttpResponse:
    thread, errors = _refused(threads_of(place, [query])[0], text)
    context = frame(
        place,
        _("Query %(n)s") % {"n": query.number},
        form=text,
        errors=errors,
        thread=thread,
        beside=query_at(query),
    )
    return show(request, "queries/query", context)


def _next(request: HttpRequest, place: VisitPlace, query: Query) -> str:
    """Where the next one stands that waits for this person."""
    following = next_query(place.user, query)
    if following is None:
        messages.info(request, _("No other query waits for you."))
    return query_at(following or query)


def _refused(panel: P, text: ActForm) -> tuple[P, list[ErrorLink]]:
    """The panel with what was typed and what is wrong with it."""
    found = [str(error) for errors in text.errors.values() for error in errors]
    panel = replace(panel, typed=text.data.get("text", ""), error=" ".join(found))
    return panel, [ErrorLink(panel.key, error) for error in found]
