from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from audit.once import once
from crf import actions
from crf.api.casebooks import CasebookView
from crf.models import Visit
from crf.serializers import EntrySerializer, VisitSerializer, entry_document
from trialmgr.participants.api import ParticipantList, ParticipantSerializer
from trialmgr.people.api import WRITING, checked, listed, operation, person
from trialmgr.people.models import Site


class RegistrationRequest(serializers.Serializer[Any]):
    site = serializers.CharField(max_length=8, help_text=_("Code of the site."))
    registered_on = serializers.DateField()


class UnscheduledVisitRequest(serializers.Serializer[Any]):
    key = serializers.CharField(max_length=40, help_text=_("Key of an unscheduled visit of the study definition."))
    on = serializers.DateField()
    reason = serializers.CharField(
        max_length=1000, allow_blank=True, default="", help_text=_("Where the day does not go with the others.")
    )


class VisitDayRequest(serializers.Serializer[Any]):
    on = serializers.DateField()
    reason = serializers.CharField(max_length=1000, allow_blank=True, default="")


class VisitNotDoneRequest(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=1000)


class Participants(ParticipantList):
    @operation(
        "participants_register",
        "Open the record of a person in screening",
        may=("participants.register",),
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
        participant = once(actions.register_participant, by=by, site=site, on=sent["registered_on"])
        return Response(ParticipantSerializer(participant).data, status=201)


class Visits(CasebookView):
    @operation("visits_list", "The visits of one participant", answer=VisitSerializer(many=True), may=("entries.view",))
    def get(self, request: Request, number: str) -> Response:
        rows = Visit.objects.for_user(person(request)).filter(participant=self.casebook(number).participant)
        return listed(VisitSerializer, rows)

    @operation(
        "visits_add",
        "Add an unscheduled visit",
        may=("visits.plan",),
        request=UnscheduledVisitRequest,
        answer=VisitSerializer,
        status=201,
        refusals=WRITING,
    )
    def post(self, request: Request, number: str) -> Response:
        place = self.casebook(number)
        sent = checked(UnscheduledVisitRequest, request)
        if sent["key"] not in {visit.key for visit in place.definition.visits if place.sight.visit(visit)}:
            raise serializers.ValidationError({"key": [_("There is no such visit.")]})
        visit = once(actions.add_unscheduled_visit, by=person(request), participant=place.participant, **sent)
        return Response(VisitSerializer(visit).data, status=201)


class VisitDetail(CasebookView):
    @operation("visits_read", "One visit", answer=VisitSerializer, may=("entries.view",))
    def get(self, request: Request, number: str, slug: str) -> Response:
        return Response(VisitSerializer(self.visit(number, slug).visit).data)


class VisitDay(CasebookView):
    @operation(
        "visits_set_day",
        "Record the day a visit took place; a change owes a reason, and so does a day that does not go with the others",
        may=("visits.plan",),
        request=VisitDayRequest,
        answer=VisitSerializer,
        refusals=WRITING,
    )
    def put(self, request: Request, number: str, slug: str) -> Response:
        visit = self.visit(number, slug).visit
        sent = checked(VisitDayRequest, request)
        return Response(VisitSerializer(actions.set_visit_day(by=person(request), visit=visit, **sent)).data)


class VisitNotDone(CasebookView):
    @operation(
        "visits_set_not_done",
        "Record that a visit did not take place, and why",
        may=("visits.plan",),
        request=VisitNotDoneRequest,
        answer=VisitSerializer,
        refusals=WRITING,
    )
    def put(self, request: Request, number: str, slug: str) -> Response:
        visit = self.visit(number, slug).visit
        sent = checked(VisitNotDoneRequest, request)
        return Response(VisitSerializer(actions.mark_visit_not_done(by=person(request), visit=visit, **sent)).data)


class VisitReopening(CasebookView):
    @operation(
        "visits_reopen",
        "Take back the day of a visit, or that it did not take place",
        may=("visits.plan",),
        request=VisitNotDoneRequest,
        answer=VisitSerializer,
        refusals=WRITING,
    )
    def post(self, request: Request, number: str, slug: str) -> Response:
        visit = self.visit(number, slug).visit
        sent = checked(VisitNotDoneRequest, request)
        return Response(VisitSerializer(actions.reopen_visit(by=person(request), visit=visit, **sent)).data)


class VisitEntries(CasebookView):
    @operation("entries_list", "What is entered at one visit", answer=EntrySerializer(many=True), may=("entries.view",))
    def get(self, request: Request, number: str, slug: str) -> Response:
        place = self.visit(number, slug)
        documents = [entry_document(entry, place.sight) for entry in self.entries(place.visit)]
        return listed(EntrySerializer, documents)
