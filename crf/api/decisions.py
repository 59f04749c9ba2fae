from __future__ import annotations

from typing import Any

from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from crf import actions
from crf.api.casebooks import CasebookView
from crf.models import EligibilityDecision, GateDecision
from crf.places import CasebookPlace
from crf.serializers import EligibilitySerializer, GateSerializer
from trialmgr.people.api import WRITING, check_signed_in_again, checked, operation, person
from trialmgr.people.visibility import Sight


class EligibilityJudgement(CasebookView):
    @operation(
        "eligibility_read", "The newest judgement on eligibility", answer=EligibilitySerializer, may=("entries.view",)
    )
    def get(self, request: Request, number: str) -> Response:
        decision = EligibilityDecision.objects.filter(participant=self._place(number).participant).last()
        if decision is None:
            raise Http404
        return Response(EligibilitySerializer(decision).data)

    @operation(
        "eligibility_judge",
        "Judge eligibility on the completed form; refused with 403 unless this session has just signed in again",
        may=("participants.judge",),
        answer=EligibilitySerializer,
        status=201,
        refusals=WRITING,
    )
    def post(self, request: Request, number: str) -> Response:
        place = self._place(number)
        check_signed_in_again(request)
        decision = actions.judge_eligibility(by=person(request), participant=place.participant)
        return Response(EligibilitySerializer(decision).data, status=201)

    def _place(self, number: str) -> CasebookPlace:
        """The judgement is part of the eligibility form, so it is seen by whoever sees that form."""
        place = self.casebook(number)
        if not any(form.eligibility and place.sight.form(form) for form in place.definition.forms):
            raise PermissionDenied(_("Your role does not give access to this form."))
        return place


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
        place = self._place(number, phase)
        decision = get_object_or_404(GateDecision, participant=place.participant, phase=phase)
        return Response(_document(decision, place.sight))

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
        place = self._place(number, phase)
        check_signed_in_again(request)
        sent = checked(GateRequest, request)
        decision = actions.decide_gate(by=person(request), participant=place.participant, phase=phase, **sent)
        return Response(_document(decision, place.sight), status=201)

    def _place(self, number: str, phase: str) -> CasebookPlace:
        place = self.casebook(number)
        if place.phase(phase).gate is None:
            raise Http404
        return place


def _document(decision: GateDecision, sight: Sight) -> dict[str, object]:
    document = dict(GateSerializer(decision).data)
    return document | {"inputs": seen_inputs(decision.inputs, sight)}


def seen_inputs(inputs: dict[str, str | None], sight: Sight) -> dict[str, str | None]:
    """The values a rule read, by ``visit.form.item``: those on forms in sight."""
    return {name: value for name, value in inputs.items() if name.split(".")[1] in sight.forms}
