from __future__ import annotations

import datetime
from collections.abc import Collection

from django.db.models import Q
from django.utils.translation import gettext as _

from audit.acts import ActionRefused
from trialmgr.participants.models import Consent, DifferentPerson, IdentityMark, Participant, by_number
from trialmgr.participants.states import STATUS_LABELS, TRANSITIONS, Status
from trialmgr.people.models import Site, User
from trialmgr.studies.clock import today
from trialmgr.studies.models import StudyVersion
from trialmgr.studies.queries import current_definition, timeline


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
        raise ActionRefused(
            _("%(site)s is not active in this trial: an administrator activates the site first.") % {"site": site.name}
        )


def version_to_register_on(site: Site, day: datetime.date) -> StudyVersion:
    """The version in force at this site on that day. Source: ICH E6(R3) 2.4.3 (nothing before approval)."""
    known = timeline()
    if not known.has_begun(site.code, day):
        raise ActionRefused(_("No version of the study is in force at this site on that day."))
    return known.at(site.code, day)


def check_not_future(day: datetime.date) -> None:
    if day > today():
        raise ActionRefused(_("%(day)s lies in the future: give today or an earlier day.") % {"day": day.isoformat()})


def check_consent(consent: Consent) -> None:
    """Before it is kept: nobody consents before the study was approved here. Source: ICH E6(R3) 2.4.3, 2.8."""
    check_not_future(consent.given_on)
    if not timeline().has_begun(consent.participant.site.code, consent.given_on):
        raise ActionRefused(
            _("No version of the study was in force at this site on %(day)s: correct the day.")
            % {"day": consent.given_on.isoformat()}
        )
    if consent.version not in {version.key for version in current_definition().consents}:
        raise ActionRefused(_("There is no consent version “%(version)s”.") % {"version": consent.version})
    same = Consent.objects.filter(participant=consent.participant_id, version=consent.version)
    if same.exclude(pk=consent.pk).exists():
        raise ActionRefused(_("Consent for this version is recorded already."))


def check_consent_corrected(consent: Consent, *, changes: bool, reason: str) -> None:
    check_reason(reason)
    if not changes:
        raise ActionRefused(_("Nothing changes: correct the day or the version."))
    check_consent(consent)
    if consent.withdrawn_on is not None and consent.withdrawn_on < consent.given_on:
        raise ActionRefused(_("This consent was withdrawn before, or given later than this day: correct the day."))


def check_withdrawal_undone(consent: Consent, reason: str) -> None:
    check_reason(reason)
    if consent.withdrawn_on is None:
        raise ActionRefused(_("This consent was not withdrawn: there is nothing to take back."))


def check_reason(reason: str) -> None:
    """What is taken back owes one."""
    if not reason.strip():
        raise ActionRefused(_("A saved value changes: give the reason."))


class SamePerson(ActionRefused):
    """These identifying details stand in the trial already; a reason why this is somebody else lets them through."""


def same_person(participant: Participant, marks: Collection[str] | None = None) -> list[Participant]:
    """Other participants with one of these identity marks (those kept, when None), unless they were told apart.

    Who failed screening may be screened again under a new number, so they do not count; nor do voided registrations.
    """
    own = participant.identity_marks.values_list("mark", flat=True) if marks is None else marks
    told = DifferentPerson.objects.filter(Q(participant=participant) | Q(other=participant))
    apart = {pk for pair in told.values_list("participant", "other") for pk in pair}
    alike = IdentityMark.objects.filter(mark__in=list(own)).values("participant")
    rows = Participant.objects.filter(pk__in=alike).exclude(pk=participant.pk).exclude(pk__in=apart)
    return list(rows.exclude(status=Status.SCREEN_FAILURE.value).select_related("site").order_by(*by_number()))


def reasons_same_person(by: User, others: Collection[Participant]) -> list[str]:
    """In words; the number is named to whoever may see that participant, nothing of them to anybody else."""
    seen = set(Participant.objects.for_user(by).filter(pk__in=[other.pk for other in others]))
    reasons = [
        _("The same person seems to be in the trial already, as %(number)s.") % {"number": other.number}
        for other in others
        if other in seen
    ]
    if len(seen) < len(others):
        reasons.append(_("The same person seems to be in the trial already, at another site."))
    return reasons
