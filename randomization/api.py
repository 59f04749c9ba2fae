"""Allocations. POST gives one and never says which; GET says which, to those who may know."""

from __future__ import annotations

from typing import Literal

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from randomization.actions import allocate
from randomization.models import Allocation, RandomisedInError
from randomization.policies.corrections import levels_corrected
from trialmgr.participants.api import ParticipantSerializer, ParticipantView
from trialmgr.people.api import LONGEST_KEY, WRITING, check_signed_in_again, idempotency_key, operation, person


class AllocationSerializer(serializers.Serializer[Allocation]):
    participant = serializers.CharField(source="participant.number")
    arm = serializers.CharField()
    strata = serializers.DictField(source="levels", child=serializers.CharField())
    strata_corrected = serializers.SerializerMethodField()
    allocated_at = serializers.DateTimeField()
    allocated_by = serializers.CharField()
    envelope_opened_at = serializers.DateTimeField(source="envelope.opened_at", default=None, allow_null=True)
    in_error = serializers.SerializerMethodField()

    def get_strata_corrected(self, allocation: Allocation) -> dict[str, str]:
        """Factor -> level: as randomised, or as the newest correction has it."""
        return levels_corrected(allocation)

    def get_in_error(self, allocation: Allocation) -> Literal["no", "flagged", "countersigned"]:
        """Whether the participant is flagged as randomised in error, and by two people."""
        flag = RandomisedInError.objects.filter(allocation=allocation).first()
        if flag is None:
            return "no"
        return "countersigned" if flag.countersigned_at else "flagged"


class AllocationDetail(ParticipantView):
    @operation(
        "allocations_read",
        "The allocation of one participant; unblinded roles only",
        answer=AllocationSerializer,
        may=("allocation.view",),
    )
    def get(self, request: Request, number: str) -> Response:
        rows = Allocation.objects.for_user(person(request)).select_related("participant__site")
        allocation = get_object_or_404(rows, participant__number=number)
        self.check_at(allocation.participant.site)
        return Response(AllocationSerializer(allocation).data)

    @operation(
        "allocations_make",
        "Randomise a participant; refused with 403 unless this session has just signed in again",
        may=("participants.randomise",),
        answer=ParticipantSerializer,
        status=201,
        refusals=WRITING,
        parameters=[
            OpenApiParameter(
                "Idempotency-Key",
                {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY},
                OpenApiParameter.HEADER,
                required=True,
                description="Chosen by the caller. Asking again with the same key gives no second allocation.",
            )
        ],
    )
    def post(self, request: Request, number: str) -> Response:
        participant = self.participant(number)
        check_signed_in_again(request)
        allocation = allocate(by=person(request), participant=participant, idempotency_key=_key(request))
        return Response(ParticipantSerializer(allocation.participant).data, status=201)


def _key(request: Request) -> str:
    """Owed here, where nobody may guess whether it happened."""
    key = idempotency_key(request)
    if not key:
        raise serializers.ValidationError(
            {"Idempotency-Key": [_("Send this header with a key of 1 to 64 characters.")]}
        )
    return key
