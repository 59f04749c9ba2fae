"""The list of participants, registration, and the casebook of one participant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from crf import policies
from crf.actions import register_participant
from crf.casebook import casebook, due_line, randomise_url
from crf.due import Due
from crf.forms import ParticipantFilter, RegisterForm, sites_of
from crf.models import GateDecision
from crf.places import CasebookPlace, casebook_place, spoken
from crf.queries import due_for, open_query_counts
from crf.views.frames import frame, show
from audit.acts import ActionRefused
from trialmgr.participants.forms import bound
from trialmgr.participants.models import Participant, ParticipantQuerySet
from trialmgr.participants.states import Status
from trialmgr.people.guards import permitted, person
from trialmgr.people.models import User
from trialmgr.studies.queries import current_definition

PAGE_SIZE = 50
STATUS_KINDS = {
    Status.SCREENING: "todo",
    Status.SCREEN_FAILURE: "stop",
    Status.ON_STUDY: "progress",
    Status.COMPLETED: "done",
    Status.ENDED_EARLY: "stop",
}


@permitted("participants.view")
def participants(request: HttpRequest) -> HttpResponse:
    user = person(request)
    filter_form = ParticipantFilter(request.GET or None, sites=sites_of(user, "participants.view"))
    rows = _filtered(Participant.objects.for_user(user).select_related("site"), filter_form)
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "filter_form": filter_form,
        "page_obj": page,
        "rows": participant_rows(user, list(page.object_list)),
        "columns": [{"label": label} for label in _columns(user)],
        "may_register": bool(sites_of(user, "participants.register")),
    }
    return render(request, "crf/participants.html", context)


@permitted("participants.register")
def register(request: HttpRequest) -> HttpResponse:
    user = person(request)
    sites = {site.code: site for site in sites_of(user, "participants.register")}
    form = bound(RegisterForm, request, sites=list(sites.values()))
    if request.method == "POST" and form.is_valid():
        site, on = sites[form.cleaned_data["site"]], form.cleaned_data["on"]
        try:
            participant = register_participant(by=user, site=site, on=on)
        except ActionRefused as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, _("Participant %(number)s is registered.") % {"number": participant.number})
            return redirect("participants:consent", number=participant.number)
    crumbs = [{"label": _("Participants"), "url": reverse("participants:list")}, {"label": _("Register a participant")}]
    return show(request, "register", {"form": form, "breadcrumbs": crumbs})


@permitted("participants.view")
def detail(request: HttpRequest, number: str) -> HttpResponse:
    place = casebook_place(person(request), number)
    participant = place.participant
    due = due_for(place.user, [participant])[participant.pk]
    context = frame(
        place,
        participant.number,
        due=due_line(place.user, place.definition, participant, due),
        facts=list(_facts(place)),
        phases=casebook(place),
        actions=list(_actions(place)),
    )
    context["breadcrumbs"] = [context["breadcrumbs"][0], {"label": participant.number}]
    return render(request, "crf/casebook.html", context)


def participant_rows(user: User, participants: Sequence[Participant]) -> list[list[dict[str, Any]]]:
    """Cells of the list of participants; a fixed number of database queries."""
    definition = current_definition()
    due = due_for(user, participants)
    queries = open_query_counts(user, [participant.pk for participant in participants])
    phases = {phase.key: phase.label(spoken()) for phase in definition.phases}
    sees_queries = user.may("queries.view")
    return [
        [
            {"text": one.number, "url": reverse("participants:detail", args=[one.number])},
            {"text": one.site.code},
            {"text": one.get_status_display(), "kind": STATUS_KINDS[one.state]},
            {"text": phases.get(one.phase, one.phase)},
            *_due_cells(user, one, due[one.pk]),
            *([{"text": queries.get(one.pk, 0), "numeric": True}] if sees_queries else []),
        ]
        for one in participants
    ]


def _due_cells(user: User, participant: Participant, due: Due | None) -> list[dict[str, Any]]:
    line = due_line(user, current_definition_of(participant), participant, due) if due else None
    return []


def _filtered(rows: ParticipantQuerySet, chosen: ParticipantFilter) -> ParticipantQuerySet:
    return rows
