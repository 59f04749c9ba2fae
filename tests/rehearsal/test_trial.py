"""A rehearsal as a whole: the same again, to its end, cut at today, and refused where it may not be."""

from __future__ import annotations

import datetime
from collections.abc import Callable

import pytest
from django.conf import settings as configured

from audit.acts import ActionRefused
from audit.verification import verify
from crf.models import FormEntry, Query, Visit
from exports.policies import open_points
from randomization.models import Allocation, RandomizationList
from randomization.queries.lists import list_findings
from tests.overview.adding_up import check_adds_up
from tests.sizes import size
from trialmgr.overview.flow import flow
from trialmgr.overview.rehearsal import trial
from trialmgr.overview.rehearsal.cast import standing_cast
from trialmgr.overview.rehearsal.invention.profile import load_profile
from trialmgr.overview.rehearsal.likeness import fingerprint
from trialmgr.overview.rehearsal.trial import (
    DEFAULT_STUDY,
    Progress,
    check_may_rehearse,
    counts,
    rehearse,
    study_folder,
)
from trialmgr.participants.models import Participant
from trialmgr.people.permissions import Role
from trialmgr.protocol.model import StudyDefinition
from trialmgr.studies.clock import today
from trialmgr.studies.models import StudyVersion
from trialmgr.studies.queries import current_definition

FEW, SOME = size(1, 2), size(3, 5)

Rehearsed = Callable[[int, int], dict[str, list[dict[str, object]]]]


@pytest.mark.slow
def test_the_same_seed_gives_the_same_trial_and_another_seed_another(rehearsed: Rehearsed) -> None:
    first = rehearsed(FEW, 5)
    assert rehearsed(FEW, 5) == first
    assert rehearsed(FEW, 6) != first
    assert len(first["participants"]) == FEW


@pytest.mark.slow
@pytest.mark.usefixtures("demo")
def test_a_rehearsal_to_its_end_leaves_nothing_open_and_proves_itself() -> None:
    told: list[Progress] = []
    rehearse(participants=SOME, seed=2, report=told.append)
    assert open_points() == []
    assert not Participant.objects.filter(status__in=["screening", "on_study"]).exists()
    assert Participant.objects.filter(freezes__unfrozen_at=None).count() == SOME
    assert told[-1].finished == told[-1].registered == SOME
    assert sum(counts().values()) == SOME + Allocation.objects.count()
    assert verify().is_whole
    assert list_findings(RandomizationList.objects.get(status="active")) == []
    assert len(fingerprint()) == 64
    for role in (Role.MONITOR, Role.STATISTICIAN):
        found = flow(standing_cast().at("", role), current_definition(), "en")
        check_adds_up(found)
        assert found.assessed.count == SOME


@pytest.mark.slow
@pytest.mark.usefixtures("demo")
def test_an_ongoing_trial_is_cut_at_today() -> None:
    rehearse(participants=SOME, seed=1, ongoing=True)
    assert Participant.objects.filter(status__in=["screening", "on_study"]).exists()
    assert not Visit.objects.filter(took_place_on__gt=today()).exists()
    assert Participant.objects.filter(registered_on__gte=today() - datetime.timedelta(days=430)).count() == SOME


@pytest.mark.usefixtures("demo")
def test_a_second_rehearsal_in_the_same_place_is_refused() -> None:
    rehearse(participants=1, seed=1, ongoing=True)
    with pytest.raises(ActionRefused, match="participants already"):
        check_may_rehearse()


@pytest.mark.usefixtures("demo")
def test_a_study_that_is_not_there_or_not_in_force_is_not_rehearsed() -> None:
    with pytest.raises(ActionRefused, match=r"Name a folder, or one of: .*iv_maintenance"):
        rehearse(participants=1, seed=1, study="no_such")
    with pytest.raises(ActionRefused, match="The study in force here is reset_trd: rehearse iv_maintenance in a new"):
        rehearse(participants=1, seed=1, study="iv_maintenance")
    assert study_folder(str(configured.TRIALMGR_STUDIES / DEFAULT_STUDY)).name == DEFAULT_STUDY


def test_a_real_installation_is_never_rehearsed_in(db: None) -> None:
    with pytest.raises(ActionRefused, match="TRIALMGR_DEMO=1"):
        rehearse(participants=1, seed=1)


@pytest.mark.usefixtures("demo")
def test_an_empty_installation_gets_the_study_and_the_cast(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[StudyDefinition, dict[str, object]]] = []

    class Made(Exception):
        pass

    def set_up(definition: StudyDefinition, **given: object) -> None:
        asked.append((definition, given))
        raise Made

    monkeypatch.setattr("trialmgr.overview.rehearsal.trial.set_up", set_up)
    monkeypatch.setattr(StudyVersion.objects, "exists", lambda: False)
    for ongoing in (False, True):
        with pytest.raises(Made):
            rehearse(participants=1, seed=3, password="a password", ongoing=ongoing)
    (shipped, given), (planned, also_given) = asked
    assert given == also_given == {"password": "a password", "seed": "3"}
    assert shipped.recruitment is None
    assert sum(site.target or 0 for site in planned.sites) == planned.target_participants
    assert trial.with_plan(planned, today()) is planned
    assert (configured.TRIALMGR_STUDIES / DEFAULT_STUDY).is_dir()


@pytest.mark.slow
@pytest.mark.usefixtures("demo")
def test_data_come_with_everything_that_happens_in_a_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every rarity made frequent: each kind of trouble is met, and all of it is settled at the end."""
    often = {
        "screen_failure": 0.4,
        "drop_out": 0.5,
        "visit_not_done": 0.2,
        "form_not_done": 0.1,
        "form_completed_later": 0.2,
        "form_corrected": 0.3,
        "form_questioned": 0.1,
        "item_missing": 0.05,
        "item_surprising": 0.1,
        "row_removed": 0.3,
        "unscheduled": 3.0,
        "visit_outside_window": 0.2,
    }
    usual = load_profile(configured.TRIALMGR_STUDIES / DEFAULT_STUDY)
    monkeypatch.setattr(trial, "load_profile", lambda folder: usual.model_copy(update=often))
    rehearse(participants=8, seed=4)
    assert open_points() == []
    assert {"screen_failure", "ended_early", "completed"} <= set(Participant.objects.values_list("status", flat=True))
    assert Visit.objects.exclude(not_done_reason="").exists()
    assert any(entry.missing for entry in FormEntry.objects.all())
    assert FormEntry.objects.filter(status="removed").exists()
    assert FormEntry.objects.filter(visit__key="unscheduled").exists()
    assert Query.objects.filter(check_key="").exists()
    assert Query.objects.filter(check_key="soft_range").exists()
    assert any(not visit.in_window(visit.took_place_on) for visit in Visit.objects.exclude(took_place_on=None))
