from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from itertools import pairwise

import pytest
from django.test import Client

from crf.actions import judge_eligibility
from tests import walk
from tests.amendments import put_in_force
from tests.blinding.words import arm_words
from trialmgr.overview import recruitment
from trialmgr.overview.recruitment import line_chart
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.models import User
from trialmgr.people.permissions import Role
from trialmgr.protocol.model import StratificationFactor, StudyDefinition
from trialmgr.studies.queries import current_definition

SITE = walk.SITE
SignIn = Callable[[User], Client]


@pytest.fixture
def recruited(cast: Cast) -> None:
    """UMCG: one in screening, one screen failure found not eligible, one that stopped; two randomised. LUMC: one."""
    walk.registered(cast)
    refused = walk.screened(cast, madrs=10)
    judge_eligibility(by=cast.at(SITE, Role.INVESTIGATOR), participant=refused)
    for stopped in (refused, walk.consented(cast)):
        log = walk.visit_of(stopped, "log")
        walk.fill(cast, log, "end_of_participation", given={"eop_status": "screen_failure"})
    walk.randomised(cast, arm="ect")
    walk.registered(cast, "LUMC")


@pytest.mark.usefixtures("recruited")
def test_sites_are_counted_and_those_without_anybody_stand_there_too(cast: Cast) -> None:
    figures = {site.code: site for site in recruitment.by_site(cast.at("", Role.MONITOR))}
    umcg = figures[SITE]
    assert (umcg.failures, umcg.registered - umcg.failures - umcg.randomised) == (2, 1)
    assert umcg.randomised >= 1
    assert (figures["LUMC"].registered, figures["LUMC"].randomised) == (1, 0)
    assert figures["PSYQ"].registered == 0


@pytest.mark.usefixtures("recruited")
def test_a_site_role_counts_its_own_site_alone(cast: Cast) -> None:
    assert [site.code for site in recruitment.by_site(cast.at("LUMC", Role.COORDINATOR))] == ["LUMC"]
    flow = recruitment.flow(cast.at("LUMC", Role.COORDINATOR), current_definition(), "en")
    assert (flow.assessed, flow.randomised, flow.arms) == (1, 0, ())


@pytest.mark.usefixtures("recruited")
def test_the_flow_adds_up_and_names_why_people_were_excluded(cast: Cast) -> None:
    flow = recruitment.flow(cast.at("", Role.MONITOR), current_definition(), "en")
    assert flow.assessed == flow.excluded + flow.in_screening + flow.randomised
    assert flow.randomised == flow.on_study + flow.completed + flow.ended_early
    assert flow.randomised == sum(arm.allocated for arm in flow.arms)
    assert (flow.excluded, flow.otherwise) == (2, 1)
    assert [(reason.label[:2], reason.count) for reason in flow.reasons] == [("I5", 1)]


@pytest.mark.usefixtures("recruited")
def test_a_blinded_statistician_reads_totals_and_no_arm(cast: Cast, signed_in: SignIn) -> None:
    statistician = cast.at("", Role.STATISTICIAN)
    flow = recruitment.flow(statistician, current_definition(), "en")
    assert flow.randomised >= 1
    assert flow.arms == ()
    page = signed_in(statistician).get("/recruitment/", HTTP_ACCEPT_LANGUAGE="en").content.decode()
    main = re.sub(r"<[^>]+>", " ", page[page.index("<main") :]).lower()
    # The criteria of the trial name a treatment; the figures of this page may not.
    assert "esketamine" not in main
    assert " ect:" not in main


@pytest.mark.usefixtures("recruited")
def test_the_page_shows_arms_to_the_unblinded_and_a_chart_with_its_table(cast: Cast, signed_in: SignIn) -> None:
    page = signed_in(cast.at("", Role.UNBLINDED_STATISTICIAN)).get("/recruitment/", HTTP_ACCEPT_LANGUAGE="en")
    text = page.content.decode()
    assert "Oral esketamine: " in text
    assert "<polyline" in text
    assert " style=" not in text
    own = signed_in(cast.at(SITE, Role.COORDINATOR)).get("/recruitment/", HTTP_ACCEPT_LANGUAGE="en").content.decode()
    assert "Figures of your own site." in own


def test_before_the_first_registration_the_page_stands_empty(cast: Cast, signed_in: SignIn) -> None:
    page = signed_in(cast.at("", Role.MONITOR)).get("/recruitment/")
    assert page.status_code == 200
    assert b"<svg" not in page.content.split(b"</header>")[1].split(b"<main")[1].split(b"<table")[0]
    assert recruitment.by_month(cast.at("", Role.MONITOR)) == []


def test_a_role_without_figures_is_turned_away(cast: Cast, signed_in: SignIn) -> None:
    assert signed_in(cast.at(SITE, Role.RATER)).get("/recruitment/").status_code == 403


@pytest.mark.usefixtures("recruited")
def test_months_run_on_without_gaps_and_add_up(cast: Cast) -> None:
    months = recruitment.by_month(cast.at("", Role.MONITOR))
    days = [month.month for month in months]
    assert all(later - earlier < datetime.timedelta(days=32) for earlier, later in pairwise(days))
    assert months[-1].total == sum(month.randomised for month in months)


def test_a_chart_runs_from_left_to_right_and_never_over_its_top() -> None:
    chart = line_chart([0, 5, 20], ["Jan", "Feb", "Mar"], target=10)
    assert chart.points == "40.0,206.0 255.0,158.0 470.0,14.0"
    assert [tick.label for tick in chart.columns] == ["Jan", "Mar"]
    assert chart.target_y == 110.0
    assert [tick.label for tick in line_chart([3], ["Jan"], target=10).columns] == ["Jan"]


def test_strata_are_counted_without_arms_where_they_are_not_the_sites(
    cast: Cast, signed_in: SignIn, reset_trd: StudyDefinition
) -> None:
    statistician = cast.at("", Role.STATISTICIAN)
    assert recruitment.by_stratum(statistician, reset_trd) == []
    walk.randomised(cast)
    walk.randomised(cast)
    walk.randomised(cast, "LUMC")
    assert reset_trd.randomization is not None
    factors = (*reset_trd.randomization.factors, StratificationFactor(key="sex", source="screening.demographics.sex"))
    design = reset_trd.randomization.model_copy(update={"factors": factors})
    put_in_force(reset_trd.model_copy(update={"randomization": design, "version": "9"}))
    found = recruitment.by_stratum(statistician, current_definition())
    assert found == [("site=LUMC", 1), ("site=UMCG", 2)]
    assert recruitment.by_stratum(cast.at("LUMC", Role.COORDINATOR), current_definition()) == [("site=LUMC", 1)]
    page = signed_in(statistician).get("/recruitment/").content.decode()
    assert "site=UMCG" in page
    assert not arm_words(reset_trd).search(page)
