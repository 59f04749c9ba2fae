"""What the API shows across rooms: the audit trail and the study definition, each cut to the sight of the reader."""

from __future__ import annotations

import datetime
from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from audit.models import LedgerEntry
from trialmgr.overview.trail import readable
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


class MomentFilter(filters.IsoDateTimeFilter):
    """A moment with any offset that ISO 8601 allows; a database takes fewer, so it is asked in UTC."""

    def filter(self, qs: Any, value: datetime.datetime | None) -> Any:
        if value is not None:
            # At the very ends of the calendar there is no other zone to turn it into.
            inside = datetime.MINYEAR < value.year < datetime.MAXYEAR
            value = value.astimezone(datetime.UTC) if inside else value.replace(tzinfo=datetime.UTC)
        return super().filter(qs, value)


class LedgerFilter(filters.FilterSet):
    action = filters.CharFilter()
    who = filters.CharFilter(field_name="actor", label="Name of a person.")
    site = filters.CharFilter(label="Code of a site.")
    participant = filters.CharFilter(label="Number of a participant.")
    visit = filters.CharFilter(label="Slug of a visit.")
    form = filters.CharFilter(label="Key of a form.")
    row = filters.CharFilter(field_name="occurrence", label="Row of a form.")
    item = filters.CharFilter(label="Key of an item.")
    since = MomentFilter(field_name="at", lookup_expr="gte", label="At or after this time.")
    until = MomentFilter(field_name="at", lookup_expr="lt", label="Before this time.")


class AuditTrail(ApiView, ListAPIView[LedgerEntry]):
    queryset = LedgerEntry.objects.none()
    serializer_class = LedgerEntrySerializer
    filterset_class = LedgerFilter

    def get_queryset(self) -> QuerySet[LedgerEntry]:
        return readable(person(self.request), current_definition()).order_by("seq")

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
