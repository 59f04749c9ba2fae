from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django_filters import rest_framework as filters
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from audit.once import once
from crf import actions
from crf.api.casebooks import CasebookView
from crf.models import QUERY_STATUS_LABELS, Query
from crf.serializers import QuerySerializer
from trialmgr.people.api import WRITING, ApiView, checked, listed, operation, person
from trialmgr.people.models import User

T = TypeVar("T", bound=Callable[..., Any])


class QueryRequest(serializers.Serializer[Any]):
    item = serializers.CharField(max_length=40)
    text = serializers.CharField(max_length=2000)


class QueryTextRequest(serializers.Serializer[Any]):
    text = serializers.CharField(max_length=2000)


class QueryFilter(filters.FilterSet):
    status = filters.ChoiceFilter(choices=[(status.value, label) for status, label in QUERY_STATUS_LABELS.items()])
    participant = filters.CharFilter(field_name="entry__visit__participant__number", label="Number of a participant.")
    form = filters.CharFilter(field_name="entry__form_key", label="Key of a form.")


def queries_of(user: User) -> QuerySet[Query]:
    rows: QuerySet[Query] = Query.objects.for_user(user).counted().order_by("raised_at", "entry", "number")
    return rows.select_related("entry__visit__participant__site").prefetch_related("messages")


class QueryList(ApiView, ListAPIView[Query]):
    queryset = Query.objects.none()
    serializer_class = QuerySerializer
    filterset_class = QueryFilter

    def get_queryset(self) -> QuerySet[Query]:
        return queries_of(person(self.request))

    @operation(
        "queries_list",
        "The queries at the sites of this person",
        answer=QuerySerializer(many=True),
        may=("queries.view",),
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.list(request)


class EntryQueries(CasebookView):
    @operation(
        "entry_queries_list", "The queries on one form entry", answer=QuerySerializer(many=True), may=("queries.view",)
    )
    def get(self, request: Request, number: str, slug: str, form: str, row: int) -> Response:
        entry = self.entry(number, slug, form, row)
        return listed(QuerySerializer, queries_of(person(request)).filter(entry=entry))

    @operation(
        "queries_raise",
        "Raise a query on one item",
        may=("queries.raise",),
        request=QueryRequest,
        answer=QuerySerializer,
        status=201,
        refusals=WRITING,
    )
    def post(self, request: Request, number: str, slug: str, form: str, row: int) -> Response:
        entry = self.entry(number, slug, form, row)
        sent = checked(QueryRequest, request)
        query = once(actions.raise_query, by=person(request), entry=entry, **sent)
        return Response(QuerySerializer(query).data, status=201)


class QueryView(CasebookView):
    """A view on one query, by its number within the entry."""

    def query(self, number: str, slug: str, form: str, row: int, query: int) -> Query:
        entry = self.entry(number, slug, form, row)
        return get_object_or_404(queries_of(person(self.request)), entry=entry, number=query)


class QueryDetail(QueryView):
    @operation("queries_read", "One query with its messages", answer=QuerySerializer, may=("queries.view",))
    def get(self, request: Request, number: str, slug: str, form: str, row: int, query: int) -> Response:
        return Response(QuerySerializer(self.query(number, slug, form, row, query)).data)


class QueryMove(QueryView):
    """One step in the life of a query, with a text."""

    step: ClassVar[Callable[..., Query]]

    def take(self, request: Request, **place: Any) -> Response:
        query = self.query(**place)
        sent = checked(QueryTextRequest, request)
        once(type(self).step, by=person(request), query=query, **sent)
        return Response(QuerySerializer(self.query(**place)).data)


def _step(name: str, summary: str, *, may: tuple[str, ...]) -> Callable[[T], T]:
    return operation(name, summary, may=may, request=QueryTextRequest, answer=QuerySerializer, refusals=WRITING)


class QueryAnswer(QueryMove):
    step = staticmethod(actions.answer_query)

    @_step("queries_answer", "Answer an open query", may=("queries.answer",))
    def post(self, request: Request, **place: Any) -> Response:
        return self.take(request, **place)


class QueryClosing(QueryMove):
    step = staticmethod(actions.close_query)

    @_step("queries_close", "Close a query", may=("queries.close",))
    def post(self, request: Request, **place: Any) -> Response:
        return self.take(request, **place)


class QueryReopening(QueryMove):
    step = staticmethod(actions.reopen_query)

    @_step("queries_reopen", "Reopen a query", may=("queries.close",))
    def post(self, request: Request, **place: Any) -> Response:
        return self.take(request, **place)
