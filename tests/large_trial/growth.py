"""A rehearsed trial made large, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.apps import apps
from django.conf import settings
from django.core.management.color import no_style
from django.db import connection, transaction

from randomization.actions import activate_extension, extend_list
from randomization.models import Allocation, ListPurpose, ListStatus, RandomizationList
from randomization.policies.lists import is_minimised
from tests.large_trial.copies import Copy, places_wanted, planned, sources
from tests.large_trial.counters import move_counters
from tests.large_trial.digests import Digests
from tests.large_trial.rows import temporary
from tests.large_trial.rules import ACTS, COPIES, DIGESTS, MARKS
from tests.large_trial.tables import copy_rows, hanging
from tests.large_trial.trail import acts, copy_trail, templates
from trialmgr.overview.rehearsal.cast import standing_cast
from trialmgr.overview.rehearsal.trial import DEFAULT_STUDY, rehearse
from trialmgr.participants.models import Participant
from trialmgr.people.models import User
from trialmgr.people.permissions import Role
from trialmgr.studies.queries import open_lock

SOURCES, SEED = 48, 1
SPARE = 40
"""Places that each stratum still has afterwards, for participants who come through the pages."""


class NoRehearsal(Exception):
    """This installation may hold more than invented participants, or cannot grow; the message gives every reason."""


@dataclass(frozen=True, slots=True)
class Size:
    participants: int
    allocations: int
    entries: int


def large_trial(
    participants: int, *, rehearsed: int = SOURCES, seed: int = SEED, study: str = DEFAULT_STUDY, ongoing: bool = False
) -> Size:
    """Rehearse so many in an empty demo installation, and copy them until there are ``participants``.

    ``study``, ``ongoing``: as ``rehearse`` takes them. An installation that holds a rehearsal grows as it is. Raises
    NoRehearsal, ActionRefused, NoSource, Undeclared, and then leaves no copy behind.
    """
    if not Participant.objects.exists():
        rehearse(participants=min(rehearsed, participants), seed=seed, study=study, ongoing=ongoing)
    check_rehearsal()
    with transaction.atomic():
        added = _grow(sources(), participants)
    if added:
        _look_over()
    return Size(Participant.objects.count(), Allocation.objects.count(), added)


def check_rehearsal() -> None:
    reasons = []
    if not settings.TRIALMGR_DEMO:
        reasons.append("this is no demo installation")
    if User.objects.exclude(email__endswith="@example.org").exists():
        reasons.append("not all its people are invented")
    if open_lock() is not None:
        reasons.append("the study is locked")
    for listed in RandomizationList.objects.filter(status=ListStatus.ACTIVE.value):
        reasons += ["its list is no rehearsal's"] if listed.purpose != ListPurpose.REHEARSAL else []
        reasons += ["minimisation makes each allocation from all before it"] if is_minimised(listed) else []
    if reasons:
        raise NoRehearsal("; ".join(reasons))


def _grow(originals: Sequence[Participant], participants: int) -> int:
    wanted = participants - Participant.objects.count()
    if wanted <= 0:
        return 0
    _make_the_list_long_enough(places_wanted(originals, wanted))
    copies = list(planned(sources(), wanted))
    numbers = {each.number: each.pk for each in originals}
    tables = hanging()
    _lay_out(copies, numbers)
    digests = Digests(originals, tables.values())
    temporary(DIGESTS, {"rank": "bigint", "old": "text", "new": "text, PRIMARY KEY (rank, old)"}, digests.rows(copies))
    entries = list(templates(numbers, digests))
    copy_rows(tables)
    move_counters(frozenset(tables))
    return copy_trail(entries, copies, digests)


def _make_the_list_long_enough(wanted: dict[str, int]) -> None:
    """By the acts of two people, as it is done in a trial."""
    listed = RandomizationList.objects.filter(status=ListStatus.ACTIVE.value).first()
    if listed is None:
        return
    longer = dict[str, int]()
    for stratum in listed.strata.filter(key__in=wanted):
        reserved = (stratum.reserved_to or -1) - (stratum.reserved_from or 0) + 1
        length = stratum.used + reserved + wanted[stratum.key] + SPARE
        if length > stratum.length:
            longer[stratum.key] = length
    if longer:
        cast = standing_cast()
        maker, second = cast.people[(Role.UNBLINDED_STATISTICIAN, "")], cast.people[(Role.DATA_MANAGER, "")]
        extension = extend_list(by=maker, listed=listed, reason="a large trial", each=longer)
        activate_extension(by=second, extension=extension)


def _lay_out(copies: Sequence[Copy], numbers: dict[str, int]) -> None:
    """What the statements read, in tables of this connection alone."""
    columns = {
        "rank": "bigint PRIMARY KEY",
        "source": "bigint",
        "generation": "bigint",
        "source_number": "text",
        "number": "text",
        "ordinal": "bigint",
        "position": "bigint",
        "row": "bigint",
        "idempotency_key": "text",
        "sealed": "bytea",
    }
    temporary(COPIES, columns, (copy.row for copy in copies))
    marks = (mark for copy in copies for mark in copy.marks)
    temporary(MARKS, {"rank": "bigint", "kind": "text", "mark": "text, PRIMARY KEY (rank, kind)"}, marks)
    temporary(ACTS, {"act": "text", "source": "bigint"}, acts(numbers))


def _look_over() -> None:
    """What an owner of the database does after loading much: sequences behind the last key, statistics."""
    statements = connection.ops.sequence_reset_sql(no_style(), apps.get_models(include_auto_created=True))
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        if connection.vendor == "postgresql":
            cursor.execute("ANALYZE")
