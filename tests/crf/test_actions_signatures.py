"""Signatures: on exactly this content, once a role, and lapsing with it."""

from __future__ import annotations

import pytest

from audit.acts import ActionRefused
from crf.actions import (
    remove_entry,
    sign_entry,
)
from crf.models import Signature
from tests import walk
from tests.audit.recipes import again, medicine, the, vital_signs
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.permissions import Role


class TestSignatures:
    def test_a_signature_says_who_when_and_what_it_means_and_binds_the_content(self, cast: Cast) -> None:
        entry = vital_signs(cast)
        investigator = the(cast, Role.INVESTIGATOR)
        signature = sign_entry(by=investigator, entry=entry, meaning="reviewed")
        assert (signature.signer, signature.signer_name, signature.role, signature.meaning) == (
            investigator,
            "Investigator UMCG",
            "investigator",
            "reviewed",
        )
        assert signature.signed_at.utcoffset() is not None
        assert signature.digest == entry.digest

    def test_it_lapses_when_the_content_changes_and_the_row_stays(self, cast: Cast) -> None:
        entry = vital_signs(cast)
        investigator = the(cast, Role.INVESTIGATOR)
        first = sign_entry(by=investigator, entry=entry, meaning="reviewed")
        entry = walk.corrected(cast, entry, {"pulse": entry.data["pulse"]})
        assert again(first).lapsed_at is None, "nothing changed"
        entry = walk.corrected(cast, entry, {"pulse": "70"})
        assert again(first).lapsed_at is not None
        second = sign_entry(by=investigator, entry=entry, meaning="reviewed")
        assert list(Signature.objects.filter(lapsed_at=None)) == [second]
        assert Signature.objects.count() == 2

    def test_it_lapses_when_only_the_reason_for_a_missing_value_changes(self, cast: Cast) -> None:
        entry = vital_signs(cast)
        first, second, *_others = sorted(entry.study_version.definition.missing_reasons.codes)
        entry = walk.corrected(cast, entry, {}, missing={"pulse": first})
        signature = sign_entry(by=the(cast, Role.INVESTIGATOR), entry=entry, meaning="reviewed")
        walk.corrected(cast, entry, {}, missing={"pulse": second})
        assert again(signature).lapsed_at is not None

    def test_a_removed_row_carries_no_standing_signature(self, cast: Cast) -> None:
        row = medicine(cast)
        signature = sign_entry(by=the(cast, Role.INVESTIGATOR), entry=row, meaning="reviewed")
        remove_entry(by=the(cast, Role.COORDINATOR), entry=row, reason="twice")
        assert again(signature).lapsed_at is not None

    def test_only_a_complete_form_is_signed_and_only_once(self, cast: Cast) -> None:
        entry = vital_signs(cast)
        investigator = the(cast, Role.INVESTIGATOR)
        incomplete = walk.corrected(cast, entry, {"pulse": ""})
        with pytest.raises(ActionRefused):
            sign_entry(by=investigator, entry=incomplete, meaning="reviewed")
        complete = walk.corrected(cast, entry, {"pulse": "70"})
        sign_entry(by=investigator, entry=complete, meaning="reviewed")
        with pytest.raises(ActionRefused):
            sign_entry(by=investigator, entry=complete, meaning="reviewed")

    def test_a_signature_does_not_fit_another_record(self, cast: Cast) -> None:
        one, other = vital_signs(cast), vital_signs(cast)
        assert one.data == other.data
        assert one.digest != other.digest
