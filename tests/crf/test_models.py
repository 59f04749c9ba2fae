"""Rows of the casebook, as they name themselves."""

from __future__ import annotations

from crf.actions import (
    freeze,
    sign_entry,
    verify_items,
)
from tests.audit.recipes import query_on, the, vital_signs
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.permissions import Role


def test_the_rows_name_themselves(cast: Cast) -> None:
    entry = vital_signs(cast)
    number = entry.participant.number
    query = query_on(entry, cast)
    (verified,) = verify_items(by=the(cast, Role.MONITOR), entry=entry, items=["pulse"])
    signature = sign_entry(by=the(cast, Role.INVESTIGATOR), entry=entry, meaning="reviewed")
    frozen = freeze(by=the(cast, Role.DATA_MANAGER), participant=entry.participant)
    named = [entry, query, query.messages.get(), verified, signature, frozen]
    assert [str(row) for row in named] == [
        f"{number} screening vital_signs 1",
        f"{number}/screening/vital_signs/1 #1",
        "Is this right?",
        f"{number} screening vital_signs 1 pulse",
        f"{number} screening vital_signs 1 Investigator UMCG",
        number,
    ]
