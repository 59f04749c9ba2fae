"""E-mails: sent once the act is kept, one to each in their own language, and never in the way of the act."""

from __future__ import annotations

from collections.abc import Callable
from unittest import mock

import pytest
from django.core import mail
from django.core.mail import EmailMessage
from django.db import transaction
from django.utils.translation import gettext_lazy

from tests.audit.recipes import the
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.actions import choose_language, deactivate_user, end_role
from trialmgr.people.emails import send_email
from trialmgr.people.models import SYSTEM, Membership
from trialmgr.people.permissions import Role
from trialmgr.people.queries import unblinded_holders

OnCommit = Callable[..., object]


def test_each_gets_a_letter_of_their_own_in_their_language(
    cast: Cast, django_capture_on_commit_callbacks: OnCommit
) -> None:
    choose_language(by=the(cast, Role.MONITOR), language="en")
    people = [the(cast, Role.MONITOR), the(cast, Role.DATA_MANAGER)]
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[attr-defined]
        send_email(people, gettext_lazy("Work list"), "There is something to read.")
        assert mail.outbox == []
    assert [(message.to, message.subject) for message in mail.outbox] == [
        (["monitor@example.org"], "Work list"),
        (["data_manager@example.org"], "Werklijst"),
    ]


def test_somebody_without_an_address_gets_none(cast: Cast, django_capture_on_commit_callbacks: OnCommit) -> None:
    nobody = the(cast, Role.MONITOR)
    nobody.email = ""
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[attr-defined]
        send_email([nobody], "A heading", "A text")
    assert mail.outbox == []


def test_when_the_mail_fails_the_next_letter_still_goes(
    cast: Cast, django_capture_on_commit_callbacks: OnCommit, caplog: pytest.LogCaptureFixture
) -> None:
    sent = mock.Mock(side_effect=[OSError("no route"), 1])
    with mock.patch.object(EmailMessage, "send", sent), django_capture_on_commit_callbacks(execute=True):  # type: ignore[attr-defined]
        send_email([the(cast, Role.MONITOR), the(cast, Role.DATA_MANAGER)], "A heading", "A text")
    assert sent.call_count == 2
    assert "could not be sent" in caplog.text


def test_what_is_taken_back_is_not_told(cast: Cast, django_capture_on_commit_callbacks: OnCommit) -> None:
    def told_and_failed() -> None:
        with transaction.atomic():
            send_email([the(cast, Role.MONITOR)], "A heading", "A text")
            raise ZeroDivisionError

    with django_capture_on_commit_callbacks(execute=True), pytest.raises(ZeroDivisionError):  # type: ignore[attr-defined]
        told_and_failed()
    assert mail.outbox == []


def test_those_who_may_and_are_not_blinded_are_found_by_site(cast: Cast) -> None:
    def names(permission: str, site: str = "") -> list[str]:
        return [user.username for user in unblinded_holders(permission, cast.sites[site] if site else None)]

    assert names("breaks.view") == ["data_manager", "inspector", "monitor", "unblinded_statistician"]
    assert names("allocation.break", "UMCG") == ["investigator-umcg", "treating_team-umcg"]
    assert names("allocation.break") == []
    assert names("study.view") == ["data_manager", "inspector", "unblinded_statistician"], "the others work blinded"
    deactivate_user(by=SYSTEM, user=the(cast, Role.MONITOR), reason="left")
    end_role(by=SYSTEM, membership=Membership.objects.get(user=the(cast, Role.INSPECTOR)), reason="done")
    assert names("breaks.view") == ["data_manager", "unblinded_statistician"]
