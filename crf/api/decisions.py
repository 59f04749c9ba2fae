from __future__ import annotations

from typing import Any

from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from audit.once import once
from crf import actions
from crf.api.casebooks import CasebookView
from crf.decisions import seen_changes
from crf.models import EligibilityDecision, GateDecision
from crf.places import CasebookPlace
from crf.policies import contradiction_of
from crf.serializers import ConfirmationSerializer, EligibilitySerializer, GateSerializer
from trialmgr.participants.api import ParticipantSerializer, ReasonRequest
from trialmgr.people.api import WRITING, check_signed_in_again, checked, operation, person
from trialmgr.people.visibility import Sight
from trialmgr.protocol.judgements import ELIGIBILITY, about_phase


class ConfirmationRequest(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=500)


class EligibilityJudgement(CasebookView):
    @operation(
        "eligibility_read", "The newest judgement on eligibility", answer=EligibilitySerializer, may=("entries.view",)
    )
    def get(self, request: Request, number: str) -> Response:
        place = _eligibility_place(self, number)
        decision = EligibilityDecision.objects.filter(participant=place.participant).last()
        if decision is None:
            raise Http404
        return Response(_eligibility(place, decision))

    @operation(
        "eligibility_judge",
        "Judge eligibility on the completed form; refused with 403 unless this session has just signed in again",
        may=("participants.judge",),
        answer=EligibilitySerializer,
        status=201,
        refusals=WRITING,
    )
    def post(self, request: Request, number: str) -> Response:
        place = _eligibility_place(self, number)
        check_signed_in_again(request)
        decision = once(actions.judge_eligibility, by=person(request), participant=place.participant)
        return Response(_eligibility(place, decision), status=201)


class GateRequest(serializers.Serializer[Any]):
    reason = serializers.CharField(
        max_length=1000,
        allow_blank=True,
        default="",
        help_text=_("Why the phase does not open, where the visit at which that is decided was not done."),
    )


class GateDecisionView(CasebookView):
    @operation("gates_read", "The decision whether a phase opened", answer=GateSerializer, may=("entries.view",))
    def get(self, request: Request, number: str, phase: str) -> Response:
        place = _phase_place(self, number, phase)
        decision = get_object_or_404(GateDecision, participant=place.participant, phase=phase)
        return Response(_phase(place, decision))

    @operation(
        "gates_decide",
        "Decide by its rule whether a phase opens; refused with 403 unless this session has just signed in again",
        may=("participants.gate",),
        request=GateRequest,
        answer=GateSerializer,
        status=201,
        refusals=WRITING,
    )
    def post(self, request: Request, number: str, phase: str) -> Response:
        place = _phase_place(self, number, phase)
        check_signed_in_again(request)
        sent = checked(GateRequest, request)
        decision = once(actions.decide_gate, by=person(request), participant=place.participant, phase=phase, **sent)
        return Response(_phase(place, decision), status=201)


class GateUndone(CasebookView):
    @operation(
        "gates_undo",
        "Take back a decision on a phase; refused with 403 unless this session has just signed in again",
        may=("participants.gate",),
        request=ReasonRequest,
        answer=ParticipantSerializer,
        refusals=WRITING,
    )
    def post(self, request: Request, number: str, phase: str) -> Response:
        place = self.casebook(number)
        place.phase(phase)
        check_signed_in_again(request)
        sent = checked(ReasonRequest, request)
        participant = actions.undo_gate(by=person(request), participant=place.participant, phase=phase, **sent)
        return Response(ParticipantSerializer(participant).data)


class EligibilityConfirmation(CasebookView):
    @operation(
        "eligibility_confirm",
        "Let a judgement stand that the values contradict; 403 unless this session has just signed in again",
        may=("participants.judge",),
        request=ConfirmationRequest,
        answer=ConfirmationSerializer,
        status=201,
        refusals=WRITING,
    )
    def post(self, request: Request, number: str) -> Response:
        return _confirmed(request, _eligibility_place(self, number), ELIGIBILITY)


class GateConfirmation(CasebookView):
    @operation(
        "gates_confirm",
        "Let a decision stand that the values contradict; 403 unless this session has just signed in again",
        may=("participants.judge",),
        request=ConfirmationRequest,
        answer=ConfirmationSerializer,
        status=201,
        refusals=WRITING,
    )
    def post(self, request: Request, number: str, phase: str) -> Response:
        return _confirmed(request, _phase_place(self, number, phase), about_phase(phase))


def _eligibility_place(view: CasebookView, number: str) -> CasebookPlace:
    """The judgement is part of the eligibility form, so it is seen by whoever sees that form."""
    place = view.casebook(number)
    if not any(form.eligibility and place.sight.form(form) for form in place.definition.forms):
        raise PermissionDenied(_("Your role does not give access to this form."))
    return place


def _phase_place(view: CasebookView, number: str, phase: str) -> CasebookPlace:
    place = view.casebook(number)
    if place.phase(phase).gate is None:
        raise Http404
    return place


def _confirmed(request: Request, place: CasebookPlace, about: str) -> Response:
    check_signed_in_again(request)
    sent = checked(ConfirmationRequest, request)
    confirmation = once(
        actions.confirm_judgement, by=person(request), participant=place.participant, about=about, **sent
    )
    return Response(ConfirmationSerializer(confirmation).data, status=201)


def _eligibility(place: CasebookPlace, decision: EligibilityDecision) -> dict[str, Any]:
    names = ("criteria_version", "eligible", "not_met", "decided_at", "decided_by")
    document = {name: getattr(decision, name) for name in names}
    return dict(EligibilitySerializer(document | _contradiction(place, ELIGIBILITY)).data)


def _phase(place: CasebookPlace, decision: GateDecision) -> dict[str, Any]:
    names = ("phase", "opened", "rule", "decided_at", "decided_by")
    document = {name: getattr(decision, name) for name in names}
    document["inputs"] = seen_inputs(decision.inputs, place.sight)
    return dict(GateSerializer(document | _contradiction(place, about_phase(decision.phase))).data)


def _contradiction(place: CasebookPlace, about: str) -> dict[str, Any]:
    found = contradiction_of(place.participant, about)
    if found is None:
        return {"contradiction": None}
    values = {path: {"judged": then, "now": now} for path, (then, now) in seen_changes(place, found).items()}
    return {"contradiction": {"outcome": found.now.outcome, "not_met": found.now.not_met, "values": values}}


def seen_inputs(inputs: dict[str, str | None], sight: Sight) -> dict[str, str | None]:
    """The values a rule read, by ``visit.form.item``: those on forms in sight."""
    return {name: value for name, value in inputs.items() if name.split(".")[1] in sight.forms}
