from __future__ import annotations

from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from crf import actions
from crf.api.places import VisitView
from crf.api.shapes import EligibilitySerializer, GateSerializer
from crf.models import EligibilityDecision, GateDecision
from trialmgr.participants.models import Participant
from trialmgr.people.api import WRITING, check_signed_in_again, operation, person
from trialmgr.people.visibility import Sight
from trialmgr.studies.queries import current_definition


class EligibilityJudgement(VisitView):
    may = {"GET": ("entries.view",), "POST": ("participants.judge",)}

    @operation("eligibility_read", "The newest judgement on eligibility", answer=EligibilitySerializer)
    def get(self, request: Request, number: str) -> Response:
        decision = EligibilityDecision.objects.filter(participant=self._participant(number)).last()
        if decision is None:
            raise Http404
        return Response(EligibilitySerializer(decision).data)

    @operation(
        "eligibility_judge",
        "Judge eligibility on the completed form; refused with 403 unless this session has just signed in again",
        answer=EligibilitySerializer,
        status=201,
        refusals=WRITING,
    )
    def post(self, request: Request, number: str) -> Response:
        participant = self._participant(number)
        check_signed_in_again(request)
        decision = actions.judge_eligibility(by=person(request), participant=participant)
        return Response(EligibilitySerializer(decision).data, status=201)

    def _participant(self, number: str) -> Participant:
        """The judgement is part of the eligibility form, so it is seen by whoever sees that form."""
        participant = self.participant(number)
        if not any(form.eligibility and self.sight.form(form) for form in current_definition().forms):
            raise PermissionDenied(_("Your role does not see this form."))
        return participant


class GateDecisionView(VisitView):
    may = {"GET": ("entries.view",), "POST": ("participants.gate",)}

    @operation("gates_read", "The decision whether a phase opened", answer=GateSerializer)
    def get(self, request: Request, number: str, phase: str) -> Response:
        decision = get_object_or_404(GateDecision, participant=self._participant(number, phase), phase=phase)
        return Response(self._document(decision))

    @operation(
        "gates_decide",
        "Decide by its rule whether a phase opens; refused with 403 unless this session has just signed in again",
        answer=GateSerializer,
        status=201,
        refusals=WRITING,
    )
    def post(self, request: Request, number: str, phase: str) -> Response:
        participant = self._participant(number, phase)
        check_signed_in_again(request)
        decision = actions.decide_gate(by=person(request), participant=participant, phase=phase)
        return Response(self._document(decision), status=201)

    def _participant(self, number: str, phase: str) -> Participant:
        participant = self.participant(number)
        if phase not in {one.key for one in current_definition().phases if one.gate is not None}:
            raise Http404
        return participant

    def _document(self, decision: GateDecision) -> dict[str, object]:
        document = dict(GateSerializer(decision).data)
        return document | {"inputs": seen_inputs(document["inputs"], self.sight)}


def seen_inputs(inputs: dict[str, str | None], sight: Sight) -> dict[str, str | None]:
    """The values a rule read, by ``visit.form.item``: those on forms in sight."""
    return {name: value for name, value in inputs.items() if name.split(".")[1] in sight.forms}
