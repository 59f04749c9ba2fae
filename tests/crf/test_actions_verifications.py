"""Source data verification: which values were held against their source, and when that no longer stands."""

from __future__ import annotations

import pytest

from audit.acts import ActionRefused
from crf.actions import (
    remove_entry,
    save_entry,
    verify_items,
)
from crf.models import Verification
from tests import walk
from tests.audit.recipes import medicine, the, vital_signs
from tests.audit.staging import ledger_length, newest_entries
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.permissions import Role


class TestVerification:
    def test_a_verified_value_falls_when_it_changes_and_only_then(self, cast: Cast) -> None:
        entry = vital_signs(cast)
        verify_items(by=the(cast, Role.MONITOR), entry=entry, items=["pulse", "systolic"])
        length = ledger_length()
        walk.corrected(cast, entry, {"pulse": "70"})
        assert dict(Verification.objects.values_list("item", "stands")) == {"pulse": False, "systolic": True}
        assert [line.item for line in newest_entries(length) if line.action == "verification.fell"] == ["pulse"]

    def test_verifying_again_renews_the_row_on_the_new_value(self, cast: Cast) -> None:
        entry = vital_signs(cast)
        monitor = the(cast, Role.MONITOR)
        (first,) = verify_items(by=monitor, entry=entry, items=["pulse"])
        entry = walk.corrected(cast, entry, {"pulse": "70"})
        (second,) = verify_items(by=monitor, entry=entry, items=["pulse"])
        assert (first.pk, second.stands, second.digest) == (second.pk, True, entry.item_digest("pulse"))
        assert first.digest != second.digest

    def test_only_items_that_hold_something_are_verified(self, cast: Cast) -> None:
        entry = vital_signs(cast)
        for items in ([], ["shoe_size"], ["pulse", "madrs_1"]):
            with pytest.raises(ActionRefused):
                verify_items(by=the(cast, Role.MONITOR), entry=entry, items=items)
        assert not Verification.objects.exists()

    def test_a_reason_for_missing_is_verified_like_a_value_and_falls_with_its_row(self, cast: Cast) -> None:
        row = medicine(cast)
        row = save_entry(
            by=the(cast, Role.COORDINATOR),
            visit=row.visit,
            form_key=row.form_key,
            values={},
            missing={"cm_reason": "unknown"},
            reason="not in the letter",
        ).entry
        verify_items(by=the(cast, Role.MONITOR), entry=row, items=["cm_reason", "cm_name"])
        remove_entry(by=the(cast, Role.COORDINATOR), entry=row, reason="twice")
        assert set(Verification.objects.values_list("stands", flat=True)) == {False}
