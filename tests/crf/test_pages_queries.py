"""Queries: raised by a monitor, answered at the site, closed again."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable

import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from crf.actions import answer_query, close_query, raise_query, raise_query_on_form, raise_query_on_visit, save_entry
from crf.models import Query
from crf.queries import query_at
from tests import walk
from tests.audit.recipes import vital_signs
from tests.crf.pages import Reader, form_url
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.permissions import Role

SignedIn = Callable[..., Client]


def raised(cast: Cast, site: str = "UMCG", form: str = "madrs") -> Query:
    participant = walk.screened(cast, site)
    entry = walk.visit_of(participant, "screening").entries.get(form_key=form)
    entry.visit = walk.visit_of(participant, "screening")
    return raise_query(by=cast.at("", Role.MONITOR), entry=entry, item=entry.form.items[0].key, text="Is this right?")


def thread_url(query: Query) -> str:
    return f"{form_url(query.of_visit, query.of_form)}rows/1/queries/{query.number}/"


def test_a_query_goes_from_raised_to_answered_to_closed_and_may_open_again(signed_in: SignedIn, cast: Cast) -> None:
    visit = walk.visit_of(walk.screened(cast), "screening")
    monitor, rater = Reader(signed_in, cast, Role.MONITOR), Reader(signed_in, cast, Role.RATER)
    raise_url = f"{form_url(visit, 'madrs')}rows/1/queries/raise/madrs_1/"
    assert "?ask=madrs_1#ask" in monitor.get(form_url(visit, "madrs"))
    page = monitor.get(f"{form_url(visit, 'madrs')}?ask=madrs_1")
    assert f'action="{raise_url}"' in page
    assert "Raise a query: Apparent sadness" in page
    assert "Value now: <strong>3</strong>" in page
    assert "Raise a query: Apparent sadness" in monitor.get(raise_url)
    monitor.post(raise_url, {"text": ""}, 422)
    assert "The query is raised." in monitor.send(raise_url, {"text": "The source says 4."})
    url = thread_url(Query.objects.get())
    page = rater.get(form_url(visit, "madrs"))
    assert url in page
    assert "1 open query" in page
    page = rater.get(url)
    assert 'value="answer"' in page
    assert 'value="close"' not in page
    rater.post(url, {"act": "close", "text": "x"}, 403)
    rater.post(url, {"act": "answer", "text": ""}, 422)
    assert "Answered" in rater.send(url, {"act": "answer", "text": "It was 3."})
    page = monitor.send(url, {"act": "close", "text": "Agreed."})
    assert "Closed" in page
    assert "Agreed." in page
    assert "The status of this query is “Closed”" in monitor.post(url, {"act": "close", "text": "again"}, 422)
    assert "Open" in monitor.send(url, {"act": "reopen", "text": "Not so."})
    monitor.post(url, {"act": "shout", "text": "x"}, 404)


def test_what_somebody_writes_is_shown_as_it_was_written_and_never_run(signed_in: SignedIn, cast: Cast) -> None:
    query = raised(cast)
    page = Reader(signed_in, cast, Role.RATER).send(thread_url(query), {"act": "answer", "text": "<script>x</script>"})
    assert "&lt;script&gt;x" in page
    assert "<script>x" not in page


def test_a_reader_without_an_act_sees_the_thread_alone(signed_in: SignedIn, cast: Cast) -> None:
    query = raised(cast)
    page = Reader(signed_in, cast, Role.INSPECTOR).get(thread_url(query))
    assert "Is this right?" in page
    assert "<textarea" not in page


def test_the_list_of_queries_is_cut_to_sites_and_sight(signed_in: SignedIn, cast: Cast) -> None:
    mine, other, vitals = raised(cast), raised(cast, "LUMC"), raised(cast, form="vital_signs")
    monitor = Reader(signed_in, cast, Role.MONITOR).get("/queries/")
    assert all(query_at(query) in monitor for query in (mine, other, vitals))
    rater = Reader(signed_in, cast, Role.RATER).get("/queries/")
    assert [query_at(query) in rater for query in (mine, other, vitals)] == [True, False, False]
    assert "Vital signs" not in rater


def test_the_list_of_queries_is_filtered(signed_in: SignedIn, cast: Cast) -> None:
    mine, other = raised(cast), raised(cast, "LUMC")
    answer_query(by=cast.at("LUMC", Role.RATER), query=other, text="Yes.")
    monitor, rater = Reader(signed_in, cast, Role.MONITOR), Reader(signed_in, cast, Role.RATER)

    def found(asked: str, reader: Reader = monitor) -> list[Query]:
        page = reader.get(f"/queries/?{asked}")
        return [query for query in (mine, other) if query_at(query) in page]

    assert found("site=LUMC&status=answered") == [other]
    assert found("status=closed") == []
    assert "No query matches the filter." in monitor.get("/queries/?status=closed")
    assert found("status=strange") == [mine, other]
    assert (found("turn=site"), found("turn=review"), found("turn=mine")) == ([mine], [other], [other])
    assert found("turn=mine", rater) == [mine]
    assert (found("author=check"), found("author=person")) == ([], [mine, other])
    assert (found("form=madrs"), found("form=vital_signs")) == ([mine, other], [])
    assert (found("days=0"), found("days=1")) == ([mine, other], [])
    assert found("days=many") == [mine, other]


def test_the_list_of_queries_says_what_where_and_whose_turn_in_any_order(signed_in: SignedIn, cast: Cast) -> None:
    with time_machine.travel(timezone.now() - datetime.timedelta(days=9)):
        on_item = raised(cast)
    visit = walk.visit_of(walk.consented(cast), "screening")
    monitor = cast.at("", Role.MONITOR)
    on_form = raise_query_on_form(by=monitor, visit=visit, form_key="vital_signs", text="Are these on paper?")
    on_visit = close_query(
        by=monitor, query=raise_query_on_visit(by=monitor, visit=visit, text="On which day?"), text="I found it."
    )
    page = Reader(signed_in, cast, Role.MONITOR).get("/queries/")
    row = page[page.index("<tbody") : page.index("</tr>", page.index("<tbody"))]
    assert all(text in row for text in (">UMCG-001</th>", "Screening · MADRS", "Apparent sadness", "Is this right?"))
    assert all(f">{text}</td>" in row for text in (monitor.actor_name, "3", "9", "Site"))
    named = {on_item: "Is this right?", on_form: "Are these on paper?", on_visit: "On which day?"}

    def order(sort: str, asked: str = "") -> list[Query]:
        page = Reader(signed_in, cast, Role.MONITOR).get(f"/queries/?sort={sort}{asked}")
        return sorted((query for query in named if named[query] in page), key=lambda query: page.index(named[query]))

    for sort in ("participant", "form", "item", "author", "turn", "status", "-age", "nonsense", ""):
        assert order(sort) == ([on_item, on_form] if sort != "item" else [on_form, on_item]), sort
    for sort in ("-participant", "-form", "text", "age"):
        assert order(sort) == [on_form, on_item], sort
    assert order("", "&status=closed") == [on_visit]
    sorted_page = Reader(signed_in, cast, Role.MONITOR).get("/queries/?sort=-form&site=UMCG")
    assert 'aria-sort="descending"><a href="?sort=form&amp;site=UMCG">' in sorted_page
    assert '<option value="-form" selected>Visit and form, descending</option>' in sorted_page


def test_the_list_of_queries_asks_the_database_as_much_for_many_as_for_few(signed_in: SignedIn, cast: Cast) -> None:
    monitor = Reader(signed_in, cast, Role.MONITOR)
    asked = []
    for queries in (1, 4):
        for _query in range(queries):
            raised(cast)
        monitor.get("/queries/?sort=item")
        with CaptureQueriesContext(connection) as statements:
            monitor.get("/queries/?sort=item")
        asked.append(len(statements))
    assert asked[0] == asked[1]


def test_who_may_not_raise_is_refused_and_an_unknown_item_is_not_found(signed_in: SignedIn, cast: Cast) -> None:
    visit = walk.visit_of(walk.screened(cast), "screening")
    url = f"{form_url(visit, 'madrs')}rows/1/queries/raise/"
    Reader(signed_in, cast, Role.RATER).get(f"{url}madrs_1/", 403)
    Reader(signed_in, cast, Role.MONITOR).get(f"{url}nothing/", 404)


def test_the_casebook_counts_open_queries(signed_in: SignedIn, cast: Cast) -> None:
    query = raised(cast)
    number = query.of_visit.participant.number
    coordinator = Reader(signed_in, cast, Role.COORDINATOR)
    assert "1 query" in coordinator.get(f"/participants/{number}/")
    assert "1 query" in coordinator.get(f"/participants/{number}/visits/screening/")
    assert 'class="tm-number">1<' in coordinator.get("/participants/")


def test_a_query_on_a_row_leads_back_to_that_row(signed_in: SignedIn, cast: Cast) -> None:
    log = walk.visit_of(walk.consented(cast), "log")
    walk.fill(cast, log, "adverse_event", given={"ae_serious": "no"})
    monitor = Reader(signed_in, cast, Role.MONITOR)
    row = f"{form_url(log, 'adverse_event')}rows/1/"
    page = monitor.send(f"{row}queries/raise/ae_serious/", {"text": "Why not?"})
    assert "Row 1" in page
    assert f'href="{row}?query=1#query-1"' in monitor.get(f"{row}queries/1/")


def test_what_an_edit_check_asks_and_settles_is_read_in_the_language_of_the_reader(
    signed_in: SignedIn, cast: Cast
) -> None:
    entry = vital_signs(cast)
    visit, by = entry.visit, walk.enterer(cast, "UMCG", entry.form)
    for value in ("190", "120"):
        save_entry(by=by, visit=visit, form_key="vital_signs", values={"systolic": value}, reason="typing error")
    query = Query.objects.get(entry=entry)
    monitor = Reader(signed_in, cast, Role.MONITOR)
    history = f"{form_url(visit, 'vital_signs')}rows/1/history/"
    for url in (thread_url(query), history, "/audit/?act=query.raised"):
        pages = {}
        for language in ("en", "nl"):
            monitor.client.cookies["django_language"] = language
            pages[language] = monitor.get(url)
        assert ("Expected: 90" in pages["en"], "Verwacht: 90" in pages["en"]) == (True, False), url
        assert ("Expected: 90" in pages["nl"], "Verwacht: 90" in pages["nl"]) == (False, True), url
    page = monitor.get(thread_url(query))
    assert f"Controle, toen {by.actor_name} het formulier opsloeg" in page
    assert "de controle slaat niet meer aan" in page
    assert "no longer fires" not in page


def test_the_list_of_queries_tells_an_edit_check_from_a_person(signed_in: SignedIn, cast: Cast) -> None:
    asked = raised(cast)
    entry = vital_signs(cast)
    by = walk.enterer(cast, "UMCG", entry.form)
    save_entry(by=by, visit=entry.visit, form_key="vital_signs", values={"systolic": "190"}, reason="typing error")
    page = Reader(signed_in, cast, Role.DATA_MANAGER).get("/queries/")
    assert "Edit check" in page
    assert asked.messages.get().by in page


def test_a_form_that_is_missing_is_asked_about_on_its_page(signed_in: SignedIn, cast: Cast) -> None:
    visit = walk.visit_of(walk.consented(cast), "screening")
    monitor, rater = Reader(signed_in, cast, Role.MONITOR), Reader(signed_in, cast, Role.RATER)
    form = form_url(visit, "madrs")
    raise_url = f"{form}queries/raise/"
    assert f"{form}?ask=*#ask" in monitor.get(form)
    assert f'action="{raise_url}"' in monitor.get(f"{form}?ask=*")
    assert "The form as a whole" in monitor.get(raise_url)
    monitor.post(raise_url, {"text": ""}, 422)
    page = monitor.send(raise_url, {"text": "Where is it?"})
    assert "The query is raised." in page
    thread = f"{form}queries/1/"
    assert thread in page
    assert thread in rater.get(form)
    assert raise_url not in rater.get(f"{form}?ask=*")
    assert "The form as a whole" in rater.get("/queries/")
    assert "Answered" in rater.send(thread, {"act": "answer", "text": "On paper."})
    assert f"{form}?form_query=1#form-query-1" in monitor.get("/queries/")
    assert "1 query" in monitor.get(f"/participants/{visit.participant.number}/")
    assert "Closed" in monitor.send(thread, {"act": "close", "text": "Thank you."})
    assert thread not in rater.get(form)
    rater.get(f"{form}queries/2/", 404)
    rater.get(raise_url, 403)


def test_a_form_with_rows_is_asked_about_on_its_list_and_an_entered_one_at_its_items(
    signed_in: SignedIn, cast: Cast
) -> None:
    visit = walk.visit_of(walk.screened(cast), "screening")
    monitor = Reader(signed_in, cast, Role.MONITOR)
    assert f"{form_url(visit, 'madrs')}queries/raise/" not in monitor.get(form_url(visit, "madrs"))
    refused = monitor.post(f"{form_url(visit, 'madrs')}queries/raise/", {"text": "Where is it?"}, 422)
    assert "raise the query on one of its items" in refused
    rows = f"{form_url(walk.visit_of(visit.participant, 'log'), 'adverse_event')}"
    assert f"{rows}rows/?ask=*#ask" in monitor.get(f"{rows}rows/")
    assert f"{rows}queries/raise/" in monitor.get(f"{rows}rows/?ask=*")
    assert f"{rows}queries/1/" in monitor.send(f"{rows}queries/raise/", {"text": "No fall in May?"})


def test_a_visit_is_asked_about_on_its_page(signed_in: SignedIn, cast: Cast) -> None:
    visit = walk.visit_of(walk.consented(cast), "screening")
    monitor, coordinator = Reader(signed_in, cast, Role.MONITOR), Reader(signed_in, cast, Role.COORDINATOR)
    url = f"/participants/{visit.participant.number}/visits/screening/"
    assert "?ask=*#ask" in monitor.get(url)
    assert f"{url}queries/raise/" in monitor.get(f"{url}?ask=*")
    assert "The visit as a whole" in monitor.get(f"{url}queries/raise/")
    assert f"{url}queries/1/" in monitor.send(f"{url}queries/raise/", {"text": "When was it?"})
    page = coordinator.get(url)
    assert f"{url}queries/1/" in page
    assert "?ask=*#ask" not in page
    assert f"{url}queries/raise/" not in coordinator.get(f"{url}?ask=*")
    assert "The visit as a whole" in coordinator.get("/queries/")
    assert "Answered" in coordinator.send(f"{url}queries/1/", {"act": "answer", "text": "On Monday."})
    assert "1 query" in monitor.get(f"/participants/{visit.participant.number}/")
    assert "Closed" in monitor.send(f"{url}queries/1/", {"act": "close", "text": "Thank you."})
    assert f"{url}queries/1/" not in monitor.get(url)
    coordinator.get(f"{url}queries/2/", 404)
    coordinator.get(f"{url}queries/raise/", 403)


def test_what_reveals_the_arm_has_no_query_for_who_is_blinded(signed_in: SignedIn, cast: Cast) -> None:
    """Of the visit, of the form, and of both in the list and the counts."""
    participant = walk.randomised(cast)
    session = participant.visits.filter(reveals_allocation=True)[0]
    session.participant = participant
    log, monitor = walk.visit_of(participant, "log"), cast.at("", Role.MONITOR)
    rater, team = Reader(signed_in, cast, Role.RATER), Reader(signed_in, cast, Role.TREATING_TEAM)
    pages = ("/queries/", "/", f"/participants/{participant.number}/")
    before = [_without_token(rater.get(page)) for page in pages]
    raise_query_on_visit(by=monitor, visit=session, text="When was it?")
    raise_query_on_form(by=monitor, visit=session, form_key=session.definition.forms[0], text="Where is it?")
    raise_query_on_form(by=monitor, visit=log, form_key="adverse_event", text="Where is it?")
    assert [_without_token(rater.get(page)) for page in pages] == before
    url = f"/participants/{participant.number}/visits/{session.slug}/queries/1/"
    rater.get(url, 403)
    rater.get(f"{form_url(log, 'adverse_event')}queries/1/", 403)
    assert f"/participants/{participant.number}/visits/{session.slug}/?query=1#query-1" in team.get("/queries/")


def _without_token(page: str) -> str:
    """Without what differs from one answer to the next."""
    return re.sub('name="csrfmiddlewaretoken" value="[^"]*"|"X-CSRFToken": "[^"]*"', "", page)
