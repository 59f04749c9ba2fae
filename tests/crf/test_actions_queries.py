"""Queries: raised, answered, closed, reopened."""

from __future__ import annotations

import pytest
from django.core.exceptions import PermissionDenied

from audit.acts import ActionRefused
from crf.actions import (
    answer_query,
    close_query,
    mark_visit_not_done,
    raise_query,
    raise_query_on_form,
    raise_query_on_visit,
    remove_entry,
    reopen_query,
)
from crf.actions.trail import item_reveals
from crf.faults import query_differences
from crf.models import Query, QueryStatus
from exports.open_points import Kind, open_points
from tests import walk
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


class TestQueriesOnWhatWasNotEntered:
    def test_a_form_that_is_missing_is_asked_about_answered_and_closed(self, cast: Cast) -> None:
        visit = walk.visit_of(walk.registered(cast), "screening")
        monitor = the(cast, Role.MONITOR)
        query = raise_query_on_form(by=monitor, visit=visit, form_key="madrs", text="Where is it?")
        assert (query.name, query.of_form, query.row, query.number) == (
            f"{visit}".replace(" ", "/") + "/madrs",
            "madrs",
            None,
            1,
        )
        answer_query(by=the(cast, Role.RATER), query=query, text="On paper.")
        assert close_query(by=monitor, query=query, text="Thank you.").state is QueryStatus.CLOSED
        assert raise_query_on_form(by=monitor, visit=visit, form_key="madrs", text="And now?").number == 2
        assert [line.object_type for line in newest_entries(ledger_length() - 1)] == ["form"]
        assert list(query_differences()) == []

    def test_it_stays_about_the_form_when_the_form_is_entered(self, cast: Cast) -> None:
        visit = walk.visit_of(walk.screened(cast), "screening")
        entry = visit.entries.get(form_key="vital_signs")
        monitor = the(cast, Role.MONITOR)
        with pytest.raises(ActionRefused, match="has been entered"):
            raise_query_on_form(by=monitor, visit=visit, form_key="vital_signs", text="Where is it?")
        remove_entry(by=the(cast, Role.COORDINATOR), entry=entry, reason="of somebody else")
        query = raise_query_on_form(by=monitor, visit=visit, form_key="vital_signs", text="Where is it?")
        walk.fill(cast, visit, "vital_signs")
        assert (again(query).entry, again(query).state) == (None, QueryStatus.OPEN)

    def test_of_a_form_with_rows_something_may_be_missing_always(self, cast: Cast) -> None:
        entry = medicine(cast)
        query = raise_query_on_form(
            by=the(cast, Role.MONITOR), visit=entry.visit, form_key=entry.form_key, text="And lithium?"
        )
        assert query.reveals_allocation
        assert not Query.objects.for_user(the(cast, Role.RATER)).exists()

    def test_a_form_that_the_visit_does_not_hold_is_refused(self, cast: Cast) -> None:
        visit = walk.visit_of(walk.registered(cast), "screening")
        for form in ("adverse_event", "nothing"):
            with pytest.raises(ActionRefused, match="does not belong to this visit"):
                raise_query_on_form(by=the(cast, Role.MONITOR), visit=visit, form_key=form, text="Where is it?")

    def test_a_visit_is_asked_about_whether_it_took_place_or_not(self, cast: Cast) -> None:
        visit = walk.visit_of(walk.consented(cast), "screening")
        monitor = the(cast, Role.MONITOR)
        mark_visit_not_done(by=the(cast, Role.COORDINATOR), visit=visit, reason="ill")
        query = raise_query_on_visit(by=monitor, visit=visit, text="Ill of what?")
        assert (str(query), query.of_form, query.item) == ("UMCG-001/screening #1", "", "")
        answer_query(by=the(cast, Role.COORDINATOR), query=query, text="Of a cold.")
        assert [line.object_id for line in newest_entries(ledger_length() - 1)] == ["UMCG-001/screening"]
        assert raise_query_on_visit(by=monitor, visit=visit, text="And?").number == 2
        for text in (" ", "\n"):
            with pytest.raises(ActionRefused):
                raise_query_on_visit(by=monitor, visit=visit, text=text)
        assert list(query_differences()) == []

    def test_each_is_an_open_point_until_it_is_closed(self, cast: Cast) -> None:
        visit = walk.visit_of(walk.registered(cast), "screening")
        monitor = the(cast, Role.MONITOR)
        on_form = raise_query_on_form(by=monitor, visit=visit, form_key="madrs", text="Where is it?")
        on_visit = raise_query_on_visit(by=monitor, visit=visit, text="When was it?")
        assert [point.where for point in open_points() if point.kind is Kind.QUERY] == ["screening", "screening/madrs"]
        for query in (on_form, on_visit):
            close_query(by=monitor, query=query, text="Seen.")
        assert not [point for point in open_points() if point.kind is Kind.QUERY]

    def test_an_item_that_is_not_asked_is_asked_about(self, cast: Cast) -> None:
        log = walk.visit_of(walk.consented(cast), "log")
        entry = walk.fill(cast, log, "adverse_event", given={"ae_serious": "no"})
        item = "ae_serious_reasons"
        assert item not in entry.answered
        query = raise_query(by=the(cast, Role.MONITOR), entry=entry, item=item, text="Why is it not asked?")
        assert (query.item, query.state) == (item, QueryStatus.OPEN)
