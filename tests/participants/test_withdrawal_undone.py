"""A withdrawal of consent that was recorded in error is taken back, and what it stopped goes on."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.utils.translation import override

from audit.acts import ActionRefused
from audit.models import LedgerEntry
from audit.verification import verify
from crf.policies import WITHDRAWN_BEFORE, entry_closed_reasons
from tests import walk
from tests.api_caller import Caller
from tests.audit.recipes import again, the
from tests.crf.pages import Reader, casebook_url
from trialmgr.overview.duties import duty
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.participants.actions import undo_withdrawal, withdraw_consent
from trialmgr.participants.models import Consent
from trialmgr.people.permissions import Role
from trialmgr.studies.clock import today

SignedIn = Callable[..., Client]
WHY = "of somebody else"


def withdrawn(cast: Cast) -> Consent:
    consent = Consent.objects.get(participant=walk.screened(cast))
    return withdraw_consent(by=the(cast, Role.COORDINATOR), consent=consent, on=consent.given_on, reason="moves away")


def test_the_consent_stands_as_it_was_given_and_entering_goes_on(cast: Cast) -> None:
    consent = withdrawn(cast)
    visit = walk.visit_of(consent.participant, "baseline")
    closed = entry_closed_reasons(visit, visit.participant.study_version.definition.form("madrs"))
    assert len(closed) == 1
    assert visit.not_done_reason == str(WITHDRAWN_BEFORE)
    assert duty(the(cast, Role.COORDINATOR), "ending").count == 1
    undo_withdrawal(by=the(cast, Role.INVESTIGATOR), consent=consent, reason=WHY)
    assert again(consent).withdrawn_on is None
    visit = walk.visit_of(consent.participant, "baseline")
    visit.took_place_on = today()
    assert entry_closed_reasons(visit, visit.participant.study_version.definition.form("madrs")) == []
    assert duty(the(cast, Role.COORDINATOR), "ending").count == 0
    line = LedgerEntry.objects.get(action="consent.withdrawal_undone")
    day = consent.given_on.isoformat()
    assert (line.item, line.old, line.new, line.reason) == ("consent", f"withdrawn {day}", day, WHY)
    assert not any(verify().faults.values())


def test_it_owes_a_withdrawal_a_reason_and_the_right(cast: Cast) -> None:
    consent = withdrawn(cast)
    with pytest.raises(ActionRefused):
        undo_withdrawal(by=the(cast, Role.COORDINATOR), consent=consent, reason=" ")
    for by in (the(cast, Role.RATER), the(cast, Role.DATA_MANAGER), cast.at("LUMC", Role.COORDINATOR)):
        with pytest.raises(PermissionDenied):
            undo_withdrawal(by=by, consent=consent, reason=WHY)
    undo_withdrawal(by=the(cast, Role.COORDINATOR), consent=consent, reason=WHY)
    with override("en"), pytest.raises(ActionRefused, match="was not withdrawn"):
        undo_withdrawal(by=the(cast, Role.COORDINATOR), consent=consent, reason=WHY)


def test_on_the_page(signed_in: SignedIn, cast: Cast) -> None:
    consent = withdrawn(cast)
    url = f"{casebook_url(consent.participant)}consent/"
    undo = f"{url}{consent.version}/withdraw/undo/"
    reader = Reader(signed_in, cast, Role.COORDINATOR)
    assert undo in reader.get(url)
    assert undo not in Reader(signed_in, cast, Role.MONITOR).get(url)
    reader.post(undo, {"reason": ""}, 422)
    assert "The withdrawal of consent is taken back." in reader.send(undo, {"reason": WHY})
    assert "was not withdrawn" in reader.post(undo, {"reason": WHY}, 422)


def test_over_the_api(cast: Cast) -> None:
    consent = withdrawn(cast)
    caller = Caller(the(cast, Role.COORDINATOR))
    address = f"participants/{consent.participant.number}/consents/{consent.version}/withdraw/undo/"
    assert caller.post(address, {})[0] == 400
    status, told = caller.post(address, {"reason": WHY})
    assert (status, told["withdrawn_on"]) == (200, None)
    assert caller.post(address, {"reason": WHY})[0] == 409
    assert Caller(the(cast, Role.RATER)).post(address, {"reason": WHY})[0] == 403
