"""Days that do not go together as the protocol wants, why, and how an investigator weighs that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import Http404
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from audit.once import once
from crf import actions
from crf.api.casebooks import CasebookView
from crf.casebook import departures_in_sight
from crf.deviations import Departure, departures
from crf.models import Weight
from crf.places import VisitPlace
from trialmgr.participants.models import Participant, by_number
from trialmgr.people.api import WRITING, ApiView, checked, listed, operation, person
from trialmgr.protocol.chronology import Rule


class DeviationSerializer(serializers.Serializer[Departure]):
    """``rule`` and ``about`` name it within its visit. ``severity``: a day that is ``refused`` is a wrong one.

    ``reason`` is empty until somebody explained it, ``weight`` until an investigator weighed it.
    """

    site = serializers.CharField(source="visit.participant.site.code")
    participant = serializers.CharField(source="visit.participant.number")
    visit = serializers.CharField(source="visit.slug")
    rule = serializers.ChoiceField(source="finding.rule.value", choices=[rule.value for rule in Rule])
    about = serializers.CharField(source="finding.about")
    severity = serializers.ChoiceField(source="finding.severity", choices=["refused", "asked"])
    text = serializers.CharField()
    reason = serializers.CharField(source="deviation.reason", default="")
    weight = serializers.ChoiceField(
        source="deviation.weight", choices=["", *(weight.value for weight in Weight)], default=""
    )
    judged_at = serializers.DateTimeField(source="deviation.judged_at", default=None, allow_null=True)
    judged_by = serializers.CharField(source="deviation.judged_by", default="")
    judgement = serializers.CharField(source="deviation.judgement", default="")


class DeviationRequest(serializers.Serializer[Any]):
    rule = serializers.ChoiceField(choices=[rule.value for rule in Rule])
    about = serializers.CharField(max_length=250, help_text=_("As the list of deviations has it."))
    reason = serializers.CharField(max_length=1000)


class WeighingRequest(DeviationRequest):
    weight = serializers.ChoiceField(choices=[weight.value for weight in Weight])


class Deviations(ApiView):
    @operation(
        "deviations_list",
        "What does not go together as the data stand, at the sites of this person, participant by participant",
        answer=DeviationSerializer(many=True),
        may=("entries.view",),
    )
    def get(self, request: Request) -> Response:
        user = person(request)
        people = Participant.objects.for_user(user).select_related("site").order_by(*by_number())
        return listed(DeviationSerializer, [one for one in departures(people) if one.is_seen_by(user)])


class VisitDeviations(CasebookView):
    @operation(
        "visit_deviations_list",
        "What does not go together at one visit",
        answer=DeviationSerializer(many=True),
        may=("entries.view",),
    )
    def get(self, request: Request, number: str, slug: str) -> Response:
        return listed(DeviationSerializer, _here(self.visit(number, slug)))


class DeviationExplanation(CasebookView):
    @operation(
        "deviations_explain",
        "Why days do not go together",
        may=("visits.plan",),
        request=DeviationRequest,
        answer=DeviationSerializer,
        status=201,
        refusals=WRITING,
    )
    def post(self, request: Request, number: str, slug: str) -> Response:
        place = self.visit(number, slug)
        sent = checked(DeviationRequest, request)
        _one(place, sent)
        once(actions.explain_deviation, by=place.user, visit=place.visit, **sent)
        return Response(DeviationSerializer(_one(place, sent)).data, status=201)


class DeviationWeighing(CasebookView):
    @operation(
        "deviations_weigh",
        "How much an explained deviation weighs; weighed again, the newest counts",
        may=("participants.judge",),
        request=WeighingRequest,
        answer=DeviationSerializer,
        refusals=WRITING,
    )
    def post(self, request: Request, number: str, slug: str) -> Response:
        place = self.visit(number, slug)
        sent = checked(WeighingRequest, request)
        deviation = _one(place, sent).deviation
        if deviation is None:
            raise Http404
        how = {"weight": sent["weight"], "reason": sent["reason"]}
        once(actions.judge_deviation, by=place.user, deviation=deviation, **how)
        return Response(DeviationSerializer(_one(place, sent)).data)


def _here(place: VisitPlace) -> list[Departure]:
    return departures_in_sight(place).get(place.visit.pk, [])


def _one(place: VisitPlace, sent: Mapping[str, str]) -> Departure:
    """The one that a request names, as far as this person may know of it."""
    named = [
        one for one in _here(place) if (one.finding.rule.value, one.finding.about) == (sent["rule"], sent["about"])
    ]
    if not named:
        raise Http404
    return named[0]
