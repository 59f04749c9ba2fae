"""Once the study is locked no data change, neither through an action nor past it."""

from __future__ import annotations

import pytest
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, connection, transaction
from django.utils.translation import override

from audit import verification
from audit.acts import ActionRefused
from audit.models import LedgerEntry, LedgerHead
from crf.actions import raise_query
from crf.models import (
    EligibilityDecision,
    FormEntry,
    GateDecision,
    JudgementConfirmation,
    ProtocolDeviation,
    Query,
    QueryMessage,
    Signature,
    StoredFile,
    Visit,
)
from exports import lock_triggers
from exports.actions import lock_study, unlock_study
from randomization.actions import correct_stratum, countersign_in_error, flag_in_error
from randomization.models import Allocation, EnvelopeUse
from tests import walk
from tests.audit.staging import deed
from tests.exports.closed_trial import data_manager, locked
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.participants.models import Consent, Participant
from trialmgr.people.permissions import Role
from trialmgr.studies.models import StudyVersion
from trialmgr.studies.queries import open_lock

pytestmark = pytest.mark.on_both  # the triggers of the lock are written for each


def test_the_lock_remembers_the_last_audit_trail_entry_before_it(cast: Cast) -> None:
    lock = locked(cast)
    assert open_lock() == lock
    last = LedgerEntry.objects.get(seq=lock.ledger_seq)
    assert last.hash == lock.ledger_hash
    line = LedgerEntry.objects.get(seq=lock.ledger_seq + 1)
    assert (line.action, line.new, line.reason) == ("study.locked", "locked", "all data are in")
    assert LedgerHead.objects.get(pk=1).seq == line.seq


def test_a_lock_is_refused_while_something_is_open(cast: Cast) -> None:
    walk.registered(cast)
    with override("en"), pytest.raises(ActionRefused, match="1 participant has not ended"):
        lock_study(by=data_manager(cast), reason="early")
    assert open_lock() is None


def test_a_lock_owes_a_reason(cast: Cast) -> None:
    with override("en"), pytest.raises(ActionRefused, match="Give the reason"):
        lock_study(by=data_manager(cast), reason=" ")


def test_only_a_data_manager_locks(cast: Cast) -> None:
    with pytest.raises(PermissionDenied):
        lock_study(by=cast.at("", Role.UNBLINDED_STATISTICIAN), reason="mine")


def test_a_locked_study_is_not_locked_again(cast: Cast) -> None:
    locked(cast)
    with override("en"), pytest.raises(ActionRefused, match="locked since"):
        lock_study(by=data_manager(cast), reason="again")


def test_actions_on_data_are_refused_until_the_study_is_unlocked(cast: Cast) -> None:
    locked(cast)
    entry = FormEntry.objects.filter(form_key="demographics").first()
    assert entry is not None
    with override("en"), pytest.raises(ActionRefused, match="locked since"):
        raise_query(by=data_manager(cast), entry=entry, item="sex", text="late")
    unlocked = unlock_study(by=data_manager(cast), reason="a query came late")
    assert unlocked.unlock_reason == "a query came late"
    raise_query(by=data_manager(cast), entry=entry, item="sex", text="late")


def test_an_unlocked_study_is_not_unlocked_again(cast: Cast) -> None:
    with override("en"), pytest.raises(ActionRefused, match="not locked"):
        unlock_study(by=data_manager(cast), reason="no need")


def test_plain_sql_is_refused_on_every_data_table(cast: Cast) -> None:
    locked(cast)
    unlock_study(by=data_manager(cast), reason="something about the allocation was forgotten")
    _note_what_can_happen(cast)
    lock_study(by=data_manager(cast), reason="now everything is in")
    assert [table for table in lock_triggers.TABLES if _rows(table) == 0] == []
    statements = ("INSERT INTO {0} SELECT * FROM {0}", "UPDATE {0} SET id = id", "DELETE FROM {0}")
    for table in lock_triggers.TABLES:
        for statement in statements:
            refused = pytest.raises(IntegrityError, match=lock_triggers.MESSAGE)
            with refused, transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(statement.format(table))


def _note_what_can_happen(cast: Cast) -> None:
    """A row in each table about an allocation, and a file."""
    allocation = Allocation.objects.select_related("participant__site").get()
    coordinator = cast.at(allocation.participant.site.code, Role.COORDINATOR)
    correct_stratum(by=coordinator, allocation=allocation, factor="site", corrected="LUMC", reason="seen there")
    flag = flag_in_error(by=coordinator, allocation=allocation, reason="had not consented")
    countersign_in_error(by=data_manager(cast), flag=flag)
    # No list of this trial reserves places, so no envelope can be entered: the row alone is wanted.
    use = EnvelopeUse(allocation=allocation, opened_at=allocation.allocated_at, opened_by="nurse", reason="down")
    deed(use.save)
    kept = StoredFile(participant=allocation.participant, sha256="0" * 64, size=4, sealed=b"%PDF")
    kept.stored_at, kept.stored_by = allocation.allocated_at, "nurse"
    deed(kept.save)
    # Nothing contradicts a judgement here: the row alone is wanted.
    confirmed = JudgementConfirmation(participant=allocation.participant, judgement="eligibility", digest="0" * 64)
    confirmed.confirmed_at, confirmed.confirmed_by, confirmed.reason = allocation.allocated_at, "nurse", "seen"
    deed(confirmed.save)
    # Nor do its days.
    deviation = ProtocolDeviation(visit=allocation.participant.visits.first(), rule="window", about="", reason="ill")
    deed(deviation.save)


def _rows(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        return int(cursor.fetchone()[0])


def test_before_the_lock_plain_writes_pass(cast: Cast) -> None:
    participant = walk.registered(cast)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE participants_participant SET phase = 'other'")
    participant.refresh_from_db()
    assert participant.phase == "other"


def test_audit_verify_misses_a_trigger_that_was_removed(cast: Cast) -> None:
    assert not verification.verify().faults["lock triggers"]
    lock_triggers.remove_before_migrate(using="default")
    faults = verification.verify().faults["lock triggers"]
    assert len(faults) == len(lock_triggers.missing(connection)) >= len(lock_triggers.TABLES)
    assert "run python manage.py migrate" in faults[0]
    lock_triggers.install_after_migrate(using="default")
    assert lock_triggers.missing(connection) == []


def test_without_the_removed_triggers_nothing_else_is_touched(cast: Cast) -> None:
    locked(cast)
    lock_triggers.remove(connection)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE participants_participant SET phase = 'other'")
    assert Participant.objects.filter(phase="other").count() == 2
    lock_triggers.install(connection)


@pytest.mark.parametrize("vendor", ["sqlite", "postgresql"])
def test_the_statements_of_each_database_put_up_every_trigger_it_looks_for(vendor: str) -> None:
    for table in lock_triggers.TABLES:
        statements = " ".join(lock_triggers._STATEMENTS[vendor](table))
        assert [name for name in lock_triggers._NAMES[vendor](table) if f'"{name}"' not in statements] == []
        assert lock_triggers.MESSAGE in statements


def test_every_table_that_a_release_reads_is_held_still() -> None:
    read = {FormEntry, Visit, Query, QueryMessage, Signature, EligibilityDecision, GateDecision, Consent, Participant}
    read |= {Allocation, StudyVersion}
    assert {model._meta.db_table for model in read} <= set(lock_triggers.TABLES)
