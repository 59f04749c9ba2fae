"""Append-only tables: the database itself refuses, whoever asks and by whichever road."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.apps import apps
from django.db import DatabaseError, connection, models, transaction

from audit import triggers
from audit.models import LedgerEntry
from audit.triggers import MESSAGE, append_only_tables, install, missing
from audit.verification import tracked_models, verify
from crf.models import FormEntry, QueryMessage
from exports.actions import unlock_study
from randomization.models import Allocation, ListRow
from tests import walk
from tests.audit.recipes import RECIPES, the
from tests.audit.staging import deed, sql, without_triggers
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.participants.actions import save_contact
from trialmgr.people.permissions import Role
from trialmgr.studies.models import StudyVersion

pytestmark = pytest.mark.on_both  # the triggers are written for each

# Acts that between them leave a row in every append-only table.
TELLING_ACTS = (
    "file.stored",
    "gate.decided",
    "judgement.confirmed",
    "deviation.judged",
    "query.reopened",
    "items.verified",
    "entry.signed",
    "casebook.thawed",
    "allocation.countersigned",
    "stratum.corrected",
    "code_break.noticed",
    "cap.set",
    "hold.lifted",
    "contact.saved",
    "list.extension_activated",
    "envelope.entered",
    "role.ended",
)

on_sqlite = pytest.mark.only_on("sqlite")
on_postgresql = pytest.mark.only_on("postgresql")


@pytest.fixture
def world(cast: Cast) -> None:
    RECIPES["release.made"](cast)()
    unlock_study(by=the(cast, Role.DATA_MANAGER), reason="the trial goes on")
    for name in TELLING_ACTS:
        RECIPES[name](cast)()
    for other_person in ("", "twins"):
        person, by = walk.registered(cast, "LUMC"), cast.at("LUMC", Role.COORDINATOR)
        save_contact(by=by, participant=person, details={"email": "both@example.org"}, other_person=other_person)


def refused(statement: str) -> None:
    with pytest.raises(DatabaseError, match=MESSAGE), transaction.atomic():
        sql(statement)


def append_only_models() -> Iterator[type[models.Model]]:
    tables = {table for table, _keys in append_only_tables()}
    return (model for model in apps.get_models(include_auto_created=True) if model._meta.db_table in tables)


@pytest.mark.usefixtures("world")
class TestEveryAppendOnlyTable:
    """Each test walks all tables, for the world takes a while to build; a failure names the table."""

    def test_holds_a_row_here_so_that_the_tests_below_prove_something(self) -> None:
        assert [model for model in append_only_models() if not model._base_manager.exists()] == []

    def test_refuses_plain_updates_and_deletes(self) -> None:
        for model in append_only_models():
            table, column = model._meta.db_table, model._meta.pk.column
            refused(f'UPDATE "{table}" SET "{column}" = "{column}"')
            refused(f'DELETE FROM "{table}"')

    def test_refuses_the_object_relational_mapper(self) -> None:
        for model in append_only_models():
            rows: models.QuerySet[models.Model] = models.QuerySet(model)
            row = rows.all()[0]
            name = next(field.name for field in model._meta.concrete_fields if not field.primary_key)
            for write in (
                lambda rows=rows, row=row, name=name: rows.update(**{name: getattr(row, name)}),
                lambda rows=rows, row=row, name=name: rows.bulk_update([row], [name]),
                lambda rows=rows: rows._raw_delete(rows.db),
                lambda row=row: models.Model.save(row),
                lambda model=model, row=row: models.QuerySet(model).filter(pk=row.pk)._raw_delete("default"),
            ):
                with pytest.raises(DatabaseError, match=MESSAGE), transaction.atomic():
                    deed(write)

    @on_sqlite
    def test_refuses_to_put_a_row_in_the_place_of_another_on_sqlite(self) -> None:
        for model in append_only_models():
            table, column = model._meta.db_table, model._meta.pk.column
            # A database shell does not switch this on; then a replaced row is deleted without a delete trigger.
            sql("PRAGMA recursive_triggers = OFF")
            refused(f'INSERT OR REPLACE INTO "{table}" SELECT * FROM "{table}"')
            refused(f'UPDATE OR REPLACE "{table}" SET "{column}" = "{column}"')
            sql("PRAGMA recursive_triggers = ON")

    @on_postgresql
    def test_refuses_to_be_emptied_or_upserted_on_postgresql(self) -> None:
        for model in append_only_models():
            table, column = model._meta.db_table, model._meta.pk.column
            refused(f'TRUNCATE "{table}" CASCADE')
            refused(
                f'INSERT INTO "{table}" OVERRIDING SYSTEM VALUE SELECT * FROM "{table}" '
                f'ON CONFLICT ("{column}") DO UPDATE SET "{column}" = EXCLUDED."{column}"'
            )

    @on_sqlite
    def test_refuses_a_replacement_by_any_other_unique_key(self) -> None:
        sql("PRAGMA recursive_triggers = OFF")
        for model, own, new in (
            (StudyVersion, "id", "id + 1000"),
            (Allocation, "id", "id + 1000"),
            (LedgerEntry, "seq", "seq + 1000000"),
        ):
            table = model._meta.db_table
            columns = ["rowid", *(f'"{field.column}"' for field in model._meta.concrete_fields if field.column != own)]
            rest = ", ".join(columns if own == "seq" else columns[1:])
            refused(f"INSERT OR REPLACE INTO {table} ({own}, {rest}) SELECT {new}, {rest} FROM {table}")
        sql("PRAGMA recursive_triggers = ON")


@pytest.mark.django_db
class TestTriggers:
    def test_none_is_missing(self) -> None:
        assert missing(connection) == []

    def test_every_tracked_model_has_its_history_held(self) -> None:
        held = {table for table, _keys in append_only_tables()}
        assert [model for model in tracked_models() if model.history.model._meta.db_table not in held] == []
        assert LedgerEntry._meta.db_table in held
        assert {ListRow._meta.db_table, QueryMessage._meta.db_table} <= held

    def test_a_row_that_may_change_is_not_held(self) -> None:
        assert FormEntry._meta.db_table not in {table for table, _keys in append_only_tables()}

    def test_the_verification_names_each_trigger_that_is_gone(self) -> None:
        with without_triggers():
            gone = missing(connection)
            faults = verify().faults["triggers"]
        assert len(gone) == sum(len(triggers._SUFFIXES[connection.vendor]) for _table in append_only_tables())
        assert any("audit_ledgerentry_no_" in fault and "migrate" in fault for fault in faults)
        assert missing(connection) == []

    def test_can_be_put_in_place_twice(self) -> None:
        install(connection)
        install(connection)
        assert missing(connection) == []

    def test_come_with_their_table(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(triggers, "append_only_tables", lambda: [("not_yet_there", [("id",)])])
        install(connection)
        assert any(name.startswith("not_yet_there") for name in missing(connection))

    @pytest.mark.parametrize(("vendor", "statements"), [("sqlite", 6), ("postgresql", 3)])
    def test_both_databases_are_told_of_change_and_removal(self, vendor: str, statements: int) -> None:
        told = triggers._STATEMENTS[vendor]("a_table", [("rowid",), ("one", "two")])
        assert len(told) == statements
        for word in ("UPDATE", "DELETE", '"a_table"', MESSAGE):
            assert any(word in statement for statement in told)

    @on_postgresql
    def test_one_that_is_switched_off_counts_as_missing(self) -> None:
        sql("ALTER TABLE audit_ledgerentry DISABLE TRIGGER audit_ledgerentry_no_change")
        assert missing(connection) == ["audit_ledgerentry_no_change"]
        sql("ALTER TABLE audit_ledgerentry ENABLE REPLICA TRIGGER audit_ledgerentry_no_change")
        assert missing(connection) == ["audit_ledgerentry_no_change"]
