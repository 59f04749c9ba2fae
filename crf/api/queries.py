"""Queries: all that a person may read, and those on one entry, on one form as a whole, on one visit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import Q, QuerySet
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django_filters import rest_framework as filters
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from audit.once import once
from crf import actions
from crf.api.casebooks import CasebookView
from crf.models import LONGEST_ITEM_KEY, QUERY_STATUS_LABELS, Query, on_visit
from crf.serializers import QuerySerializer
from crf.turns import assigned_to, with_assignees
from trialmgr.people.api import WRITING, ApiView, checked, listed, operation, person
from trialmgr.people.models import User


class QueryTextRequest(serializers.Serializer[Any]):
    text = serializers.CharField(max_length=2000)


class AssignRequest(serializers.Serializer[Any]):
    """``assigned_to``: a user name; null for nobody in particular."""

    assigned_to = serializers.CharField(max_length=150, allow_null=True)

    def validate_assigned_to(self, username: str | None) -> User | None:
        try:
            return User.objects.get(username=username, is_active=True) if username is not None else None
        except User.DoesNotExist:
            raise serializers.ValidationError(
                _("Nobody of this user name has an open account: choose somebody else.")
            ) from None


class QueryRequest(QueryTextRequest):
    item = serializers.CharField(max_length=LONGEST_ITEM_KEY)


class QueryFilter(filters.FilterSet):
    status = filters.ChoiceFilter(choices=[(status.value, label) for status, label in QUERY_STATUS_LABELS.items()])
    participant = filters.CharFilter(method="of_participant", label="Number of a participant.")
    form = filters.CharFilter(method="on_form", label="Key of a form.")

    assigned_to_me = filters.BooleanFilter(method="mine", label="Only those that this person is to deal with.")

    def mine(self, rows: QuerySet[Query], _name: str, wanted: bool) -> QuerySet[Query]:
        return rows.filter(pk__in=assigned_to(person(self.request)).values("pk")) if wanted else rows

    def of_participant(self, rows: QuerySet[Query], _name: str, number: str) -> QuerySet[Query]:
        return rows.filter(on_visit(participant__number=number))

    def on_form(self, rows: QuerySet[Query], _name: str, key: str) -> QuerySet[Query]:
        return rows.filter(Q(entry__form_key=key) | Q(entry=None, form_key=key))


def queries_of(user: User) -> QuerySet[Query]:
    rows: QuerySet[Query] = Query.objects.for_user(user).counted().order_by("raised_at", "pk")
    related = ("entry__visit__participant__site", "visit__participant__site")
    return rows.select_related(*related).prefetch_related("messages")


class QueryList(ApiView, ListAPIView[Query]):
    queryset = Query.objects.none()
    serializer_class = QuerySerializer
    filterset_class = QueryFilter

    def get_queryset(self) -> QuerySet[Query]:
        return queries_of(person(self.request))

    def paginate_queryset(self, queryset: Any) -> list[Any]:
        return with_assignees(super().paginate_queryset(queryset) or ())

    @operation(
        "queries_list",
        "The queries at the sites of this person",
        answer=QuerySerializer(many=True),
        may=("queries.view",),
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.list(request)


class QueriesHere(CasebookView):
    """A view on the queries of a row of a form, of a form as a whole, or of a visit: as far as its address goes."""

    def here(self, number: str, slug: str, form: str = "", row: int | None = None) -> QuerySet[Query]:
        rows = queries_of(person(self.request))
        if row is not None:
            return rows.filter(entry=self.entry(number, slug, form, row))
        visit = self.form(number, slug, form).visit if form else self.visit(number, slug).visit
        return rows.filter(visit=visit, form_key=form)

    def raised(self, sent: dict[str, str], number: str, slug: str, form: str = "", row: int | None = None) -> Query:
        by = person(self.request)
        if row is not None:
            return once(actions.raise_query, by=by, entry=self.entry(number, slug, form, row), **sent)
        if form:
            visit = self.form(number, slug, form).visit
            return once(actions.raise_query_on_form, by=by, visit=visit, form_key=form, **sent)
        return once(actions.raise_query_on_visit, by=by, visit=self.visit(number, slug).visit, **sent)

    def one(self, query: int, **place: Any) -> Query:
        """By its number within the row, form or visit."""
        return with_assignees([get_object_or_404(self.here(**place), number=query)])[0]


def _listing(name: str, about: str, request_of: type[serializers.Serializer[Any]], raising: str) -> type[QueriesHere]:
    class Queries(QueriesHere):
        @operation(name, f"The queries on {about}", answer=QuerySerializer(many=True), may=("queries.view",))
        def get(self, request: Request, **place: Any) -> Response:
            return listed(QuerySerializer, with_assignees(self.here(**place)))

        @operation(
            raising,
            f"Raise a query on {about}",
            may=("queries.raise",),
            request=request_of,
            answer=QuerySerializer,
            status=201,
            refusals=WRITING,
        )
        def post(self, request: Request, **place: Any) -> Response:
            self.here(**place)  # not found before anything else
            return Response(QuerySerializer(self.raised(checked(request_of, request), **place)).data, status=201)

    return Queries


def _detail(name: str, about: str) -> type[QueriesHere]:
    class Detail(QueriesHere):
        @operation(name, f"One query on {about} with its messages", answer=QuerySerializer, may=("queries.view",))
        def get(self, request: Request, **place: Any) -> Response:
            return Response(QuerySerializer(self.one(**place)).data)

    return Detail


def _move(step: Callable[..., Query], name: str, summary: str, may: str) -> type[QueriesHere]:
    """One step in the life of a query, with a text."""

    class Move(QueriesHere):
        @operation(name, summary, may=(may,), request=QueryTextRequest, answer=QuerySerializer, refusals=WRITING)
        def post(self, request: Request, **place: Any) -> Response:
            query = self.one(**place)
            once(step, by=person(request), query=query, **checked(QueryTextRequest, request))
            return Response(QuerySerializer(self.one(**place)).data)

    return Move


def _assign(name: str, about: str) -> type[QueriesHere]:
    class Assign(QueriesHere):
        @operation(
            name,
            f"Assign a query on {about}, also to nobody",
            may=("queries.assign",),
            request=AssignRequest,
            answer=QuerySerializer,
            refusals=WRITING,
        )
        def post(self, request: Request, **place: Any) -> Response:
            query = self.one(**place)
            to = checked(AssignRequest, request)["assigned_to"]
            once(actions.assign_query, by=person(request), query=query, to=to)
            return Response(QuerySerializer(self.one(**place)).data)

    return Assign


_STEPS: tuple[tuple[str, Callable[..., Query], str, str], ...] = (
    ("answer", actions.answer_query, "Answer an open query", "queries.answer"),
    ("close", actions.close_query, "Close a query", "queries.close"),
    ("reopen", actions.reopen_query, "Reopen a query", "queries.close"),
)


def _addresses(
    about: str, listing: str, name: str, request_of: type[serializers.Serializer[Any]] = QueryTextRequest
) -> list[URLPattern]:
    """Every address of the queries on one kind of thing; ``listing`` and ``name`` name them."""
    many = name.replace("query", "queries")
    queries = _listing(f"{listing}_list", about, request_of, f"{many}_raise")
    moves = [(word, _move(step, f"{many}_{word}", f"{summary} on {about}", may)) for word, step, summary, may in _STEPS]
    return [
        path("queries/", queries.as_view(), name=listing),
        path("queries/<int:query>/", _detail(f"{many}_read", about).as_view(), name=name),
        path("queries/<int:query>/assign/", _assign(f"{many}_assign", about).as_view(), name=f"{name}_assign"),
        *(path(f"queries/<int:query>/{word}/", view.as_view(), name=f"{name}_{word}") for word, view in moves),
    ]


OF_ROW = _addresses("one item of a form entry", "entry_queries", "query", QueryRequest)
OF_FORM = _addresses("a form that was not entered, as a whole", "form_queries", "form_query")
OF_VISIT = _addresses("a visit as a whole", "visit_queries", "visit_query")
