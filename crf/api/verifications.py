"""Source data verification over HTTP."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from audit.once import DoneBefore
from crf import actions
from crf.api.casebooks import CasebookView
from crf.models import LONGEST_ITEM_KEY
from crf.serializers import (
    VerificationSerializer,
)
from trialmgr.people.api import WRITING, checked, listed, operation, person


class VerificationRequest(serializers.Serializer[Any]):
    items = serializers.ListField(child=serializers.CharField(max_length=LONGEST_ITEM_KEY), min_length=1)


class EntryVerification(CasebookView):
    @operation(
        "entries_verify",
        "Record that values were held against their source",
        may=("entries.verify",),
        request=VerificationRequest,
        answer=VerificationSerializer(many=True),
        refusals=WRITING,
    )
    def post(self, request: Request, number: str, slug: str, form: str, row: int) -> Response:
        entry = self.entry(number, slug, form, row)
        sent = checked(VerificationRequest, request)
        try:
            rows = actions.verify_items(by=person(request), entry=entry, **sent)
        except DoneBefore:
            rows = list(entry.verifications.filter(item__in=sent["items"]))
        return listed(VerificationSerializer, rows)
