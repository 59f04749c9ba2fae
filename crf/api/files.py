"""Files that are an answer, over HTTP."""

from __future__ import annotations

import base64
from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from crf import actions
from crf.api.entries import EntryWriting
from crf.places import file_of
from trialmgr.people.api import WRITING, checked, operation, person
from trialmgr.protocol.model import ItemType


class FileDocument(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=200)
    content = serializers.CharField(help_text=_("The content in base64."))


class FileMark(serializers.Serializer[Any]):
    mark = serializers.CharField(help_text=_("What stands for the file as the value of its item."))


class EntryFile(EntryWriting):
    @operation("entries_file_read", "The file that an answer names", answer=FileDocument, may=("entries.view",))
    def get(self, request: Request, number: str, slug: str, form: str, row: int, item: str) -> Response:
        name, content = file_of(self.form(number, slug, form), row, item)
        return Response({"name": name, "content": base64.b64encode(content).decode()})

    @operation(
        "entries_file_keep",
        "Keep a file for an item; saving the mark it gets as the item's value is a step of its own",
        may=("entries.enter",),
        request=FileDocument,
        answer=FileMark,
        status=201,
        refusals=WRITING,
    )
    def post(self, request: Request, number: str, slug: str, form: str, row: int, item: str) -> Response:
        place = self.writable(number, slug, form)
        sent = checked(FileDocument, request)
        seen = place.form.holds(item) and place.sight.item(place.form.item(item))
        if not seen or place.form.item(item).type is not ItemType.FILE:
            raise serializers.ValidationError({item: [_("This form asks for no such file.")]})
        mark = actions.store_file(
            by=person(request),
            visit=place.visit,
            form=place.form,
            item=item,
            name=sent["name"],
            content=_decoded(sent["content"]),
        )
        return Response({"mark": mark}, status=201)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise serializers.ValidationError({"content": [_("This is not base64.")]}) from None
