"""Allocations. POST gives one and never says which; GET says which, to those who may know."""

from __future__ import annotations

from typing import Literal, TypeAlias

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from randomization import actions
from randomization.models import Allocation, RandomisedInError
from randomization.policies.corrections import levels_corrected
from randomization.queries.allocations import allocation_for
from trialmgr.participants.api import ParticipantSerializer, ParticipantView, ReasonRequest
from trialmgr.people.api import (
    LONGEST_KEY,
    WRITING,
    check_signed_in_again,
    checked,
    idempotency_key,
    operation,
    person,
)

InError: TypeAlias = Literal["no", "flagged", "countersigned"]


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

    def get_in_error(self, allocation: Allocation) -> InError:
        """Whether the participant is flagged as randomised in error, and by two people."""
        return _in_error(allocation)


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
        allocation = actions.allocate(by=person(request), participant=participant, idempotency_key=_key(request))
        return Response(ParticipantSerializer(allocation.participant).data, status=201)


def _key(request: Request) -> str:
    """Owed here, where nobody may guess whether it happened."""
    key = idempotency_key(request)
    if not key:
        raise serializers.ValidationError(
            {"Idempotency-Key": [_("Send this header with a key of 1 to 64 characters.")]}
        )
    return key


class FlagSerializer(serializers.Serializer[RandomisedInError]):
    """No arm stands here: whoever flags may be blinded."""

    participant = serializers.CharField(source="allocation.participant.number")
    in_error = serializers.SerializerMethodField()
    reason = serializers.CharField()
    withdrawal = serializers.SerializerMethodField()

    def get_in_error(self, flag: RandomisedInError) -> InError:
        """``no`` once two people withdrew it."""
        return _in_error(flag.allocation)

    def get_withdrawal(self, flag: RandomisedInError) -> Literal["no", "asked", "withdrawn"]:
        if flag.withdrawn_at:
            return "withdrawn"
        return "asked" if flag.withdrawal_asked_at else "no"


def _in_error(allocation: Allocation) -> InError:
    flag = RandomisedInError.objects.filter(allocation=allocation).first()
    if flag is None:
        return "no"
    return "countersigned" if flag.countersigned_at else "flagged"


class _FlagView(ParticipantView):
    permission: str

    def allocation(self, request: Request, number: str) -> Allocation:
        return allocation_for(person(request), number, permission=self.permission)

    def flag(self, request: Request, number: str) -> RandomisedInError:
        return get_object_or_404(RandomisedInError, allocation=self.allocation(request, number))


class Flag(_FlagView):
    permission = "allocation.flag"

    @operation(
        "allocations_flag",
        "Flag a participant as randomised in error; a second person countersigns",
        may=("allocation.flag",),
        request=ReasonRequest,
        answer=FlagSerializer,
        refusals=WRITING,
    )
    def post(self, request: Request, number: str) -> Response:
        allocation = self.allocation(request, number)
        sent = checked(ReasonRequest, request)
        return _told(actions.flag_in_error(by=person(request), allocation=allocation, **sent))


class FlagCountersigned(_FlagView):
    permission = "allocation.countersign"

    @operation(
        "allocations_countersign_flag",
        "The second signature under a flag; refused with 403 unless this session has just signed in again",
        may=("allocation.countersign",),
        answer=FlagSerializer,
        refusals=WRITING,
    )
    def post(self, request: Request, number: str) -> Response:
        flag = self.flag(request, number)
        check_signed_in_again(request)
        return _told(actions.countersign_in_error(by=person(request), flag=flag))


class FlagWithdrawal(_FlagView):
    permission = "allocation.flag"

    @operation(
        "allocations_withdraw_flag",
        "Ask to withdraw a flag that was itself an error; it stands until a second person countersigns",
        may=("allocation.flag",),
        request=ReasonRequest,
        answer=FlagSerializer,
        refusals=WRITING,
    )
    def post(self, request: Request, number: str) -> Response:
        flag = self.flag(request, number)
        return _told(actions.ask_flag_withdrawal(by=person(request), flag=flag, **checked(ReasonRequest, request)))


class FlagWithdrawn(_FlagView):
    permission = "allocation.countersign"

    @operation(
        "allocations_countersign_withdrawal",
        "The second signature under a withdrawal; refused with 403 unless this session has just signed in again",
        may=("allocation.countersign",),
        answer=FlagSerializer,
        refusals=WRITING,
    )
    def post(self, request: Request, number: str) -> Response:
        flag = self.flag(request, number)
        check_signed_in_again(request)
        return _told(actions.withdraw_flag(by=person(request), flag=flag))


def _told(flag: RandomisedInError) -> Response:
    return Response(FlagSerializer(flag).data)
