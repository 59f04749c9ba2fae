from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from crf import actions
from crf.actions import add_unscheduled_visit, mark_visit_not_done, set_visit_day
from crf.casebook import VisitLine, due_line, visit_line
from crf.forms import AddVisitForm, VisitDayForm
from crf.models import QueryStatus
from crf.places import VisitPlace, casebook_place, spoken, visit_place
from crf.queries import due_for, queries_on
from crf.threads import WHOLE, Named, ask_about_visit, named, threads_of
from crf.views.frames import frame, show
from crf.views.selections import unsigned_at
from trialmgr.people.forms import ReasonForm, acted, bound
from trialmgr.people.guards import permitted, person
from trialmgr.studies.clock import today


@permitted("entries.view")
def visit(request: HttpRequest, number: str, slug: str) -> HttpResponse:
    """One visit: its window, its day, and its forms."""
    place = visit_place(person(request), number, slug)
    row = place.visit
    may_plan = place.may("visits.plan") and row.definition.kind != "log"
    if request.method == "POST":
        place.check_may("visits.plan")
    form = bound(VisitDayForm, request, changes=row.took_place_on is not None or row.is_not_done)
    if acted(request, form, set_visit_day, by=place.user, visit=row):
        messages.success(request, _("The day of the visit is saved."))
        return redirect(place.url)
    row.refresh_from_db(fields=["took_place_on", "not_done_reason"])
    line = visit_line(place, row)
    asked = may_plan and any(one.is_asked for one in line.departures)
    weighed = place.may("participants.judge") and any(one.deviation for one in line.departures)
    context = frame(place, place.label, form=form, may_plan=may_plan, line=line, asked=asked, weighed=weighed)
    context |= _what_to_do(place, line)
    context["today"] = today()
    context["unsigned"] = unsigned_at(place) if place.may("entries.sign") else 0
    context["may_freeze"] = place.may("entries.freeze")
    context |= _asked_about(place, named(request.GET.dict()))
    return show(request, "visits/visit", context)


def _asked_about(place: VisitPlace, address: Named) -> dict[str, Any]:
    """Queries about the visit as a whole, and the box in which one is raised."""
    may_raise = place.may("queries.raise")
    rows = queries_on(place.user, place.visit)
    threads = threads_of(place, [one for one in rows if one.state is not QueryStatus.CLOSED or address.holds(one)])
    ask = ask_about_visit(place) if may_raise and address.ask == WHOLE else None
    return {"may_raise": may_raise, "threads": threads, "ask": ask, "panels": [*threads, *filter(None, [ask])]}


def _what_to_do(place: VisitPlace, line: VisitLine) -> dict[str, Any]:
    """Whose forms are whose, the one to start with, and what comes next once none is due to this person here."""
    mine = [form for form in line.forms if form.entered_by_reader]
    others = [form for form in line.forms if not form.entered_by_reader]
    due = [form for form in mine if form.is_due]
    took_place = line.visit.took_place_on is not None
    following = None
    if took_place and not due:
        step = due_for(place.user, [place.participant])[place.participant.pk]
        following = due_line(place.user, place.definition, place.participant, step)
    return {"mine": mine, "others": others, "start": due[0] if due and took_place else None, "due": following}


@permitted("visits.plan")
def visit_not_done(request: HttpRequest, number: str, slug: str) -> HttpResponse:
    place = visit_place(person(request), number, slug)
    place.check_may("visits.plan")
    form = bound(ReasonForm, request)
    if acted(request, form, mark_visit_not_done, by=place.user, visit=place.visit):
        messages.success(request, _("The visit is recorded as not done."))
        return redirect(place.url)
    return show(request, "visits/not_done", frame(place, _("The visit did not take place"), form=form))


@permitted("visits.plan")
def reopen_visit(request: HttpRequest, number: str, slug: str) -> HttpResponse:
    """What was recorded of the visit is taken back."""
    place = visit_place(person(request), number, slug)
    place.check_may("visits.plan")
    form = bound(ReasonForm, request)
    if acted(request, form, actions.reopen_visit, by=place.user, visit=place.visit):
        messages.success(request, _("The visit is planned as before."))
        return redirect(place.url)
    return show(request, "visits/reopen", frame(place, _("Take back what was recorded of this visit"), form=form))


@permitted("visits.plan")
def add_visit(request: HttpRequest, number: str) -> HttpResponse:
    """A visit that no schedule foresaw, of a kind within the sight of this person."""
    place = casebook_place(person(request), number)
    place.check_may("visits.plan")
    kinds = [
        (visit.key, visit.label(spoken()))
        for visit in place.definition.visits
        if visit.kind == "unscheduled" and place.sight.visit(visit)
    ]
    form = bound(AddVisitForm, request, visits=kinds)
    if acted(request, form, add_unscheduled_visit, by=place.user, participant=place.participant):
        messages.success(request, _("The visit is added."))
        return redirect(place.url)
    return show(request, "visits/add", frame(place, _("Add an unscheduled visit"), form=form))
