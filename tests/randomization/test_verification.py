from datetime import UTC, datetime
from typing import Any

import pytest

from randomization.designs import permuted_blocks
from randomization.findings import DesignRefused
from randomization.lists import LONGEST_LIST, Manifest, commitment, make_manifest, make_rows
from randomization.verification import Allocated, verify_allocations, verify_commitment, verify_manifest

SECRET = bytes(range(32))
OTHER_SECRET = bytes(32)
DESIGN = permuted_blocks({"ect": 1, "esketamine": 1}, {4: 1, 6: 1})
STRATA = ("site=LUMC", "site=UMCG")


def as_listed(count: int = 12) -> list[Allocated]:
    return [
        Allocated(key, row.position, row.arm)
        for key in STRATA
        for row in make_rows(DESIGN, secret=SECRET, trial_id="T", purpose="live", stratum_key=key, count=count)
    ]


def found(allocated: list[Allocated], **changed: Any) -> list[str]:
    given: dict[str, Any] = {"secret": SECRET, "trial_id": "T", "purpose": "live"}
    return [str(each) for each in verify_allocations(DESIGN, allocated=allocated, **given | changed)]


def made() -> Manifest:
    lengths = dict.fromkeys(STRATA, 40)
    at = datetime(2027, 3, 1, tzinfo=UTC)
    return make_manifest(
        DESIGN, secret=SECRET, trial_id="T", purpose="live", lengths=lengths, made_by="Ada", made_at=at
    )


def changed(**parts: Any) -> list[str]:
    altered: Any = made() | parts
    return [str(each) for each in verify_manifest(altered, SECRET)]


def test_allocations_as_listed_give_no_finding_in_whatever_order() -> None:
    assert found(as_listed()) == []
    assert found(as_listed()[::-1]) == []
    assert found([]) == []


def test_another_arm_is_named_with_its_place() -> None:
    allocated = as_listed()
    arm = allocated[4].arm
    other = "ect" if arm == "esketamine" else "esketamine"
    allocated[4] = allocated[4]._replace(arm=other)
    assert found(allocated) == [
        f"Stratum site=LUMC, position 5: {other} was allocated, but the list says {arm}.",
    ]


def test_a_place_used_twice_is_named() -> None:
    allocated = as_listed()
    assert found([*allocated, allocated[0]]) == [
        "Stratum site=LUMC, position 1 was allocated 2 times; a place may be used once."
    ]


def test_places_passed_over_are_named_a_run_at_a_time() -> None:
    allocated = [each for each in as_listed() if each.stratum_key == "site=UMCG" and each.position not in (1, 2, 3, 9)]
    assert found(allocated) == [
        "Stratum site=UMCG, 1-3 was passed over: position 4 is used already.",
        "Stratum site=UMCG, 9 was passed over: position 10 is used already.",
    ]


def test_the_tail_kept_for_envelopes_may_be_used_in_any_order() -> None:
    allocated = [each for each in as_listed() if each.position in (1, 2, 11)]
    assert found(allocated, reserved_from=dict.fromkeys(STRATA, 10)) == []
    assert len(found(allocated, reserved_from={"site=UMCG": 10})) == 1


@pytest.mark.parametrize("position", [0, -3, LONGEST_LIST + 1])
def test_a_place_outside_the_list_is_named(position: int) -> None:
    assert found([Allocated("site=UMCG", position, "ect")]) == [
        f"Stratum site=UMCG, position {position} is no place in a list: positions run from 1 to 1000000."
    ]


@pytest.mark.parametrize("other", [{"secret": OTHER_SECRET}, {"trial_id": "U"}, {"purpose": "test"}])
def test_another_secret_trial_or_purpose_does_not_bear_the_allocations_out(other: dict[str, Any]) -> None:
    assert found(as_listed(count=60), **other)


def test_a_commitment_is_borne_out_by_its_secret_and_trial_only() -> None:
    published = commitment(SECRET, "T")
    assert verify_commitment(SECRET, "T", f" {published.upper()}\n")
    assert not verify_commitment(OTHER_SECRET, "T", published)
    assert not verify_commitment(SECRET, "U", published)
    assert not verify_commitment(SECRET, "T", "é")


def test_a_manifest_is_borne_out_by_its_secret() -> None:
    assert verify_manifest(made(), SECRET) == []


def test_another_secret_bears_out_neither_rows_nor_commitment() -> None:
    assert [str(each) for each in verify_manifest(made(), OTHER_SECRET)] == [
        "The 40 rows of stratum site=LUMC are not those that the secret makes.",
        "The 40 rows of stratum site=UMCG are not those that the secret makes.",
        "The secret does not belong to the published commitment.",
    ]


def test_each_changed_part_of_a_manifest_is_named() -> None:
    assert changed(algorithm="other/2") == ["The list was made by other/2; only trialmgr-list/1 can be checked here."]
    assert changed(commitment="0" * 64) == ["The secret does not belong to the published commitment."]
    assert changed(list_hash="0" * 64) == ["The hash of the whole list does not belong to the hashes of its strata."]
    assert changed(rows=81) == ["The number of rows is not the sum over the strata."]
    assert len(changed(parameters=permuted_blocks({"ect": 1, "esketamine": 1}, {4: 1}).parameters())) == 2


def test_a_manifest_whose_design_cannot_be_read_is_refused() -> None:
    with pytest.raises(DesignRefused):
        changed(parameters={})
