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
from crf.actions import correct_registration as correct
from crf.actions import register_participant, void_registration
from crf.casebook import DueLine, due_line, randomise_url
from crf.courses import course
from crf.forms import ParticipantFilter, RegisteredForm, RegisterForm, sites_of
from crf.judgements import judgements_of
from crf.matrix import Show, legend, matrix
from crf.models import Freeze
from crf.places import CasebookPlace, casebook_place, spoken
from crf.queries import due_for, open_query_counts, visits_of
from crf.views.frames import frame, show
from trialmgr.participants.models import Participant, ParticipantQuerySet
from trialmgr.participants.queries import participants_for
from trialmgr.participants.states import Status
from trialmgr.people.forms import ReasonForm, acted, bound
from trialmgr.people.guards import permitted, person
from trialmgr.people.models import User
from trialmgr.protocol.judgements import ELIGIBILITY
from trialmgr.studies.queries import current_definition

PAGE_SIZE = 50
STATUS_KINDS = {
    Status.SCREENING: "todo",
    Status.SCREEN_FAILURE: "stop",
    Status.ON_STUDY: "progress",
    Status.COMPLETED: "done",
    Status.ENDED_EARLY: "stop",
    Status.VOIDED: "stop",
}
# What stands in the head of the casebook whatever else is folded away.
STRIKING = {"late", "locked"}
KEPT_SHOW = "casebook_show"


@permitted("participants.view")
def participants(request: HttpRequest) -> HttpResponse:
    """The list; a number that is somebody's leads to their casebook."""
    user = person(request)
    filter_form = ParticipantFilter(request.GET or None, sites=sites_of(user, "participants.view"))
    found = _named(user, filter_form)
    if found is not None:
        return redirect("participants:detail", number=found.number)
    page = Paginator(_filtered(user, filter_form), PAGE_SIZE).get_page(request.GET.get("page"))
    columns = list(_columns())
    rows = participant_rows(user, list(page.object_list))
    context = {
        "filter_form": filter_form,
        "page_obj": page,
        "rows": [
            [cell | {"label": column["label"]} for cell, column in zip(row, columns, strict=True)] for row in rows
        ],
        "columns": columns,
        "may_register": bool(sites_of(user, "participants.register")),
    }
    return render(request, "crf/casebooks/list.html", context)


@permitted("participants.register")
def register(request: HttpRequest) -> HttpResponse:
    user = person(request)
    sites = {site.code: site for site in sites_of(user, "participants.register")}
    form = bound(RegisterForm, request, sites=list(sites.values()))
    made = acted(request, form, lambda site, on: register_participant(by=user, site=sites[site], on=on))
    if made is not None:
        messages.success(request, _("Participant %(number)s is registered.") % {"number": made.number})
        return redirect("participants:consent", number=made.number)
    crumbs = [{"label": _("Participants"), "url": reverse("participants:list")}, {"label": _("Register a participant")}]
    return show(request, "casebooks/register", {"form": form, "breadcrumbs": crumbs})


@permitted("participants.register")
def correct_registration(request: HttpRequest, number: str) -> HttpResponse:
    """The participant was registered on another day."""
    place = casebook_place(person(request), number)
    place.check_may("participants.register")
    form = bound(RegisteredForm, request)
    if acted(request, form, correct, by=place.user, participant=place.participant):
        messages.success(request, _("The day of registration is corrected."))
        return redirect(place.url)
    return show(request, "casebooks/registration", frame(place, _("Correct the day of registration"), form=form))


@permitted("participants.view")
def detail(request: HttpRequest, number: str) -> HttpResponse:
    """The casebook on one screen. ``show``, ``score`` and ``unfolded`` of the address say which part of it."""
    place = casebook_place(person(request), number)
    participant = place.participant
    due = due_for(place.user, [participant])[participant.pk]
    visits = visits_of(place.user, participant)
    facts = list(casebook_facts(place))
    context = frame(
        place,
        participant.number,
        status={"text": participant.get_status_display(), "kind": STATUS_KINDS[participant.state]},
        phase=place.phase(participant.phase).label(spoken()),
        due=due_line(place.user, place.definition, participant, due),
        facts=facts,
        striking=[fact for fact in facts if fact.get("kind") in STRIKING],
        actions=list(_actions(place)),
        may_read_trail=place.may("audit.view"),
        matrix=matrix(place, visits, _shown(request), request.GET.get("unfolded", "")),
        legend=legend(),
        course=course(place, visits, request.GET.get("score", "")),
    )
    return render(request, "crf/casebooks/casebook.html", context)


def _shown(request: HttpRequest) -> Show:
    """Which cells are shown: as the address says, else as it was chosen last."""
    chosen = request.GET.get("show", request.session.get(KEPT_SHOW, ""))
    show = Show(chosen) if chosen in set(Show) else Show.ALL
    if "show" in request.GET:
        request.session[KEPT_SHOW] = show.value
    return show


@permitted("participants.void")
def void(request: HttpRequest, number: str) -> HttpResponse:
    """Nobody should have been registered under this number."""
    place = casebook_place(person(request), number)
    place.check_may("participants.void")
    form = bound(ReasonForm, request)
    if acted(request, form, void_registration, by=place.user, participant=place.participant):
        messages.success(request, _("The registration is voided."))
        return redirect(place.url)
    return show(request, "casebooks/void", frame(place, _("Void this registration"), form=form))


def participant_rows(user: User, participants: Sequence[Participant]) -> list[list[dict[str, Any]]]:
    """Cells of the list of participants; a fixed number of database queries."""
    definition = current_definition()
    due = due_for(user, participants)
    queries = open_query_counts(user, [participant.pk for participant in participants])
    phases = {phase.key: phase.label(spoken()) for phase in definition.phases}
    return [
        [
            {"text": one.number, "url": reverse("participants:detail", args=[one.number])},
            {"text": one.site.code},
            {"text": one.get_status_display(), "kind": STATUS_KINDS[one.state]},
            {"text": phases.get(one.phase, one.phase)},
            *_due_cells(due_line(user, definition, one, due[one.pk])),
            {"text": queries.get(one.pk, 0), "numeric": True},
        ]
        for one in participants
    ]


def _due_cells(line: DueLine | None) -> list[dict[str, Any]]:
    if line is None:
        return [{"text": None}, {"text": None}]
    said = ", ".join(part for part in (line.when.text, line.window) if part)
    return [{"text": line.text}, {"text": said, "kind": line.when.kind}]


def _columns() -> Iterator[dict[str, Any]]:
    for label in (_("Number"), _("Site"), _("Status"), _("Phase"), _("Next step"), _("When")):
        yield {"label": label}
    yield {"label": _("Open queries"), "numeric": True}


def _filtered(user: User, chosen: ParticipantFilter) -> ParticipantQuerySet:
    """What the filter asks for; all who count where it asks for nothing it knows."""
    wanted = chosen.cleaned_data if chosen.is_valid() else {}
    rows = participants_for(user, wanted.get("status")).select_related("site")
    lookups = {"number": "number__icontains", "site": "site__code", "status": "status"}
    return rows.filter(**{lookup: wanted[name] for name, lookup in lookups.items() if wanted.get(name)})


def _named(user: User, chosen: ParticipantFilter) -> Participant | None:
    """Whose whole number was typed, in capitals or not; also one that counts nowhere any more."""
    number = chosen.cleaned_data.get("number") if chosen.is_valid() else ""
    found: Participant | None = participants_for(user, Status.VOIDED).filter(number__iexact=number).first()
    return found


def casebook_facts(place: CasebookPlace) -> Iterator[dict[str, Any]]:
    """Rows of the summary on top of the casebook."""
    participant = place.participant
    yield {"key": _("Site"), "value": participant.site.name}
    yield _registration_fact(place)
    yield _consent_fact(place)
    if any(form.eligibility and place.sees_form(form.key) for form in place.definition.forms):
        yield _eligibility_fact(place)
    if participant.enrolled_on:
        entered = _("Randomised on") if place.definition.is_randomised else _("Enrolled on")
        yield {"key": entered, "value": date_format(participant.enrolled_on, "j F Y")}
    yield from _gate_facts(place)
    if participant.ended_on:
        yield {"key": _("Ended on"), "value": date_format(participant.ended_on, "j F Y")}
    if policies.is_frozen(participant):
        yield {"key": _("Casebook"), "value": _("Frozen"), "kind": "locked"}


def _registration_fact(place: CasebookPlace) -> dict[str, Any]:
    fact = {"key": _("Registered on"), "value": date_format(place.participant.registered_on, "j F Y")}
    if not place.may("participants.register") or place.participant.state is Status.VOIDED:
        return fact
    return fact | {"url": reverse("crf:correct_registration", args=[place.participant.number]), "action": _("Correct")}


def _consent_fact(place: CasebookPlace) -> dict[str, Any]:
    newest = place.participant.consents.last()
    url = reverse("participants:consent", args=[place.participant.number])
    fact = {"key": _("Consent"), "url": url, "action": _("Show")}
    if newest is None:
        return fact | {"value": _("Not recorded"), "kind": "todo"}
    if newest.withdrawn_on:
        return fact | {
            "value": _("Withdrawn on %(day)s") % {"day": date_format(newest.withdrawn_on, "j F Y")},
            "kind": "stop",
        }
    return fact | {"value": _("Given on %(day)s") % {"day": date_format(newest.given_on, "j F Y")}, "kind": "done"}


def _eligibility_fact(place: CasebookPlace) -> dict[str, Any]:
    judgements = judgements_of([place.participant])[place.participant.pk]
    decision = judgements.standing_eligibility
    url = reverse("crf:eligibility", args=[place.participant.number])
    fact = {"key": _("Eligibility"), "url": url, "action": _("Show")}
    if any(one.judged.about == ELIGIBILITY for one in judgements.contradictions):
        return fact | {"value": _("Contradicted by the values as they stand"), "kind": "late"}
    if decision is None:
        return fact | {"value": _("Not judged"), "kind": "todo"}
    if decision.eligible:
        return fact | {"value": _("Eligible"), "kind": "done"}
    return fact | {"value": _("Not eligible"), "kind": "stop"}


def _gate_facts(place: CasebookPlace) -> Iterator[dict[str, Any]]:
    judgements = judgements_of([place.participant])[place.participant.pk]
    decided = {row.phase: row for row in judgements.phases}
    contradicted = {one.judged.phase for one in judgements.contradictions}
    for phase in place.definition.phases:
        if phase.gate and phase.key in decided:
            text = phase.gate.if_true if decided[phase.key].opened else phase.gate.if_false
            fact = {"key": phase.gate.label(spoken()), "value": text(spoken())}
            yield fact
            if phase.key in contradicted:
                url = reverse("crf:phase", args=[place.participant.number, phase.key])
                said = _("Contradicted by the values as they stand")
                yield fact | {"value": said, "kind": "late", "url": url, "action": _("Show")}


def _actions(place: CasebookPlace) -> Iterator[dict[str, str]]:
    """Links to what this person may do with this participant as it stands."""
    participant, number = place.participant, place.participant.number
    if participant.state is Status.VOIDED:
        return
    on_study, screening = participant.state is Status.ON_STUDY, participant.state is Status.SCREENING
    if place.may("participants.consent"):
        yield {"label": _("Consent"), "url": reverse("participants:consent", args=[number])}
    if place.may("participants.contact"):
        yield {"label": _("Contact details"), "url": reverse("participants:contact", args=[number])}
    if screening and place.may("participants.judge"):
        yield {"label": _("Judge eligibility"), "url": reverse("crf:eligibility", args=[number])}
    yield from _allocation_actions(place) if place.definition.is_randomised else _enrolment_actions(place)
    if participant.is_active and place.may("visits.plan"):
        yield {"label": _("Add an unscheduled visit"), "url": reverse("crf:add_visit", args=[number])}
        yield {"label": _("Calendar file"), "url": f"{place.url}calendar/"}
    if on_study and place.may("participants.gate"):
        yield from _gate_actions(place)
    yield from _actions_on_all(place)


def _actions_on_all(place: CasebookPlace) -> Iterator[dict[str, str]]:
    """That the participation did not end, or never began; that nothing is to change."""
    participant, number = place.participant, place.participant.number
    if not participant.is_active and place.may("participants.reopen"):
        yield {"label": _("Undo the end of participation"), "url": reverse("crf:undo_ending", args=[number])}
    if participant.enrolled_on is None and place.may("participants.void"):
        yield {"label": _("Void this registration"), "url": reverse("crf:void", args=[number])}
    if place.may("participants.move"):
        yield {"label": _("Move to another site"), "url": reverse("crf:change_site", args=[number])}
    if place.may("entries.freeze"):
        frozen = Freeze.objects.standing().filter(participant=participant)
        label = _("Unfreeze the casebook") if frozen.exists() else _("Freeze the casebook")
        yield {"label": label, "url": reverse("crf:freeze", args=[number])}


def _enrolment_actions(place: CasebookPlace) -> Iterator[dict[str, str]]:
    participant, phase = place.participant, place.definition.entry_phase.key
    if participant.state is Status.SCREENING and place.may("participants.gate"):
        yield {"label": _("Enrol"), "url": reverse("crf:phase", args=[participant.number, phase])}
    if participant.state is Status.ON_STUDY and place.may("participants.gate"):
        yield {
            "label": _("Take the enrolment back"),
            "url": reverse("crf:undo_phase", args=[participant.number, phase]),
        }


def _allocation_actions(place: CasebookPlace) -> Iterator[dict[str, str]]:
    participant = place.participant
    if participant.state is Status.SCREENING and place.may("participants.randomise"):
        yield {"label": _("Randomise"), "url": randomise_url(participant)}
        yield {"label": _("Enter an envelope"), "url": f"{randomise_url(participant)}envelope/"}
    if participant.enrolled_on and place.may("allocation.view") and not place.sight.blinded:
        yield {"label": _("Allocation"), "url": f"{place.url}allocation/"}
    if participant.enrolled_on:
        yield from _afterwards(place)


def _afterwards(place: CasebookPlace) -> Iterator[dict[str, str]]:
    """What may be noted of an allocation; the unblinded find the first two on its own page."""
    if place.sight.blinded and place.may("allocation.correct"):
        yield {"label": _("Correct a stratum"), "url": f"{place.url}allocation/correct/"}
    if place.sight.blinded and place.may("allocation.flag"):
        yield {"label": _("Flag as randomised in error"), "url": f"{place.url}allocation/in-error/"}
    if place.may("allocation.break"):
        yield {"label": _("Break the code"), "url": f"{place.url}code-break/"}


def _gate_actions(place: CasebookPlace) -> Iterator[dict[str, str]]:
    number = place.participant.number
    for phase in place.definition.phases:
        if phase.gate:
            yield {"label": phase.gate.label(spoken()), "url": reverse("crf:phase", args=[number, phase.key])}
