from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from django.http import Http404
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from audit.once import DoneBefore
from crf import actions
from crf.actions import Saved
from crf.api.casebooks import CasebookView
from crf.layout.boxes import laid_out
from crf.models import FormEntry
from crf.places import FormPlace, spoken
from crf.policies import check_role_enters
from crf.serializers import (
    EntrySerializer,
    SavedSerializer,
    entry_document,
    saved_document,
    sight_of_items,
)
from crf.sheets import open_sheet
from trialmgr.people.api import ENTERING, WRITING, checked, listed, operation, person

_LONGEST_VALUE = 20_000


class RowRequest(serializers.Serializer[Any]):
    """``values``: item key to what was answered, "" clears. ``missing``: item key to code of the reason, "" clears."""

    values = serializers.DictField(
        child=serializers.CharField(allow_blank=True, trim_whitespace=False, max_length=_LONGEST_VALUE), default=dict
    )
    missing = serializers.DictField(child=serializers.CharField(allow_blank=True, max_length=40), default=dict)


class EntryRequest(RowRequest):
    """``revision``: the one that was read, 0 for a first entry; if another one stands now, nothing is saved."""

    revision = serializers.IntegerField(min_value=0)
    reason = serializers.CharField(max_length=1000, allow_blank=True, default="")


class NotDoneRequest(serializers.Serializer[Any]):
    code = serializers.CharField(
        max_length=40, help_text=_("Code of the reason, from the study's list of missing reasons.")
    )
    reason = serializers.CharField(max_length=1000, allow_blank=True, default="")


class MoveRequest(serializers.Serializer[Any]):
    participant = serializers.CharField(
        max_length=20, default="", allow_blank=True, help_text=_("Number; left out: the same participant.")
    )
    visit = serializers.CharField(max_length=60, help_text=_("Slug of the visit at which it belongs."))
    reason = serializers.CharField(max_length=1000)


class RemovalRequest(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=1000)


class EntryWriting(CasebookView):
    """A view that saves a form entry."""

    def writable(self, number: str, slug: str, form: str) -> FormPlace:
        """403 for a role that does not enter this form."""
        place = self.form(number, slug, form)
        check_role_enters(place.user, place.visit, place.form)
        return place

    def check_items(self, place: FormPlace, row: int | None, sent: Mapping[str, Any]) -> None:
        """An item out of sight is refused in the same words as one that does not exist."""
        form = place.form_of_row(row)
        seen = sight_of_items(form, place.sight)
        unknown = sorted(key for key in {*sent["values"], *sent["missing"]} if not form.holds(key) or not seen(key))
        if unknown:
            raise serializers.ValidationError({key: [_("This form has no such item.")] for key in unknown})

    def answer(self, place: FormPlace, act: Callable[..., Saved], *, status: int = 200, **sent: Any) -> Response:
        """What the act saved, or saved when the same was sent before."""
        try:
            saved = act(by=place.user, visit=place.visit, form_key=place.form.key, **sent)
        except DoneBefore as before:
            entry = cast(FormEntry, before.made)
            saved = Saved(entry, open_sheet(place, entry.occurrence).evaluation, (), ())
        return Response(SavedSerializer(saved_document(saved, place.sight, spoken())).data, status=status)


class EntryRows(EntryWriting):
    @operation(
        "entry_rows_list", "The rows of one form at one visit", answer=EntrySerializer(many=True), may=("entries.view",)
    )
    def get(self, request: Request, number: str, slug: str, form: str) -> Response:
        place = self.form(number, slug, form)
        entries = self.entries(place.visit).filter(form_key=form)
        return listed(EntrySerializer, [entry_document(entry, place.sight) for entry in entries])

    @operation(
        "entry_rows_add",
        "Add a row to a repeating form",
        may=("entries.enter",),
        request=RowRequest,
        answer=SavedSerializer,
        status=201,
        refusals=ENTERING,
    )
    def post(self, request: Request, number: str, slug: str, form: str) -> Response:
        place = self.writable(number, slug, form)
        sent = checked(RowRequest, request)
        self.check_items(place, None, sent)
        return self.answer(place, actions.save_entry, status=201, occurrence=None, asked_only=True, **sent)


class EntryDetail(EntryWriting):
    @operation("entries_read", "One form entry", answer=EntrySerializer, may=("entries.view",))
    def get(self, request: Request, number: str, slug: str, form: str, row: int) -> Response:
        place = self.form(number, slug, form)
        return Response(EntrySerializer(entry_document(place.entry(row), place.sight)).data)

    @operation(
        "entries_replace",
        "Save a whole form: items that are not named are cleared",
        may=("entries.enter",),
        request=EntryRequest,
        answer=SavedSerializer,
        refusals=ENTERING,
    )
    def put(self, request: Request, number: str, slug: str, form: str, row: int) -> Response:
        return self._save(request, self.writable(number, slug, form), row, whole=True)

    @operation(
        "entries_change",
        "Save some items of a form: those that are not named stay as they are",
        may=("entries.enter",),
        request=EntryRequest,
        answer=SavedSerializer,
        refusals=ENTERING,
    )
    def patch(self, request: Request, number: str, slug: str, form: str, row: int) -> Response:
        return self._save(request, self.writable(number, slug, form), row, whole=False)

    def _save(self, request: Request, place: FormPlace, row: int, *, whole: bool) -> Response:
        """The first row may be new; a further one is added by POST and stands already."""
        if row != 1:
            place.entry(row)
        sent = checked(EntryRequest, request)
        self.check_items(place, row, sent)
        if whole:
            sent |= _cleared(place, row, sent)
        return self.answer(place, actions.save_entry, occurrence=row, asked_only=True, **sent)


def _cleared(place: FormPlace, row: int, sent: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Every item in sight that a person enters, "" where nothing was sent; what is out of sight stays as it is."""
    saved = FormEntry.objects.filter(visit=place.visit, form_key=place.form.key, occurrence=row).first()
    form = laid_out(place.form_of_row(row), saved.answered if saved else ())
    nothing = {item.key: "" for item in form.items if place.sight.item(item) and not item.is_derived}
    return {"values": nothing | sent["values"], "missing": nothing | sent["missing"]}


class FormNotDone(EntryWriting):
    @operation(
        "entries_not_done",
        "Record that a whole form was not done",
        may=("entries.enter",),
        request=NotDoneRequest,
        answer=SavedSerializer,
        status=201,
        refusals=ENTERING,
    )
    def post(self, request: Request, number: str, slug: str, form: str) -> Response:
        place = self.writable(number, slug, form)
        if place.form.repeating:
            raise Http404
        sent = checked(NotDoneRequest, request)
        return self.answer(place, actions.mark_not_done, status=201, **sent)


class EntryRemoval(EntryWriting):
    @operation(
        "entries_remove",
        "Take out what was entered: a row stays readable, any other form can be entered anew",
        may=("entries.enter",),
        request=RemovalRequest,
        answer=EntrySerializer,
        refusals=WRITING,
    )
    def post(self, request: Request, number: str, slug: str, form: str, row: int) -> Response:
        place = self.writable(number, slug, form)
        entry = place.entry(row)
        sent = checked(RemovalRequest, request)
        removed = actions.remove_entry(by=person(request), entry=entry, **sent)
        return Response(EntrySerializer(entry_document(removed, place.sight)).data)


class EntryMove(EntryWriting):
    @operation(
        "entries_move",
        "Take out what was entered at the wrong visit or of the wrong participant, and enter it anew where it belongs",
        may=("entries.enter",),
        request=MoveRequest,
        answer=SavedSerializer,
        status=201,
        refusals=ENTERING,
    )
    def post(self, request: Request, number: str, slug: str, form: str, row: int) -> Response:
        entry = self.writable(number, slug, form).entry(row)
        sent = checked(MoveRequest, request)
        there = self.form(sent["participant"] or number, sent["visit"], form)
        act = lambda **_given: actions.move_entry(  # noqa: E731
            by=person(request), entry=entry, to=there.visit, reason=sent["reason"]
        )
        return self.answer(there, act, status=201)
