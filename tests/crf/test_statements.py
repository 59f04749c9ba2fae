"""What a save and an allocation ask of the database: so many statements, however much is stored already."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crf.actions import save_entry, set_visit_day
from crf.models import Visit
from randomization.actions import allocate
from randomization.models import Allocation
from tests import walk
from tests.audit.recipes import the
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.permissions import Role
from trialmgr.studies.queries import one_version, timeline

pytestmark = pytest.mark.on_both  # the statements are counted on each

# Beginning and end of the transaction; is the study locked; the visit, held; rows of the form, consents, freeze;
# the entry and its history; the head of the ledger, held, the lines, the head moved on.
# With the lock on the casebook, which SQLite needs no statement for.
OF_A_FIRST_SAVE = 13
# Besides them the entry as it stands, and its queries, verifications and signatures.
OF_A_LATER_SAVE = 17
# Each visit that an allocation opens takes two: its row and its history.
OF_AN_ALLOCATION = 40


def statements(act: Callable[[], object]) -> int:
    """With the versions in force read before, as they are once for each request."""
    with one_version():
        timeline()
        with CaptureQueriesContext(connection) as asked:
            act()
    return len(asked)


def _pulse(cast: Cast, visit: Visit, value: str) -> int:
    """The statements of a save by somebody whose roles were read before, as a page does at its first line."""
    by = the(cast, Role.COORDINATOR)
    assert by.roles
    assert not by.learned_allocation
    return statements(
        lambda: save_entry(by=by, visit=visit, form_key="vital_signs", values={"pulse": value}, reason="second reading")
    )


def _screening(cast: Cast) -> Visit:
    participant = walk.consented(cast)
    return set_visit_day(
        by=the(cast, Role.COORDINATOR), visit=walk.visit_of(participant, "screening"), on=participant.registered_on
    )


def test_a_save_takes_as_many_statements_among_many_entries_as_among_none(cast: Cast) -> None:
    among_none = _screening(cast)
    first, later = _pulse(cast, among_none, "66"), _pulse(cast, among_none, "70")
    walk.baseline_done(cast)
    for _row in range(3):
        walk.fill(cast, walk.visit_of(among_none.participant, "log"), "concomitant_medication", occurrence=None)
    among_many = _screening(cast)
    assert (_pulse(cast, among_many, "66"), _pulse(cast, among_many, "70")) == (first, later)
    assert first <= OF_A_FIRST_SAVE
    assert later <= OF_A_LATER_SAVE


def test_the_tenth_row_of_a_form_takes_as_many_statements_as_the_second(cast: Cast) -> None:
    log = walk.visit_of(walk.consented(cast), "log")
    walk.fill(cast, log, "concomitant_medication", occurrence=None)
    took = [
        statements(lambda: walk.fill(cast, log, "concomitant_medication", occurrence=None)) for _row in range(2, 11)
    ]
    assert took[0] == took[-1]


def test_an_allocation_takes_as_many_statements_after_others_as_the_first(cast: Cast) -> None:
    took = []
    for number in range(3):
        participant = walk.baseline_done(cast)
        before = Visit.objects.filter(participant=participant).count()
        by = the(cast, Role.INVESTIGATOR)
        assert by.roles
        asked = statements(lambda: allocate(by=by, participant=participant, idempotency_key=str(number)))  # noqa: B023
        opened = Visit.objects.filter(participant=participant).count() - before
        took.append(asked - 2 * opened)
    assert Allocation.objects.count() == len(took)
    assert took[0] == took[-1] <= OF_AN_ALLOCATION
