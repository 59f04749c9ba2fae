from __future__ import annotations

import datetime

from django.utils.translation import gettext as _

from audit.acts import ActionRefused
from trialmgr.participants.models import Consent, Participant
from trialmgr.participants.states import STATUS_LABELS, TRANSITIONS
from trialmgr.people.models import Site
from trialmgr.studies.clock import today


def check_transition(participant: Participant, action: str) -> None:
    sources, _target = TRANSITIONS[action]
    if participant.state not in sources:
        raise ActionRefused(
            _("%(participant)s is in the state “%(state)s”, which does not allow this.")
            % {"participant": participant.number, "state": STATUS_LABELS[participant.state]}
        )


def can_transition(participant: Participant, action: str) -> bool:
    return participant.state in TRANSITIONS[action][0]


def check_site_active(site: Site) -> None:
    """Source: ICH E6(R3) 4.3.5."""
    if not site.is_active(today()):
        raise ActionRefused(_("%(site)s is not active in this trial.") % {"site": site.name})


def check_not_future(day: datetime.date) -> None:
    if day > today():
        raise ActionRefused(_("%(day)s lies in the future.") % {"day": day.isoformat()})


def valid_consent(participant: Participant) -> Consent | None:
    """The newest consent that stands."""
    return Consent.objects.filter(participant=participant, withdrawn_on=None).last()
