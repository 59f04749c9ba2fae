"""Freezing and unfreezing a casebook."""

from __future__ import annotations

import json
from collections.abc import Callable

from django.db import models
from django.test import Client

from audit.models import LedgerEntry
from crf.actions import freeze_visit
from crf.freezes import followed, to_look_at
from crf.models import Freeze
from tests import walk
from tests.amendments import put_in_force
from tests.audit.recipes import frozen_and_followed
from tests.audit.staging import without_triggers
from tests.crf.pages import Reader, casebook_url, form_url
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.permissions import Role
from trialmgr.protocol.model import StudyDefinition

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


def test_a_visit_and_a_form_are_frozen_where_they_are_read(signed_in: SignedIn, cast: Cast) -> None:
    visit = walk.visit_of(walk.screened(cast), "screening")
    manager, rater = Reader(signed_in, cast, Role.DATA_MANAGER), Reader(signed_in, cast, Role.RATER)
    of_visit, of_form = f"{casebook_url(visit.participant)}visits/screening/", form_url(visit, "madrs")
    for url, thing in ((of_form, "form"), (of_visit, "visit")):
        assert f"Freeze the {thing}" in manager.get(url)
        assert f"{url}freeze/" not in rater.get(url)
        assert "you are told of it on your work list" in manager.get(f"{url}freeze/")
        assert f"The {thing} is frozen." in manager.send(f"{url}freeze/", {})
        assert f"Unfreeze the {thing}" in manager.get(url)
        assert f"This {thing} is frozen" in rater.get(of_form)
    assert rater.get(of_visit).count("#locked") == 2
    book = rater.get(casebook_url(visit.participant))
    assert book.count("#locked") == 1
    assert "MADRS, Screening: Complete, Frozen" in book
    assert "Screening</a>: Frozen" in book
    for url, thing in ((of_form, "form"), (of_visit, "visit")):
        manager.post(f"{url}freeze/", {"reason": ""}, 422)
        assert f"The {thing} is unfrozen." in manager.send(f"{url}freeze/", {"reason": "a page came late"})
    rows = form_url(walk.visit_of(visit.participant, "log"), "adverse_event")
    assert f"{rows}freeze/" in manager.get(f"{rows}rows/")


def test_a_site_is_frozen_from_the_page_of_freezes(signed_in: SignedIn, cast: Cast) -> None:
    participant = walk.screened(cast)
    manager = Reader(signed_in, cast, Role.DATA_MANAGER)
    assert "Nothing is frozen." in manager.get("/freezes/")
    assert "The site is frozen." in manager.send("/freezes/sites/UMCG/", {})
    page = manager.get("/freezes/")
    assert "Nothing is frozen." not in page
    assert manager.user.actor_name in page
    assert "Frozen" in manager.get(casebook_url(participant))
    assert "The site is unfrozen." in manager.send("/freezes/sites/UMCG/", {"reason": "a page came late"})
    manager.get("/freezes/sites/NONE/", 404)


def test_what_followed_in_something_frozen_is_shown_and_noted_as_seen(signed_in: SignedIn, cast: Cast) -> None:
    frozen = frozen_and_followed(cast)
    manager = Reader(signed_in, cast, Role.DATA_MANAGER)
    url = f"{casebook_url(frozen.visit.participant)}visits/week_8/forms/outcome/freeze/" if frozen.visit else ""
    assert url in manager.get("/")
    assert "values followed" in manager.get("/freezes/")
    page = manager.get(url)
    assert "What followed since" in page
    assert "Response" in page
    assert "noted as seen" in manager.send(url, {"act": "notice"})
    assert "Nothing has followed here" in manager.post(url, {"act": "notice"}, 422)
    assert url not in manager.get("/")
    page = manager.get(url)
    assert "What followed since" not in page
    assert f"was seen by {manager.user.actor_name}" in page


def test_the_page_of_freezes_names_each_thing(signed_in: SignedIn, cast: Cast) -> None:
    visit = walk.visit_of(walk.screened(cast), "screening")
    manager = Reader(signed_in, cast, Role.DATA_MANAGER)
    casebook = casebook_url(visit.participant)
    for url in (casebook, f"{casebook}visits/screening/", form_url(visit, "madrs")):
        manager.send(f"{url}freeze/", {})
    page = manager.get("/freezes/")
    assert "UMCG-001 · Screening" in page
    assert "UMCG-001 · Screening · MADRS" in page


def test_who_works_blinded_reads_of_no_freeze_that_reveals(
    signed_in: SignedIn, cast: Cast, reset_trd: StudyDefinition
) -> None:
    """In a study whose data managers are blinded."""
    document = json.loads(reset_trd.canonical_json())
    next(role for role in document["roles"] if role["key"] == "data_manager")["blinded"] = True
    participant = walk.randomised(cast)
    session = participant.visits.filter(reveals_allocation=True)[0]
    log = walk.visit_of(participant, "log")
    for visit, form in ((session, ""), (log, "adverse_event"), (log, "")):
        freeze_visit(by=cast.at("", Role.DATA_MANAGER), visit=visit, form_key=form)
    put_in_force(StudyDefinition.from_json(document))
    page = Reader(signed_in, cast, Role.DATA_MANAGER).get("/freezes/")
    assert page.count("/freeze/") == 1


def test_nothing_that_follows_out_of_sight_is_told_to_who_froze(cast: Cast, reset_trd: StudyDefinition) -> None:
    frozen = frozen_and_followed(cast)
    manager = cast.at("", Role.DATA_MANAGER)
    told = followed(frozen, manager).count()
    document = json.loads(reset_trd.canonical_json())
    next(role for role in document["roles"] if role["key"] == "data_manager")["blinded"] = True
    put_in_force(StudyDefinition.from_json(document))
    manager = type(manager).objects.get(pk=manager.pk)
    assert followed(frozen, manager).count() == told, "the outcome reveals nothing"
    with without_triggers():
        models.QuerySet(LedgerEntry).filter(action="entry.followed").update(restricted=True)
    assert followed(frozen, manager).count() == 0
    assert not to_look_at(manager).exists()
