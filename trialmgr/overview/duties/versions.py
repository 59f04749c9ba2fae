"""Duties that a new version of the study brings: a version to approve, participants to ask for consent again."""

from __future__ import annotations

import datetime

from django.db.models import Exists, OuterRef
from django.urls import reverse
from django.utils.timezone import localdate
from django.utils.translation import gettext as _

from trialmgr.overview.duties.tasks import Band, Desk, Duty, Link, Task, said_of
from trialmgr.participants.models import Consent, Participant, ParticipantQuerySet, by_number
from trialmgr.participants.states import ACTIVE
from trialmgr.people.models import Site
from trialmgr.protocol.model import ConsentVersion
from trialmgr.studies.models import StudyVersion
from trialmgr.studies.queries import NoStudyPublished, version_at

_OF_PARTICIPANT = {"participant": OuterRef("pk")}


def approval(desk: Desk) -> Duty:
    """Versions that somebody else proposed and that nobody approved."""
    waiting = StudyVersion.objects.filter(approval=None).exclude(proposer_id=desk.user.actor_id).defer("document")
    found = list(waiting.order_by("number")) if desk.user.may("study.approve") else []
    tasks = [
        Task(
            place=_("Version %(number)s of the study") % {"number": version.number},
            link=Link(_("Read and approve it"), reverse("overview:version", args=[version.number])),
            status=_("Waits for approval"),
            kind="due",
            since=localdate(version.proposed_at),
            when=said_of(localdate(version.proposed_at), _("proposed on %(day)s")),
            turn=desk.turn_with("study.approve"),
            band=Band.WAITING,
        )
        for version in found[: desk.limit]
    ]
    return Duty("approval", _("Study versions to approve"), len(found), tasks)


def consent_again(desk: Desk) -> Duty:
    """Participants whose consent stands and who have not been asked for the newest version of it."""
    found: list[Task] = []
    count = 0
    for site, newest in _asked_for(desk):
        rows = _without(desk.participants("participants.consent").filter(site=site), newest)
        count += rows.count()
        found += [_task(participant, newest, desk) for participant in rows.order_by(*by_number())[: desk.limit]]
    return Duty("consent_again", _("Consent to ask again"), count, found[: desk.limit])


def _asked_for(desk: Desk) -> list[tuple[Site, ConsentVersion]]:
    """Sites, with the newest consent version there; none while the study has one version alone."""
    if len(desk.definition.consents) == 1:
        return []
    places = desk.sites_with("participants.consent")
    sites = list(Site.objects.all()) if None in places else [site for site in places if site]
    found = ((site, newest_consent(site.code, desk.today)) for site in sites)
    return [(site, newest) for site, newest in found if newest]


def newest_consent(site: str, day: datetime.date) -> ConsentVersion | None:
    """The consent version to be asked for at a site on a day."""
    try:
        consents = version_at(site, day).definition.consents
    except NoStudyPublished:
        return None
    valid = [consent for consent in consents if consent.valid_from <= day.isoformat()]
    return max(valid, key=lambda consent: consent.valid_from) if valid else None


def _without(rows: ParticipantQuerySet, newest: ConsentVersion) -> ParticipantQuerySet:
    standing = Consent.objects.filter(**_OF_PARTICIPANT, withdrawn_on=None)
    asked = Consent.objects.filter(**_OF_PARTICIPANT, version=newest.key)
    return rows.filter(Exists(standing), status__in=ACTIVE).exclude(Exists(asked))


def _task(participant: Participant, newest: ConsentVersion, desk: Desk) -> Task:
    return Task(
        participant=participant.number,
        place=newest.label(desk.language),
        link=Link(_("Record consent"), reverse("participants:consent", args=[participant.number])),
        status=_("New version"),
        kind="due",
        since=max(datetime.date.fromisoformat(newest.valid_from), participant.registered_on),
        when=said_of(datetime.date.fromisoformat(newest.valid_from), _("valid from %(day)s")),
        turn=desk.turn_with("participants.consent"),
        band=Band.WAITING,
    )
