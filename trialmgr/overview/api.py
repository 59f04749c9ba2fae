"""What the API shows across rooms: the audit trail and the study definition, each cut to the sight of the reader."""

from __future__ import annotations

import base64
import datetime
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from django.db.models import Q
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _
from django_filters import rest_framework as filters
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from audit.models import LedgerEntry
from audit.pages import Search, stretch
from trialmgr.overview.trail import search_for
from trialmgr.people.api import ApiView, operation, person
from trialmgr.people.visibility.definition import definition_in_sight
from trialmgr.studies.queries import current_definition, current_version


class LedgerEntrySerializer(serializers.Serializer[LedgerEntry]):
    """``act`` binds the lines of one act. ``number``: place in the trail; null for a blinded role: gaps tell.

    ``on_behalf_of``: of a consequence, which the system wrote, the person whose act it follows from. ``means``: page,
    api, api_key, import, command or worker; empty for entries of before that was kept.
    """

    number = serializers.SerializerMethodField()
    act = serializers.CharField()
    at = serializers.DateTimeField()
    who = serializers.CharField(source="actor")
    roles = serializers.CharField()
    action = serializers.CharField()
    kind = serializers.CharField(source="object_type")
    which = serializers.CharField(source="object_id")
    site = serializers.CharField()
    participant = serializers.CharField()
    visit = serializers.CharField()
    form = serializers.CharField()
    row = serializers.CharField(source="occurrence")
    item = serializers.CharField()
    old = serializers.CharField(allow_null=True)
    new = serializers.CharField(allow_null=True)
    reason = serializers.CharField()
    detail = serializers.DictField()
    on_behalf_of = serializers.CharField()
    means = serializers.CharField()

    def get_number(self, entry: LedgerEntry) -> int | None:
        return None if person(self.context["request"]).sight(current_definition()).blinded else entry.seq


class LedgerFilter(filters.FilterSet):
    action = filters.CharFilter()
    who = filters.CharFilter(label="Name of a person.")
    site = filters.CharFilter(label="Code of a site.")
    participant = filters.CharFilter(label="Number of a participant.")
    visit = filters.CharFilter(label="Slug of a visit.")
    form = filters.CharFilter(label="Key of a form.")
    row = filters.CharFilter(label="Row of a form.")
    item = filters.CharFilter(label="Key of an item.")
    since = filters.IsoDateTimeFilter(label="At or after this time.")
    until = filters.IsoDateTimeFilter(label="Before this time.")


_FOUND_BY = ("participant", "action", "form", "site")
_BESIDES = {"who": "actor", "visit": "visit", "row": "occurrence", "item": "item"}


def _in_utc(moment: datetime.datetime | None) -> datetime.datetime | None:
    """A moment with any offset that ISO 8601 allows; a database takes fewer, so it is asked in UTC."""
    if moment is None:
        return None
    # At the very ends of the calendar there is no other zone to turn it into.
    inside = datetime.MINYEAR < moment.year < datetime.MAXYEAR
    return moment.astimezone(datetime.UTC) if inside else moment.replace(tzinfo=datetime.UTC)


class LedgerPagination(BasePagination):
    """From a place in the trail on, by a cursor that says nothing to whoever reads it: gaps between numbers tell.

    A page on which little was found among many entries is short; there is more as long as ``next`` says so.
    """

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        search: Search = queryset
        self.url = request.build_absolute_uri()
        began = _opened(request.query_params.get("cursor", ""))
        found = stretch(search, search.begins(before=None, after=began, oldest_first=True), most=PAGE)
        self.end = found.end
        numbers = [number for number, _act in found.found]
        return list(LedgerEntry.objects.filter(pk__in=numbers).order_by("seq"))

    def get_paginated_response(self, data: Any) -> Response:
        following = None if self.end is None else replace_query_param(self.url, "cursor", _sealed(self.end))
        return Response({"next": following, "results": data})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        following = {"type": "string", "nullable": True, "format": "uri"}
        return {
            "type": "object",
            "required": ["next", "results"],
            "properties": {"next": following, "results": schema},
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        said = {"name": "cursor", "in": "query", "required": False, "schema": {"type": "string"}}
        return [said | {"description": "Where the page begins: taken from `next` of the one before."}]


PAGE = 100


def _cursors() -> Fernet:
    return Fernet(base64.urlsafe_b64encode(salted_hmac("trail cursor", "", algorithm="sha256").digest()))


def _sealed(number: int) -> str:
    return _cursors().encrypt(str(number).encode()).decode()


def _opened(cursor: str) -> int | None:
    if not cursor:
        return None
    try:
        return int(_cursors().decrypt(cursor))
    except (InvalidToken, ValueError):  # a text outside ASCII is no token either
        raise serializers.ValidationError({"cursor": [_("Take the cursor from the page before.")]}) from None


class AuditTrail(ApiView, ListAPIView[LedgerEntry]):
    queryset = LedgerEntry.objects.none()
    serializer_class = LedgerEntrySerializer
    filterset_class = LedgerFilter
    pagination_class = LedgerPagination

    def filter_queryset(self, queryset: Any) -> Any:
        """What is asked for, as the pages of the trail read it."""
        asked = LedgerFilter(self.request.query_params, queryset=queryset)
        if not asked.is_valid():
            raise serializers.ValidationError(asked.errors)
        given = asked.form.cleaned_data
        clauses = [((name, given[name]),) for name in _FOUND_BY if given[name]]
        besides = [Q(**{name: given[box]}) for box, name in _BESIDES.items() if given[box]]
        moments = _in_utc(given["since"]), _in_utc(given["until"])
        return search_for(person(self.request), current_definition(), clauses, besides, moments)

    @operation(
        "audit_trail_list",
        "The audit trail, oldest first",
        answer=LedgerEntrySerializer(many=True),
        may=("audit.view",),
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.list(request)


class StudySerializer(serializers.Serializer[dict[str, Any]]):
    """The study definition in force, its parts as in the study's own files; the randomisation design never shows."""

    id = serializers.CharField()
    version = serializers.CharField()
    sha256 = serializers.CharField()
    short_title = serializers.CharField()
    title = serializers.DictField(child=serializers.CharField())
    registration = serializers.CharField()
    sponsor = serializers.CharField()
    target_participants = serializers.IntegerField()
    valid_from = serializers.DateField()
    arms = serializers.ListField(child=serializers.DictField())
    sites = serializers.ListField(child=serializers.DictField())
    roles = serializers.ListField(child=serializers.DictField())
    consents = serializers.ListField(child=serializers.DictField())
    eligibility = serializers.ListField(child=serializers.DictField())
    phases = serializers.ListField(child=serializers.DictField())
    visits = serializers.ListField(child=serializers.DictField())
    missing_reasons = serializers.DictField()
    codelists = serializers.ListField(child=serializers.DictField())
    forms = serializers.ListField(child=serializers.DictField())


class Study(ApiView):
    @operation(
        "study_read",
        "The study definition in force, as far as this person sees it",
        answer=StudySerializer,
        may=("study.view", "entries.view"),
    )
    def get(self, request: Request) -> Response:
        definition = current_version().definition
        return Response(StudySerializer(definition_in_sight(definition, person(request).sight(definition))).data)
