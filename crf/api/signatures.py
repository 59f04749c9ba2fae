"""Signatures over HTTP."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from audit.once import once
from crf import actions
from crf.api.casebooks import CasebookView
from crf.serializers import (
    SignatureSerializer,
)
from trialmgr.people.api import WRITING, check_signed_in_again, checked, operation, person


class SigningRequest(serializers.Serializer[Any]):
    meaning = serializers.CharField(max_length=200)


class EntrySigning(CasebookView):
    @operation(
        "entries_sign",
        "Sign a complete form; refused with 403 unless this session has just signed in again",
        may=("entries.sign",),
        request=SigningRequest,
        answer=SignatureSerializer,
        status=201,
        refusals=WRITING,
    )
    def post(self, request: Request, number: str, slug: str, form: str, row: int) -> Response:
        entry = self.entry(number, slug, form, row)
        check_signed_in_again(request)
        sent = checked(SigningRequest, request)
        signature = once(actions.sign_entry, by=person(request), entry=entry, **sent)
        return Response(SignatureSerializer(signature).data, status=201)
