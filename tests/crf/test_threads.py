"""Queries beside what they are about: value, history, question and answer on the page of the form; then the next."""

from __future__ import annotations

import datetime
from collections.abc import Callable

import time_machine
from django.test import Client
from django.utils import timezone

from crf.actions import answer_query, raise_query, raise_query_on_form, raise_query_on_visit, save_entry
from crf.models import Query, QueryStatus
from crf.queries import query_at
from tests import walk
from tests.audit.recipes import query_on, vital_signs
from tests.crf.pages import Reader, boxes, form_url, visit_url
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.permissions import Role

SignedIn = Callable[..., Client]


def action_of(query: Query) -> str:
    return f"{form_url(query.of_visit, query.of_form)}rows/1/queries/{query.number}/"


def test_a_query_stands_beside_its_item_with_value_history_question_and_the_box_for_the_answer(
    signed_in: SignedIn, cast: Cast
) -> None:
    entry = vital_signs(cast)
    by = walk.enterer(cast, "UMCG", entry.form)
    for value in ("131", "132"):
        save_entry(by=by, visit=entry.visit, form_key="vital_signs", values={"systolic": value}, reason="typing error")
    entry.refresh_from_db()
    query = query_on(entry, cast)
    coordinator = Reader(signed_in, cast, Role.COORDINATOR)
    page = coordinator.get(query_at(query))
    panel = page[page.index('<div class="tm-query"') :]
    panel = panel[: panel.index("</textarea>")]
    assert page.index('data-item="systolic"') < page.index(panel) < page.index('data-item="diastolic"')
    assert "Query 1: Systolic" in panel
    assert "Value now: <strong>132 mmHg</strong>" in panel
    assert f"{by.actor_name}: 131 mmHg → 132 mmHg (typing error)" in panel
    assert all(text in panel for text in ("Is this right?", "Site · 0 days", 'href="#item-systolic"'))
    assert f'id="{query_at(query).partition("#")[2]}" name="text"' in panel
    assert f'<form id="query-1-form" method="post" action="{action_of(query)}"' in page
    assert page.index("</form>", page.index('id="entry"')) < page.index('<form id="query-1-form"')
    monitor = Reader(signed_in, cast, Role.MONITOR).get(query_at(query))
    assert all(text in monitor for text in ("Value now: <strong>132 mmHg</strong>", 'value="close"'))
    assert 'href="#item-systolic"' not in monitor


def test_what_was_refused_comes_back_with_what_was_typed(signed_in: SignedIn, cast: Cast) -> None:
    entry = vital_signs(cast)
    query = query_on(entry, cast)
    answer_query(by=cast.at("UMCG", Role.COORDINATOR), query=query, text="Yes.")
    page = Reader(signed_in, cast, Role.INVESTIGATOR).post(action_of(query), {"act": "answer", "text": "I agree"}, 422)
    assert "The status of this query is “Answered”" in page
    page = Reader(signed_in, cast, Role.MONITOR).post(action_of(query), {"act": "close", "text": ""}, 422)
    assert '<a href="#query-1">' in page
    assert 'id="query-1-error"' in page
    page = Reader(signed_in, cast, Role.MONITOR).post(
        f"{form_url(entry.visit, 'vital_signs')}rows/1/queries/raise/pulse/", {"text": "x" * 2001}, 422
    )
    assert "x" * 2001 in page
    assert 'id="ask-error"' in page


def test_answering_goes_on_to_the_next_query_of_mine_and_comes_round(signed_in: SignedIn, cast: Cast) -> None:
    monitor = cast.at("", Role.MONITOR)
    with time_machine.travel(timezone.now() - datetime.timedelta(hours=1)):
        entry = vital_signs(cast)
    with time_machine.travel(timezone.now() - datetime.timedelta(minutes=10)):
        on_visit = raise_query_on_visit(by=monitor, visit=entry.visit, text="On which day?")
    middle = query_on(entry, cast)
    last = raise_query_on_form(by=monitor, visit=entry.visit, form_key="demographics", text="On paper?")
    coordinator = Reader(signed_in, cast, Role.COORDINATOR)
    assert "Answer and go to the next" in coordinator.get(query_at(middle))

    def leads(url: str, act: str = "answer-next") -> str:
        return str(coordinator.client.post(url, {"act": act, "text": "Yes."}).headers["Location"])

    assert leads(action_of(middle)) == query_at(last)
    assert leads(f"{form_url(entry.visit, 'demographics')}queries/1/") == query_at(on_visit)
    page = coordinator.get(query_at(on_visit))
    assert 'value="answer"' in page
    assert "Answer and go to the next" not in page
    assert leads(f"{visit_url(entry.visit)}queries/1/") == query_at(on_visit)
    assert "No other query waits for you." in coordinator.get(query_at(on_visit))
    assert (
        leads(action_of(query_on(entry, cast)), "answer") == f"{form_url(entry.visit, 'vital_signs')}?query=2#query-2"
    )
    closing = Reader(signed_in, cast, Role.MONITOR)
    assert "Close and go to the next" in closing.get(query_at(middle))
    answer = closing.client.post(action_of(middle), {"act": "close-next", "text": "Thank you."})
    assert answer.headers["Location"] == query_at(last)


def test_each_query_of_a_page_is_sent_once_by_itself(cast: Cast) -> None:
    """Also where somebody goes back to the page after the first."""
    entry = vital_signs(cast)
    queries = [query_on(entry, cast) for _query in range(2)]
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.at("UMCG", Role.COORDINATOR), backend="allauth.account.auth_backends.AuthenticationBackend")
    page = client.get(query_at(queries[0])).content.decode()
    for query in queries:
        form = page[page.index(f'<form id="query-{query.number}-form"') :]
        token = form[form.index('value="') + 7 :].partition('"')[0]
        for _press in range(2):
            answer = client.post(
                action_of(query), {"csrfmiddlewaretoken": token, "act": "answer", "text": f"Yes {query.number}."}
            )
            assert answer.status_code == 302
    assert {query.state for query in Query.objects.all()} == {QueryStatus.ANSWERED}
    assert [query.messages.count() for query in queries] == [2, 2]


def test_queries_stay_in_sight_when_a_form_comes_back_and_where_nothing_is_entered(
    signed_in: SignedIn, cast: Cast
) -> None:
    entry = vital_signs(cast)
    query = query_on(entry, cast)
    coordinator = Reader(signed_in, cast, Role.COORDINATOR)
    page = coordinator.post(
        form_url(entry.visit, "vital_signs"), boxes({"systolic": "9999"}, entry.revision, reason_choice="typing"), 422
    )
    assert action_of(query) in page


def test_a_query_about_one_measurement_stands_under_the_table_of_all(signed_in: SignedIn, cast: Cast) -> None:
    participant = walk.randomised(cast, arm="esketamine")
    session = participant.visits.filter(key="session_esk").order_by("ordinal")[0]
    entry = walk.fill(cast, walk.came(cast, participant, session.slug), "session_esketamine")
    query = raise_query(by=cast.at("", Role.MONITOR), entry=entry, item="systolic_30", text="Is this right?")
    team = Reader(signed_in, cast, Role.TREATING_TEAM).get(query_at(query))
    table = team.index("</table>")
    assert table < team.index(f'id="query-{query.number}-title"') < team.index("</section>", table)
    Reader(signed_in, cast, Role.RATER).get(query_at(query), 403)
