"""What an act is about is locked before it is looked at, so that two people at once go one after the other.

The races themselves are run by processes of their own (``tests/faults``); here each act shows what it locks.
"""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.audit.recipes import RECIPES
from trialmgr.overview.rehearsal.cast import Cast

pytestmark = [pytest.mark.django_db, pytest.mark.only_on("postgresql")]

# Every act that locks more than the head of the ledger, with the tables whose rows it locks, in order.
LOCKS: dict[str, tuple[str, ...]] = {
    "allocation.countersigned": ("randomization_randomisedinerror",),
    "allocation.flagged": ("participants_participant",),
    "cap.set": ("randomization_allocationcap",),
    "casebook.opened": ("people_site",),
    "code.broken": ("randomization_randomizationlist", "people_user"),
    "code_break.noticed": ("randomization_codebreak",),
    "eligibility.judged": ("crf_visit",),
    "entry.migrated": ("crf_visit",),
    "entry.removed": ("crf_visit",),
    "entry.saved": ("crf_visit",),
    "entry.signed": ("crf_visit",),
    "envelope.entered": ("participants_participant", "randomization_stratum"),
    "gate.decided": ("participants_participant",),
    "hold.lifted": ("randomization_allocationhold",),
    "items.verified": ("crf_visit",),
    "list.extended": ("randomization_randomizationlist",),
    "list.extension_activated": ("randomization_randomizationlist", "randomization_stratum"),
    "list.revealed": ("randomization_randomizationlist",),
    "participant.ended": ("participants_participant",),
    "participant.phase_opened": ("participants_participant",),
    "participant.randomised": (
        "participants_participant",
        "randomization_allocationcap",
        "randomization_stratum",
    ),
    "query.answered": ("crf_query",),
    "query.closed": ("crf_query",),
    "query.raised": ("crf_visit",),
    "release.made": ("studies_studylock",),
    "stratum.corrected": ("participants_participant",),
}


def statements_of(name: str, cast: Cast) -> list[str]:
    act = RECIPES[name](cast)
    with CaptureQueriesContext(connection) as seen:
        act()
    return [each["sql"] for each in seen]


def locked(statements: list[str]) -> tuple[str, ...]:
    """The tables whose rows are locked, in order; the head of the ledger, which every act locks last, left out."""
    found = [re.search(r'FROM "(\w+)"', each) for each in statements if "FOR UPDATE" in each]
    tables = [match[1] for match in found if match]
    assert tables[-1] == "audit_ledgerhead"
    return tuple(dict.fromkeys(tables[:-1]))


@pytest.mark.parametrize("name", LOCKS)
def test_an_act_locks_what_it_is_about(name: str, cast: Cast) -> None:
    assert locked(statements_of(name, cast)) == LOCKS[name]


def test_an_allocation_looks_at_nothing_of_the_participant_before_the_places_are_locked(cast: Cast) -> None:
    statements = statements_of("participant.randomised", cast)
    looked = next(place for place, each in enumerate(statements) if "participants_consent" in each)
    assert locked([*statements[:looked], 'FROM "audit_ledgerhead" FOR UPDATE']) == LOCKS["participant.randomised"]
