"""Consent and contact details, walked as the people who use them."""

from __future__ import annotations

import datetime
from collections.abc import Callable

from django.test import Client
from django.utils import timezone

from audit.models import LedgerEntry
from tests import walk
from tests.crf.pages import Reader, casebook_url, day_boxes
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.participants.actions import save_contact
from trialmgr.participants.models import Consent, ContactDetails
from trialmgr.people.actions import grant_role
from trialmgr.people.models import SYSTEM
from trialmgr.people.permissions import Role

SignedIn = Callable[..., Client]


def test_consent_is_recorded_once_a_version(signed_in: SignedIn, cast: Cast) -> None:
    participant = walk.registered(cast)
    coordinator = Reader(signed_in, cast, Role.COORDINATOR)
    url = f"{casebook_url(participant)}consent/"
    assert "No consent is recorded yet." in coordinator.get(url)
    sent = {"version": "consent_v1", **day_boxes("given_on", participant.registered_on)}
    assert "Consent is recorded." in coordinator.send(url, sent)
    page = coordinator.post(url, sent, 422)
    assert "Consent for this version is recorded already." in page
    assert f'value="{participant.registered_on.year}"' in page
    coordinator.post(url, {"version": "consent_v1"}, 422)


def test_consent_is_withdrawn_with_a_reason(signed_in: SignedIn, cast: Cast) -> None:
    participant = walk.consented(cast)
    coordinator = Reader(signed_in, cast, Role.COORDINATOR)
    url = f"{casebook_url(participant)}consent/consent_v1/withdraw/"
    assert url in coordinator.get(f"{casebook_url(participant)}consent/")
    assert "Consent was given on" in coordinator.get(url)
    too_early = day_boxes("on", participant.registered_on - datetime.timedelta(days=1)) | {"reason": "x"}
    assert "given later than this day" in coordinator.post(url, too_early, 422)
    coordinator.post(url, day_boxes("on", timezone.localdate()), 422)
    page = coordinator.send(url, day_boxes("on", timezone.localdate()) | {"reason": "no longer wants it"})
    assert "The withdrawal of consent is recorded." in page
    assert Consent.objects.get().withdrawn_on == timezone.localdate()
    assert "Withdrawn on" in coordinator.get(casebook_url(participant))
    assert LedgerEntry.objects.get(action="consent.withdrawn").reason == "no longer wants it"
    coordinator.get(url, 404)


def test_a_consent_recorded_on_the_wrong_day_is_corrected_with_a_reason(signed_in: SignedIn, cast: Cast) -> None:
    participant = walk.consented(cast)
    coordinator = Reader(signed_in, cast, Role.COORDINATOR)
    url = f"{casebook_url(participant)}consent/consent_v1/correct/"
    assert url in coordinator.get(f"{casebook_url(participant)}consent/")
    assert f'value="{participant.registered_on.year}"' in coordinator.get(url)
    sent = {"version": "consent_v1", **day_boxes("given_on", timezone.localdate())}
    coordinator.post(url, sent, 422)
    assert "The consent is corrected." in coordinator.send(url, sent | {"reason": "misread the form"})
    assert Consent.objects.get().given_on == timezone.localdate()
    assert LedgerEntry.objects.get(action="consent.corrected").reason == "misread the form"


def test_who_may_not_record_consent_reads_it(signed_in: SignedIn, cast: Cast) -> None:
    participant = walk.consented(cast)
    monitor = Reader(signed_in, cast, Role.MONITOR)
    url = f"{casebook_url(participant)}consent/"
    page = monitor.get(url)
    assert "Coordinator UMCG" in page
    assert "withdraw" not in page
    monitor.post(url, {}, 403)
    Reader(signed_in, cast, Role.COORDINATOR, "LUMC").get(url, 404)


def test_contact_details_are_kept_read_and_erased_and_each_leaves_its_trace(signed_in: SignedIn, cast: Cast) -> None:
    participant = walk.consented(cast)
    coordinator = Reader(signed_in, cast, Role.COORDINATOR)
    url = f"{casebook_url(participant)}contact/"
    assert "Erase" not in coordinator.get(url)
    coordinator.get(f"{url}erase/", 404)
    page = coordinator.post(url, {"name": "A. Jansen", "email": "no address"}, 422)
    assert 'value="no address"' in page
    assert "are saved" in coordinator.send(url, {"name": "A. Jansen", "email": "", "telephone": "050 123"})
    assert b"Jansen" not in bytes(ContactDetails.objects.get().sealed)
    before = LedgerEntry.objects.filter(action="contact.read").count()
    assert "A. Jansen" in coordinator.get(url)
    assert LedgerEntry.objects.filter(action="contact.read").count() == before + 1
    assert "cannot be brought back" in coordinator.get(f"{url}erase/")
    coordinator.post(f"{url}erase/", {"reason": ""}, 422)
    assert "are erased" in coordinator.send(f"{url}erase/", {"reason": "asked for it"})
    assert not ContactDetails.objects.exists()
    assert not any("Jansen" in f"{line.old}{line.new}{line.detail}" for line in LedgerEntry.objects.all())


def test_contact_details_are_for_the_own_site_alone(signed_in: SignedIn, cast: Cast) -> None:
    url = f"{casebook_url(walk.consented(cast))}contact/"
    Reader(signed_in, cast, Role.COORDINATOR, "LUMC").get(url, 404)
    for role in (Role.MONITOR, Role.DATA_MANAGER, Role.RATER, Role.TREATING_TEAM):
        Reader(signed_in, cast, role).get(url, 403)
        Reader(signed_in, cast, role).get(f"{url}erase/", 403)


def test_what_one_may_at_another_site_opens_no_contact_details_here(signed_in: SignedIn, cast: Cast) -> None:
    """Somebody of the treating team at one site who coordinates another."""
    participant = walk.consented(cast)
    coordinator = cast.at("UMCG", Role.COORDINATOR)
    save_contact(by=coordinator, participant=participant, details={"name": "A. Jansen"})
    person = Reader(signed_in, cast, Role.TREATING_TEAM)
    grant_role(by=SYSTEM, user=person.user, role=Role.COORDINATOR, site=cast.sites["LUMC"])
    url = f"{casebook_url(participant)}contact/"
    person.get(url, 403)
    person.get(f"{url}erase/", 403)
