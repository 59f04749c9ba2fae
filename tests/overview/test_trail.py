"""Who reads what of the audit trail, how it is searched, and that taking it out is an act of its own."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable

import pytest
from django.test import Client
from django.utils import timezone, translation

from audit import pages
from audit.actions import ACTIONS
from audit.models import LedgerEntry
from audit.pages import ActsPage
from crf.actions import raise_query
from crf.models import Visit
from crf.trail import Words
from tests import walk
from trialmgr.overview import trail as audit_trail
from trialmgr.overview.act_labels import ACT_LABELS, act_label
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.overview.trail import readable
from trialmgr.participants.states import TRANSITIONS
from trialmgr.people import permissions
from trialmgr.people.actions import close_site
from trialmgr.people.models import SYSTEM, User
from trialmgr.people.permissions import Role
from trialmgr.protocol.model import StudyDefinition
from trialmgr.studies.queries import current_definition

pytestmark = pytest.mark.on_both  # searches by time and text are the database's

SITE = walk.SITE
SignIn = Callable[[User], Client]


def english(client: Client, **asked: str) -> str:
    return client.get("/audit/", asked, HTTP_ACCEPT_LANGUAGE="en").content.decode()


def page_of(client: Client, **asked: str) -> ActsPage:
    shown: ActsPage = client.get("/audit/", asked).context["page"]
    return shown


def found(client: Client, **asked: str) -> list[LedgerEntry]:
    """The entries of every act on the page, the newest act first."""
    return [entry for act in page_of(client, **asked).acts for entry in act.lines]


def every_page(client: Client, way: str = "older", **asked: str) -> list[ActsPage]:
    pages = [page_of(client, **asked)]
    while (on := getattr(pages[-1], way)) is not None:
        pages.append(page_of(client, **asked | {"before" if way == "older" else "after": str(on)}))
    return pages


def acts_of(entries: Iterable[LedgerEntry]) -> list[str]:
    return list(dict.fromkeys(entry.act for entry in entries))


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


def test_the_trail_is_narrowed_by_every_box_to_acts_in_which_it_is_found(cast: Cast, monitor: Client) -> None:
    participant = walk.screened(cast)
    walk.registered(cast, "LUMC")
    own = found(monitor, participant=participant.number.lower())
    assert {entry.participant for entry in own} == {participant.number}
    for asked, name, wanted in (
        ({"who": "rater"}, "actor", "Rater UMCG"),
        ({"who": "Rater U"}, "actor", "Rater UMCG"),
        ({"who": "system"}, "actor", "system"),
        ({"act": "consent.recorded"}, "action", "consent.recorded"),
        ({"site": "LUMC"}, "site", "LUMC"),
        ({"form": "madrs"}, "form", "madrs"),
        ({"who": "rater", "form": "madrs", "site": SITE}, "form", "madrs"),
    ):
        shown = page_of(monitor, **asked).acts
        assert shown, asked
        assert all(wanted in {getattr(entry, name) for entry in act.lines} for act in shown), asked
    assert found(monitor, text="no such text") == []
    assert found(monitor, who="nobody of this name") == []
    assert found(monitor, text=participant.number)
    day = participant.registered_on
    assert found(monitor, since=day.strftime("%d-%m-%Y"), until=day.isoformat(), participant=participant.number)
    assert found(monitor, until="1-1-2001") == []
    assert found(monitor, since="31-12-2199") == []


def test_an_act_is_shown_whole_where_one_of_its_entries_is_found(cast: Cast, monitor: Client) -> None:
    corrected(cast)
    [act, *_rest] = page_of(monitor, act="entry.followed").acts
    whole = LedgerEntry.objects.filter(act=act.lines[0].act).order_by("seq")
    assert [entry.seq for entry in act.lines] == [entry.seq for entry in whole]
    assert {entry.action for entry in whole} >= {"entry.saved", "entry.followed"}


def corrected(cast: Cast) -> Visit:
    """At screening it was a woman after all: the laboratory form misses an answer now."""
    visit = walk.came(cast, walk.consented(cast), "screening")
    walk.fill(cast, visit, "demographics", given={"sex": "m"})
    walk.fill(cast, visit, "labs")
    walk.fill(cast, visit, "demographics", given={"sex": "f"}, reason="misread the passport")
    return visit


def test_a_name_of_too_many_people_wants_more_of_it(monitor: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_trail, "MOST_PEOPLE", 2)
    assert "More than 2 people are called so" in english(monitor, who="umcg")
    assert found(monitor, who="rater-umcg") == []


def test_a_question_that_is_not_understood_finds_nothing_and_says_why(monitor: Client) -> None:
    page = english(monitor, since="yesterday")
    assert "There is a problem" in page
    assert "No entry matches the filter." in page


@pytest.mark.parametrize("role", [Role.MONITOR, Role.COORDINATOR])
def test_page_after_page_shows_every_act_once_in_either_order(
    cast: Cast, signed_in: SignIn, monkeypatch: pytest.MonkeyPatch, role: Role
) -> None:
    walk.screened(cast)
    walk.consented(cast, "LUMC")
    monkeypatch.setattr(pages, "LISTED", 500)
    monkeypatch.setattr(pages, "ACTS", 3)
    person = cast.people.get((role, "")) or cast.at(SITE, role)
    client = signed_in(person)
    every = list(readable(person, current_definition()).order_by("-seq"))
    down = [entry for page in every_page(client) for act in page.acts for entry in act.lines]
    assert acts_of(down) == acts_of(every)
    assert len(down) == len(every)
    up = [entry for page in every_page(client, "newer", sort="time") for act in page.acts[::-1] for entry in act.lines]
    assert acts_of(up) == acts_of(every)[::-1]
    assert 'aria-sort="ascending"' in english(client, sort="time")
    assert 'aria-sort="descending"' in english(client)


def test_one_can_go_back_to_the_page_one_came_from(
    cast: Cast, monitor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk.screened(cast)
    monkeypatch.setattr(pages, "ACTS", 3)
    first, second, third = every_page(monitor)[:3]
    assert first.newer is None
    back = page_of(monitor, after=str(third.newer))
    assert [act.number for act in back.acts] == [act.number for act in second.acts]
    top = page_of(monitor, after=str(second.newer))
    assert [act.number for act in top.acts] == [act.number for act in first.acts]
    assert top.newer is None


@pytest.mark.parametrize("asked", [{"page": "2"}, {"sort": "who"}, {"before": "soon"}, {"after": "9" * 30}])
def test_an_address_of_before_or_of_nothing_leads_to_the_newest(
    cast: Cast, monitor: Client, asked: dict[str, str]
) -> None:
    walk.consented(cast)
    assert page_of(monitor, **asked).acts == page_of(monitor).acts


def test_a_number_far_beyond_the_trail_is_its_end(cast: Cast, monitor: Client) -> None:
    walk.consented(cast)
    assert page_of(monitor, before="9" * 18).acts == page_of(monitor).acts
    assert [*page_of(monitor, after="9" * 18).acts, *page_of(monitor, before="0").acts] == []


def test_a_search_for_text_says_how_far_it_looked_and_goes_on(
    cast: Cast, monitor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    participant = walk.screened(cast)
    monkeypatch.setattr(pages, "READ", 20)
    newest = LedgerEntry.objects.latest("seq").seq
    page = english(monitor, text="no such text")
    assert f"None among entries {newest - 19} to {newest}." in page
    assert f"before={newest - 19}" in page
    assert "Search on" in page
    shown = every_page(monitor, text="no such text")
    assert [act for page in shown for act in page.acts] == []
    assert shown[-1].looked is None
    assert sum(high - low + 1 for low, high in (page.looked for page in shown if page.looked)) < newest
    first = LedgerEntry.objects.filter(object_id=participant.number).earliest("seq")
    met = [act for page in every_page(monitor, text=participant.number) for act in page.acts]
    assert first.act in {act.lines[0].act for act in met}
    assert len(met) == len({act.lines[0].act for act in met})
    rising = english(monitor, text="no such text", sort="time")
    assert "None among entries 1 to 20." in rising
    assert "after=20" in rising


def test_a_search_along_an_index_looks_no_farther_in_one_request_either(
    cast: Cast, monitor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk.screened(cast)
    monkeypatch.setattr(pages, "LOOKED", 5)
    saved = LedgerEntry.objects.filter(action="entry.saved").order_by("-seq")
    first = page_of(monitor, act="entry.saved", text="no such text")
    assert first.looked == (saved[4].seq, LedgerEntry.objects.latest("seq").seq)
    second = page_of(monitor, act="entry.saved", text="no such text", before=str(first.older))
    assert second.looked == (saved[9].seq, saved[4].seq - 1)
    # Of two indexes it follows the one that reaches farthest: nothing is of this form, and that is known at once.
    nothing = page_of(monitor, act="entry.saved", form="ect_session")
    assert (list(nothing.acts), nothing.looked) == ([], None)
    some = page_of(monitor, act="entry.saved", text=SITE)
    assert some.looked is not None
    assert some.acts
    assert f"Entries {some.looked[0]} to {some.looked[1]} were searched." in english(
        monitor, act="entry.saved", text=SITE
    )


def test_many_matches_in_few_acts_are_spread_over_pages(
    cast: Cast, monitor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk.screened(cast)
    monkeypatch.setattr(pages, "MATCHES", 10)
    shown = every_page(monitor)
    assert all(page.looked is None for page in shown)
    assert sum(len(page.acts) for page in shown) == LedgerEntry.objects.values("act").distinct().count()


def test_an_act_of_many_entries_has_a_page_of_its_own(
    cast: Cast, monitor: Client, signed_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    participant = walk.screened(cast)
    monkeypatch.setattr(pages, "LISTED", 3)
    monkeypatch.setattr(pages, "LINES", 4)
    [act] = page_of(monitor, participant=participant.number, form="madrs").acts
    assert act.has_more
    number = act.number
    assert f'href="/audit/{number}/">More than 3 entries, from {number}</a>' in english(
        monitor, participant=participant.number, form="madrs"
    )
    whole = list(LedgerEntry.objects.filter(act=act.lines[0].act).order_by("seq"))
    address, met = f"/audit/{number}/", list[int]()
    while address:
        answer = monitor.get(address, HTTP_ACCEPT_LANGUAGE="en")
        met += [line.number for block in answer.context["act"].blocks for line in block.lines]
        following = re.search(r'rel="next" href="([^"]+)"', answer.content.decode())
        address = f"/audit/{number}/{following[1]}" if following else ""
    assert met == [entry.seq for entry in whole]
    assert "First entries" in answer.content.decode()
    assert monitor.get(f"/audit/{whole[-1].seq}/").status_code == 200
    assert monitor.get(f"/audit/{number}/?after={whole[-1].seq}").status_code == 404
    assert monitor.get("/audit/99999999999999999999/").status_code == 404
    elsewhere = signed_in(cast.at("LUMC", Role.COORDINATOR))
    assert elsewhere.get(f"/audit/{number}/").status_code == 404


def test_an_act_is_told_in_the_words_of_the_study(cast: Cast, monitor: Client) -> None:
    participant = walk.screened(cast)
    visit = walk.visit_of(participant, "screening")
    page = english(monitor, participant=participant.number, form="madrs")
    assert f'<a href="/participants/{participant.number}/">{participant.number}</a>' in page
    assert "Screening · MADRS" in page
    assert "Apparent sadness" in page
    assert "madrs_1" not in page
    walk.fill(cast, visit, "demographics", given={"birth_year": "1970"}, reason="misread the passport")
    page = english(monitor, form="demographics")
    assert page.count("misread the passport") == 1
    days = english(monitor, act="visit.day_set")
    assert "Day of the visit" in days
    assert "took_place_on" not in days


def test_what_followed_stands_beneath_its_act_with_the_cause(cast: Cast, monitor: Client) -> None:
    corrected(cast)
    page = english(monitor, act="entry.followed")
    assert "Followed from Screening · Demographics" in page
    assert page.count("misread the passport") == 1
    for text in ("Coordinator UMCG", "Complete", "Incomplete", "Female", "Male", "Laboratory and ECG"):
        assert text in page


@pytest.fixture
def blinded(cast: Cast, signed_in: SignIn, monkeypatch: pytest.MonkeyPatch) -> Client:
    """In RESET-TRD no blinded role reads the trail; here the rater does."""
    more = permissions.PERMISSIONS[Role.RATER] | {"audit.view"}
    monkeypatch.setitem(permissions.PERMISSIONS, Role.RATER, more)
    return signed_in(cast.at(SITE, Role.RATER))


def test_of_an_act_a_blinded_person_sees_the_open_entries_and_counts_them(
    cast: Cast, monitor: Client, blinded: Client
) -> None:
    participant = walk.randomised(cast, arm="ect")
    asked = {"participant": participant.number, "act": "participant.randomised"}
    [whole], [part] = page_of(monitor, **asked).acts, page_of(blinded, **asked).acts
    assert {entry.restricted for entry in whole.lines} == {True, False}
    assert {entry.restricted for entry in part.lines} == {False}
    count = f"{len(part.lines)} entries, {part.lines[0].seq}–{part.lines[-1].seq}"
    assert count in english(blinded, **asked)
    hidden = next(entry for entry in whole.lines if entry.restricted)
    assert monitor.get(f"/audit/{hidden.seq}/").status_code == 200
    assert blinded.get(f"/audit/{hidden.seq}/").status_code == 404
    assert "ECT" not in english(blinded, participant=participant.number).replace("RESET-TRD", "")


def test_an_act_of_which_all_is_hidden_is_not_there_for_a_blinded_person(
    cast: Cast, monitor: Client, blinded: Client
) -> None:
    participant = walk.randomised(cast, arm="ect")
    visit = participant.visits.filter(reveals_allocation=True).order_by("target_on").first()
    assert visit is not None
    walk.came(cast, participant, visit.slug)
    newest = LedgerEntry.objects.latest("seq")
    assert newest.restricted
    assert newest.act in acts_of(found(monitor, participant=participant.number))
    assert newest.act not in acts_of(found(blinded, participant=participant.number))


def test_a_blinded_person_is_not_told_of_a_cause_that_reveals(cast: Cast, reset_trd: StudyDefinition) -> None:
    sight, words = cast.at(SITE, Role.RATER).sight(reset_trd), Words(reset_trd, "en")
    open_sight = cast.at("", Role.MONITOR).sight(reset_trd)
    week, session = reset_trd.visit("week_8").label("en"), reset_trd.visit("session_ect").label("en")
    given = reset_trd.visit("session_ect").forms[0]
    madrs, treatment = (reset_trd.form(key).label("en") for key in ("madrs", given))
    for cause, shown, told in (
        ("UMCG-001/week_8/madrs/1", f"{week} · {madrs}", f"{week} · {madrs}"),
        (f"UMCG-001/session_ect-3/{given}/2", "", f"{session} 3 · {treatment} · row 2"),
        ("UMCG-001/gone/madrs/1", "", f"gone · {madrs}"),
        ("UMCG-001/week_8/gone/1", "", f"{week} · gone"),
        ("UMCG-001/week_8", week, week),
        ("UMCG-001", "UMCG-001", "UMCG-001"),
    ):
        entry = LedgerEntry(cause=cause)
        with translation.override("en"):
            assert words.cause(entry, sight) == shown
            assert words.cause(entry, open_sight) == told


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
