from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Mapping
from itertools import pairwise

import pytest
from django.test import Client
from django.utils import timezone

from crf.actions import judge_eligibility
from tests import walk
from tests.amendments import put_in_force
from tests.blinding.words import arm_words
from trialmgr.overview import recruitment
from trialmgr.overview.recruitment import line_chart
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.models import Site, User
from trialmgr.people.permissions import Role
from trialmgr.protocol.model import RecruitmentPlan, StratificationFactor, StudyDefinition
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
    figures = {one.site.code: one for one in recruitment.by_site(cast.at("", Role.MONITOR))}
    umcg = figures[SITE]
    assert (umcg.failures, umcg.registered - umcg.failures - umcg.randomised) == (2, 1)
    assert umcg.randomised >= 1
    assert (figures["LUMC"].registered, figures["LUMC"].randomised) == (1, 0)
    assert figures["PSYQ"].registered == 0


@pytest.mark.usefixtures("recruited")
def test_a_site_role_counts_its_own_site_alone(cast: Cast) -> None:
    assert [one.site.code for one in recruitment.by_site(cast.at("LUMC", Role.COORDINATOR))] == ["LUMC"]


@pytest.mark.usefixtures("recruited")
def test_a_blinded_statistician_reads_totals_and_no_arm(cast: Cast, signed_in: SignIn) -> None:
    statistician = cast.at("", Role.STATISTICIAN)
    page = signed_in(statistician).get("/recruitment/", HTTP_ACCEPT_LANGUAGE="en").content.decode()
    main = re.sub(r"<[^>]+>", " ", page[page.index("<main") :]).lower()
    assert "esketamine" not in main
    assert " ect:" not in main


def planned(
    study: StudyDefinition, plans: Mapping[str, Mapping[str, object]], *, days_ago: int = 200
) -> StudyDefinition:
    """A next version in which these sites have a target; a plan of 1,001 days is under way."""
    begins = timezone.localdate() - datetime.timedelta(days=days_ago)
    bare: Mapping[str, object] = {"target": None, "begins": None}
    sites = tuple(
        site.model_copy(update=dict(bare) | {"begins": begins.isoformat()} | dict(plans[site.code]))
        if site.code in plans
        else site
        for site in study.sites
    )
    plan = RecruitmentPlan(ends=(begins + datetime.timedelta(days=1000)).isoformat())
    return study.model_copy(update={"sites": sites, "recruitment": plan, "version": "9"})


@pytest.mark.usefixtures("recruited")
def test_a_site_is_held_against_its_own_target_and_plan(
    cast: Cast, signed_in: SignIn, reset_trd: StudyDefinition
) -> None:
    put_in_force(planned(reset_trd, {SITE: {"target": 50}, "LUMC": {"target": 20, "begins": None}}))
    own = page_of(signed_in(cast.at(SITE, Role.COORDINATOR)))
    assert "Target of the site" in own
    assert "Planned by today" in own
    assert own.count("<polyline") == 2
    assert " style=" not in own
    assert f"{SITE}: 50 participants from " in own
    assert ">10</td>" in own  # a fifth of the way: 201 of 1,001 days
    monitor = signed_in(cast.at("", Role.MONITOR))
    everybody = page_of(monitor)
    assert f'href="?site={SITE}#by-month"' in everybody
    assert everybody.count("Target of the trial") == 2
    one = page_of(monitor, "?site=LUMC")
    assert "Target of the site" in one
    assert one.count("<polyline") == 1
    assert monitor.get("/recruitment/?site=ELSE").status_code == 404
    assert signed_in(cast.at(SITE, Role.COORDINATOR)).get("/recruitment/?site=LUMC").status_code == 404


def page_of(client: Client, asked: str = "") -> str:
    answer = client.get(f"/recruitment/{asked}", HTTP_ACCEPT_LANGUAGE="en")
    assert answer.status_code == 200
    return answer.content.decode()


def test_sites_that_aim_at_more_than_the_trial_are_told_of_it(
    cast: Cast, signed_in: SignIn, reset_trd: StudyDefinition
) -> None:
    put_in_force(planned(reset_trd, {site.code: {"target": 40} for site in reset_trd.sites}))
    told = "The targets of the sites add up to 200; the target of the trial is 172."
    assert told in page_of(signed_in(cast.at("", Role.MONITOR)))


def test_a_plan_brings_the_same_number_a_day_and_nobody_outside_it() -> None:
    begins = datetime.date(2026, 1, 1)
    plan = recruitment.Plan("UMCG", begins, begins + datetime.timedelta(days=99), 50)
    days = (-1, 0, 49, 99, 200)
    assert [plan.by(begins + datetime.timedelta(days=day)) for day in days] == [0, 0.5, 25, 50, 50]


def test_a_site_that_the_definition_does_not_know_has_no_aims(cast: Cast, reset_trd: StudyDefinition) -> None:
    unknown = Site(code="ELSE", name="Elsewhere")
    study = planned(reset_trd, {SITE: {"target": 50}})
    aims = recruitment.aims(study, [unknown, cast.sites[SITE]])
    assert aims.target is None
    assert [plan.site for plan in aims.plans] == [SITE]
    assert recruitment.aims(study.model_copy(update={"recruitment": None}), [cast.sites[SITE]]).plans == ()


def test_before_the_first_registration_the_page_stands_empty(cast: Cast, signed_in: SignIn) -> None:
    assert "<polyline" not in page_of(signed_in(cast.at("", Role.MONITOR)))


def test_a_role_without_figures_is_turned_away(cast: Cast, signed_in: SignIn) -> None:
    assert signed_in(cast.at(SITE, Role.RATER)).get("/recruitment/").status_code == 403


@pytest.mark.usefixtures("recruited")
def test_months_run_on_without_gaps_and_add_up(cast: Cast) -> None:
    months = recruitment.by_month(recruitment.in_reach(cast.at("", Role.MONITOR)), (), timezone.localdate())
    days = [month.month for month in months]
    assert all(later - earlier < datetime.timedelta(days=32) for earlier, later in pairwise(days))
    assert months[-1].total == sum(month.randomised for month in months)


def test_a_chart_runs_from_left_to_right_and_never_over_its_top() -> None:
    chart = line_chart([0, 5, 20], ["Jan", "Feb", "Mar"], target=10)
    assert chart.points == "40.0,206.0 255.0,158.0 470.0,14.0"
    assert [tick.label for tick in chart.columns] == ["Jan", "Mar"]
    assert chart.target_y == 110.0
    assert [tick.label for tick in line_chart([3], ["Jan"], target=10).columns] == ["Jan"]
    planned = line_chart([1], ["Jan", "Feb"], target=None, plan=[2, 4])
    assert (planned.points, planned.plan, planned.target_y) == ("40.0,158.0", "40.0,110.0 470.0,14.0", None)


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
