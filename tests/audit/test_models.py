"""Tracked rows: written one by one inside an act, with who and why in their history."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import UserManager
from django.db import IntegrityError, transaction

from audit.acts import OutsideAction
from audit.models import LedgerHead, TrackedQuerySet
from audit.verification import tracked_models
from crf.actions import save_entry
from crf.models import FormEntry, Visit
from tests import walk
from tests.audit.recipes import vital_signs
from tests.audit.staging import deed, ledger_length, newest_entries
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.actions import change_password
from trialmgr.people.models import SYSTEM, Site, User
from trialmgr.people.permissions import Role

pytestmark = pytest.mark.on_both  # times and JSON are stored otherwise


@pytest.mark.parametrize("model", tracked_models())
def test_every_tracked_model_hands_out_rows_that_cannot_be_changed_in_bulk(model: type[FormEntry]) -> None:
    assert isinstance(model._default_manager.get_queryset(), TrackedQuerySet)


def test_a_tracked_row_is_not_saved_outside_an_act(cast: Cast) -> None:
    site = cast.sites["UMCG"]
    site.name = "Elsewhere"
    with pytest.raises(OutsideAction):
        site.save()
    with pytest.raises(OutsideAction):
        Site.objects.create(code="ZZ", name="Nowhere")
    with pytest.raises(OutsideAction):
        User.objects.create_user("somebody")
    assert not Site.objects.filter(name="Elsewhere").exists()


def test_a_tracked_row_is_never_deleted_nor_changed_in_bulk(cast: Cast) -> None:
    site = cast.sites["UMCG"]
    with pytest.raises(TypeError, match="never deleted"):
        deed(site.delete)
    for write in (
        lambda: Site.objects.update(name="x"),
        lambda: Site.objects.filter(code="UMCG").delete(),
        lambda: Site.objects.bulk_create([Site(code="ZZ", name="x")]),
        lambda: Site.objects.bulk_update([site], ["name"]),
        lambda: User.objects.update(is_active=False),
        lambda: site.participants.update(phase="x"),
    ):
        with pytest.raises(TypeError, match="tracked"):
            deed(write)


def test_a_history_row_knows_its_act_its_person_and_the_reason(cast: Cast) -> None:
    entry = vital_signs(cast)
    length = ledger_length()
    coordinator = cast.at("UMCG", Role.COORDINATOR)
    save_entry(by=coordinator, visit=entry.visit, form_key="vital_signs", values={"pulse": "70"}, reason="misread")
    row = entry.history.latest("history_id")
    assert (row.act, row.history_user, row.history_change_reason) == (
        newest_entries(length)[0].act,
        str(coordinator.pk),
        "misread",
    )
    assert [past.revision for past in entry.history.order_by("history_id")] == [1, 2]


def test_a_long_reason_stands_whole_in_the_ledger_and_begun_in_the_history(cast: Cast) -> None:
    entry = vital_signs(cast)
    length = ledger_length()
    save_entry(
        by=cast.at("UMCG", Role.COORDINATOR),
        visit=entry.visit,
        form_key="vital_signs",
        values={"pulse": "70"},
        reason="because " * 40,
    )
    assert newest_entries(length)[0].reason == "because " * 40
    assert entry.history.latest("history_id").history_change_reason == ("because " * 40)[:100]


def test_the_installation_stands_in_the_history_as_itself(cast: Cast) -> None:
    deed(Site(code="ZZ", name="Nowhere").save)
    row = Site.objects.get(code="ZZ").history.latest("history_id")
    assert (row.history_user_id, row.history_change_reason) == (SYSTEM.actor_id, None)


def test_every_past_state_of_a_row_can_be_read(cast: Cast) -> None:
    visit = walk.visited(cast, walk.consented(cast), "screening")
    past = list(Visit.history.filter(id=visit.pk).order_by("history_id").values_list("took_place_on", flat=True))
    assert past == [None, visit.took_place_on]


def test_no_hash_of_a_password_is_kept_in_the_history(cast: Cast) -> None:
    rater = cast.at("UMCG", Role.RATER)
    change_password(by=rater, password="an entirely new one")
    assert rater.history.count() > 1
    assert set(User.history.values_list("password", flat=True)) == {""}


def test_there_is_one_head(cast: Cast) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        LedgerHead.objects.create(id=2)


def test_nobody_is_made_past_the_actions() -> None:
    assert isinstance(User.objects, UserManager)
    with pytest.raises(TypeError, match="create-administrator"):
        User.objects.create_superuser("root")


def test_nobody_stands_above_the_roles(cast: Cast) -> None:
    user = cast.at("UMCG", Role.RATER)
    user.is_superuser = True
    with pytest.raises(IntegrityError), transaction.atomic():
        deed(user.save)
