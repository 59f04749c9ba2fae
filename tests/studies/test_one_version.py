"""A page is drawn from one study version, read once; a version put in force meanwhile is seen at once."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.amendments import proposer, put_in_force
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.protocol.model import StudyDefinition
from trialmgr.studies.actions import propose_version
from trialmgr.studies.queries import current_definition, current_version, one_version, version_of_row

pytestmark = pytest.mark.django_db


def test_inside_one_page_the_version_is_read_once() -> None:
    assert current_version()
    with CaptureQueriesContext(connection) as queries, one_version():
        assert current_version() is current_version()
    assert len(queries) == 1
    with CaptureQueriesContext(connection) as queries:
        assert current_version() == current_version()
    assert len(queries) == len(("once", "and anew"))


def test_a_version_put_in_force_between_two_pages_is_seen_by_the_second(reset_trd: StudyDefinition) -> None:
    before = current_version()
    put_in_force(reset_trd.model_copy(update={"version": "9"}))
    assert (before.label, current_version().label) == (reset_trd.version, "9")


def test_a_version_put_in_force_inside_a_page_is_seen_at_once(reset_trd: StudyDefinition) -> None:
    with one_version():
        assert current_definition().version == reset_trd.version
        put_in_force(reset_trd.model_copy(update={"version": "9"}))
        assert current_definition().version == "9"


def test_a_row_leads_to_its_version_whether_that_is_in_force_or_only_proposed(
    cast: Cast, reset_trd: StudyDefinition
) -> None:
    proposed = propose_version(by=proposer(), definition=reset_trd.model_copy(update={"version": "9"}))
    with one_version():
        in_force = current_version()
        with CaptureQueriesContext(connection) as queries:
            assert version_of_row(in_force.pk) is in_force
        assert len(queries) == 0
        assert version_of_row(proposed.pk) == proposed
        assert version_of_row(proposed.pk).definition.version == "9"
