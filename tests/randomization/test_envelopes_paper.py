"""Sealed envelopes: which rows are opened for them, for whom, and what the paper says."""

from __future__ import annotations

import datetime
import io

import pytest
from django.core.exceptions import PermissionDenied
from pypdf import PdfReader

from audit.acts import ActionRefused
from audit.models import LedgerEntry
from randomization import actions
from randomization.methods.lists import sealing
from randomization.models import RandomizationList
from randomization.papers.envelopes import envelope_paper
from randomization.queries.lists import opened_rows
from tests import walk
from tests.randomization.list_making import SEX, SITE, list_in_force, statistician
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.models import User
from trialmgr.people.permissions import Role
from trialmgr.studies.queries import current_definition

NOON = datetime.datetime(2027, 3, 1, 12, tzinfo=datetime.UTC)


def test_the_reserved_places_alone_are_opened_and_an_envelope_holds_the_arm_of_its_place(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = list_in_force(cast, length_per_stratum=10, envelopes=3)
    expected = [row.arm for stratum in listed.strata.order_by("pk") for row in opened_rows(listed)[stratum.key][7:]]
    opened: list[int] = []
    really = sealing.open_row

    def watched(key: bytes, number: str, stratum: str, position: int, sealed: bytes) -> str:
        opened.append(position)
        return really(key, number, stratum, position, sealed)

    monkeypatch.setattr(sealing, "open_row", watched)
    envelopes = actions.export_envelopes(by=statistician(cast), listed=listed)
    assert [envelope.arm for envelope in envelopes] == expected
    assert set(opened) == {8, 9, 10}
    assert [envelope.name for envelope in envelopes[:4]] == ["2-A-01", "2-A-02", "2-A-03", "2-B-01"]


def test_the_ledger_says_in_its_restricted_part_which_envelopes_were_printed(cast: Cast) -> None:
    listed = list_in_force(cast, length_per_stratum=10, envelopes=1)
    actions.export_envelopes(by=statistician(cast), listed=listed, site="LUMC")
    line = LedgerEntry.objects.get(action="envelopes.exported")
    assert (line.restricted, line.site, line.new) == (True, "LUMC", "2-B-01")


def test_one_sites_envelopes_are_those_of_its_strata(cast: Cast) -> None:
    listed = list_in_force(cast, length_per_stratum=10, envelopes=2, factors=(SITE, SEX))
    envelopes = actions.export_envelopes(by=statistician(cast), listed=listed, site="UMCG")
    assert {envelope.levels["site"] for envelope in envelopes} == {"UMCG"}
    assert len(envelopes) == 2 * listed.strata.filter(key__contains="site=UMCG").count() > 2
    with pytest.raises(ActionRefused):
        actions.export_envelopes(by=statistician(cast), listed=listed, site="NONE")


def test_without_reserved_places_or_out_of_force_there_is_nothing_to_print(cast: Cast) -> None:
    old = RandomizationList.objects.get()
    with pytest.raises(ActionRefused):
        actions.export_envelopes(by=statistician(cast), listed=old)
    listed = actions.make_list(by=statistician(cast))
    with pytest.raises(ActionRefused, match=str(listed.number)):
        actions.export_envelopes(by=statistician(cast), listed=listed)


def test_others_and_whoever_is_blinded_besides_print_none(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = list_in_force(cast, length_per_stratum=10, envelopes=1)
    with pytest.raises(PermissionDenied):
        actions.export_envelopes(by=cast.at(walk.SITE, Role.COORDINATOR), listed=listed)
    monkeypatch.setattr(User, "sight", lambda self, definition: type("Blind", (), {"blinded": True}))
    with pytest.raises(PermissionDenied):
        actions.export_envelopes(by=statistician(cast), listed=listed)


@pytest.mark.parametrize("language", ["nl", "en"])
def test_the_paper_has_a_sheet_for_each_envelope_and_a_register(cast: Cast, language: str) -> None:
    listed = list_in_force(cast, length_per_stratum=10, envelopes=2, factors=(SITE, SEX))
    envelopes = actions.export_envelopes(by=statistician(cast), listed=listed, site="UMCG")
    paper = envelope_paper(envelopes, listed=listed, definition=current_definition(), at=NOON, language=language)
    first, *sheets, register = [page.extract_text() for page in PdfReader(io.BytesIO(paper)).pages]
    assert len(sheets) == len(envelopes)
    for sheet, envelope in zip(sheets, envelopes, strict=True):
        assert sheet.count(envelope.name) == 2
        assert current_definition().arm(envelope.arm).label(language) in sheet
        assert envelope.name in register
    labels = [arm.label(language) for arm in current_definition().arms]
    assert not any(label in page for label in labels for page in (first, register))
    assert all("UMCG, Groningen" in sheet for sheet in sheets)
