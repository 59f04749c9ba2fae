from __future__ import annotations

from django.shortcuts import get_object_or_404
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from crf import actions
from crf.api.casebooks import CasebookView
from trialmgr.participants.api import ParticipantSerializer, ReasonRequest
from trialmgr.participants.models import Participant
from trialmgr.people.api import WRITING, checked, operation, person
from trialmgr.people.models import Site


class SiteRequest(ReasonRequest):
    site = serializers.CharField(max_length=8, help_text="Code of the site.")


class SiteChanged(CasebookView):
    @operation(
        "participation_change_site",
        "Move a participant to another site; number, allocation and stratum stay as they are",
        may=("participants.move",),
        request=SiteRequest,
        answer=ParticipantSerializer,
        refusals=WRITING,
    )
    def post(self, request: Request, number: str) -> Response:
        participant = self.casebook(number).participant
        sent = checked(SiteRequest, request)
        site = get_object_or_404(Site, code=sent.pop("site"))
        return _told(actions.move_participant(by=person(request), participant=participant, site=site, **sent))


class RegistrationCorrectionRequest(ReasonRequest):
    registered_on = serializers.DateField()


class RegistrationCorrected(CasebookView):
    @operation(
        "participation_correct_registration",
        "Correct the day of registration; visits that count from it move along",
        may=("participants.register",),
        request=RegistrationCorrectionRequest,
        answer=ParticipantSerializer,
        refusals=WRITING,
    )
    def post(self, request: Request, number: str) -> Response:
        participant = self.casebook(number).participant
        sent = checked(RegistrationCorrectionRequest, request)
        day = sent.pop("registered_on")
        return _told(actions.correct_registration(by=person(request), participant=participant, on=day, **sent))


class RegistrationVoided(CasebookView):
    @operation(
        "participation_void",
        "Void a registration that should never have been made",
        may=("participants.void",),
        request=ReasonRequest,
        answer=ParticipantSerializer,
        refusals=WRITING,
    )
    def post(self, request: Request, number: str) -> Response:
        participant = self.casebook(number).participant
        return _told(
            actions.void_registration(by=person(request), participant=participant, **checked(ReasonRequest, request))
        )


class EndingUndone(CasebookView):
    @operation(
        "participation_undo_ending",
        "Undo an end of participation that was recorded in error",
        may=("participants.reopen",),
        request=ReasonRequest,
        answer=ParticipantSerializer,
        refusals=WRITING,
    )
    def post(self, request: Request, number: str) -> Response:
        participant = self.casebook(number).participant
        return _told(
            actions.undo_ending(by=person(request), participant=participant, **checked(ReasonRequest, request))
        )


def _told(participant: Participant) -> Response:
    return Response(ParticipantSerializer(participant).data)
