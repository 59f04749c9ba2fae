"""Freezing a casebook, and unfreezing it."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from audit.acts import ActionRefused
from crf.actions import (
    freeze,
    set_visit_day,
    unfreeze,
)
from crf.models import Freeze, Visit
from tests import walk
from tests.audit.recipes import the
from tests.audit.staging import deed
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.permissions import Role


class TestFreezing:
    def test_a_frozen_casebook_is_unfrozen_with_a_reason(self, cast: Cast) -> None:
        participant = walk.registered(cast)
        manager = the(cast, Role.DATA_MANAGER)
        frozen = freeze(by=manager, participant=participant)
        with pytest.raises(ActionRefused):
            freeze(by=manager, participant=participant)
        with pytest.raises(ActionRefused):
            unfreeze(by=manager, participant=participant, reason=" ")
        unfrozen = unfreeze(by=manager, participant=participant, reason="a page came late")
        assert (unfrozen.pk, unfrozen.unfrozen_by) == (frozen.pk, manager.actor_name)
        with pytest.raises(ActionRefused):
            unfreeze(by=manager, participant=participant, reason="again")
        assert freeze(by=manager, participant=participant).pk != frozen.pk

    def test_visits_of_a_frozen_casebook_keep_their_day(self, cast: Cast) -> None:
        visit = walk.visit_of(walk.registered(cast), "screening")
        freeze(by=the(cast, Role.DATA_MANAGER), participant=visit.participant)
        with pytest.raises(ActionRefused):
            set_visit_day(by=the(cast, Role.COORDINATOR), visit=visit, on=visit.participant.registered_on)
        assert Visit.objects.get(pk=visit.pk).took_place_on is None

    def test_the_database_holds_one_standing_freeze(self, cast: Cast) -> None:
        frozen = freeze(by=the(cast, Role.DATA_MANAGER), participant=walk.registered(cast))
        second = Freeze(participant=frozen.participant, frozen_at=frozen.frozen_at, frozen_by="x")
        with pytest.raises(IntegrityError), transaction.atomic():
            deed(second.save)
