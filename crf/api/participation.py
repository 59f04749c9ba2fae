from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from crf import actions
from crf.api.casebooks import CasebookView, ReasonRequest
from trialmgr.participants.api import ParticipantSerializer
from trialmgr.people.api import WRITING, checked, operation, person


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
        sent = checked(ReasonRequest, request)
        participant = actions.void_registration(by=person(request), participant=participant, **sent)
        return Response(ParticipantSerializer(participant).data)


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
        sent = checked(ReasonRequest, request)
        participant = actions.undo_ending(by=person(request), participant=participant, **sent)
        return Response(ParticipantSerializer(participant).data)
