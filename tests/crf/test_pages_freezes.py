"""Freezing and unfreezing a casebook."""

from __future__ import annotations

from collections.abc import Callable

from django.test import Client

from crf.models import Freeze
from tests import walk
from tests.crf.pages import Reader, casebook_url
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.permissions import Role

SignedIn = Callable[..., Client]


def test_a_data_manager_freezes_and_unfreezes_a_casebook(signed_in: SignedIn, cast: Cast) -> None:
    participant = walk.screened(cast)
    manager = Reader(signed_in, cast, Role.DATA_MANAGER)
    url = f"{casebook_url(participant)}freeze/"
    assert "No value of this participant can change" in manager.get(url)
    page = manager.send(url, {})
    assert "The casebook is frozen." in page
    assert "Unfreeze the casebook" in page
    manager.post(url, {"reason": ""}, 422)
    assert "The casebook is unfrozen." in manager.send(url, {"reason": "late correction"})
    assert Freeze.objects.get().unfrozen_by != ""
