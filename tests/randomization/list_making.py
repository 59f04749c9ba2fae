"""Lists of one design and another, made and put in force by the people who do so."""

from __future__ import annotations

import uuid
from typing import Any

from randomization import actions
from randomization.models import Allocation, RandomizationList
from tests import walk
from trialmgr.overview.rehearsal.cast import Cast, put_study_in_force
from trialmgr.participants.models import Participant
from trialmgr.people.models import User
from trialmgr.people.permissions import Role
from trialmgr.protocol.model import StratificationFactor, StudyDefinition
from trialmgr.studies.queries import current_definition

SITE = StratificationFactor(key="site", source="site")
SEX = StratificationFactor(key="sex", source="screening.demographics.sex")
MINIMISED: dict[str, Any] = {"method": "minimisation", "p": "4/5", "measure": "range", "block_sizes": {}}


def statistician(cast: Cast) -> User:
    return cast.at("", Role.UNBLINDED_STATISTICIAN)


def manager(cast: Cast) -> User:
    return cast.at("", Role.DATA_MANAGER)


def amend(cast: Cast, *, parts: dict[str, Any] | None = None, **design: Any) -> StudyDefinition:
    """The definition in force with another design, or other ``parts``, is put in force in its turn."""
    now = current_definition()
    assert now.randomization is not None
    changed = {"randomization": now.randomization.model_copy(update=design), "version": uuid.uuid4().hex[:8]}
    definition = now.model_copy(update=changed | (parts or {}))
    put_study_in_force(cast, definition, reason="amendment")
    return definition


def list_in_force(cast: Cast, **design: Any) -> RandomizationList:
    """A list of the definition in force, changed by ``design``."""
    if design:
        amend(cast, **design)
    listed = actions.make_list(by=statistician(cast))
    return actions.activate_list(by=manager(cast), listed=listed)


def again(listed: RandomizationList) -> RandomizationList:
    return RandomizationList.objects.get(pk=listed.pk)


def allocated(cast: Cast, site: str = walk.SITE, participant: Participant | None = None) -> Allocation:
    return actions.allocate(
        by=cast.at(site, Role.COORDINATOR),
        participant=participant or walk.baseline_done(cast, site),
        idempotency_key=uuid.uuid4().hex,
    )
