from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from crf import actions
from crf.api.places import EntryView, VisitView
from crf.api.shapes import EntrySerializer, VisitSerializer, entry_document
from crf.models import Visit
from trialmgr.participants.api import ParticipantList, ParticipantSerializer
from trialmgr.people.api import WRITING, checked, operation, person
from trialmgr.people.models import Site


class RegistrationRequest(serializers.Serializer[Any]):
    site = serializers.CharField(max_length=8, help_text=_("Code of the site."))
    registered_on = serializers.DateField()


class UnscheduledVisitRequest(serializers.Serializer[Any]):
    key = serializers.CharField(max_length=40, help_text=_("Key of an unscheduled visit of the study definition."))
    on = serializers.DateField()


class VisitDayRequest(serializers.Serializer[Any]):
    on = serializers.DateField()
    reason = serializers.CharField(max_length=1000, allow_blank=True, default="")


class VisitNotDoneRequest(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=1000)


class Participants(ParticipantList):
    may = {"GET": ("participants.view",), "POST": ("participants.register",)}

    @operation(
        "participants_register",
        "Open the record of a person in screening",
        request=RegistrationRequest,
        answer=ParticipantSerializer,
        status=201,
        refusals=WRITING,
    )
    def post(self, request: Request) -> Response:
        sent = checked(RegistrationRequest, request)
        by = person(request)
        sites = Site.objects.all() if by.works_everywhere else Site.objects.filter(pk__in=by.site_ids())
        site = get_object_or_404(sites, code=sent["site"])
        self.check_at(site)
        participant = actions.register_participant(by=by, site=site, on=sent["registered_on"])
        return Response(ParticipantSerializer(participant).data, status=201)


class Visits(VisitView):
    may = {"GET": ("entries.view",), "POST": ("visits.plan",)}

    @operation("visits_list", "The visits of one participant", answer=VisitSerializer(many=True))
    def get(self, request: Request, number: str) -> Response:
        participant = self.participant(number)
        rows = Visit.objects.for_user(person(request)).filter(participant=participant)
        return Response(VisitSerializer(rows, many=True).data)

    @operation(
        "visits_add",
        "Add an unscheduled visit",
        request=UnscheduledVisitRequest,
        answer=VisitSerializer,
        status=201,
        refusals=WRITING,
    )
    def post(self, request: Request, number: str) -> Response:
        participant = self.participant(number)
        sent = checked(UnscheduledVisitRequest, request)
        self.check_keys(sent["key"])
        visit = actions.add_unscheduled_visit(by=person(request), participant=participant, **sent)
        return Response(VisitSerializer(visit).data, status=201)


class VisitDetail(VisitView):
    may = {"GET": ("entries.view",)}

    @operation("visits_read", "One visit", answer=VisitSerializer)
    def get(self, request: Request, number: str, slug: str) -> Response:
        return Response(VisitSerializer(self.visit(number, slug)).data)


class VisitDay(VisitView):
    may = {"PUT": ("visits.plan",)}

    @operation(
        "visits_set_day",
        "Record the day a visit took place; a change of it owes a reason",
        request=VisitDayRequest,
        answer=VisitSerializer,
        refusals=WRITING,
    )
    def put(self, request: Request, number: str, slug: str) -> Response:
        visit = self.visit(number, slug)
        sent = checked(VisitDayRequest, request)
        return Response(VisitSerializer(actions.set_visit_day(by=person(request), visit=visit, **sent)).data)


class VisitNotDone(VisitView):
    may = {"PUT": ("visits.plan",)}

    @operation(
        "visits_set_not_done",
        "Record that a visit did not take place, and why",
        request=VisitNotDoneRequest,
        answer=VisitSerializer,
        refusals=WRITING,
    )
    def put(self, request: Request, number: str, slug: str) -> Response:
        visit = self.visit(number, slug)
        sent = checked(VisitNotDoneRequest, request)
        return Response(VisitSerializer(actions.mark_visit_not_done(by=person(request), visit=visit, **sent)).data)


class VisitEntries(EntryView):
    may = {"GET": ("entries.view",)}

    @operation("entries_list", "What is entered at one visit", answer=EntrySerializer(many=True))
    def get(self, request: Request, number: str, slug: str) -> Response:
        entries = self.rows(self.visit(number, slug))
        return Response(EntrySerializer([entry_document(entry, self.sight) for entry in entries], many=True).data)
