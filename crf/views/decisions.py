"""The decisions that carry a participant on: eligibility, and the gate of a phase."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from crf import policies
from crf.actions import confirm_judgement, decide_gate, judge_eligibility, undo_gate
from crf.courses import course
from crf.decisions import Assessment, GateView, assess, contradiction_view, gate_view
from crf.forms import ConfirmForm
from crf.judgements import judgement_label
from crf.places import CasebookPlace, casebook_place
from crf.queries import visits_of
from crf.views.frames import frame, show
from trialmgr.people.forms import ReasonForm, acted, bound
from trialmgr.people.guards import permitted, person, signed_in_again
from trialmgr.protocol.judgements import ELIGIBILITY, about_phase


@permitted("entries.view")
def eligibility(request: HttpRequest, number: str) -> HttpResponse:
    """The criteria in force for this participant, answers, rules, and the judgement if there is one."""
    place, assessment = _assessed(request, number)
    decision = policies.standing_eligibility(place.participant)
    may_judge = assessment.is_complete and decision is None and place.may("participants.judge")
    contradiction = contradiction_view(place, ELIGIBILITY)
    context = frame(
        place,
        _("Eligibility"),
        assessment=assessment,
        decision=decision,
        may_judge=may_judge,
        contradiction=contradiction,
    )
    return render(request, "crf/decisions/eligibility.html", context)


@permitted("participants.judge")
@signed_in_again
def judge(request: HttpRequest, number: str) -> HttpResponse:
    """Check the answers, sign in again, judge."""
    place, assessment = _assessed(request, number)
    place.check_may("participants.judge")
    confirm = bound(ConfirmForm, request)
    if acted(request, confirm, judge_eligibility, by=place.user, participant=place.participant):
        messages.success(request, _("The judgement on eligibility is recorded and signed."))
        return redirect("crf:eligibility", number=number)
    return show(request, "decisions/judge", frame(place, _("Judge eligibility"), form=confirm, assessment=assessment))


@permitted("participants.gate")
@signed_in_again
def phase(request: HttpRequest, number: str, phase: str) -> HttpResponse:
    """The rule of a gate in words, the values it reads, what comes of it; and the decision. Or enrolment."""
    place = casebook_place(person(request), number)
    place.check_may("participants.gate")
    if place.phase(phase).opens == "enrolment":
        return _enrol(request, place, phase)
    view = _gate(place, phase)
    contradiction = contradiction_view(place, about_phase(phase))
    confirm = bound(ReasonForm if view.missed else ConfirmForm, request)
    if acted(request, confirm, decide_gate, by=place.user, participant=place.participant, phase=phase):
        messages.success(request, _gate(place, phase).consequence)
        return redirect(place.url)
    context = frame(place, view.label, form=confirm, view=view, contradiction=contradiction)
    context["course"] = course(place, visits_of(place.user, place.participant), view.score)
    return show(request, "decisions/gate", context)


@permitted("participants.gate")
@signed_in_again
def undo_phase(request: HttpRequest, number: str, phase: str) -> HttpResponse:
    """A decision on a phase was taken in error."""
    place = casebook_place(person(request), number)
    place.check_may("participants.gate")
    place.phase(phase)
    form = bound(ReasonForm, request)
    if acted(request, form, undo_gate, by=place.user, participant=place.participant, phase=phase):
        messages.success(request, _("The decision is taken back."))
        return redirect(place.url)
    title = _("Take back a decision: %(decision)s") % {"decision": judgement_label(about_phase(phase))}
    return show(request, "decisions/undo", frame(place, title, form=form))


@permitted("participants.judge")
@signed_in_again
def confirm_eligibility(request: HttpRequest, number: str) -> HttpResponse:
    place, _assessment = _assessed(request, number)
    return _confirm(request, place, ELIGIBILITY)


@permitted("participants.judge")
@signed_in_again
def confirm_phase(request: HttpRequest, number: str, phase: str) -> HttpResponse:
    place = casebook_place(person(request), number)
    place.check_may("participants.judge")
    _gate(place, phase)
    return _confirm(request, place, about_phase(phase))


def _confirm(request: HttpRequest, place: CasebookPlace, about: str) -> HttpResponse:
    """Let a judgement stand that the values contradict: what was judged on which values, what they are now, why."""
    place.check_may("participants.judge")
    view = contradiction_view(place, about)
    form = bound(ReasonForm, request)
    if acted(request, form, confirm_judgement, by=place.user, participant=place.participant, about=about):
        messages.success(request, _("The judgement is confirmed."))
        return redirect(place.url)
    return show(request, "decisions/confirm", frame(place, _("Confirm a judgement"), form=form, contradiction=view))


def _enrol(request: HttpRequest, place: CasebookPlace, phase: str) -> HttpResponse:
    """Why somebody cannot be enrolled now, or the decision to."""
    confirm = bound(ConfirmForm, request)
    if acted(request, confirm, decide_gate, by=place.user, participant=place.participant, phase=phase):
        messages.success(request, _("The participant is enrolled."))
        return redirect(place.url)
    reasons = policies.reasons_not_enterable(place.participant, place.definition)
    return show(request, "decisions/enrol", frame(place, _("Enrol"), form=confirm, reasons=reasons))


def _assessed(request: HttpRequest, number: str) -> tuple[CasebookPlace, Assessment]:
    place = casebook_place(person(request), number)
    assessment = assess(place)
    if assessment is None:
        raise PermissionDenied(_("Your role does not give access to this form."))
    return place, assessment


def _gate(place: CasebookPlace, key: str) -> GateView:
    gate = place.phase(key).gate
    if gate is None:
        raise Http404
    return gate_view(place, key, gate)
