"""Protocol deviations: proposed by the system with the reason that a person gives, weighed by an investigator."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils import timezone
from django.utils.translation import gettext as _

from audit.actions import action, itself
from audit.acts import ActionRefused
from crf.actions.trail import note_visit
from crf.deviations import Departure, departures
from crf.models import ProtocolDeviation, Visit, Weight
from crf.policies import lock_casebook
from trialmgr.participants.models import Participant
from trialmgr.people.models import User
from trialmgr.studies.queries import current_definition


class DeviationAsked(ActionRefused):
    """Days that may stand beside each other for a reason, and none was given."""


def known_departures(participant: Participant) -> frozenset[tuple[str, ...]]:
    """Within an act, the casebook held: what did not go together before it."""
    return frozenset(one.key for one in departures([participant]))


def account_for(participant: Participant, known: frozenset[tuple[str, ...]], by: User, reason: str) -> None:
    """Within an act, after its rows are stored: what no longer goes together is refused, or proposed as a deviation.

    Of what is out of sight nobody is asked: it stays an open point for those who see it.
    """
    blinded = by.sight(current_definition()).blinded
    new = [one for one in departures([participant]) if one.key not in known and not (blinded and one.reveals)]
    refused = [one.text for one in new if one.finding.severity == "refused"]
    if refused:
        raise ActionRefused(*refused)
    asked = [one for one in new if one.is_open]
    if asked and not reason.strip():
        raise DeviationAsked(*(one.text for one in asked), _("Is that right? Then give the reason."))
    _propose(asked, reason)


def _propose(asked: Iterable[Departure], reason: str) -> None:
    for one in asked:
        deviation = ProtocolDeviation(
            visit=one.visit,
            rule=one.finding.rule.value,
            about=one.finding.about,
            texts={"nl": one.finding.text("nl"), "en": one.finding.text("en")},
            reveals_allocation=one.reveals,
            reason=reason,
        )
        deviation.save()
        _note(deviation, action="deviation.proposed", new=reason)


@action("deviation.explained", permission="visits.plan", site=lambda visit, **_k: visit.participant.site, makes=itself)
def explain_deviation(*, by: User, visit: Visit, rule: str, about: str, reason: str) -> ProtocolDeviation:
    """Why days do not go together, where another day than that of the visit made it so."""
    lock_casebook(visit.participant_id)
    if not reason.strip():
        raise ActionRefused(_("Give the reason."))
    wanted = (visit.slug, rule, about)
    found = [one for one in departures([visit.participant]) if one.key == wanted]
    if not found or not found[0].is_open or not found[0].is_seen_by(by):
        raise ActionRefused(_("This is not open any more: open the page again."))
    if found[0].finding.severity == "refused":
        raise ActionRefused(found[0].text)
    _propose(found, reason)
    return ProtocolDeviation.objects.get(visit=visit, rule=rule, about=about)


@action(
    "deviation.judged",
    permission="participants.judge",
    site=lambda deviation, **_k: deviation.visit.participant.site,
    makes=itself,
)
def judge_deviation(*, by: User, deviation: ProtocolDeviation, weight: str, reason: str) -> ProtocolDeviation:
    """How an investigator weighs it; judged again, the newest counts and the trail has the others."""
    lock_casebook(deviation.visit.participant_id)
    deviation = ProtocolDeviation.objects.select_related("visit__participant__site").get(pk=deviation.pk)
    if weight not in set(Weight) or not reason.strip():
        raise ActionRefused(_("Say how much it weighs, and why."))
    old, deviation.weight = deviation.weight, weight
    deviation.judgement, deviation.judged_by, deviation.judged_at = reason, by.actor_name, timezone.now()
    deviation.save()
    _note(deviation, old=old or None, new=weight)
    return deviation


def _note(deviation: ProtocolDeviation, **fields: str | None) -> None:
    about = {"rule": deviation.rule, "about": deviation.about}
    note_visit(deviation.visit, detail=about, **fields)
