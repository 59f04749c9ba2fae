"""The casebook as a matrix: the state of each form of each visit, what is folded, what is shown, in whose sight."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator

import pytest
import time_machine
from django.test import Client
from django.utils import timezone
from django.utils.translation import override

from crf.actions import (
    add_unscheduled_visit,
    freeze_visit,
    mark_not_done,
    mark_visit_not_done,
    raise_query,
    raise_query_on_visit,
    save_entry,
    sign_entry,
    verify_items,
)
from crf.matrix import WIDE, Cell, Column, Matrix, Show, legend, matrix
from crf.models import FormEntry
from crf.places import casebook_place
from crf.queries import visits_of
from tests import walk
from tests.crf.pages import Reader, casebook_url
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.participants.models import Participant
from trialmgr.people.permissions import Role

SignedIn = Callable[..., Client]
pytestmark = pytest.mark.usefixtures("_in_english")


@pytest.fixture
def _in_english() -> Iterator[None]:
    with override("en"):
        yield


def drawn(
    cast: Cast, participant: Participant, role: Role = Role.COORDINATOR, show: Show = Show.ALL, unfolded: str = ""
) -> Matrix:
    user = cast.at(walk.SITE, role)
    place = casebook_place(user, participant.number)
    return matrix(place, visits_of(user, place.participant), show, unfolded)


def cells(found: Matrix) -> dict[tuple[str, str], Cell]:
    """Every cell that is shown, by form and visit."""
    listed = [cell for row in found.rows for cell, _today in row.cells if cell]
    listed += [cell for _visit, each in found.single for cell in each]
    listed += [cell for strip in found.strips for column in strip.columns for cell in column.shown]
    listed += [cell for log in found.logs for cell in log.shown]
    return {(cell.form, cell.visit): cell for cell in listed}


def column(found: Matrix, label: str) -> Column:
    return next(one for one in (*found.columns, *found.folded) if one.label == label)


def entered_on(participant: Participant) -> datetime.date:
    assert participant.enrolled_on is not None
    return participant.enrolled_on


def days_after(day: datetime.date, days: int) -> time_machine.travel:
    noon = datetime.datetime.combine(
        day + datetime.timedelta(days=days), datetime.time(12), timezone.get_current_timezone()
    )
    return time_machine.travel(noon, tick=False)


def entry_of(participant: Participant, slug: str, form: str) -> FormEntry:
    return FormEntry.objects.get(visit__participant=participant, visit__slug=slug, form_key=form)


@pytest.mark.parametrize(
    ("days", "state", "visit", "kind"),
    [
        (-10, "Not due yet", "Later", "todo"),
        (0, "Not due yet", "Next", "todo"),
        (5, "Due now", "Due now", "due"),
        (9, "Due now", "Due now", "due"),
        (10, "Overdue", "Overdue", "late"),
    ],
)
def test_a_visit_to_come_is_due_in_its_window_alone_and_its_cells_lead_to_it(
    cast: Cast, days: int, state: str, visit: str, kind: str
) -> None:
    participant = walk.randomised(cast)
    with days_after(entered_on(participant), days):
        found = drawn(cast, participant)
    cell = cells(found)["MADRS", "Week 1"]
    assert (cell.state, cell.kind) == (state, kind)
    assert cell.name == f"MADRS, Week 1: {state}"
    assert cell.url == f"/participants/{participant.number}/visits/week_1/"
    assert (column(found, "Week 1").tag.text, column(found, "Week 1").is_today) == (visit, kind == "due")
    assert found.late >= (kind == "late")


def test_today_is_the_visit_that_is_waited_for_or_takes_place(cast: Cast) -> None:
    participant = walk.randomised(cast)
    walk.visited(cast, participant, "week_1")
    for days, marked in ((7, ["Week 1"]), (8, []), (13, ["Week 2"])):
        with days_after(entered_on(participant), days):
            assert [one.label for one in drawn(cast, participant).columns if one.is_today] == marked


def test_of_a_visit_that_took_place_required_forms_are_due_and_then_late(cast: Cast) -> None:
    participant = walk.randomised(cast)
    visit = walk.came(cast, participant, "week_8")
    assert visit.took_place_on is not None
    for days, state, kind in ((0, "Not begun", "due"), (7, "Not begun, overdue", "late")):
        with days_after(visit.took_place_on, days):
            found = cells(drawn(cast, participant))
        assert (found["MADRS", visit.label("en")].state, found["MADRS", visit.label("en")].kind) == (state, kind)
        assert found["MADRS", visit.label("en")].url.endswith("/visits/week_8/forms/madrs/")
        assert found["Offer after week 8", visit.label("en")].state == "Not begun, not required"


def test_an_entry_is_begun_complete_verified_signed_or_not_done(cast: Cast) -> None:
    participant = walk.screened(cast)
    coordinator, monitor = cast.at(walk.SITE, Role.COORDINATOR), cast.at("", Role.MONITOR)
    investigator = cast.at(walk.SITE, Role.INVESTIGATOR)

    def verify(form: str) -> None:
        entry = entry_of(participant, "screening", form)
        entered = [key for key in (*entry.data, *entry.missing) if not entry.form.item(key).is_derived]
        verify_items(by=monitor, entry=entry, items=entered)

    def seen(form: str) -> tuple[str, str]:
        cell = cells(drawn(cast, participant))[form, "Screening"]
        return cell.state, cell.kind

    assert seen("MADRS") == ("Complete", "done")
    verify("madrs")
    assert seen("MADRS") == ("Verified", "verified")
    assert seen("Eligibility") == ("Complete", "done")
    sign_entry(by=investigator, entry=entry_of(participant, "screening", "eligibility"), meaning="mine")
    assert seen("Eligibility") == ("Signed", "signed")
    verify("eligibility")
    assert seen("Eligibility") == ("Signed, verified", "signed")
    with days_after(participant.registered_on, 1):
        visit = walk.came(cast, participant, "baseline")
        save_entry(by=coordinator, visit=visit, form_key="whodas", values={"wh_d1_1": "0"})
        mark_not_done(by=coordinator, visit=visit, form_key="eq5d5l", code="refused")
        found = cells(drawn(cast, participant))
    assert (found["WHODAS 2.0", "Baseline"].state, found["WHODAS 2.0", "Baseline"].kind) == ("Begun", "progress")
    assert (found["EQ-5D-5L", "Baseline"].state, found["EQ-5D-5L", "Baseline"].kind) == ("Not done", "none")


def test_a_visit_that_was_not_done_leaves_its_forms_not_done(cast: Cast) -> None:
    participant = walk.randomised(cast)
    mark_visit_not_done(
        by=cast.at(walk.SITE, Role.COORDINATOR), visit=walk.visit_of(participant, "week_1"), reason="ill"
    )
    found = drawn(cast, participant)
    assert cells(found)["MADRS", "Week 1"].state == "Not done"
    assert column(found, "Week 1").kind == "none"


def test_nothing_is_due_any_more_of_whose_participation_ended(cast: Cast) -> None:
    participant = walk.randomised(cast)
    walk.fill(
        cast, walk.visit_of(participant, "log"), "end_of_participation", given={"eop_status": "lost_to_follow_up"}
    )
    participant.refresh_from_db()
    assert not participant.is_active
    found = drawn(cast, participant)
    assert not {cell.kind for cell in cells(found).values()} & {"due", "late"}
    assert {one.tag.kind for one in (*found.columns, *found.folded)} <= {"done", "none"}
    assert found.late == 0
    assert found.ahead == []


def test_queries_and_freezes_show_on_their_form_or_visit(cast: Cast) -> None:
    participant = walk.screened(cast)
    monitor, manager = cast.at("", Role.MONITOR), cast.at("", Role.DATA_MANAGER)
    visit = walk.visit_of(participant, "screening")
    for text in ("Sure?", "And this?"):
        raise_query(by=monitor, entry=entry_of(participant, "screening", "madrs"), item="madrs_1", text=text)
    raise_query_on_visit(by=monitor, visit=visit, text="Which day?")
    freeze_visit(by=manager, visit=visit, form_key="vital_signs")
    found = drawn(cast, participant)
    madrs = cells(found)["MADRS", "Screening"]
    assert (madrs.state, madrs.kind, madrs.tag.kind) == ("Complete, 2 open queries", "query", "done")
    assert cells(found)["Vital signs", "Screening"].state == "Complete, Frozen"
    assert found.queries == 3
    assert column(found, "Screening").remarks == ("1 open query",)
    assert column(found, "Screening").kind == "query"
    freeze_visit(by=manager, visit=visit)
    assert [one.label for one in drawn(cast, participant).remarked] == ["Screening"]
    assert column(drawn(cast, participant), "Screening").remarks == ("1 open query", "Frozen")


def test_sessions_are_one_strip_for_who_may_see_the_arm(cast: Cast) -> None:
    participant = walk.randomised(cast, arm="esketamine")
    coordinator = cast.at(walk.SITE, Role.COORDINATOR)
    walk.visited(cast, participant, "session_esk-1")
    mark_visit_not_done(by=coordinator, visit=walk.visit_of(participant, "session_esk-2"), reason="ill")
    with days_after(entered_on(participant), 9):
        found = drawn(cast, participant, unfolded="session_esk")
        (strip,) = found.strips
        assert (strip.label, strip.held, strip.total, strip.is_open) == ("Esketamine session", 1, 15, True)
        assert [one.visit.ordinal for one in strip.columns] == list(range(1, 17))
        assert not {"CADSS-6"} & {row.label for row in found.rows}
        assert ("CADSS-6", "Esketamine session 1") in cells(found)
        in_list = [one.label for one in found.by_day if "session" in one.label]
        assert in_list == ["Esketamine session 3", "Esketamine session 4"]
        assert not drawn(cast, participant).strips[0].is_open
        assert drawn(cast, participant, Role.RATER).strips == ()


def test_forms_of_one_visit_stand_apart_and_logs_are_links(cast: Cast) -> None:
    participant = walk.randomised(cast, arm="esketamine")
    log = walk.visit_of(participant, "log")
    for _ in range(2):
        walk.fill(cast, log, "adverse_event", occurrence=None)
    found = drawn(cast, participant)
    single = {visit: [cell.form for cell in each] for visit, each in found.single}
    assert "Demographics" in single["Screening"]
    assert single["Baseline"] == ["KSET, baseline"]
    assert {"MADRS", "IDS-SR", "MoCA"} <= {row.label for row in found.rows}
    logs = {cell.form: cell for one in found.logs for cell in one.shown}
    assert (logs["Adverse event"].rows, logs["Adverse event"].kind) == (2, "done")
    assert (logs["Pregnancy"].rows, logs["Pregnancy"].state) == (0, "No rows")
    assert logs["Pregnancy"].url.endswith("/visits/log/forms/pregnancy/")


def test_the_switches_leave_the_cells_they_name(cast: Cast) -> None:
    participant = walk.screened(cast)
    with days_after(participant.registered_on, 3):
        everything = drawn(cast, participant)
        counts = {one.show: one.count for one in everything.switches}
        mine = drawn(cast, participant, show=Show.MINE)
        open_ones = drawn(cast, participant, show=Show.OPEN)
        unverified = drawn(cast, participant, show=Show.UNVERIFIED)
        monitors = drawn(cast, participant, Role.MONITOR)
    of_visits = {key: cell for key, cell in cells(everything).items() if key[1] != "Running log"}
    assert counts[Show.ALL] == len(of_visits)
    assert ("MADRS", "Screening") not in cells(mine), "a rater's"
    assert {one.show for one in mine.switches if one.is_on} == {Show.MINE}
    assert {visit for _form, visit in cells(open_ones)} == {"Baseline", "Running log"}
    assert {visit for _form, visit in cells(unverified)} == {"Screening", "Running log"}
    assert Show.MINE not in {one.show for one in monitors.switches}


def test_a_strip_of_which_nothing_is_to_be_shown_keeps_its_line(signed_in: SignedIn, cast: Cast) -> None:
    participant = walk.randomised(cast, arm="ect")
    page = Reader(signed_in, cast, Role.COORDINATOR).get(f"{casebook_url(participant)}?show=unverified")
    assert "ECT session: 0 of 16" in page
    assert 'id="session_ect"' not in page
    with days_after(entered_on(participant), -1):
        (strip,) = drawn(cast, participant, show=Show.UNVERIFIED).strips
    assert (strip.columns, strip.total) == ((), 16)


def test_the_list_has_what_presses_first_then_what_comes_then_what_was(cast: Cast) -> None:
    participant = walk.randomised(cast)
    walk.visited(cast, participant, "week_1")
    with days_after(entered_on(participant), 14):
        found = drawn(cast, participant, Role.RATER)
        labels = [one.label for one in found.by_day]
        assert labels[:3] == ["Week 2", "Week 3", "Week 4"]
        assert labels[-3:] == ["Week 1", "Baseline", "Screening"]
        assert [one.label for one in found.ahead] == ["Week 2", "Week 3", "Week 4", "Week 5"]
        assert (column(found, "Week 1").done, column(found, "Week 1").kind) == (3, "done")


def test_phases_span_their_columns_and_many_columns_stand_upright(cast: Cast) -> None:
    participant = walk.in_follow_up(cast)
    found = drawn(cast, participant)
    assert [label for label, _span in found.phases] == ["Screening", "Treatment", "Follow-up year"]
    assert sum(span for _label, span in found.phases) == len(found.columns)
    assert not found.is_wide
    by = cast.at(walk.SITE, Role.COORDINATOR)
    for days in range(WIDE + 1 - len(found.columns)):
        add_unscheduled_visit(
            by=by, participant=participant, key="unscheduled", on=timezone.localdate() - datetime.timedelta(days=days)
        )
    assert drawn(cast, participant).is_wide


def test_an_entry_of_a_form_that_the_visit_holds_no_more_keeps_its_cell(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    participant = walk.screened(cast)
    user = cast.at(walk.SITE, Role.COORDINATOR)
    place = casebook_place(user, participant.number)
    visits = visits_of(user, place.participant)
    for visit in visits:
        if visit.key == "screening":
            forms = tuple(form for form in visit.definition.forms if form != "vital_signs")
            monkeypatch.setattr(visit, "definition", visit.definition.model_copy(update={"forms": forms}))
    assert ("Vital signs", "Screening") in cells(matrix(place, visits))


def test_every_symbol_is_explained(cast: Cast) -> None:
    found = drawn(cast, walk.randomised(cast))
    assert {cell.kind for cell in cells(found).values()} <= {tag.kind for tag in legend()}
