"""Where sites stand: every figure is the length of its list, for every role that reads it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from unittest.mock import patch

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from crf.actions import (
    answer_query,
    raise_query,
    raise_query_on_form,
    raise_query_on_visit,
    register_participant,
    save_entry,
    set_visit_day,
)
from crf.figure_lists import lines
from crf.figures import Figure, Figures
from crf.models import FormEntry
from crf.monitoring import Plan
from tests import walk
from tests.crf.pages import Reader
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.participants.models import Participant
from trialmgr.people.models import Site, User
from trialmgr.people.permissions import Role
from trialmgr.people.visibility import Sight
from trialmgr.studies.clock import today

SignedIn = Callable[..., Client]
SEEN_BY = (Role.COORDINATOR, Role.INVESTIGATOR, Role.MONITOR, Role.DATA_MANAGER, Role.INSPECTOR)
_CELL = re.compile(r'<a href="(/(?:standing/[a-z-]+|queries)/[^"]*)">([0-9]+)')


@pytest.fixture
def site(cast: Cast) -> Participant:
    """Somebody in the trial with something of everything."""
    participant = walk.randomised(cast)
    visit = walk.visit_of(participant, "week_1")
    coordinator, monitor = cast.at(walk.SITE, Role.COORDINATOR), cast.at("", Role.MONITOR)
    set_visit_day(by=coordinator, visit=visit, on=today(), reason="abroad")
    walk.fill(cast, visit, "cgi")
    log = walk.visit_of(participant, "log")
    save_entry(by=coordinator, visit=log, form_key="adverse_event", values={"ae_term": "fall"}, occurrence=None)
    walk.fill(cast, log, "adverse_event", given={"ae_serious": "yes", "ae_ongoing": "yes"}, occurrence=None)
    entry = FormEntry.objects.get(visit__participant=participant, visit__key="baseline", form_key="madrs")
    raise_query(by=monitor, entry=entry, item="madrs_1", text="Is this right?")
    raise_query_on_form(by=monitor, visit=log, form_key="adverse_event", text="And the fall of May?")
    asked = raise_query_on_visit(by=monitor, visit=visit, text="Was it on this day?")
    answer_query(by=coordinator, query=asked, text="Yes.")
    walk.fill(cast, log, "serious_adverse_event", occurrence=None)
    walk.registered(cast, "LUMC")
    register_participant(by=coordinator, site=cast.sites[walk.SITE], on=today())
    return participant


def figures(page: str) -> Iterator[tuple[str, int]]:
    """Address and figure of every cell."""
    return ((url.replace("&amp;", "&"), int(number)) for url, number in _CELL.findall(page))


def length(page: str) -> int:
    """How many rows the list has."""
    found = re.search(r"tm-pagination__count\">[0-9]+ [a-z]+ [0-9]+ [a-z]+ ([0-9]+)", page)
    return int(found[1]) if found else page.count('<th scope="row"')


@pytest.mark.on_both
def test_a_figure_is_the_length_of_its_list_for_every_role(signed_in: SignedIn, cast: Cast, site: Participant) -> None:
    for role in SEEN_BY:
        at_site = role in (Role.COORDINATOR, Role.INVESTIGATOR)
        reader = Reader(signed_in, cast, role, walk.SITE if at_site else "")
        found = dict(figures(reader.get("/standing/")))
        lists = {url: length(reader.get(url)) for url in found}
        # Of planned the figure says how many are verified; the list has all of them.
        assert lists == {url: lists[url] if "planned" in url else number for url, number in found.items()}
        here = {url for url, n in found.items() if n == 0 and walk.SITE in url}
        assert here == {f"/standing/planned/?site={walk.SITE}"}, "there is something of everything but verified"
        assert any("LUMC" in url for url in found) is not at_site
    for role in (Role.RATER, Role.TREATING_TEAM):
        Reader(signed_in, cast, role).get("/standing/", 403)
        Reader(signed_in, cast, role).get("/standing/late/", 403)


def test_a_list_is_put_in_order_and_narrowed(signed_in: SignedIn, cast: Cast, site: Participant) -> None:
    monitor = Reader(signed_in, cast, Role.MONITOR, "")
    page = monitor.get("/standing/unverified/?visit=baseline&form=madrs&participant=umcg")
    assert (length(page), "0 of 10 planned" in page) == (1, True)
    assert length(monitor.get("/standing/unverified/?visit=baseline&form=madrs&participant=lumc")) == 0
    assert length(monitor.get("/standing/late/?visit=week_2&participant=001")) == 1
    assert length(monitor.get("/standing/answered/?visit=week_1&participant=001")) == 1
    assert length(monitor.get("/standing/answered/?form=madrs")) == 0
    assert length(monitor.get("/standing/registered/?participant=001")) == 2
    assert "Select a valid choice" in monitor.get("/standing/late/?visit=nothing")
    first = {
        sort: _first(monitor.get(f"/standing/registered/?sort={sort}")) for sort in ("participant", "-participant")
    }
    assert first == {"participant": "LUMC-001", "-participant": "UMCG-002"}
    assert _first(monitor.get("/standing/registered/?sort=nothing")) == "LUMC-001"
    late = monitor.get("/standing/late/?sort=-until")
    assert 'aria-sort="descending"' in late
    for figure in ("late", "unsigned", "answered", "queries", "entered"):
        monitor.get(f"/standing/{figure}/?sort=-participant")
    monitor.get("/standing/nothing/", 404)


def _first(page: str) -> str:
    found = re.search(r'<th scope="row"[^>]*><a href="/participants/([A-Z0-9-]+)/"', page)
    assert found
    return found[1]


def test_statements_do_not_grow_with_participants(signed_in: SignedIn, cast: Cast, site: Participant) -> None:
    monitor = Reader(signed_in, cast, Role.MONITOR, "")

    def statements() -> list[int]:
        counted = []
        for url in ("/standing/", *(f"/standing/{figure}/" for figure in Figure)):
            monitor.get(url)
            with CaptureQueriesContext(connection) as captured:
                monitor.get(url)
            counted.append(len(captured))
        return counted

    few = statements()
    walk.randomised(cast, "AUMC")
    assert statements() == few


def test_a_blinded_reader_meets_no_figure_of_what_reveals_the_arm(cast: Cast, site: Participant) -> None:
    monitor = cast.at("", Role.MONITOR)
    seeing, blinded = _figures(monitor), _figures(monitor)
    definition = seeing.definition
    sight = Sight(True, frozenset(form.key for form in definition.forms if not form.reveals_allocation))
    blinded = replace(blinded, plan=Plan(definition, sight))
    assert Figure.SERIOUS in seeing.shown
    assert Figure.SERIOUS not in blinded.shown
    with patch.object(User, "sight", lambda _self, _definition: sight):
        for figure in blinded.shown:
            for row in blinded.rows(figure):
                assert not getattr(row, "reveals_allocation", False)
        assert {"session_esketamine", "session_ect"}.isdisjoint(
            cell["text"]
            for line in lines(blinded, Figure.NOT_BEGUN, blinded.rows(Figure.NOT_BEGUN))
            for cell in line.cells
        )


def _figures(user: User) -> Figures:
    return Figures.of(user, list(Site.objects.all()))
