"""A list that an independent statistician made: sealed as any other, and refused with the row that is wrong."""

from __future__ import annotations

import csv
import hashlib
import io

import pytest

from audit.acts import ActionRefused
from audit.models import LedgerEntry
from randomization import actions
from randomization.methods.designs import design_from
from randomization.methods.findings import DesignRefused
from randomization.methods.lists.rows import make_rows
from randomization.models import Allocation, RandomizationList
from randomization.queries import lists
from randomization.queries.lists import list_findings, opened_rows
from tests.randomization.list_making import MINIMISED, SITE, again, allocated, amend, manager, statistician
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.protocol.model import StudyDefinition

ARMS = {"method": "permuted_blocks", "ratio": {"ect": 1, "esketamine": 1}, "block_sizes": {"4": 1, "6": 1}}

Line = list[object]


def lines(definition: StudyDefinition, count: int = 20) -> list[Line]:
    """Site, position, block, arm, as a good statistician would send them."""
    design = design_from(ARMS)
    return [
        [site.code, row.position, row.block, row.arm]
        for site in definition.sites
        for row in make_rows(design, secret=bytes(32), trial_id="T", purpose="live", stratum_key=site.code, count=count)
    ]


def csv_of(rows: list[Line], head: str = "site,position,block,arm") -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([head.split(","), *rows])
    return text.getvalue().encode()


def brought(cast: Cast, definition: StudyDefinition) -> RandomizationList:
    listed = actions.import_list(by=statistician(cast), file=csv_of(lines(definition)))
    return actions.activate_list(by=manager(cast), listed=listed)


def test_allocations_come_from_an_imported_list_row_by_row(cast: Cast, reset_trd: StudyDefinition) -> None:
    listed = brought(cast, reset_trd)
    given = [allocated(cast) for _ in range(3)]
    at_site = [row for row in lines(reset_trd) if row[0] == "UMCG"]
    assert [(each.row.position, each.arm) for each in given] == [(row[1], row[3]) for row in at_site[:3]]
    assert list_findings(again(listed)) == []


def test_a_falsified_allocation_or_row_of_an_imported_list_is_found(
    cast: Cast, reset_trd: StudyDefinition, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = brought(cast, reset_trd)
    allocation = allocated(cast)
    arm, allocation.arm = allocation.arm, next(arm.key for arm in reset_trd.arms if arm.key != allocation.arm)
    monkeypatch.setattr(lists, "allocations_from", lambda listed: [allocation])
    assert [str(each) for each in list_findings(again(listed))] == [
        f"Stratum site=UMCG, position 1: {allocation.arm} was allocated, but the list says {arm}."
    ]
    monkeypatch.setattr(lists, "opened_rows", lambda listed: {**opened_rows(listed), "site=LUMC": []})
    assert "The 20 rows of stratum site=LUMC are not those that the manifest was made of." in [
        str(each) for each in list_findings(again(listed))
    ]


def test_a_second_person_activates_an_imported_list(cast: Cast, reset_trd: StudyDefinition) -> None:
    listed = actions.import_list(by=statistician(cast), file=csv_of(lines(reset_trd)))
    assert (listed.origin, listed.status) == ("imported", "made")
    with pytest.raises(ActionRefused, match=r"tweede|second"):
        actions.activate_list(by=statistician(cast), listed=listed)


def test_nothing_of_the_file_stays_but_sealed_rows_and_keyed_hashes(cast: Cast, reset_trd: StudyDefinition) -> None:
    content = csv_of(lines(reset_trd))
    listed = actions.import_list(by=statistician(cast), file=content)
    assert opened_rows(listed)["site=UMCG"][0].arm
    kept = str(listed.manifest) + str(LedgerEntry.objects.filter(action="list.imported").values())
    assert hashlib.sha256(content).hexdigest() not in kept
    assert "block_sizes" not in kept
    sealed = [bytes(row.sealed) for stratum in listed.strata.all() for row in stratum.rows.all()]
    readable = [text for arm in reset_trd.arms for text in sealed if arm.key.encode() in text]
    assert len(readable) < len(sealed) / 10  # three letters stand in a random text now and then


def test_the_commitment_is_of_this_moment_and_enters_the_ledger(cast: Cast, reset_trd: StudyDefinition) -> None:
    one, other = (actions.import_list(by=statistician(cast), file=csv_of(lines(reset_trd))) for _ in range(2))
    assert one.commitment != other.commitment
    noted = LedgerEntry.objects.filter(action="list.imported").order_by("seq").values_list("new", flat=True)
    assert list(noted) == [one.commitment, other.commitment]


def test_envelopes_are_kept_at_the_end_of_an_imported_list_too(cast: Cast, reset_trd: StudyDefinition) -> None:
    amend(cast, envelopes=4)
    listed = brought(cast, reset_trd)
    assert {(each.reserved_from, each.reserved_to) for each in listed.strata.all()} == {(17, 20)}


def test_minimisation_imports_no_list(cast: Cast, reset_trd: StudyDefinition) -> None:
    amend(cast, factors=(SITE,), **MINIMISED)
    with pytest.raises(ActionRefused):
        actions.import_list(by=statistician(cast), file=csv_of(lines(reset_trd)))


def wrong(definition: StudyDefinition) -> dict[str, tuple[bytes, str]]:
    """Every fault of issue 4, Show 9: the file, and what has to be said of it. UMCG stands in rows 2 to 21."""
    good = lines(definition)

    def changed(*rows: tuple[int, int, object]) -> bytes:
        made = [list(row) for row in good]
        for number, column, value in rows:
            made[number][column] = value
        return csv_of(made)

    arms = sorted(arm.key for arm in definition.arms)
    by_arm = [[*row[:3], arms[0] if place % 20 < 10 else arms[1]] for place, row in enumerate(good)]
    lopsided = [[row[0], row[1], arms[0] if place % 20 else arms[1]] for place, row in enumerate(good)]
    other = next(arm for arm in arms if arm != good[0][3])
    return {
        "duplicate": (changed((4, 1, 4)), "Row 6: position 4 of stratum site=UMCG stands in row 5 already."),
        "gap": (csv_of(good[:2] + good[3:]), "Row 4: position 4 of stratum site=UMCG stands where 3 should"),
        "wrong arm": (changed((0, 3, "ketamine")), "Row 2: the arm 'ketamine' is none of this trial."),
        "wrong ratio": (csv_of(lopsided, "site,position,arm"), "Rows 2-21: stratum site=UMCG has"),
        "unbalanced block": (changed((0, 3, other)), "block 1 of stratum site=UMCG does not hold the ratio"),
        "uncovered stratum": (csv_of(good[20:]), "The list has no row for stratum site=UMCG."),
        "sorted by arm": (csv_of(by_arm), "Row 12: the list of stratum site=UMCG is sorted by arm"),
        "not text": (b"site,\xff", "The file is not text in UTF-8 (from byte 6 on)"),
    }


FAULTS = ("duplicate", "gap", "wrong arm", "wrong ratio", "unbalanced block", "uncovered stratum", "sorted by arm")


@pytest.mark.parametrize("fault", [*FAULTS, "not text"])
def test_every_fault_is_refused_naming_the_row_and_nothing_is_kept(
    cast: Cast, reset_trd: StudyDefinition, fault: str
) -> None:
    content, said = wrong(reset_trd)[fault]
    with pytest.raises(DesignRefused) as refused:
        actions.import_list(by=statistician(cast), file=content)
    assert any(said in str(each) for each in refused.value.findings), str(refused.value)
    assert RandomizationList.objects.count() == 1
    assert not Allocation.objects.exists()
