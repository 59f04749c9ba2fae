"""Who reads what of the audit trail, how it is searched, and that taking it out is an act of its own."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

import pytest
from django.test import Client
from django.utils import timezone

from audit.actions import ACTIONS
from audit.models import LedgerEntry
from crf.actions import raise_query
from tests import walk
from trialmgr.overview.act_labels import ACT_LABELS, act_label
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.overview.trail import readable
from trialmgr.participants.states import TRANSITIONS
from trialmgr.people import permissions
from trialmgr.people.actions import close_site
from trialmgr.people.models import SYSTEM, User
from trialmgr.people.permissions import Role
from trialmgr.studies.queries import current_definition

pytestmark = pytest.mark.on_both  # searches by time and text are the database's

SITE = walk.SITE
SignIn = Callable[[User], Client]


def english(client: Client, **asked: str) -> str:
    return client.get("/audit/", asked, HTTP_ACCEPT_LANGUAGE="en").content.decode()


def found(client: Client, **asked: str) -> list[LedgerEntry]:
    return [line["entry"] for line in client.get("/audit/", asked).context["lines"]]


@pytest.fixture
def monitor(cast: Cast, signed_in: SignIn) -> Client:
    return signed_in(cast.at("", Role.MONITOR))


def test_a_monitor_reads_every_site_and_a_coordinator_their_own(cast: Cast, monitor: Client, signed_in: SignIn) -> None:
    walk.consented(cast)
    other = walk.consented(cast, "LUMC")
    assert {entry.site for entry in found(monitor)} >= {SITE, "LUMC"}
    own = signed_in(cast.at(SITE, Role.COORDINATOR))
    assert {entry.site for entry in found(own)} == {SITE}
    assert found(own, participant=other.number) == []


def test_the_arm_stands_in_entries_that_a_blinded_person_never_reads(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk.randomised(cast, arm="ect")
    rater = cast.at(SITE, Role.RATER)
    more = permissions.PERMISSIONS[Role.RATER] | {"audit.view"}
    monkeypatch.setitem(permissions.PERMISSIONS, Role.RATER, more)
    rows = readable(rater, current_definition())
    entered = {form.key for form in current_definition().forms if Role.RATER.value in form.entered_by}
    assert {row.form for row in rows} <= entered | {""}
    assert not any("ect" in (row.visit, row.new, row.object_id) or "session" in row.visit for row in rows)
    assert readable(cast.at(SITE, Role.COORDINATOR), current_definition()).filter(item="arm").exists()


def test_the_trail_is_narrowed_by_every_box(cast: Cast, monitor: Client) -> None:
    participant = walk.screened(cast)
    walk.registered(cast, "LUMC")
    own = found(monitor, participant=participant.number.lower())
    assert {entry.participant for entry in own} == {participant.number}
    assert {entry.actor for entry in found(monitor, who="rater")} == {"Rater UMCG"}
    assert {entry.action for entry in found(monitor, act="consent.recorded")} == {"consent.recorded"}
    assert {entry.site for entry in found(monitor, site="LUMC")} == {"LUMC"}
    assert {entry.form for entry in found(monitor, form="madrs")} == {"madrs"}
    assert found(monitor, text="no such text") == []
    assert found(monitor, text=participant.number)
    day = participant.registered_on
    assert found(monitor, since=day.strftime("%d-%m-%Y"), until=day.isoformat(), participant=participant.number)
    assert found(monitor, until="1-1-2001") == []


def test_a_question_that_is_not_understood_finds_nothing_and_says_why(monitor: Client) -> None:
    page = english(monitor, since="yesterday")
    assert "There is a problem" in page
    assert "No entry matches the filter." in page


@pytest.mark.parametrize("sort", ["time", "-time", "who", "-act", "participant", "form"])
def test_the_trail_is_sorted_both_ways(cast: Cast, monitor: Client, sort: str) -> None:
    walk.screened(cast)
    name = {"time": "seq", "who": "actor", "act": "action"}.get(sort.lstrip("-"), sort.lstrip("-"))
    values = [getattr(entry, name) for entry in found(monitor, sort=sort)]
    assert values == sorted(values, reverse=sort.startswith("-"))
    order = "descending" if sort.startswith("-") else "ascending"
    assert f'aria-sort="{order}"' in english(monitor, sort=sort)


def test_the_newest_stands_first_and_a_page_holds_fifty(cast: Cast, monitor: Client) -> None:
    walk.screened(cast)
    numbers = [entry.seq for entry in found(monitor, sort="nonsense")]
    assert numbers == sorted(numbers, reverse=True)
    assert len(numbers) == 50
    assert found(monitor, page="2")


def test_an_entry_shows_who_when_where_old_new_and_why(cast: Cast, monitor: Client) -> None:
    participant = walk.screened(cast)
    visit = walk.visit_of(participant, "screening")
    walk.fill(cast, visit, "demographics", given={"birth_year": "1970"}, reason="misread the passport")
    page = english(monitor, form="demographics")
    assert "misread the passport" in page
    assert "Form saved" in page
    assert "Coordinator" in page


def test_a_reason_is_shown_as_it_was_written_and_never_run(cast: Cast, monitor: Client) -> None:
    close_site(by=SYSTEM, site=cast.sites["AUMC"], on=timezone.localdate(), reason="<script>x</script>")
    page = english(monitor, act="site.closed")
    assert "&lt;script&gt;x" in page
    assert "<script>x" not in page


def test_taking_the_trail_out_gives_what_was_asked_and_is_kept(cast: Cast, signed_in: SignIn) -> None:
    participant = walk.consented(cast)
    coordinator = signed_in(cast.at(SITE, Role.COORDINATOR))
    answer = coordinator.post("/audit/export/", {"participant": participant.number})
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))  # type: ignore[attr-defined]
    own = LedgerEntry.objects.filter(participant=participant.number)
    assert [int(row["seq"]) for row in rows] == list(own.order_by("seq").values_list("seq", flat=True))
    assert {row["hash"] for row in rows} == set(own.values_list("hash", flat=True))
    kept = LedgerEntry.objects.get(action="trail.exported")
    assert (kept.actor, kept.new) == ("Coordinator UMCG", str(len(rows)))
    assert kept.detail == {"filter": {"participant": participant.number}}


def test_the_export_does_not_count_itself(cast: Cast, monitor: Client) -> None:
    answer = monitor.post("/audit/export/")
    lines = b"".join(answer.streaming_content).decode().splitlines()  # type: ignore[attr-defined]
    assert str(len(lines) - 1) == LedgerEntry.objects.get(action="trail.exported").new


def test_a_value_that_a_spreadsheet_would_run_is_made_harmless(cast: Cast, monitor: Client) -> None:
    participant = walk.screened(cast)
    entry = participant.visits.get(key="screening").entries.get(form_key="madrs")
    raise_query(by=cast.at("", Role.MONITOR), entry=entry, item=next(iter(entry.data)), text="=1+1")
    raise_query(by=cast.at("", Role.MONITOR), entry=entry, item=next(iter(entry.data)), text="-5")
    answer = monitor.post("/audit/export/", {"act": "query.raised"})
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))  # type: ignore[attr-defined]
    assert [row["new"] for row in rows] == ["'=1+1", "-5"]


def test_an_export_is_sent_not_opened_and_asks_what_can_be_understood(cast: Cast, monitor: Client) -> None:
    assert monitor.get("/audit/export/").status_code == 405
    assert monitor.post("/audit/export/", {"since": "yesterday"}).status_code == 400


@pytest.mark.parametrize("role", [Role.RATER, Role.TREATING_TEAM, Role.STATISTICIAN, Role.ADMINISTRATOR])
def test_other_roles_read_no_trail(cast: Cast, signed_in: SignIn, role: Role) -> None:
    client = signed_in(cast.at(SITE, role))
    assert client.get("/audit/").status_code == 403
    assert client.post("/audit/export/").status_code == 403


def test_every_act_has_a_name_in_plain_words() -> None:
    assert set(ACTIONS) | set(TRANSITIONS) <= set(ACT_LABELS)
    assert act_label("act.of_an_older_version") == "act.of_an_older_version"
