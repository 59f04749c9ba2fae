"""Whom this trial expects in a comparison of designs, and who could foresee the next arm."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from randomization.methods.comparison.expectations import Levels, Shares, equal_shares
from randomization.models import Allocation
from trialmgr.people.permissions import PERMISSIONS, Role
from trialmgr.protocol.model import StudyDefinition

ENOUGH_TO_JUDGE = 20
"""From so many randomised participants on, their levels say more of those to come than equal shares do."""


def observed_shares(levels: Levels) -> Shares:
    """Participants randomised so far by level of each factor, at least 1; equal while there are too few to judge."""
    counted: Mapping[str, Counter[str]] = {factor: Counter() for factor in levels}
    randomised = Allocation.objects.order_by().values_list("levels", flat=True)
    for each in randomised:
        for factor in levels:
            counted[factor][each.get(factor, "")] += 1
    if len(randomised) < ENOUGH_TO_JUDGE:
        return equal_shares(levels)
    return {
        factor: {level: max(counted[factor][level], 1) for level in of_factor} for factor, of_factor in levels.items()
    }


def is_open_label(definition: StudyDefinition) -> bool:
    """Whether somebody who randomises may come to know the arms, and so could foresee the next."""
    return any(
        not role.blinded and "participants.randomise" in PERMISSIONS[Role(role.key)] for role in definition.roles
    )
