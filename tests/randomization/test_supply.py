"""Who is told that a stratum runs low: the unblinded roles, once, by the allocation that crosses the line."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core import mail
from django.test import Client
from django.utils import translation
from django.utils.timezone import localdate
from pytest_django import DjangoCaptureOnCommitCallbacks

from audit.models import LedgerEntry
from randomization.actions.supply import RUNS_LOW, _was_announced, announce_if_low
from randomization.methods.designs import minimisation
from randomization.models import RandomizationList
from randomization.policies.lists import active_list
from randomization.queries import supply
from tests import walk
from tests.amendments import put_in_force
from trialmgr.overview.duties import duty
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.overview.trail import readable
from trialmgr.people.models import User
from trialmgr.people.permissions import Role
from trialmgr.protocol.model import StudyDefinition

LOW = LedgerEntry.objects.filter(action=RUNS_LOW)


@pytest.fixture
def in_force(cast: Cast) -> RandomizationList:
    listed = active_list()
    assert listed is not None
    return listed


@pytest.fixture
def long_lead(monkeypatch: pytest.MonkeyPatch) -> None:
    """So long that 200 places are too few."""
    monkeypatch.setattr("randomization.queries.supply.lead_weeks", lambda: 5200)


def test_with_places_enough_nobody_is_told(cast: Cast, in_force: RandomizationList) -> None:
    walk.randomised(cast)
    assert supply.running_low(in_force) == []
    assert not LOW.exists()


def test_the_allocation_that_crosses_the_line_tells_once(
    cast: Cast,
    in_force: RandomizationList,
    long_lead: None,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        walk.randomised(cast)
        walk.randomised(cast)
    entry = LOW.get()
    assert (entry.item, entry.new, entry.restricted, entry.site) == ("site=UMCG", "200", True, "")
    assert entry.detail["left"] == 199
    (message,) = mail.outbox
    assert message.to == [cast.at("", Role.UNBLINDED_STATISTICIAN).email]
    assert "UMCG" not in f"{message.subject} {message.body}", "an e-mail names no stratum"


def test_another_stratum_and_a_longer_one_are_told_of_anew(
    cast: Cast, in_force: RandomizationList, long_lead: None
) -> None:
    walk.randomised(cast)
    walk.randomised(cast, "LUMC")
    assert sorted(LOW.values_list("item", flat=True)) == ["site=LUMC", "site=UMCG"]
    entry = LOW.get(item="site=UMCG")
    stratum = in_force.strata.get(key="site=UMCG")
    stratum.length += 1  # as an extension makes it; here only asked about
    assert _was_announced(in_force, in_force.strata.get(key=entry.item))
    assert not _was_announced(in_force, stratum)


def test_who_enrols_reads_nothing_of_it(
    cast: Cast,
    reset_trd: StudyDefinition,
    long_lead: None,
    signed_in: Callable[[User], Client],
) -> None:
    walk.randomised(cast)
    assert LOW.count() == 1
    for role in (Role.COORDINATOR, Role.INVESTIGATOR, Role.RATER, Role.TREATING_TEAM):
        user = cast.at(walk.SITE, role)
        assert not readable(user, reset_trd).filter(action=RUNS_LOW).exists()
        assert duty(user, "supply").count == 0
        assert signed_in(user).get("/randomization/").status_code == 403
    assert readable(cast.at("", Role.DATA_MANAGER), reset_trd).filter(action=RUNS_LOW).exists()


def test_the_work_list_and_the_lists_say_how_long_it_lasts(
    cast: Cast, long_lead: None, signed_in: Callable[[User], Client]
) -> None:
    walk.randomised(cast)
    statistician = cast.at("", Role.UNBLINDED_STATISTICIAN)
    with translation.override("en"):
        first = duty(statistician, "supply").tasks[0]
    assert (first.about, first.status) == ("site=UMCG", "199 of 200 left")
    client = signed_in(statistician)
    client.cookies["django_language"] = "en"
    page = client.get("/randomization/").content.decode()
    assert "Runs low" in page
    assert "Beyond ten years" in page


def test_what_runs_low_comes_first_then_what_lasts_shortest(
    cast: Cast, in_force: RandomizationList, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = {"site=UMCG": 90, "site=LUMC": 80, "site=AUMC": 1, "site=PROP": 200, "site=PSYQ": 0}
    monkeypatch.setattr(supply, "places_left", lambda stratum: left[stratum.key])
    found = supply.forecasts(in_force)
    order = ["site=PSYQ", "site=AUMC", "site=LUMC", "site=UMCG", "site=PROP"]
    assert [each.supply.stratum for each in found] == order
    assert [each.is_low for each in found] == [True, True, False, False, False]
    assert found[0].lasts_until == localdate()


def test_minimisation_never_runs_low(cast: Cast, in_force: RandomizationList, long_lead: None) -> None:
    stratum = in_force.strata.get(key="site=UMCG")
    factors = {"site": tuple(cast.sites)}
    in_force.design = minimisation(
        {"a": 1, "b": 1}, factors=factors, weights={"site": 1}, measure="range", p="4/5"
    ).parameters()
    assert supply.forecasts(in_force) == []
    announce_if_low(in_force, stratum)
    assert not LOW.exists()


def test_the_lead_time_is_a_setting_of_the_restricted_design(cast: Cast, reset_trd: StudyDefinition) -> None:
    assert supply.lead_weeks() == 6
    assert reset_trd.randomization is not None
    design = reset_trd.randomization.model_copy(update={"supply_lead_weeks": 10})
    put_in_force(reset_trd.model_copy(update={"randomization": design, "version": "10"}))
    assert supply.lead_weeks() == 10


def test_a_list_outlives_a_study_version_without_randomisation(cast: Cast, reset_trd: StudyDefinition) -> None:
    put_in_force(reset_trd.model_copy(update={"randomization": None, "version": "9"}))
    assert supply.lead_weeks() == supply.LEAD_WEEKS
