"""The steps that other tests stand on lead where they say."""

from __future__ import annotations

import pytest

from randomization.models import Allocation
from tests import walk
from trialmgr.overview.rehearsal.cast import Cast


def test_the_walk_leads_through_the_trial_to_the_follow_up_year(cast: Cast) -> None:
    participant = walk.in_follow_up(cast)
    assert (participant.status, participant.phase) == ("on_study", "follow_up")
    assert walk.visit_of(participant, "month_12").target_on is not None


@pytest.mark.parametrize("arm", ["esketamine", "ect"])
def test_a_participant_of_a_wished_arm_can_be_had(cast: Cast, arm: str) -> None:
    participant = walk.randomised(cast, arm=arm)
    assert Allocation.objects.get(participant=participant).arm == arm


def test_every_form_of_every_visit_can_be_filled(cast: Cast) -> None:
    for arm in ("esketamine", "ect"):
        participant = walk.randomised(cast, arm=arm)
        for visit in participant.visits.exclude(key="log"):
            if visit.took_place_on is None and visit.ordinal == 1:
                walk.visited(cast, participant, visit.slug)
        log = walk.visit_of(participant, "log")
        assert all(walk.fill(cast, log, form).status == "complete" for form in log.definition.forms)
