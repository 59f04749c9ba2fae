from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.http import Http404
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from crf import actions
from crf.actions import Saved
from crf.api.places import EntryView
from crf.api.shapes import (
    EntrySerializer,
    SavedSerializer,
    SignatureSerializer,
    VerificationSerializer,
    entry_document,
    saved_document,
)
from crf.models import FormEntry, Visit
from crf.participant_forms import form_for
from trialmgr.people.api import ENTERING, WRITING, check_signed_in_again, checked, operation, person
from trialmgr.protocol.model import Form

_LONGEST_VALUE = 20_000


class RowRequest(serializers.Serializer[Any]):
    """``values``: item key to what was answered, "" clears. ``missing``: item key to code of the reason, "" clears."""

    values = serializers.DictField(
        child=serializers.CharField(allow_blank=True, trim_whitespace=False, max_length=_LONGEST_VALUE), default=dict
    )
    missing = serializers.DictField(child=serializers.CharField(allow_blank=True, max_length=40), default=dict)


class EntryRequest(RowRequest):
    """``revision``: the one that was read, 0 for a first entry; another one now refuses, so nobody overwrites unseen."""

    revision = serializers.IntegerField(min_value=0)
    reason = serializers.CharField(max_length=1000, allow_blank=True, default="")


class NotDoneRequest(serializers.Serializer[Any]):
    code = serializers.CharField(max_length=40, help_text=_("Code of the reason, from the study's list of missing reasons."))
    reason = serializers.CharField(max_length=1000, allow_blank=True, default="")


class RemovalRequest(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=1000)


class VerificationRequest(serializers.Serializer[Any]):
    items = serializers.ListField(child=serializers.CharField(max_length=40), min_length=1)


class SigningRequest(serializers.Serializer[Any]):
    meaning = serializers.CharField(max_length=200)


class EntryRows(EntryView):
    may = {"GET": ("entries.view",), "POST": ("entries.enter",)}

    @operation("entry_rows_list", "The rows of one form at one visit", answer=EntrySerializer(many=True))
    def get(self, request: Request, number: str, slug: str, form: str) -> Response:
        entries = self.rows(self.visit(number, slug, form)).filter(form_key=form)
        return Response(EntrySerializer([entry_document(entry, self.sight) for entry in entries], many=True).data)

    @operation(
        "entry_rows_add",
        "Add a row to a repeating form",
        request=RowRequest,
        answer=SavedSerializer,
        status=201,
        refusals=ENTERING,
    )
    def post(self, request: Request, number: str, slug: str, form: str) -> Response:
        visit = self.visit(number, slug, form)
        sent = checked(RowRequest, request)
        self.check_items(visit, form, {**sent["values"], **sent["missing"]})
        saved = actions.save_entry(by=person(request), visit=visit, form_key=form, occurrence=None, **sent)
        return Response(self.saved(saved), status=201)

    def check_items(self, visit: Visit, form_key: str, sent: Iterable[str]) -> None:
        """An item out of sight is refused in the same words as one that does not exist."""
        form = form_for(visit.participant, visit.participant.study_version.definition, form_key)
        unknown = sorted(set(sent) - {item.key for item in form.items if self.sight.item(item)})
        if unknown:
            raise serializers.ValidationError({key: [_("This form has no such item.")] for key in unknown})

    def saved(self, saved: Saved) -> Mapping[str, Any]:
        return SavedSerializer(saved_document(saved, self.sight, get_language() or "nl")).data


class EntryDetail(EntryRows):
    may = {"GET": ("entries.view",), "PUT": ("entries.enter",), "PATCH": ("entries.enter",)}

    @operation("entries_read", "One form entry", answer=EntrySerializer)
    def get(self, request: Request, number: str, slug: str, form: str, row: int = 1) -> Response:
        return Response(EntrySerializer(entry_document(self.entry(number, slug, form, row), self.sight)).data)

    @operation(
        "entries_replace",
        "Save a whole form: items that are not named are cleared",
        request=EntryRequest,
        answer=SavedSerializer,
        refusals=ENTERING,
    )
    def put(self, request: Request, number: str, slug: str, form: str, row: int) -> Response:
        return self._save(request, self._row_to_write(number, slug, form, row), form, row, whole=True)

    @operation(
        "entries_change",
        "Save some items of a form: those that are not named stay as they are",
        request=EntryRequest,
        answer=SavedSerializer,
        refusals=ENTERING,
    )
    def patch(self, request: Request, number: str, slug: str, form: str, row: int) -> Response:
        return self._save(request, self._row_to_write(number, slug, form, row), form, row, whole=False)

    def _row_to_write(self, number: str, slug: str, form: str, row: int) -> Visit:
        """The first row may be new; a further one is added by POST and exists here already."""
        visit = self.visit(number, slug, form)
        if row != 1 and not self.rows(visit).filter(form_key=form, occurrence=row).exists():
            raise Http404
        return visit

    def _save(self, request: Request, visit: Visit, form_key: str, row: int, *, whole: bool) -> Response:
        sent = checked(EntryRequest, request)
        self.check_items(visit, form_key, {**sent["values"], **sent["missing"]})
        if whole:
            sent |= self._cleared(form_for(visit.participant, visit.participant.study_version.definition, form_key), sent)
        saved = actions.save_entry(by=person(request), visit=visit, form_key=form_key, occurrence=row, **sent)
        return Response(self.saved(saved))

    def _cleared(self, form: Form, sent: Mapping[str, Any]) -> dict[str, dict[str, str]]:
        """Every item in sight that a person enters, "" where nothing was sent; what is out of sight stays as it is."""
        nothing = {item.key: "" for item in form.items if self.sight.item(item) and not item.is_derived}
        return {"values": nothing | sent["values"], "missing": nothing | sent["missing"]}


class FormNotDone(EntryRows):
    may = {"POST": ("entries.enter",)}
    get = None

    @operation(
        "entries_not_done",
        "Record that a whole form was not done",
        request=NotDoneRequest,
        answer=SavedSerializer,
        status=201,
        refusals=ENTERING,
    )
    def post(self, request: Request, number: str, slug: str, form: str) -> Response:
        visit = self.visit(number, slug, form)
        sent = checked(NotDoneRequest, request)
        saved = actions.mark_not_done(by=person(request), visit=visit, form_key=form, **sent)
        return Response(self.saved(saved), status=201)


class EntryRemoval(EntryView):
    may = {"POST": ("entries.enter",)}

    @operation(
        "entries_remove",
        "Take a row of a repeating form out; it stays readable",
        request=RemovalRequest,
        answer=EntrySerializer,
        refusals=WRITING,
    )
    def post(self, request: Request, number: str, slug: str, form: str, row: int) -> Response:
        entry = self.entry(number, slug, form, row)
        sent = checked(RemovalRequest, request)
        removed = actions.remove_row(by=person(request), entry=entry, **sent)
        return Response(EntrySerializer(entry_document(_read_again(self, removed), self.sight)).data)


class EntryVerification(EntryView):
    may = {"POST": ("entries.verify",)}

    @operation(
        "entries_verify",
        "Record that values were held against their source",
        request=VerificationRequest,
        answer=VerificationSerializer(many=True),
        refusals=WRITING,
    )
    def post(self, request: Request, number: str, slug: str, form: str, row: int) -> Response:
        entry = self.entry(number, slug, form, row)
        sent = checked(VerificationRequest, request)
        rows = actions.verify_items(by=person(request), entry=entry, **sent)
        return Response(VerificationSerializer(rows, many=True).data)


class EntrySigning(EntryView):
    may = {"POST": ("entries.sign",)}

    @operation(
        "entries_sign",
        "Sign a complete form; refused with 403 unless this session has just signed in again",
        request=SigningRequest,
        answer=SignatureSerializer,
        status=201,
        refusals=WRITING,
    )
    def post(self, request: Request, number: str, slug: str, form: str, row: int) -> Response:
        entry = self.entry(number, slug, form, row)
        check_signed_in_again(request)
        sent = checked(SigningRequest, request)
        signature = actions.sign_entry(by=person(request), entry=entry, **sent)
        return Response(SignatureSerializer(signature).data, status=201)


def _read_again(view: EntryView, entry: FormEntry) -> FormEntry:
    return view.rows(entry.visit).get(form_key=entry.form_key, occurrence=entry.occurrence)
