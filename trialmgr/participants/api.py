"""Participants and their consent."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from django_filters import rest_framework as filters
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from audit.once import once
from trialmgr.participants import actions
from trialmgr.participants.models import Consent, Participant
from trialmgr.participants.queries import participant_for, participants_for
from trialmgr.participants.states import STATUS_LABELS
from trialmgr.people.api import WRITING, ApiView, checked, listed, operation, person


class ParticipantSerializer(serializers.Serializer[Participant]):
    number = serializers.CharField()
    site = serializers.CharField(source="site.code")
    status = serializers.ChoiceField(choices=[status.value for status in STATUS_LABELS])
    phase = serializers.CharField()
    registered_on = serializers.DateField()
    randomised_on = serializers.DateField(source="enrolled_on", allow_null=True)
    ended_on = serializers.DateField(allow_null=True)
    study_version = serializers.CharField(source="study_version.label")


class ConsentSerializer(serializers.Serializer[Consent]):
    version = serializers.CharField()
    given_on = serializers.DateField()
    taken_by = serializers.CharField()
    withdrawn_on = serializers.DateField(allow_null=True)


class ReasonRequest(serializers.Serializer[Any]):
    """What is taken back owes a reason and nothing else."""

    reason = serializers.CharField(max_length=1000)


class ConsentRequest(serializers.Serializer[Any]):
    version = serializers.CharField(max_length=40)
    given_on = serializers.DateField()


class ConsentCorrectionRequest(ConsentRequest):
    reason = serializers.CharField(max_length=1000)


class WithdrawalRequest(serializers.Serializer[Any]):
    on = serializers.DateField()
    reason = serializers.CharField(max_length=1000)


class ParticipantFilter(filters.FilterSet):
    site = filters.CharFilter(field_name="site__code", label="Code of a site.")
    status = filters.ChoiceFilter(choices=[(status.value, label) for status, label in STATUS_LABELS.items()])
    phase = filters.CharFilter(label="Key of a phase.")


class ParticipantView(ApiView):
    """A view on something of one participant."""

    def participant(self, number: str) -> Participant:
        """404 for a participant whom this person does not meet; 403 in the wrong role at that site."""
        participant = participant_for(person(self.request), number)
        self.check_at(participant.site)
        return participant


class ParticipantList(ApiView, ListAPIView[Participant]):
    queryset = Participant.objects.none()
    serializer_class = ParticipantSerializer
    filterset_class = ParticipantFilter

    def get_queryset(self) -> Any:
        rows = participants_for(person(self.request), self.request.GET.get("status"))
        rows = rows.select_related("site", "study_version")
        return rows.defer("study_version__document")

    @operation(
        "participants_list",
        "The participants of the sites of this person",
        answer=ParticipantSerializer(many=True),
        may=("participants.view",),
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.list(request)


class ParticipantDetail(ParticipantView):
    @operation("participants_read", "One participant", answer=ParticipantSerializer, may=("participants.view",))
    def get(self, request: Request, number: str) -> Response:
        return Response(ParticipantSerializer(self.participant(number)).data)


class Consents(ParticipantView):
    @operation(
        "consents_list",
        "The consents of one participant",
        answer=ConsentSerializer(many=True),
        may=("participants.view",),
    )
    def get(self, request: Request, number: str) -> Response:
        participant = self.participant(number)
        return listed(ConsentSerializer, participant.consents.all())

    @operation(
        "consents_record",
        "Record a consent",
        request=ConsentRequest,
        refusals=WRITING,
        answer=ConsentSerializer,
        status=201,
        may=("participants.consent",),
    )
    def post(self, request: Request, number: str) -> Response:
        participant = self.participant(number)
        sent = checked(ConsentRequest, request)
        consent = once(actions.record_consent, by=person(request), participant=participant, **sent)
        return Response(ConsentSerializer(consent).data, status=201)


class ConsentWithdrawal(ParticipantView):
    @operation(
        "consents_withdraw",
        "Record that a consent was withdrawn",
        request=WithdrawalRequest,
        refusals=WRITING,
        answer=ConsentSerializer,
        may=("participants.consent",),
    )
    def post(self, request: Request, number: str, version: str) -> Response:
        participant = self.participant(number)
        consent = get_object_or_404(participant.consents.all(), version=version)
        sent = checked(WithdrawalRequest, request)
        return Response(ConsentSerializer(actions.withdraw_consent(by=person(request), consent=consent, **sent)).data)


class ConsentWithdrawalUndone(ParticipantView):
    @operation(
        "consents_undo_withdrawal",
        "Take back a withdrawal of consent that was recorded in error",
        request=ReasonRequest,
        refusals=WRITING,
        answer=ConsentSerializer,
        may=("participants.consent",),
    )
    def post(self, request: Request, number: str, version: str) -> Response:
        consent = get_object_or_404(self.participant(number).consents.all(), version=version)
        sent = checked(ReasonRequest, request)
        return Response(ConsentSerializer(actions.undo_withdrawal(by=person(request), consent=consent, **sent)).data)


class ConsentCorrection(ParticipantView):
    @operation(
        "consents_correct",
        "Correct the version or the day of a consent",
        request=ConsentCorrectionRequest,
        refusals=WRITING,
        answer=ConsentSerializer,
        may=("participants.consent",),
    )
    def post(self, request: Request, number: str, version: str) -> Response:
        participant = self.participant(number)
        consent = get_object_or_404(participant.consents.all(), version=version)
        sent = checked(ConsentCorrectionRequest, request)
        return Response(ConsentSerializer(actions.correct_consent(by=person(request), consent=consent, **sent)).data)
