"""Assigning a query: to somebody who sees it and whose turn it is, as long as that lasts."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from audit.acts import ActionRefused
from audit.models import LedgerEntry
from crf.actions import answer_query, assign_query, close_query, raise_query, raise_query_on_visit, reopen_query
from crf.models import Query
from crf.queries import query_at
from crf.turns import next_query, takers, waiting_for, with_assignees
from tests import walk
from tests.api_caller import Caller
from tests.audit.recipes import query_on, vital_signs
from tests.crf.pages import Reader
from tests.crf.test_threads import action_of
from trialmgr.overview.duties import duty
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.actions import deactivate_user
from trialmgr.people.models import User
from trialmgr.people.permissions import Role

SignedIn = Callable[..., Client]


def assignee(query: Query) -> User | None:
    return with_assignees([Query.objects.get(pk=query.pk)])[0].assignee


def fresh(user: User) -> User:
    """As the next request reads them."""
    found: User = User.objects.get(pk=user.pk)
    return found


def test_who_has_it_is_kept_in_history_and_trail_and_lapses_in_the_reading_alone(cast: Cast) -> None:
    query = query_on(vital_signs(cast), cast)
    coordinator, monitor = cast.at("UMCG", Role.COORDINATOR), cast.at("", Role.MONITOR)
    investigator = cast.at("UMCG", Role.INVESTIGATOR)
    assign_query(by=monitor, query=query, to=coordinator)
    assign_query(by=coordinator, query=query, to=investigator)
    assert assignee(query) == investigator
    lines = LedgerEntry.objects.filter(action="query.assigned").order_by("seq")
    assert [(line.old, line.new, line.item) for line in lines] == [
        (None, coordinator.username, "systolic"),
        (coordinator.username, investigator.username, "systolic"),
    ]
    assert [row.assigned_to_id for row in query.history.order_by("history_id")] == [
        None,
        coordinator.pk,
        investigator.pk,
    ]
    answer_query(by=coordinator, query=query, text="Yes.")
    assert assignee(query) is None
    reopen_query(by=monitor, query=query, text="And the other arm?")
    assert assignee(query) == investigator
    deactivate_user(by=cast.at("", Role.ADMINISTRATOR), user=fresh(investigator), reason="left")
    assert assignee(query) is None
    assert Query.objects.get(pk=query.pk).assigned_to == investigator
    assign_query(by=monitor, query=query, to=None)
    assert Query.objects.get(pk=query.pk).assigned_to is None


def test_nobody_gets_what_they_may_not_see_or_cannot_deal_with(cast: Cast) -> None:
    query = query_on(vital_signs(cast), cast)
    coordinator, monitor = cast.at("UMCG", Role.COORDINATOR), cast.at("", Role.MONITOR)
    refusals = {
        cast.at("UMCG", Role.RATER): "Rater UMCG may not see what this query is about",
        cast.at("LUMC", Role.COORDINATOR): "Coordinator LUMC may not see what this query is about",
        cast.at("", Role.STATISTICIAN): "may not see what this query is about",
        monitor: "It is not the turn of Monitor Trial: assign it to somebody of: Site.",
        None: "It is assigned so already.",
    }
    for to, said in refusals.items():
        with pytest.raises(ActionRefused, match=said):
            assign_query(by=coordinator, query=query, to=to)
    names = {user.username for user in takers([query])[query.pk]}
    assert names == {"coordinator-umcg", "investigator-umcg", "treating_team-umcg"}
    answer_query(by=coordinator, query=query, text="Yes.")
    assert {user.username for user in takers([query])[query.pk]} == {"monitor", "data_manager"}
    close_query(by=monitor, query=query, text="Thank you.")
    assert takers([query]) == {}
    with pytest.raises(ActionRefused, match="reopen it first"):
        assign_query(by=coordinator, query=query, to=coordinator)
    assert (takers([]), with_assignees([])) == ({}, [])


def test_a_rater_is_offered_nothing_of_what_reveals_the_arm(cast: Cast) -> None:
    participant = walk.randomised(cast)
    session = participant.visits.filter(reveals_allocation=True)[0]
    session.participant = participant
    query = raise_query_on_visit(by=cast.at("", Role.MONITOR), visit=session, text="When was it?")
    with pytest.raises(ActionRefused, match="Rater UMCG may not see what this query is about"):
        assign_query(by=cast.at("UMCG", Role.COORDINATOR), query=query, to=cast.at("UMCG", Role.RATER))
    assert cast.at("UMCG", Role.RATER) not in takers([query])[query.pk]
    madrs = walk.visit_of(participant, "baseline").entries.get(form_key="madrs")
    open_to_all = raise_query(by=cast.at("", Role.MONITOR), entry=madrs, item="madrs_1", text="Is this right?")
    assert cast.at("UMCG", Role.RATER) in takers([open_to_all])[open_to_all.pk]


def test_what_is_mine_comes_first_on_my_work_list_and_next(cast: Cast) -> None:
    entry = vital_signs(cast)
    first, second, third, fourth = (query_on(entry, cast) for _query in range(4))
    coordinator, team = cast.at("UMCG", Role.COORDINATOR), cast.at("UMCG", Role.TREATING_TEAM)
    assign_query(by=coordinator, query=first, to=team)
    assign_query(by=coordinator, query=third, to=coordinator)
    tasks = duty(coordinator, "answer").tasks
    assert [task.link.url for task in tasks] == [query_at(one) for one in (third, second, fourth, first)]
    assert [task.status for task in tasks] == ["Assigned to you", "Open", "Open", "Open"]
    assert next_query(coordinator, second) == third
    assert next_query(coordinator, third) == fourth
    assert list(waiting_for(fresh(team))) == [first]
    assert next_query(fresh(team), first) is None


def test_it_is_assigned_on_its_page_and_found_in_the_list(signed_in: SignedIn, cast: Cast) -> None:
    query, other = (query_on(entry, cast) for entry in (vital_signs(cast), vital_signs(cast)))
    coordinator = Reader(signed_in, cast, Role.COORDINATOR)
    beside = coordinator.get(query_at(query))
    assert "assigned to nobody" in beside
    assert '<option value="investigator-umcg">Investigator UMCG</option>' in beside
    url = action_of(query)
    page = coordinator.send(url, {"act": "assign", "to": "investigator-umcg"})
    assert "The query is assigned to Investigator UMCG." in page
    assert '<option value="investigator-umcg" selected>' in page
    refused = coordinator.post(url, {"act": "assign", "to": "rater-umcg"}, 422)
    assert "Rater UMCG may not see what this query is about" in refused
    assert "Nobody of this user name has an open account" in coordinator.post(url, {"act": "assign", "to": "x"}, 422)
    assert 'value="assign"' in coordinator.get(url)
    team = Reader(signed_in, cast, Role.TREATING_TEAM)
    assert "assigned to Investigator UMCG" in team.get(query_at(query))
    assert 'value="assign"' not in team.get(query_at(query))
    team.post(url, {"act": "assign", "to": ""}, 403)
    mine = Reader(signed_in, cast, Role.INVESTIGATOR).get("/queries/?assigned=me&sort=assigned")
    assert (query_at(query) in mine, query_at(other) in mine) == (True, False)
    assert "Investigator UMCG</td>" in mine
    assert "The query is assigned to nobody." in coordinator.send(url, {"act": "assign", "to": ""})


def test_a_page_asks_the_database_as_much_for_many_assigned_queries_as_for_one(signed_in: SignedIn, cast: Cast) -> None:
    entry = vital_signs(cast)
    coordinator = Reader(signed_in, cast, Role.COORDINATOR)
    asked = []
    for queries in (1, 3):
        for _query in range(queries):
            assign_query(by=coordinator.user, query=query_on(entry, cast), to=coordinator.user)
        for page in ("/queries/", query_at(Query.objects.all()[0])):
            coordinator.get(page)
            with CaptureQueriesContext(connection) as statements:
                coordinator.get(page)
            asked.append(len(statements))
    assert asked[:2] == asked[2:]


def test_a_program_assigns_and_reads_it(cast: Cast) -> None:
    entry = vital_signs(cast)
    query_on(entry, cast)
    place = f"participants/{entry.participant.number}/visits/screening/"
    row = f"{place}forms/vital_signs/rows/1/queries/1/"
    raise_query_on_visit(by=cast.at("", Role.MONITOR), visit=entry.visit, text="On which day?")
    coordinator, investigator = (Caller(cast.at("UMCG", role)) for role in (Role.COORDINATOR, Role.INVESTIGATOR))
    assert coordinator.get(row)[1]["assigned_to"] is None
    for url in (row, f"{place}queries/1/"):
        status, made = coordinator.post(f"{url}assign/", {"assigned_to": "investigator-umcg"})
        assert (status, made["assigned_to"]) == (200, "investigator-umcg")
    status, refused = coordinator.post(f"{row}assign/", {"assigned_to": "rater-umcg"})
    assert (status, "Rater UMCG may not see what this query is about" in str(refused)) == (409, True)
    status, refused = coordinator.post(f"{row}assign/", {"assigned_to": "nobody-here"})
    assert (status, "Nobody of this user name" in str(refused["assigned_to"])) == (400, True)
    found = investigator.get("queries/", assigned_to_me="true")[1]["results"]
    assert [one["form"] for one in found] == ["vital_signs", ""]
    assert coordinator.get("queries/", assigned_to_me="true")[1]["count"] == 0
    assert coordinator.post(f"{row}assign/", {"assigned_to": None})[1]["assigned_to"] is None
    assert coordinator.get("queries/", assigned_to_me="false")[1]["count"] == 2
    assert len(coordinator.get(f"{place}queries/")[1]) == 1
