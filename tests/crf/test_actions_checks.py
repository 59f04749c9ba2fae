"""Edit checks at work: a warning opens a query, a corrected value closes it."""

from __future__ import annotations

from crf.actions import (
    close_query,
    raise_query,
    remove_entry,
)
from crf.models import FormEntry, Query
from tests import walk
from tests.audit.recipes import again, the, vital_signs
from tests.audit.staging import ledger_length, newest_entries
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.permissions import Role

HIGH = {"systolic": "190"}


def queries(entry: FormEntry) -> list[tuple[int, str, str, str]]:
    found = Query.objects.filter(entry=entry).order_by("number")
    return [(query.number, query.item, query.check_key, query.status) for query in found]


class TestChecks:
    def test_a_value_outside_the_expected_range_opens_a_query_and_keeps_the_value(self, cast: Cast) -> None:
        entry = vital_signs(cast)
        length = ledger_length()
        entry = walk.corrected(cast, entry, HIGH)
        assert entry.data["systolic"] == "190"
        assert queries(entry) == [(1, "systolic", "soft_range", "open")]
        message = Query.objects.get(entry=entry).messages.get()
        assert "Verwacht: 90" in message.text
        assert "Expected: 90" in message.text
        assert [line.action for line in newest_entries(length)] == ["entry.saved", "entry.saved", "query.raised"]

    def test_a_correction_closes_it_and_all_three_steps_stay_on_record(self, cast: Cast) -> None:
        entry = vital_signs(cast)
        length = ledger_length()
        walk.corrected(cast, entry, HIGH)
        walk.corrected(cast, entry, {"systolic": "130"})
        assert queries(entry) == [(1, "systolic", "soft_range", "closed")]
        lines = [line for line in newest_entries(length) if line.item == "systolic"]
        assert [line.action for line in lines] == ["entry.saved", "query.raised", "entry.saved", "query.closed"]

    def test_an_open_query_is_not_asked_twice(self, cast: Cast) -> None:
        entry = walk.corrected(cast, vital_signs(cast), HIGH)
        walk.corrected(cast, entry, {"systolic": "195"})
        assert len(queries(entry)) == 1

    def test_an_accepted_value_is_not_asked_about_again_until_it_changes(self, cast: Cast) -> None:
        entry = walk.corrected(cast, vital_signs(cast), HIGH)
        close_query(by=the(cast, Role.MONITOR), query=Query.objects.get(entry=entry), text="As in the source.")
        walk.corrected(cast, entry, {"pulse": "70"})
        assert [status for *_rest, status in queries(entry)] == ["closed"]
        walk.corrected(cast, entry, {"systolic": "195"})
        assert [status for *_rest, status in queries(entry)] == ["closed", "open"]

    def test_a_check_returns_when_any_item_it_reads_changes(self, cast: Cast) -> None:
        """The query stands on the charge, but it is the placement that made the charge too low."""
        participant = walk.randomised(cast, arm="ect")
        visit = walk.visited(cast, participant, "session_ect-1")
        entry = visit.entries.get()
        steps = (
            ({"laterality": "bt", "charge_mc": "100", "threshold_mc": "50"}, ["closed"]),
            ({"laterality": "rul"}, ["closed", "open"]),
            ({"laterality": "bt"}, ["closed", "closed"]),
        )
        for values, expected in steps:
            walk.corrected(cast, entry, values)
            raised = Query.objects.filter(entry=entry, check_key="unilateral_low").order_by("number")
            assert [query.status for query in raised] == expected, values

    def test_removing_a_row_closes_what_its_checks_asked(self, cast: Cast) -> None:
        log = walk.visit_of(walk.consented(cast), "log")
        entry = walk.fill(cast, log, "adverse_event", given={"ae_serious_reasons": "hospitalisation"})
        raise_query(by=the(cast, Role.MONITOR), entry=entry, item="ae_term", text="Which?")
        assert [status for *_rest, status in queries(entry)] == ["open", "open"]
        remove_entry(by=the(cast, Role.COORDINATOR), entry=entry, reason="twice")
        assert {check: status for _number, _item, check, status in queries(entry)} == {
            "planned_admission": "closed",
            "": "open",
        }

    def test_removing_a_row_leaves_closed_queries_alone(self, cast: Cast) -> None:
        log = walk.visit_of(walk.consented(cast), "log")
        entry = walk.fill(cast, log, "adverse_event", given={"ae_serious_reasons": "hospitalisation"})
        closed = close_query(by=the(cast, Role.MONITOR), query=Query.objects.get(entry=entry), text="Right.")
        remove_entry(by=the(cast, Role.COORDINATOR), entry=entry, reason="twice")
        assert again(closed).closed_at == closed.closed_at
