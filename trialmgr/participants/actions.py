from __future__ import annotations

import datetime
from collections.abc import Callable

from django.utils import timezone
from django.utils.translation import gettext as _

from audit.actions import action, itself
from audit.acts import ActionRefused, record
from trialmgr.participants import contact, policies
from trialmgr.participants.models import (
    Consent,
    ContactDetails,
    DifferentPerson,
    IdentityMark,
    Participant,
    check_not_voided,
)
from trialmgr.participants.states import TRANSITIONS, undoing
from trialmgr.people.models import Site, User
from trialmgr.studies.queries import open_lock

_followers: list[Callable[[Participant], None]] = []


def follow_consents_with(follower: Callable[[Participant], None]) -> None:
    """Register what a later room does, in the same act, when another consent stands than before."""
    if follower not in _followers:
        _followers.append(follower)


def _follow(participant: Participant) -> None:
    for follower in _followers:
        follower(participant)


@action("participant.registered", permission="participants.register", site=lambda site, **_k: site)
def register(*, by: User, site: Site, on: datetime.date) -> Participant:
    """Open the record of a person in screening; the number is the site's code and its next number."""
    policies.check_site_active(site)
    policies.check_not_future(on)
    version = policies.version_to_register_on(site, on)
    locked = Site.objects.select_for_update().get(pk=site.pk)
    participant = Participant(
        site=locked,
        number=f"{locked.code}-{locked.next_participant:03d}",
        registered_on=on,
        phase=version.definition.phases[0].key,
        study_version=version,
    )
    participant.save()
    locked.next_participant += 1
    locked.save()
    _note(participant, new="screening", detail={"registered_on": on.isoformat()})
    return participant


@action(
    "consent.recorded", permission="participants.consent", site=lambda participant, **_k: participant.site, makes=itself
)
def record_consent(*, by: User, participant: Participant, version: str, given_on: datetime.date) -> Consent:
    """Source: ICH E6(R3) 2.8: freely given, in writing, before the first act of the trial."""
    participant.lock()
    policies.check_consent(Consent(participant=participant, version=version, given_on=given_on))
    consent = Consent(participant=participant, version=version, given_on=given_on, taken_by=by.actor_name)
    consent.save()
    _note(participant, item="consent", new=given_on.isoformat(), detail={"version": version})
    _follow(participant)
    return consent


@action("consent.corrected", permission="participants.consent", site=lambda consent, **_k: consent.participant.site)
def correct_consent(*, by: User, consent: Consent, version: str, given_on: datetime.date, reason: str = "") -> Consent:
    """The day or the version was recorded wrongly; a withdrawal stands as it is."""
    consent.participant.lock()
    consent.refresh_from_db(fields=["version", "given_on", "withdrawn_on"])
    old = {"version": consent.version, "given_on": consent.given_on.isoformat()}
    consent.version, consent.given_on = version, given_on
    new = {"version": version, "given_on": given_on.isoformat()}
    policies.check_consent_corrected(consent, changes=old != new, reason=reason)
    consent.save()
    detail = {"version_old": old["version"], "version": new["version"]}
    _note(consent.participant, item="consent", old=old["given_on"], new=new["given_on"], detail=detail)
    return consent


@action("consent.withdrawn", permission="participants.consent", site=lambda consent, **_k: consent.participant.site)
def withdraw_consent(*, by: User, consent: Consent, on: datetime.date, reason: str) -> Consent:
    """Collection stops; what was lawfully collected stays. Source: GDPR 17(3)(d)."""
    consent.participant.lock()
    consent.refresh_from_db(fields=["given_on", "withdrawn_on"])
    policies.check_not_future(on)
    if consent.withdrawn_on is not None or on < consent.given_on:
        raise ActionRefused(_("This consent was withdrawn before, or given later than this day: correct the day."))
    consent.withdrawn_on = on
    consent.save()
    _note(consent.participant, item="consent", old=consent.given_on.isoformat(), new=f"withdrawn {on.isoformat()}")
    _follow(consent.participant)
    return consent


@action(
    "consent.withdrawal_undone", permission="participants.consent", site=lambda consent, **_k: consent.participant.site
)
def undo_withdrawal(*, by: User, consent: Consent, reason: str) -> Consent:
    """Nobody withdrew: the consent stands as it was given, and what its withdrawal had stopped goes on."""
    consent.participant.lock()
    consent.refresh_from_db(fields=["withdrawn_on"])
    policies.check_withdrawal_undone(consent, reason)
    old, consent.withdrawn_on = f"withdrawn {consent.withdrawn_on}", None
    consent.save()
    detail = {"version": consent.version}
    _note(consent.participant, item="consent", old=old, new=consent.given_on.isoformat(), detail=detail)
    _follow(consent.participant)
    return consent


@action("contact.saved", permission="participants.contact", site=lambda participant, **_k: participant.site)
def save_contact(
    *, by: User, participant: Participant, details: dict[str, str], other_person: str = ""
) -> ContactDetails:
    """Name, day of birth, e-mail, telephone. The ledger learns which were filled, never what they say.

    Refused with SamePerson when another participant has the same, unless ``other_person`` says how it is known that
    they are two people.
    """
    check_not_voided(participant.status)
    marks = contact.identity_marks(details)
    alike = policies.same_person(participant, marks.values())
    if alike and not other_person.strip():
        raise policies.SamePerson(*policies.reasons_same_person(by, alike))
    for other in alike:
        _tell_apart(by, participant, other, other_person)
    IdentityMark.objects.filter(participant=participant).delete()
    for kind, mark in marks.items():
        IdentityMark(participant=participant, kind=kind, mark=mark).save()
    row = ContactDetails.objects.filter(participant=participant).first() or ContactDetails(participant=participant)
    row.sealed = contact.seal({name: details.get(name, "") for name in contact.FIELDS})
    row.save()
    _note(participant, item="contact", detail={"filled": [name for name in contact.FIELDS if details.get(name)]})
    return row


def _tell_apart(by: User, participant: Participant, other: Participant, reason: str) -> None:
    """The other's number stands in the row alone: whoever reads this participant's trail may not know that site's."""
    DifferentPerson(
        participant=participant, other=other, reason=reason, said_at=timezone.now(), said_by=by.actor_name
    ).save()
    _note(participant, item="different_person", new="yes", reason=reason)


@action(
    "contact.read",
    permission="participants.contact",
    site=lambda participant, **_k: participant.site,
    works_when_locked=True,
)
def read_contact(*, by: User, participant: Participant) -> dict[str, str]:
    """The details in clear, empty where none are kept. Every reading is an act. Source: GDPR 5(1)(f)."""
    row = ContactDetails.objects.filter(participant=participant).first()
    _note(participant, item="contact", detail={"kept": row is not None})
    return contact.unseal(row.sealed) if row else dict.fromkeys(contact.FIELDS, "")


@action(
    "contact.erased",
    permission="participants.contact",
    site=lambda participant, **_k: participant.site,
    works_when_locked=True,
)
def erase_contact(*, by: User, participant: Participant, reason: str) -> None:
    """The details go at once. Source: GDPR 17.

    The identity marks of somebody who was randomised stay until the study is locked, since until then the same person
    could be randomised twice (17(3)(d)); those of anybody else, and after the lock all, go too.
    """
    ContactDetails.objects.filter(participant=participant).delete()
    if participant.enrolled_on is None or open_lock() is not None:
        IdentityMark.objects.filter(participant=participant).delete()
    _note(participant, item="contact", new="erased")


@action("participant.enrolled", permission="participants.randomise", site=lambda participant, **_k: participant.site)
def enrol(*, by: User, participant: Participant, phase: str, on: datetime.date) -> Participant:
    """Enter the trial: called by the allocation, inside its transaction."""
    return _move(participant, "participant.enrolled", phase=phase, enrolled_on=on)


@action("participant.phase_opened", permission="participants.gate", site=lambda participant, **_k: participant.site)
def open_phase(*, by: User, participant: Participant, phase: str) -> Participant:
    return _move(participant, "participant.phase_opened", phase=phase)


def void(participant: Participant) -> Participant:
    """Within an act: nobody should have been registered under this number."""
    return _move(participant, "participant.voided")


def close_phase(participant: Participant, phase: str) -> Participant:
    """Within an act: the newest phase never opened, so ``phase`` is where the participant still is."""
    return _move(participant, "participant.phase_closed", phase=phase)


def undo_enrolment(participant: Participant, phase: str) -> Participant:
    """Within an act: the participant was let in in error, where nothing is drawn by lot."""
    return _move(participant, "participant.enrolment_undone", phase=phase, enrolled_on=None)


@action("participant.ended", permission="participants.end", site=lambda participant, **_k: participant.site)
def end_participation(*, by: User, participant: Participant, transition: str, on: datetime.date) -> Participant:
    """``transition``: the name from ``states.TRANSITIONS`` that the end form's code stands for."""
    policies.check_not_future(on)
    if on < participant.registered_on:
        raise ActionRefused(_("Participation cannot end before the day of registration: correct the day."))
    return _move(participant, transition, ended_on=on)


def reopen(participant: Participant) -> Participant:
    """Within an act: the participation did not end."""
    participant.lock()
    return _move(participant, undoing(participant.state), ended_on=None)


def _move(participant: Participant, transition: str, **changes: object) -> Participant:
    participant.lock()
    policies.check_transition(participant, transition)
    old = participant.status
    participant.status = TRANSITIONS[transition][1].value
    for name, value in changes.items():
        setattr(participant, name, value)
    participant.save()
    detail = {"phase": participant.phase}
    _note(participant, action=transition, item="status", old=old, new=participant.status, detail=detail)
    return participant


def _note(participant: Participant, **fields: object) -> None:
    record(
        object_type="participant",
        object_id=participant.number,
        site=participant.site.code,
        participant=participant.number,
        **fields,
    )
