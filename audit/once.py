"""Once is once: what a page or a program sends twice is done once, and the second answer is that of the first.

A slow answer, a repeat by network, proxy or browser, a second press, two at the same moment: all carry the same key.
The key is kept in the transaction of the act, so whoever comes second waits for the first, and finds what it made; an
act that was refused or failed leaves no key, and may be tried again.

Source: draft-ietf-httpapi-idempotency-key-header-07.
"""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar, cast

from django.apps import apps
from django.db.models import Model
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.acts import ActionRefused
from audit.models import OnceKey

P = ParamSpec("P")
R = TypeVar("R")

KEPT = datetime.timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Request:
    """``key``: names what was sent, and is the same when it is sent again. ``digest``: of its content."""

    key: str
    digest: str


class DoneBefore(ActionRefused):
    """The same was sent before and is kept. ``made``: what it made then."""

    def __init__(self, made: Model) -> None:
        super().__init__(_("This was sent before and is kept: nothing was made twice."))
        self.made = made


class SentOtherwise(ActionRefused):
    """The key was used before, for something else."""

    def __init__(self) -> None:
        super().__init__(_("This was sent before with other answers, and those are kept: look at them first."))


_asked: ContextVar[Request | None] = ContextVar("audit.once", default=None)


def digest_of(*parts: Any) -> str:
    """Hex SHA-256 of what was sent."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def ask(request: Request) -> None:
    """As ``asked_by``, for the rest of what that surrounds."""
    _asked.set(request)


@contextmanager
def asked_by(request: Request | None) -> Iterator[None]:
    """Acts begun inside make what they make once for this request."""
    token = _asked.set(request)
    try:
        yield
    finally:
        _asked.reset(token)


def kept_for(person: str, action: str) -> OnceKey | None:
    """The key of the request under way, held until the transaction ends; None where it has none.

    Raises DoneBefore and SentOtherwise.
    """
    request = _asked.get()
    if request is None:
        return None
    OnceKey.objects.filter(at__lt=timezone.now() - KEPT).delete()
    own, is_new = OnceKey.objects.get_or_create(
        person=person, action=action, key=request.key, defaults={"digest": request.digest, "at": timezone.now()}
    )
    if is_new:
        return own
    if own.digest != request.digest:
        raise SentOtherwise
    raise DoneBefore(apps.get_model(own.model)._base_manager.get(pk=own.made))


def keep(own: OnceKey, made: Model) -> None:
    own.model, own.made = made._meta.label_lower, made.pk
    own.save()


def once(act: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """What the act makes, or made when the same was sent before."""
    try:
        return act(*args, **kwargs)
    except DoneBefore as before:
        return cast(R, before.made)
