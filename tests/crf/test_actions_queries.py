"""Queries: raised, answered, closed, reopened."""

from __future__ import annotations

import pytest
from django.core.exceptions import PermissionDenied

from audit.acts import ActionRefused
from crf.actions import (
    answer_query,
    close_query,
    raise_query,
    reopen_query,
)
from crf.actions.trail import item_reveals
from crf.models import QueryStatus
from tests.audit.recipes import again, medicine, query_on, the, vital_signs
from tests.audit.staging import ledger_length, newest_entries
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.permissions import Role


class TestQueries:
    def test_a_query_goes_from_open_to_answered_to_closed_and_back(self, cast: Cast) -> None:
        entry = vital_signs(cast)
        monitor, coordinator = the(cast, Role.MONITOR), the(cast, Role.COORDINATOR)
        query = query_on(entry, cast)
        assert answer_query(by=coordinator, query=query, text="Yes.").state is QueryStatus.ANSWERED
        closed = close_query(by=monitor, query=query, text="Thank you.")
        assert (closed.state, closed.closed_at is None) == (QueryStatus.CLOSED, False)
        reopened = reopen_query(by=monitor, query=query, text="One more thing.")
        assert (reopened.state, reopened.closed_at) == (QueryStatus.OPEN, None)
        assert [(message.by, message.text) for message in query.messages.all()] == [
            ("Monitor Trial", "Is this right?"),
            ("Coordinator UMCG", "Yes."),
            ("Monitor Trial", "Thank you."),
            ("Monitor Trial", "One more thing."),
        ]

    def test_steps_out_of_order_are_refused_and_change_nothing(self, cast: Cast) -> None:
        query = query_on(vital_signs(cast), cast)
        monitor, coordinator = the(cast, Role.MONITOR), the(cast, Role.COORDINATOR)
        with pytest.raises(ActionRefused):
            reopen_query(by=monitor, query=query, text="Again.")
        close_query(by=monitor, query=query, text="Seen.")
        at = query.closed_at
        with pytest.raises(ActionRefused):
            close_query(by=monitor, query=query, text="Seen.")
        with pytest.raises(ActionRefused):
            answer_query(by=coordinator, query=query, text="Late.")
        assert (query.state, query.closed_at) == (QueryStatus.CLOSED, at)

    def test_who_read_the_query_before_somebody_closed_it_meets_the_closed_one(self, cast: Cast) -> None:
        query = query_on(vital_signs(cast), cast)
        seen = again(query)
        close_query(by=the(cast, Role.MONITOR), query=query, text="Seen.")
        with pytest.raises(ActionRefused):
            answer_query(by=the(cast, Role.COORDINATOR), query=seen, text="Late.")

    def test_nothing_said_or_no_such_item_is_refused(self, cast: Cast) -> None:
        entry = vital_signs(cast)
        query = query_on(entry, cast)
        monitor = the(cast, Role.MONITOR)
        for text, item in ((" ", "pulse"), ("Why?", "shoe_size")):
            with pytest.raises(ActionRefused):
                raise_query(by=monitor, entry=entry, item=item, text=text)
        for step in (close_query, reopen_query):
            with pytest.raises(ActionRefused):
                step(by=monitor, query=query, text="\n")
        with pytest.raises(ActionRefused):
            answer_query(by=the(cast, Role.COORDINATOR), query=query, text="")

    def test_queries_of_one_entry_are_numbered(self, cast: Cast) -> None:
        entry = vital_signs(cast)
        assert [query_on(entry, cast).number for _time in range(3)] == [1, 2, 3]

    def test_the_site_answers_and_the_monitor_closes(self, cast: Cast) -> None:
        query = query_on(vital_signs(cast), cast)
        with pytest.raises(PermissionDenied):
            close_query(by=the(cast, Role.COORDINATOR), query=query, text="Done.")
        with pytest.raises(PermissionDenied):
            answer_query(by=the(cast, Role.MONITOR), query=query, text="Yes.")
        with pytest.raises(PermissionDenied):
            answer_query(by=cast.at("LUMC", Role.COORDINATOR), query=query, text="Yes.")

    def test_a_query_on_a_form_that_tells_the_arm_is_restricted(self, cast: Cast) -> None:
        entry = medicine(cast)
        length = ledger_length()
        query = raise_query(by=the(cast, Role.MONITOR), entry=entry, item="cm_name", text="Which?")
        assert query.reveals_allocation
        assert all(line.restricted for line in newest_entries(length))
        plain = vital_signs(cast)
        assert not item_reveals(plain, plain.form, "pulse")
