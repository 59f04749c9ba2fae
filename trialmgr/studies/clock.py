"""Which day it is in the trial: the local date at the sites. A rehearsal, in a demo alone, pretends another day.

Only days are pretended. Instants (the ledger's times, the moment of an allocation) are always the server's own.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.conf import settings
from django.utils import timezone

_pretended: ContextVar[datetime.date | None] = ContextVar("trialmgr.pretended_day", default=None)


class NoDemo(Exception):
    """Another day than today was asked for outside a demo installation."""


def today() -> datetime.date:
    return _pretended.get() or timezone.localdate(timezone=timezone.get_default_timezone())


@contextmanager
def pretend(day: datetime.date) -> Iterator[None]:
    """Inside, ``today()`` is ``day``. Raises NoDemo unless TRIALMGR_DEMO is on."""
    if not settings.TRIALMGR_DEMO:
        raise NoDemo("only a demo installation (TRIALMGR_DEMO=1) may pretend another day")
    token = _pretended.set(day)
    try:
        yield
    finally:
        _pretended.reset(token)
