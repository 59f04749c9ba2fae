"""What is sent twice is done once, and the second answer is that of the first."""

from __future__ import annotations

import datetime
import re
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from audit.models import LedgerEntry, OnceKey
from crf.models import FormEntry, Freeze, Query, Visit
from randomization.models import RandomisedInError, StratumCorrection
from randomization.policies.corrections import levels_known
from tests import walk
from tests.api_caller import Caller
from tests.installation import installation
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.participants.actions import correct_consent
from trialmgr.participants.models import Consent, Participant
from trialmgr.people.models import Membership, User
from trialmgr.people.permissions import Role

pytestmark = pytest.mark.django_db


def day(name: str = "on") -> dict[str, str]:
    now = timezone.localdate()
    return {f"{name}_day": str(now.day), f"{name}_month": str(now.month), f"{name}_year": str(now.year)}


class Browser:
    """Of one person, without scripts: it sends the form as the page had it."""

    def __init__(self, user: User) -> None:
        self.client = Client(enforce_csrf_checks=True, headers={"accept-language": "en"})
        self.client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")

    def hidden(self, url: str) -> dict[str, str]:
        page = self.client.get(url).content.decode()
        form = page[page.index('<form class="tm-form') :]
        return dict(re.findall(r'type="hidden" name="(\w+)" value="(\w*)"', form))

    def press(self, url: str, sent: dict[str, Any], *, times: int = 2) -> list[str]:
        """Where each press of one page leads."""
        sent = {**self.hidden(url), **sent}
        return [self.client.post(url, sent).headers["Location"] for _time in range(times)]


@pytest.fixture
def coordinator(cast: Cast) -> Browser:
    return Browser(cast.at(walk.SITE, Role.COORDINATOR))


def test_a_participant_is_registered_once(coordinator: Browser) -> None:
    url, sent = "/participants/register/", {"site": walk.SITE, **day()}
    assert coordinator.press(url, sent) == ["/participants/UMCG-001/consent/"] * 2
    assert Participant.objects.count() == 1
    shown = coordinator.client.get("/participants/UMCG-001/consent/").content.decode()
    assert "This was sent before and is kept: nothing was made twice." in shown


def test_a_cap_is_set_once_and_the_key_names_who_did_what(cast: Cast) -> None:
    manager = cast.at("", Role.DATA_MANAGER)
    browser = Browser(manager)
    browser.press("/randomization/limits/UMCG/cap/", {"participants": "9", "reason": "beds"})
    assert "nothing was made twice" in browser.client.get("/randomization/limits/").content.decode()
    assert str(OnceKey.objects.get(action="cap.set")).startswith(f"{manager.pk} cap.set")


def test_two_pages_register_two_participants(coordinator: Browser) -> None:
    url, sent = "/participants/register/", {"site": walk.SITE, **day()}
    coordinator.press(url, sent, times=1)
    coordinator.press(url, sent, times=1)
    assert Participant.objects.count() == 2


def test_two_presses_four_seconds_apart_register_one(coordinator: Browser) -> None:
    url = "/participants/register/"
    sent = {**coordinator.hidden(url), "site": walk.SITE, **day()}
    for seconds in (0, 4):
        with time_machine.travel(timezone.now() + datetime.timedelta(seconds=seconds), tick=True):
            assert coordinator.client.post(url, sent).status_code == 302
    assert Participant.objects.count() == 1


def test_a_page_that_was_sent_comes_back_when_it_is_sent_with_other_answers(coordinator: Browser) -> None:
    url = "/participants/register/"
    sent = {**coordinator.hidden(url), "site": walk.SITE, **day()}
    coordinator.client.post(url, sent)
    answer = coordinator.client.post(url, sent | {"on_year": "2020"})
    assert answer.status_code == 422
    assert "sent before with other answers" in answer.content.decode()
    assert Participant.objects.count() == 1


def test_what_was_refused_may_be_sent_again(coordinator: Browser) -> None:
    url = "/participants/register/"
    sent = {**coordinator.hidden(url), "site": walk.SITE, **day()}
    assert coordinator.client.post(url, sent | {"on_year": "2199"}).status_code == 422
    assert coordinator.client.post(url, sent).status_code == 302


def test_keys_are_kept_a_week(coordinator: Browser) -> None:
    url, sent = "/participants/register/", {"site": walk.SITE, **day()}
    coordinator.press(url, sent)
    old = OnceKey.objects.get()
    OnceKey.objects.filter(pk=old.pk).update(at=timezone.now() - datetime.timedelta(days=8))
    coordinator.press(url, sent)
    assert OnceKey.objects.exclude(pk=old.pk).count() == OnceKey.objects.count() == 1


def test_a_token_that_names_no_page_is_no_key(coordinator: Browser) -> None:
    url, sent = "/participants/register/", {"site": walk.SITE, **day()}
    coordinator.hidden(url)
    sent["csrfmiddlewaretoken"] = coordinator.client.cookies["csrftoken"].value
    coordinator.client.post(url, sent)
    assert OnceKey.objects.count() == 0


def test_a_consent_a_visit_and_a_person_are_made_once(cast: Cast, coordinator: Browser) -> None:
    # An extra visit belongs to the treatment, which begins with the allocation.
    number_of_randomised = walk.randomised(cast).number
    consented = Consent.objects.count()
    number = walk.registered(cast).number
    consent = f"/participants/{number}/consent/"
    definition = Participant.objects.get(number=number).study_version.definition
    version = definition.consents[-1].key
    casebook = f"/participants/{number}/"
    assert coordinator.press(consent, {"version": version, **day("given_on")}) == [casebook] * 2
    kind = next(visit.key for visit in definition.visits if visit.kind == "unscheduled")
    planned = Visit.objects.count()
    coordinator.press(f"/participants/{number_of_randomised}/visits/add/", {"key": kind, **day()})
    assert (Consent.objects.count(), Visit.objects.count()) == (consented + 1, planned + 1)
    administrator = Browser(cast.at("", Role.ADMINISTRATOR))
    sent = {"username": "j.bakker", "first_name": "Jo", "last_name": "Bakker", "email": "j@example.org"}
    assert len(set(administrator.press("/people/add/", sent))) == 1
    user = User.objects.get(username="j.bakker")
    administrator.press(f"/people/{user.username}/roles/", {"role": "monitor", **day("since")})
    assert Membership.objects.filter(user=user).count() == 1


def test_a_row_a_first_save_and_a_query_are_made_once(cast: Cast) -> None:
    participant = walk.screened(cast)
    visit, investigator = walk.visit_of(participant, "log"), Browser(cast.at(walk.SITE, Role.INVESTIGATOR))
    base = f"/participants/{participant.number}/visits/{visit.slug}/forms/adverse_event/rows"
    before = FormEntry.objects.count()
    sent = {"item.ae_term": "headache"}
    first, second = investigator.press(f"{base}/new/", sent)
    assert first == second
    assert FormEntry.objects.count() == before + 1
    monitor = Browser(cast.at("", Role.MONITOR))
    monitor.press(f"{base}/1/queries/raise/ae_term/", {"text": "Which?"})
    assert Query.objects.filter(item="ae_term").count() == 1


def test_what_is_asked_frozen_and_verified_is_so_once(cast: Cast) -> None:
    participant = walk.screened(cast)
    screening = f"/participants/{participant.number}/visits/screening/"
    monitor, manager = Browser(cast.at("", Role.MONITOR)), Browser(cast.at("", Role.DATA_MANAGER))
    log = f"/participants/{participant.number}/visits/log/forms/adverse_event/"
    for asked in (screening, log):
        assert len(set(monitor.press(f"{asked}queries/raise/", {"text": "Which?"}))) == 1
    assert Query.objects.count() == 2
    frozen = (f"{screening}forms/madrs/", screening, f"/participants/{participant.number}/")
    for thing in frozen:
        assert manager.press(f"{thing}freeze/", {}) == [thing] * 2
    assert len(set(manager.press("/freezes/sites/UMCG/", {}))) == 1
    assert Freeze.objects.count() == len(frozen) + 1
    assert len(set(monitor.press(f"{screening}forms/madrs/rows/1/verify/", {"items": "madrs_1"}))) == 1
    assert LedgerEntry.objects.filter(action="items.verified").count() == 1


def test_what_is_noted_of_an_allocation_is_noted_once(cast: Cast) -> None:
    participant = walk.randomised(cast)
    coordinator = Browser(cast.at(walk.SITE, Role.COORDINATOR))
    url = f"/participants/{participant.number}/allocation/"
    assert len(set(coordinator.press(f"{url}in-error/", {"reason": "was not eligible"}))) == 1
    assert RandomisedInError.objects.count() == 1
    factor, level = next(iter(participant.allocation.levels.items()))
    other = next(one for one in levels_known(participant.allocation)[factor] if one != level)
    sent = {"level": f"{factor}={other}", "reason": "misread"}
    assert len(set(coordinator.press(f"{url}correct/", sent))) == 1
    assert StratumCorrection.objects.count() == 1


class TestApi:
    def test_what_was_verified_is_answered_as_the_first_time(self, cast: Cast) -> None:
        participant = walk.screened(cast)
        caller = Caller(cast.at("", Role.MONITOR))
        url = f"participants/{participant.number}/visits/screening/forms/madrs/rows/1/verify/"
        first, second = (caller.post(url, {"items": ["madrs_1"]}, **{"Idempotency-Key": "v"}) for _time in range(2))
        assert first == second
        assert LedgerEntry.objects.filter(action="items.verified").count() == 1

    def test_a_deviation_is_explained_and_weighed_once(self, cast: Cast) -> None:
        participant = walk.screened(cast)
        coordinator, later = (
            cast.at(walk.SITE, Role.COORDINATOR),
            participant.registered_on + datetime.timedelta(days=1),
        )
        consent = participant.consents.get()
        correct_consent(by=coordinator, consent=consent, version=consent.version, given_on=later, reason="misread")
        url = f"participants/{participant.number}/visits/screening/deviations/"
        caller, investigator = Caller(coordinator), Caller(cast.at(walk.SITE, Role.INVESTIGATOR))
        [found] = caller.get(url)[1]
        sent = {"rule": found["rule"], "about": found["about"], "reason": "care as usual"}
        explained = [caller.post(f"{url}explain/", sent, **{"Idempotency-Key": "e"}) for _time in range(2)]
        assert [status for status, _document in explained] == [201, 201]
        weighing = sent | {"weight": "minor"}
        weighed = [investigator.post(f"{url}weigh/", weighing, **{"Idempotency-Key": "w"}) for _time in range(2)]
        assert weighed[0] == weighed[1]
        assert LedgerEntry.objects.filter(action__in=["deviation.proposed", "deviation.judged"]).count() == 2

    def test_the_same_key_registers_one_participant(self, cast: Cast) -> None:
        caller = Caller(cast.at(walk.SITE, Role.COORDINATOR))
        sent = {"site": walk.SITE, "registered_on": timezone.localdate().isoformat()}
        first, second = (caller.post("participants/", sent, **{"Idempotency-Key": "a-1"}) for _time in range(2))
        assert first == second
        assert first[0] == 201
        assert caller.post("participants/", sent, **{"Idempotency-Key": "a-2"})[1]["number"] == "UMCG-002"

    def test_the_same_key_with_another_body_is_refused(self, cast: Cast) -> None:
        caller = Caller(cast.at(walk.SITE, Role.COORDINATOR))
        sent = {"site": walk.SITE, "registered_on": timezone.localdate().isoformat()}
        caller.post("participants/", sent, **{"Idempotency-Key": "a-1"})
        other = sent | {"registered_on": "2020-01-01"}
        assert caller.post("participants/", other, **{"Idempotency-Key": "a-1"})[0] == 409

    @pytest.mark.parametrize("key", ["", "x" * 65])
    def test_a_key_that_is_none_is_refused(self, cast: Cast, key: str) -> None:
        caller = Caller(cast.at(walk.SITE, Role.COORDINATOR))
        assert caller.post("participants/", {}, **{"Idempotency-Key": key})[0] == 400

    def test_a_row_is_added_once(self, cast: Cast) -> None:
        participant = walk.screened(cast)
        caller = Caller(cast.at(walk.SITE, Role.INVESTIGATOR))
        url = f"participants/{participant.number}/visits/log/forms/adverse_event/rows/"
        sent = {"values": {"ae_term": "headache"}}
        first, second = (caller.post(url, sent, **{"Idempotency-Key": "row"}) for _time in range(2))
        assert (first[0], second[0]) == (201, 201)
        assert first[1]["entry"] == second[1]["entry"]
        assert FormEntry.objects.filter(form_key="adverse_event").count() == 1


@pytest.mark.on_both  # a race is decided by other locks
@pytest.mark.slow
def test_presses_at_the_same_moment_register_one(tmp_path: Path) -> None:
    with installation(tmp_path) as site:
        site.ask("-m", "tests.exports.lock_worker", "prepare")
        told = site.ask("-m", "tests.audit.once_worker")
    assert told == {"led": ["/participants/UMCG-001/consent/"] * 4, "participants": 1}
