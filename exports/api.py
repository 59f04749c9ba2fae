"""What is open before the study can be locked, and the releases that were made. Reading only."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from exports.models import Release, ReleaseFile
from exports.open_points import Kind, OpenPoint, points_for
from trialmgr.people.api import ApiView, listed, operation, person
from trialmgr.people.models import User


class OpenPointSerializer(serializers.Serializer[OpenPoint]):
    kind = serializers.ChoiceField(choices=[kind.value for kind in Kind])
    participant = serializers.CharField()
    visit = serializers.CharField()
    form = serializers.CharField()
    row = serializers.IntegerField()
    message = serializers.CharField()


class ReleaseFileSerializer(serializers.Serializer[ReleaseFile]):
    name = serializers.CharField()
    sha256 = serializers.CharField()
    size = serializers.IntegerField()
    rows = serializers.IntegerField(allow_null=True)


class ReleaseSerializer(serializers.Serializer[Release]):
    number = serializers.IntegerField()
    made_at = serializers.DateTimeField()
    made_by = serializers.CharField()
    manifest_sha256 = serializers.CharField()
    with_allocation = serializers.BooleanField()
    locked_at = serializers.DateTimeField(source="lock.locked_at")
    locked_by = serializers.CharField(source="lock.locked_by")
    lock_reason = serializers.CharField(source="lock.reason")
    files = ReleaseFileSerializer(many=True)


def releases_of(user: User) -> QuerySet[Release]:
    rows: QuerySet[Release] = Release.objects.for_user(user)
    return rows.select_related("lock").prefetch_related("files")


class OpenPoints(ApiView):
    @operation(
        "open_points_list",
        "Everything that is open before the study can be locked",
        may=("releases.view",),
        answer=OpenPointSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        return listed(OpenPointSerializer, points_for(person(request)))


class Releases(ApiView, ListAPIView[Release]):
    queryset = Release.objects.none()
    serializer_class = ReleaseSerializer
    filterset_class = None

    def get_queryset(self) -> QuerySet[Release]:
        return releases_of(person(self.request))

    @operation("releases_list", "The releases made", may=("releases.view",), answer=ReleaseSerializer(many=True))
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.list(request)


class ReleaseDetail(ApiView):
    @operation("releases_read", "One release with its files", may=("releases.view",), answer=ReleaseSerializer)
    def get(self, request: Request, number: int) -> Response:
        return Response(ReleaseSerializer(get_object_or_404(releases_of(person(request)), number=number)).data)
