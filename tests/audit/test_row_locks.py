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
    "allocation.flag_withdrawal_asked": ("randomization_randomisedinerror",),
    "allocation.flag_withdrawn": ("randomization_randomisedinerror",),
    "allocation.flagged": ("participants_participant",),
    "cap.set": ("randomization_allocationcap",),
    "casebook.frozen": ("participants_participant",),
    "casebook.opened": ("people_site",),
    "casebook.thawed": ("participants_participant",),
    "code.broken": ("randomization_randomizationlist", "people_user"),
    "code_break.noticed": ("randomization_codebreak",),
    "consent.recorded": ("participants_participant",),
    "consent.withdrawn": ("participants_participant",),
    "consent.withdrawal_undone": ("participants_participant",),
    "eligibility.judged": ("participants_participant",),
    "entry.migrated": ("participants_participant",),
    "entry.moved": ("participants_participant",),
    "entry.not_done": ("participants_participant",),
    "entry.removed": ("participants_participant",),
    "entry.saved": ("participants_participant",),
    "entry.signed": ("participants_participant",),
    "entries.signed": ("participants_participant",),
    "entries.verified": ("participants_participant",),
    "envelope.entered": ("participants_participant", "randomization_stratum"),
    "file.stored": ("participants_participant",),
    "freeze.noticed": ("crf_freeze",),
    "gate.decided": ("participants_participant",),
    "gate.undone": ("participants_participant",),
    "hold.lifted": ("randomization_allocationhold",),
    "items.verified": ("participants_participant",),
    "list.extended": ("randomization_randomizationlist",),
    "list.extension_activated": ("randomization_randomizationlist", "randomization_stratum"),
    "list.revealed": ("randomization_randomizationlist",),
    "participant.ended": ("participants_participant",),
    "participant.moved": ("participants_participant",),
    "participant.phase_opened": ("participants_participant",),
    "participant.randomised": (
        "participants_participant",
        "randomization_allocationcap",
        "randomization_stratum",
    ),
    "participant.voided": ("participants_participant",),
    "query.answered": ("participants_participant",),
    "query.assigned": ("participants_participant",),
    "query.closed": ("participants_participant",),
    "queries.closed": ("participants_participant",),
    "query.raised": ("participants_participant",),
    "query.raised_on_form": ("participants_participant",),
    "query.raised_on_visit": ("participants_participant",),
    "query.reopened": ("participants_participant",),
    "registration.corrected": ("participants_participant",),
    "release.made": ("studies_studylock",),
    "site.frozen": ("participants_participant",),
    "site.unfrozen": ("participants_participant",),
    "stratum.corrected": ("participants_participant",),
    "visit.added": ("participants_participant",),
    "visit.day_set": ("participants_participant",),
    "visit.frozen": ("participants_participant",),
    "visit.unfrozen": ("participants_participant",),
    "visit.not_done": ("participants_participant",),
    "visits.replanned": ("participants_participant",),
}


def statements_of(name: str, cast: Cast) -> list[str]:
    act = RECIPES[name](cast)
    with CaptureQueriesContext(connection) as seen:
        act()
    return [each["sql"] for each in seen]


def locked(statements: list[str]) -> tuple[str, ...]:
    """The tables whose rows are locked, in order; the head of the ledger, which every act locks last, left out."""
    found = [re.search(r'FROM "?(\w+)"?', each) for each in statements if "FOR UPDATE" in each]
    tables = [match[1] for match in found if match]
    assert tables[-1] == "audit_ledgerhead"
    return tuple(dict.fromkeys(tables[:-1]))


@pytest.mark.parametrize("name", LOCKS)
def test_an_act_locks_what_it_is_about(name: str, cast: Cast) -> None:
    assert locked(statements_of(name, cast)) == LOCKS[name]


CASEBOOK = ("participants_consent", "crf_freeze", "crf_gatedecision", "crf_eligibilitydecision", "crf_signature")
ON_A_CASEBOOK = [name for name, tables in LOCKS.items() if tables == ("participants_participant",)]


@pytest.mark.parametrize("name", ON_A_CASEBOOK)
def test_an_act_on_a_casebook_holds_it_before_it_looks_at_what_may_refuse_it(name: str, cast: Cast) -> None:
    statements = statements_of(name, cast)
    held = next(place for place, each in enumerate(statements) if "FOR UPDATE" in each)
    of_participant = [each for each in statements[:held] if "participant_id" in each.partition("WHERE")[2]]
    assert not [each for each in of_participant if any(table in each for table in CASEBOOK)]


def test_an_allocation_looks_at_nothing_of_the_participant_before_the_places_are_locked(cast: Cast) -> None:
    statements = statements_of("participant.randomised", cast)
    looked = next(place for place, each in enumerate(statements) if "participants_consent" in each)
    assert locked([*statements[:looked], 'FROM "audit_ledgerhead" FOR UPDATE']) == LOCKS["participant.randomised"]
