"""The flow diagram: its numbers, who sees which of them, and how it is drawn and taken along."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from xml.etree import ElementTree

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from audit.models import LedgerEntry
from crf.actions import judge_eligibility, void_registration
from randomization.actions import flag_in_error
from randomization.models import Allocation
from tests import walk
from tests.amendments import put_in_force
from tests.blinding.words import arm_words
from tests.overview.adding_up import check_adds_up
from trialmgr.overview.flow import Box, Flow, Line, flow
from trialmgr.overview.flow_chart import COLUMN, flow_chart
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.participants.models import Participant
from trialmgr.people.models import User
from trialmgr.people.permissions import Role
from trialmgr.protocol.model import StudyDefinition, Text
from trialmgr.studies.queries import current_definition

SITE = walk.SITE
SignIn = Callable[[User], Client]


def ended(cast: Cast, participant: Participant, status: str) -> None:
    walk.fill(cast, walk.visit_of(participant, "log"), "end_of_participation", given={"eop_status": status})


def stopped(cast: Cast, participant: Participant, reason: str) -> None:
    walk.fill(cast, walk.visit_of(participant, "log"), "withdrawal", given={"wd_reason": reason}, reason="correction")


def treated(cast: Cast, participant: Participant) -> None:
    arm = Allocation.objects.get(participant=participant).arm
    slug, form, key = {
        "esketamine": ("session_esk-1", "session_esketamine", "dose_given"),
        "ect": ("session_ect-1", "session_ect", "treatment_given"),
    }[arm]
    walk.fill(cast, walk.came(cast, participant, slug), form, given={key: "yes"}, reason="correction")


@pytest.fixture
def gone_through(cast: Cast) -> None:
    """Two screen failures, one in screening, one voided. In the trial five, of whom three received their treatment."""
    refused = walk.screened(cast, madrs=10)
    judge_eligibility(by=cast.at(SITE, Role.INVESTIGATOR), participant=refused)
    for failure in (refused, walk.consented(cast)):
        ended(cast, failure, "screen_failure")
    walk.registered(cast)
    void_registration(by=cast.at(SITE, Role.COORDINATOR), participant=walk.registered(cast), reason="twice")
    with_outcome = walk.at_week_8(cast)
    treated(cast, with_outcome)
    stays, left, never, lost = (walk.randomised(cast) for _each in range(4))
    treated(cast, stays)
    stopped(cast, stays, "adverse_event")
    treated(cast, left)
    ended(cast, left, "withdrew_consent")
    stopped(cast, never, "wish")
    ended(cast, lost, "lost_to_follow_up")
    flag_in_error(
        by=cast.at(SITE, Role.COORDINATOR), allocation=Allocation.objects.get(participant=lost), reason="no consent"
    )


def seen_by(user: User) -> Flow:
    return flow(user, current_definition(), "en")


def together(found: Flow, title: str) -> dict[str, int]:
    """The lines of the boxes of this title, or that begin so, added up over the arms."""
    told: dict[str, int] = {}
    for column in found.columns:
        for box in column:
            for line in box.lines if box.title.startswith(title) else ():
                told[line.label] = told.get(line.label, 0) + line.count
    return told


@pytest.mark.on_both
@pytest.mark.usefixtures("gone_through")
def test_everybody_is_counted_once_in_each_row_of_boxes(cast: Cast) -> None:
    found = seen_by(cast.at("", Role.MONITOR))
    check_adds_up(found)
    assert found.assessed.count == 8
    excluded, screening = found.beside
    assert excluded.lines[0] == Line("Not eligible", 1)
    assert excluded.lines[1].label.startswith("I5 ")
    assert excluded.lines[-1] == Line("Not judged ineligible, but did not go on", 1)
    assert screening.count == 1
    assert found.entered == Box("Randomised", 5, (Line("of whom flagged as randomised in error", 1, inner=True),))
    assert [column[0].title for column in found.columns] == ["Allocated to Oral esketamine", "Allocated to ECT"]
    assert together(found, "Allocated") == {
        "Received the allocated treatment": 3,
        "Did not receive it": 2,
        "Wish of the participant": 1,
        "Lost to follow-up": 1,
    }
    assert together(found, "Follow-up") == {
        "Follow-up ended early": 2,
        "Withdrew consent": 1,
        "Lost to follow-up": 1,
        "Discontinued the treatment": 1,
        "Side effect or event": 1,
        "Completed": 0,
        "In the trial": 3,
    }
    assert together(found, "Analysis") == {
        "With the primary outcome": 1,
        "Without it, participation is over": 2,
        "Not recorded so far": 2,
    }
    _blinded_people_read_totals_of_what_nobody_hides(cast)


def _blinded_people_read_totals_of_what_nobody_hides(cast: Cast) -> None:
    found = seen_by(cast.at("", Role.STATISTICIAN))
    check_adds_up(found)
    [column] = found.columns
    assert found.entered == Box("Randomised", 5)
    assert column == (
        Box("Allocated, all arms together", 5),
        Box(
            "Follow-up",
            None,
            (Line("Follow-up ended early", 2), Line("Completed", 0), Line("In the trial", 3)),
        ),
        Box(
            "Analysis",
            None,
            (
                Line("With the primary outcome", 1),
                Line("Without it, participation is over", 2),
                Line("Not recorded so far", 2),
            ),
        ),
    )
    assert found.lacking
    _no_criterion_tells_them_of_an_arm(cast)


def _no_criterion_tells_them_of_an_arm(cast: Cast) -> None:
    study = current_definition()
    naming = Text(nl="geen ECT", en="no ECT")
    versions = tuple(
        version.model_copy(
            update={"criteria": tuple(one.model_copy(update={"text": naming}) for one in version.criteria)}
        )
        for version in study.eligibility
    )
    put_in_force(study.model_copy(update={"eligibility": versions, "version": "9"}))
    labels = [seen_by(cast.at("", role)).beside[0].lines[1].label for role in (Role.MONITOR, Role.STATISTICIAN)]
    assert labels == ["I5 no ECT", "I5"]


@pytest.mark.usefixtures("gone_through")
def test_the_page_draws_what_its_table_says_and_gives_it_as_a_file(cast: Cast, signed_in: SignIn) -> None:
    monitor = signed_in(cast.at("", Role.MONITOR))
    page = monitor.get("/recruitment/flow/", HTTP_ACCEPT_LANGUAGE="en").content.decode()
    assert " style=" not in page
    drawn = re.sub(r"\s+", " ", " ".join(re.findall(r"<text[^>]*>([^<]*)</text>", page)).replace("\xa0", " "))
    for box in seen_by(cast.at("", Role.MONITOR)).boxes:
        assert f'<th scope="rowgroup">{box.title}</th>' in page
        assert box.title in drawn
        for line in box.lines:
            assert f"{line.label} (n = {line.count})" in drawn
    file = monitor.post("/recruitment/flow/file/", HTTP_ACCEPT_LANGUAGE="en")
    assert (file.status_code, file["Content-Type"]) == (200, "image/svg+xml; charset=utf-8")
    assert file["Content-Disposition"] == 'attachment; filename="flow.svg"'
    told = ElementTree.fromstring(file.content)  # noqa: S314  our own text
    assert told.tag == "{http://www.w3.org/2000/svg}svg"
    assert "Received the allocated treatment" in (told.findtext("{http://www.w3.org/2000/svg}desc") or "")
    kept = LedgerEntry.objects.get(action="flow.exported")
    assert kept.new == hashlib.sha256(file.content).hexdigest()
    _is_read_by_the_blinded_without_an_arm(cast, signed_in)


def _is_read_by_the_blinded_without_an_arm(cast: Cast, signed_in: SignIn) -> None:
    statistician = signed_in(cast.at("", Role.STATISTICIAN))
    for answer in (statistician.get("/recruitment/flow/"), statistician.post("/recruitment/flow/file/")):
        assert not arm_words(current_definition()).search(answer.content.decode())


def test_a_site_role_counts_its_own_site_and_a_rater_nothing(cast: Cast, signed_in: SignIn) -> None:
    walk.randomised(cast)
    walk.registered(cast, "LUMC")
    found = seen_by(cast.at("LUMC", Role.COORDINATOR))
    assert (found.assessed.count, found.entered.count) == (1, 0)
    page = signed_in(cast.at("LUMC", Role.COORDINATOR)).get("/recruitment/flow/", HTTP_ACCEPT_LANGUAGE="en")
    assert "Figures of your own site." in page.content.decode()
    assert signed_in(cast.at(SITE, Role.RATER)).get("/recruitment/flow/").status_code == 403


def test_the_number_of_statements_does_not_grow(cast: Cast) -> None:
    monitor = cast.at("", Role.MONITOR)
    definition = current_definition()
    asked = []
    assert monitor.roles  # read once
    for _turn in range(2):
        walk.randomised(cast)
        ended(cast, walk.consented(cast), "screen_failure")
        with CaptureQueriesContext(connection) as statements:
            flow(monitor, definition, "en")
        asked.append(len(statements))
    assert asked[0] == asked[1]


def test_without_a_word_of_the_flow_only_what_all_trials_have_is_counted(
    cast: Cast, reset_trd: StudyDefinition
) -> None:
    walk.randomised(cast)
    put_in_force(reset_trd.model_copy(update={"flow": None, "version": "9"}))
    found = seen_by(cast.at("", Role.MONITOR))
    check_adds_up(found)
    assert [box.title for box in found.columns[0]] == ["Allocated to Oral esketamine", "Follow-up"]
    assert [line.label for line in found.columns[0][1].lines] == ["Follow-up ended early", "Completed", "In the trial"]


def test_a_drawing_has_a_column_an_arm_and_every_word_in_its_box() -> None:
    def drawn(columns: int) -> Flow:
        reasons = tuple(
            Line("a reason that takes many words to be told in full " * 2, number, inner=True) for number in (3, 1)
        )
        side = (Box("Excluded", 4, (Line("Not eligible", 4), *reasons)), Box("Still in screening", 0))
        column = (Box("Allocated", 2), Box("Follow-up", None, (Line("In the trial", 2),)))
        return Flow(
            Box("Assessed", 9),
            side,
            Box("Randomised", 5),
            (column,) * columns,
            is_randomised=True,
            overlapping=True,
            lacking=False,
        )

    for columns in (1, 2, 3):
        chart = flow_chart(drawn(columns))
        assert len(chart.frames) == 4 + 2 * columns
        assert len(chart.arrows) == 3 + 2 * columns
        for frame in chart.frames:
            assert frame.x >= 0
            assert frame.x + COLUMN <= chart.size[0]
            assert frame.bottom <= chart.size[1]
            assert all(frame.y < word.y < frame.bottom for word in frame.words)
        tops = [(one, other) for one in chart.frames for other in chart.frames if one is not other]
        assert not any(
            one.x < other.x + COLUMN and other.x < one.x + COLUMN and one.y < other.bottom and other.y < one.bottom
            for one, other in tops
        )
