"""A large trial is whole: every proof passes on it, pages of a copy open, and work on a copy goes on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import models

from audit.acts import ActionRefused
from crf.models import FormEntry, Visit
from randomization.models import Allocation, CodeBreak
from tests import walk
from tests.installation import Installation, installation
from tests.large_trial.growth import NoRehearsal, large_trial
from tests.large_trial.tables import Table, hanging, statement, unique_columns
from tests.sizes import size
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.participants.models import Participant

REHEARSED, PARTICIPANTS = size(5, 8), size(20, 200)


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Installation, dict[str, Any]]]:
    with installation(tmp_path_factory.mktemp("large"), demo=True) as site:
        arguments = (str(PARTICIPANTS), "--rehearsed", str(REHEARSED), "--ongoing")
        yield site, site.ask("-m", "tests.large_trial", *arguments)


@pytest.mark.slow
def test_a_rehearsed_trial_grows_and_work_on_a_copy_goes_on(grown: tuple[Installation, dict[str, Any]]) -> None:
    site, told = grown
    assert told["participants"] == PARTICIPANTS
    assert told["allocations"] > PARTICIPANTS / 2
    site.run("manage.py", "audit", "verify")
    site.run("manage.py", "randomization", "verify")
    visited = site.ask("-m", "tests.large_trial.visitor")
    assert visited["copy"] == visited["source"]
    assert visited["copy"]["coordinator casebook"] == visited["copy"]["rater form"] == [200, True]
    assert visited["copy"]["monitor trail"] == [200, True]
    assert visited["saved"] == {"changed": True, "stands": True}
    site.run("manage.py", "audit", "verify")


@pytest.mark.slow
def test_a_large_trial_can_be_made_larger_and_stays_whole(grown: tuple[Installation, dict[str, Any]]) -> None:
    site, _told = grown
    larger = site.ask("-m", "tests.large_trial", str(PARTICIPANTS + 5))
    assert larger["participants"] == PARTICIPANTS + 5
    site.run("manage.py", "audit", "verify")
    site.run("manage.py", "randomization", "verify")


def test_every_table_that_hangs_on_a_participant_is_found_by_its_keys_and_so_is_its_history() -> None:
    tables = hanging()
    assert {Participant, Visit, FormEntry, Allocation, CodeBreak} <= tables.keys()
    assert {model.history.model for model in (Participant, FormEntry, Allocation)} <= tables.keys()
    assert [column for column, _model in tables[FormEntry].path] == ["visit_id", "participant_id"]


def test_a_unique_column_without_a_rule_is_named() -> None:
    tables = hanging()
    assert list(unique_columns(tables[CodeBreak], tables)) == ["randomization.CodeBreak.number"]
    del tables[CodeBreak]
    named = {name for table in tables.values() for name in unique_columns(table, hanging())}
    assert named == set()


def test_a_constraint_of_which_no_column_is_the_copys_own_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    shared = models.UniqueConstraint(fields=["key", "ordinal"], name="one_visit_in_the_world")
    monkeypatch.setattr(Visit._meta, "constraints", [*Visit._meta.constraints, shared])
    tables = hanging()
    assert list(unique_columns(tables[Visit], tables)) == ["crf.Visit.one_visit_in_the_world"]


@pytest.mark.django_db
def test_a_reference_between_two_rows_of_a_participant_moves_with_them() -> None:
    tables = {model: _Numbered(table.model, table.path) for model, table in hanging().items()}
    written = statement(tables[FormEntry], tables)
    assert 't."visit_id" + c."generation" * 7' in written
    assert 't."study_version_id" +' not in written


class _Numbered(Table):
    most = 7


def test_an_installation_of_real_participants_does_not_grow(cast: Cast) -> None:
    walk.registered(cast)
    with pytest.raises(NoRehearsal, match="no demo installation; its list is no rehearsal's"):
        large_trial(10)
    assert Participant.objects.count() == 1


@pytest.mark.usefixtures("cast")
def test_an_empty_installation_that_is_no_demo_is_not_rehearsed() -> None:
    with pytest.raises(ActionRefused, match="no demo installation"):
        large_trial(10)
