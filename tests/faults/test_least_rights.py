"""The application's role on PostgreSQL, as scripts/least_rights.sql makes it, can do its work and no more."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection

from tests.house.tree import ROOT

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.only_on("postgresql"),
]


def _address(**other: str) -> dict[str, Any]:
    names = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD", "dbname": "NAME"}
    return {name: connection.settings_dict[key] for name, key in names.items()} | other


@pytest.fixture
def application() -> Iterator[psycopg.Connection]:
    """Connected as a role of the application in this test's database; the role is gone afterwards."""
    role, password = f"trialmgr_app_{os.getpid()}", secrets.token_hex(8)
    # A connection of the owner's own: the test's is in a transaction, which nobody else sees.
    with psycopg.connect(**_address(), autocommit=True) as owner:
        owner.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{password}'")
        try:
            address = psycopg.conninfo.make_conninfo(**_address())
            script = ROOT / "scripts/least_rights.sql"
            subprocess.run(["psql", "-q", "-v", f"app={role}", "-f", str(script), address], check=True)
            with psycopg.connect(**_address(user=role, password=password), autocommit=True) as connected:
                yield connected
        finally:
            owner.execute(f"DROP OWNED BY {role}")
            owner.execute(f"DROP ROLE {role}")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_ledgerentry SET actor = 'somebody else'",
        "DELETE FROM audit_ledgerentry",
        "TRUNCATE audit_ledgerentry",
        "ALTER TABLE audit_ledgerentry DISABLE TRIGGER ALL",
        "DROP TRIGGER audit_ledgerentry_no_change ON audit_ledgerentry",
        "UPDATE randomization_allocation SET arm = 'ect'",
        "UPDATE crf_historicalformentry SET revision = 1",
        "DELETE FROM participants_participant",
        "DELETE FROM django_migrations",
        "CREATE TABLE hiding_place (id integer)",
    ],
)
def test_what_must_not_change_is_refused(application: psycopg.Connection, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        application.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT count(*) FROM audit_ledgerentry",
        "SELECT seq FROM audit_ledgerhead FOR UPDATE",
        "UPDATE crf_formentry SET revision = revision",
        "DELETE FROM participants_contactdetails",
        "DELETE FROM django_session",
        "DELETE FROM audit_oncekey",
        "DELETE FROM trialmgr_cache",
    ],
)
def test_the_daily_work_is_allowed(application: psycopg.Connection, statement: str) -> None:
    assert application.execute(statement).statusmessage
