"""The ledger: a line for each changed field, gapless, chained, and every meddling found and named."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from audit.acts import Means, by_means_of, record
from audit.ledger import canonical, chain_faults, entry_hash
from audit.models import LedgerEntry, LedgerHead
from crf.actions import save_entry
from tests import walk
from tests.api_caller import Caller
from tests.audit.recipes import vital_signs
from tests.audit.staging import deed, ledger_length, newest_entries, sql, without_triggers
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.models import User
from trialmgr.people.permissions import Role

pytestmark = pytest.mark.on_both  # the chain is taken by a lock here, by the one writer there

FULL = {"systolic": "120", "diastolic": "80", "pulse": "66", "weight_kg": "70.0"}


def test_three_changed_fields_of_a_form_give_three_lines_and_a_header(cast: Cast) -> None:
    participant = walk.consented(cast)
    walk.visited(cast, participant, "screening")
    visit = walk.visit_of(participant, "screening")
    walk.fill(cast, visit, "madrs", madrs=30)
    length = ledger_length()
    save_entry(
        by=cast.at("UMCG", Role.RATER),
        visit=visit,
        form_key="madrs",
        values={"madrs_1": "1", "madrs_2": "5", "madrs_3": "3"},
        reason="misread the paper",
    )
    lines = newest_entries(length)
    assert [line.item for line in lines] == ["", "madrs_1", "madrs_2"], "madrs_3 was 3 before, and the total stays"
    assert [(line.old, line.new) for line in lines[1:]] == [("3", "1"), ("3", "5")]


def test_a_line_says_who_what_where_when_and_why(cast: Cast) -> None:
    entry = vital_signs(cast)
    length = ledger_length()
    coordinator = cast.at("UMCG", Role.COORDINATOR)
    save_entry(
        by=coordinator, visit=entry.visit, form_key="vital_signs", values={"pulse": "70"}, reason="second reading"
    )
    header, line = newest_entries(length)
    assert (header.item, header.old, header.new) == ("", "complete", "complete")
    assert {
        "actor": line.actor,
        "actor_id": line.actor_id,
        "roles": line.roles,
        "site": line.site,
        "participant": line.participant,
        "visit": line.visit,
        "form": line.form,
        "occurrence": line.occurrence,
        "item": line.item,
        "old": line.old,
        "new": line.new,
        "reason": line.reason,
    } == {
        "actor": "Coordinator UMCG",
        "actor_id": str(coordinator.pk),
        "roles": "coordinator",
        "site": "UMCG",
        "participant": entry.participant.number,
        "visit": "screening",
        "form": "vital_signs",
        "occurrence": "1",
        "item": "pulse",
        "old": entry.data["pulse"],
        "new": "70",
        "reason": "second reading",
    }
    assert line.at.utcoffset() is not None
    assert line.at.utcoffset() == header.at.utcoffset()
    assert str(line) == f"{line.seq} entry.saved {entry.name}"


def test_a_first_entry_has_no_old_value_and_a_derived_one_is_logged_too(cast: Cast) -> None:
    participant = walk.consented(cast)
    visit = walk.visited(cast, participant, "screening", madrs=21)
    lines = LedgerEntry.objects.filter(participant=participant.number, form="madrs").order_by("seq")
    assert {line.old for line in lines} == {None}
    assert (lines[0].old, lines[0].new) == (None, "complete")
    assert lines.get(item="madrs_total").new == "21"
    assert visit.entries.get(form_key="madrs").data["madrs_total"] == "21"


def test_what_tells_the_arm_stands_in_the_restricted_part(cast: Cast) -> None:
    participant = walk.randomised(cast, arm="ect")
    walk.visited(cast, participant, "session_ect-1")
    walk.fill(cast, walk.visit_of(participant, "log"), "concomitant_medication")
    readable = LedgerEntry.objects.open_part().filter(participant=participant.number)
    told = json.dumps(list(readable.values("object_id", "visit", "form", "item", "old", "new", "detail", "reason")))
    assert "ect" not in {line.new for line in readable}
    assert "session" not in told
    assert "concomitant_medication" not in told
    assert LedgerEntry.objects.filter(participant=participant.number, restricted=True, new="ect").count() == 1


def test_numbers_have_no_gap_and_the_head_knows_the_last(cast: Cast) -> None:
    walk.screened(cast)
    numbers = list(LedgerEntry.objects.order_by("seq").values_list("seq", flat=True))
    assert numbers == list(range(1, len(numbers) + 1))
    head = LedgerHead.objects.get(pk=1)
    assert (head.seq, head.hash) == (numbers[-1], LedgerEntry.objects.get(seq=numbers[-1]).hash)
    assert str(head) == f"{head.seq} {head.hash}"


def test_an_untouched_ledger_has_no_fault(cast: Cast) -> None:
    walk.screened(cast)
    assert list(chain_faults()) == []


def test_every_kind_of_value_comes_back_as_it_was_written(cast: Cast) -> None:
    length = ledger_length()
    odd = "100% 'zeker' \"nee\" %s ? \\ é 漢"
    detail = {"b": [1, None, 2.5], "a": {"waar": True}, "%s": odd}

    def body() -> None:
        record(object_type="test", object_id=odd, item=odd, old="", new=odd, detail=detail, restricted=True)
        record(object_type="test", object_id="2", old=None, new=None)

    deed(body)
    _deed, full, bare = newest_entries(length)
    assert (full.object_id, full.item, full.old, full.new) == (odd, odd, "", odd)
    assert (full.detail, full.restricted) == (detail, True)
    assert (bare.old, bare.new, bare.reason, bare.detail, bare.restricted) == (None, None, "", {}, False)
    assert full.at == bare.at
    assert list(chain_faults()) == []


def test_an_act_of_more_lines_than_one_statement_takes_is_written_whole(cast: Cast) -> None:
    length = ledger_length()

    def body() -> None:
        for number in range(1100):
            record(object_type="test", object_id=str(number))

    deed(body)
    written = newest_entries(length)
    assert [entry.object_id for entry in written] == ["deed", *map(str, range(1100))]
    assert [entry.seq for entry in written] == list(range(length + 1, length + 1102))
    assert list(chain_faults()) == []


def test_the_hash_of_an_entry_never_changes_with_the_program() -> None:
    entry = LedgerEntry(
        seq=7,
        act="a" * 32,
        at=datetime.datetime(2026, 3, 1, 9, 30, tzinfo=datetime.UTC),
        actor_id="12",
        actor="Coördinator UMCG",
        roles="coordinator",
        action="entry.saved",
        object_type="entry",
        object_id="UMCG-001/screening/vital_signs/1",
        site="UMCG",
        participant="UMCG-001",
        visit="screening",
        form="vital_signs",
        occurrence="1",
        item="pulse",
        old=None,
        new="66",
        reason="100% “zeker”",
        detail={"b": [1, None], "a": True},
        restricted=False,
        salt="0" * 32,
    )
    # Format 1, as written by versions before 0.2.
    assert entry_hash(entry, "0" * 64) == "46f430a93db6a58bf41d8fc9cf9fab55ae627ceb48360736ab612f2bef0e9025"
    entry.format, entry.means = 2, "page"
    assert entry_hash(entry, "0" * 64) == "70f7b6be82e87ba2c63b8dbdb528997d2bcd2799171ccf43d1fd2cb62be27287"


def test_entries_say_by_what_means_they_came(cast: Cast) -> None:
    length = ledger_length()
    deed(lambda: None)
    for means in Means:
        with by_means_of(means):
            deed(lambda: None)
    written = newest_entries(length)
    assert [entry.means for entry in written] == ["command", *(means.value for means in Means)]
    assert {entry.format for entry in written} == {2}


def test_what_is_done_on_a_page_says_so_and_what_is_done_over_the_api_too(
    cast: Cast, signed_in: Callable[[User], Client]
) -> None:
    coordinator, length = cast.at("UMCG", Role.COORDINATOR), ledger_length()
    signed_in(coordinator).post("/language/", {"language": "en"})
    today = timezone.localdate().isoformat()
    status, _document = Caller(coordinator).post("participants/", {"site": "UMCG", "registered_on": today})
    assert status == 201
    means = {entry.action: entry.means for entry in newest_entries(length)}
    assert (means["user.language"], means["participant.registered"]) == ("page", "api")


def test_a_consequence_is_the_systems_on_behalf_of_the_person(cast: Cast) -> None:
    length = ledger_length()

    def body() -> None:
        record(object_type="test", object_id="2", cause="UMCG-001/week_8/madrs/1", old="1", new="2")

    deed(body)
    own, consequence = newest_entries(length)
    assert (own.cause, own.on_behalf_of) == ("", "")
    assert (consequence.actor_id, consequence.actor, consequence.roles) == ("system", "system", "system")
    assert (consequence.on_behalf_of, consequence.act) == (own.actor, own.act)
    assert consequence.cause == "UMCG-001/week_8/madrs/1"
    assert list(chain_faults()) == []


def test_entries_of_format_1_stand_in_one_chain_with_those_of_format_2(cast: Cast) -> None:
    """As an installation of before 0.2 has them: the hash of such an entry does not cover what it lacks."""
    deed(lambda: None)
    last = LedgerEntry.objects.latest("seq")
    with without_triggers():
        sql("UPDATE audit_ledgerentry SET format = 1, means = '' WHERE seq = %s", last.seq)
        last.refresh_from_db()
        before = LedgerEntry.objects.filter(seq=last.seq - 1).values_list("hash", flat=True).first() or "0" * 64
        hashed = entry_hash(last, before)
        sql("UPDATE audit_ledgerentry SET hash = %s WHERE seq = %s", hashed, last.seq)
        sql("UPDATE audit_ledgerhead SET hash = %s", hashed)
    deed(lambda: None)
    assert [entry.format for entry in LedgerEntry.objects.order_by("-seq")[:2]] == [2, 1]
    assert list(chain_faults()) == []


@pytest.mark.usefixtures("cast")
class TestMeddling:
    """Somebody who owns the tables drops the triggers first; the chain finds them out."""

    @pytest.fixture(autouse=True)
    def _unguarded(self, cast: Cast) -> None:
        deed(lambda: None)

    def faults_after(self, *statements: str) -> list[str]:
        with without_triggers():
            for statement in statements:
                sql(statement)
        return list(chain_faults())

    @pytest.mark.parametrize(
        "change",
        [
            "old = 'x'",
            "new = 'x'",
            "reason = 'x'",
            "detail = '{\"x\": 1}'",
            "actor = 'Nobody'",
            "actor_id = '0'",
            "roles = 'monitor'",
            "action = 'x'",
            "object_type = 'x'",
            "object_id = 'x'",
            "site = 'XX'",
            "participant = 'XX-001'",
            "visit = 'x'",
            "form = 'x'",
            "occurrence = '9'",
            "item = 'x'",
            "restricted = NOT restricted",
            "at = '2020-01-01 00:00:00+00:00'",
            "act = 'x'",
            "salt = 'x'",
            "format = 1",
            "format = 9",
            "cause = 'x'",
            "on_behalf_of = 'x'",
            "means = 'x'",
            "seal = 'x'",
        ],
    )
    def test_an_edited_entry_is_named(self, change: str) -> None:
        assert self.faults_after(f"UPDATE audit_ledgerentry SET {change} WHERE seq = 3") == [
            "ledger entry 3 does not fit its hash: it, or the one before it, was changed"
        ]

    def test_a_deleted_entry_is_named(self) -> None:
        faults = self.faults_after("DELETE FROM audit_ledgerentry WHERE seq = 4")
        assert faults[0] == "ledger entry 4 is missing (next found: 5)"

    def test_two_entries_that_changed_places_are_named(self) -> None:
        faults = self.faults_after(
            "UPDATE audit_ledgerentry SET seq = -3 WHERE seq = 3",
            "UPDATE audit_ledgerentry SET seq = 3 WHERE seq = 4",
            "UPDATE audit_ledgerentry SET seq = 4 WHERE seq = -3",
        )
        assert [fault[:14] for fault in faults] == ["ledger entry 3", "ledger entry 4", "ledger entry 5"]

    def test_an_inserted_entry_is_named(self) -> None:
        last = ledger_length()
        names = ", ".join(f'"{field.column}"' for field in LedgerEntry._meta.concrete_fields if field.name != "seq")
        copied = f"SELECT {last + 1}, {names} FROM audit_ledgerentry WHERE seq = 2"
        faults = self.faults_after(f"INSERT INTO audit_ledgerentry (seq, {names}) {copied}")
        assert faults[0].startswith(f"ledger entry {last + 1} does not fit its hash")
        assert faults[1].startswith(f"the ledger ends at entry {last + 1}, its head says {last}")

    def test_a_tail_cut_off_is_named(self) -> None:
        last = ledger_length()
        assert self.faults_after(f"DELETE FROM audit_ledgerentry WHERE seq > {last - 2}") == [
            f"the ledger ends at entry {last - 2}, its head says {last}: entries at the end are missing"
        ]

    def test_a_hash_overwritten_with_nonsense_is_named_not_stumbled_over(self) -> None:
        faults = self.faults_after("UPDATE audit_ledgerentry SET hash = 'no hash at all' WHERE seq = 3")
        assert [fault[:14] for fault in faults] == ["ledger entry 3", "ledger entry 4"]

    def test_a_head_that_is_gone_or_false_is_named(self) -> None:
        last = ledger_length()
        assert self.faults_after(f"UPDATE audit_ledgerhead SET hash = '{'0' * 64}'") == [
            f"the ledger ends at entry {last}, its head says {last} with another hash: one of them was changed"
        ]
        assert self.faults_after("DELETE FROM audit_ledgerhead") == [
            "the head of the ledger is missing: whether entries at the end are missing cannot be told"
        ]


@given(st.dictionaries(st.text(), st.none() | st.text() | st.integers() | st.booleans()))
def test_canonical_json_is_one_spelling_whatever_the_order(document: dict[str, object]) -> None:
    spelled = canonical(document)
    assert spelled == canonical(dict(reversed(document.items())))
    assert json.loads(spelled) == document
