"""E-mails: short notifications to people of the trial, sent once the act they tell of is kept.

An e-mail says that there is something to read here, and where; never a name, a value or an arm. Whatever goes wrong
with the mail is logged and fails nothing: the same thing always waits on the work list.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import partial

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.utils import translation
from django.utils.functional import Promise

from trialmgr.people.models import User

logger = logging.getLogger(__name__)


def send_email(people: Iterable[User], heading: str | Promise, text: str | Promise) -> None:
    """To each of them, in their own language, after the transaction; nothing is sent when it is taken back."""
    addressed = [user for user in people if user.email]
    transaction.on_commit(partial(_send, addressed, heading, text), robust=True)


def _send(people: list[User], heading: str | Promise, text: str | Promise) -> None:
    for user in people:
        with translation.override(user.language or settings.LANGUAGE_CODE):
            message = EmailMessage(str(heading), str(text), to=[user.email])
        try:
            message.send()
        except Exception:  # whatever the mail server does, the other e-mails go
            logger.exception("An e-mail could not be sent.")
