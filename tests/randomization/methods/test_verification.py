import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest

from randomization.methods.designs import State, minimisation, permuted_blocks
from randomization.methods.findings import DesignRefused
from randomization.methods.lists.rows import (
    Listed,
    Manifest,
    Row,
    Stream,
    commitment,
    file_hash,
    generated_rows,
    imported_manifest,
    make_manifest,
    manifest_hash,
)
from randomization.methods.lists.verification import (
    Allocated,
    reserved_in,
    rows_of,
    verify_allocations,
    verify_commitment,
    verify_extension,
    verify_log,
    verify_manifest,
    verify_sealed,
)
from randomization.methods.words import Words, chunks

SECRET = bytes(range(32))
OTHER_SECRET = bytes(32)
DESIGN = permuted_blocks({"ect": 1, "esketamine": 1}, {4: 1, 6: 1})
STRATA = ("site=LUMC", "site=UMCG")
STREAM = Stream(secret=SECRET, trial_id="T", purpose="live")
AT = datetime(2027, 3, 1, tzinfo=UTC)


def rows(count: int = 12) -> dict[str, list[Row]]:
    return generated_rows(DESIGN, dict.fromkeys(STRATA, count), **STREAM)


def as_listed(count: int = 12) -> list[Allocated]:
    return [Allocated(key, row.position, row.arm) for key, listed in rows(count).items() for row in listed]


def found(allocated: list[Allocated], listed: Listed | None = None, **changed: Any) -> list[str]:
    return [str(each) for each in verify_allocations(listed or rows(), allocated, **changed)]


def made(length: int = 40, **changed: Any) -> Manifest:
    lengths = dict.fromkeys(STRATA, length)
    return make_manifest(DESIGN, lengths=lengths, made_by="Ada", made_at=AT, **STREAM, **changed)


def brought(listed: Listed) -> Manifest:
    ratio = {"esketamine": 1, "ect": 1}
    return imported_manifest(listed, ratio=ratio, file=b"a file", made_by="Ada", made_at=AT, **STREAM)


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


def test_places_kept_for_envelopes_may_be_used_in_any_order_or_not_at_all() -> None:
    allocated = [each for each in as_listed() if each.position in (1, 2, 9, 11, 12)]
    assert found(allocated, reserved=dict.fromkeys(STRATA, (3, 11))) == []
    assert found(allocated, reserved={"site=LUMC": (3, 11)}) == [
        "Stratum site=UMCG, 3-8 was passed over: position 9 is used already.",
        "Stratum site=UMCG, 10 was passed over: position 11 is used already.",
    ]
    assert found(allocated, reserved=dict.fromkeys(STRATA, (4, 11)))[0] == (
        "Stratum site=LUMC, 3 was passed over: position 12 is used already."
    )
    around = [each for each in allocated if each.stratum_key == "site=LUMC" and each.position in (1, 12)]
    assert found(around, reserved={"site=LUMC": (5, 10)}) == [
        "Stratum site=LUMC, 2-4, 11 was passed over: position 12 is used already."
    ]


@pytest.mark.parametrize("position", [0, -3, 13])
def test_a_place_outside_the_list_is_named(position: int) -> None:
    assert found([Allocated("site=UMCG", position, "ect")]) == [
        f"Stratum site=UMCG, position {position} is no place of the list: it has 12 in this stratum."
    ]


def test_a_stratum_that_the_list_does_not_have_is_named() -> None:
    assert found([Allocated("site=AUMC", 1, "ect")]) == [
        "Stratum site=AUMC, position 1 is no place of the list: it has 0 in this stratum."
    ]


@pytest.mark.parametrize("other", [{"secret": OTHER_SECRET}, {"trial_id": "U"}, {"purpose": "test"}])
def test_another_secret_trial_or_purpose_does_not_bear_the_allocations_out(other: dict[str, Any]) -> None:
    other_rows = generated_rows(DESIGN, dict.fromkeys(STRATA, 60), **Stream(**STREAM | other))  # type: ignore[typeddict-item]  # one part of it
    assert found(as_listed(count=60), other_rows)


def test_a_commitment_is_borne_out_by_its_secret_and_trial_only() -> None:
    published = commitment(SECRET, "T")
    assert verify_commitment(made(), SECRET, f" {published.upper()}\n")
    assert not verify_commitment(made(), OTHER_SECRET, published)
    assert not verify_commitment({**made(), "trial_id": "U"}, SECRET, published)
    assert not verify_commitment(made(), SECRET, "é")


def test_a_manifest_is_borne_out_by_its_secret() -> None:
    assert verify_manifest(made(), SECRET) == []


def test_another_secret_bears_out_neither_rows_nor_commitment() -> None:
    assert [str(each) for each in verify_manifest(made(), OTHER_SECRET)] == [
        "The 40 rows of stratum site=LUMC are not those that the manifest was made of.",
        "The 40 rows of stratum site=UMCG are not those that the manifest was made of.",
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


# --- lists made elsewhere


def test_an_imported_list_is_borne_out_by_its_rows_and_its_secret_together() -> None:
    listed = rows()
    manifest = brought(listed)
    assert manifest["parameters"] == {"method": "imported", "ratio": {"ect": 1, "esketamine": 1}}
    assert verify_manifest(manifest, SECRET, listed) == []
    assert len(verify_manifest(manifest, OTHER_SECRET, listed)) == 3
    exchanged = {"site=LUMC": listed["site=UMCG"], "site=UMCG": listed["site=LUMC"]}
    assert len(verify_manifest(manifest, SECRET, exchanged)) == 2
    assert len(verify_manifest(manifest, SECRET, {})) == 2


def test_the_commitment_of_an_imported_list_binds_every_row() -> None:
    listed, other = rows(), rows()
    last = other["site=UMCG"][-1]
    other["site=UMCG"][-1] = last._replace(arm="ect" if last.arm == "esketamine" else "esketamine")
    assert brought(listed)["commitment"] != brought(other)["commitment"]
    assert not verify_commitment(brought(other), SECRET, brought(listed)["commitment"])


def test_neither_file_nor_rows_of_an_imported_list_have_a_hash_that_can_be_tried_out() -> None:
    said = str(brought(rows()))
    assert hashlib.sha256(b"a file").hexdigest() not in said
    assert len({brought(rows())["file"], file_hash(b"a file", secret=OTHER_SECRET, trial_id="T", purpose="live")}) == 2


# --- extensions


def test_an_extension_keeps_what_there_was_and_names_the_manifest_before() -> None:
    before = made(reserved={"site=UMCG": (31, 40)})
    after = make_manifest(
        DESIGN,
        lengths={"site=AUMC": 20, "site=LUMC": 40, "site=UMCG": 60},
        reserved=reserved_in(before),
        made_by="Ada",
        made_at=AT,
        **STREAM,
    )
    assert [str(each) for each in verify_extension(before, after)] == [
        "The extension does not follow on the manifest before it."
    ]
    after["extends"] = manifest_hash(before)
    assert verify_extension(before, after) == []
    assert verify_manifest(after, SECRET) == []
    for key, listed in rows_of(before, SECRET).items():
        assert rows_of(after, SECRET)[key][:40] == listed


def test_an_extension_that_shortens_moves_envelopes_or_is_of_another_list_is_named() -> None:
    before = made(reserved={"site=UMCG": (31, 40)})
    shorter = {**made(30), "extends": manifest_hash(before), "purpose": "test"}
    assert [str(each) for each in verify_extension(before, shorter)] == [  # type: ignore[arg-type]  # a manifest
        "The extension is of another list: commitment, trial or purpose differ.",
        "The extension changes stratum site=LUMC: rows or reserved places are not what they were.",
        "The extension changes stratum site=UMCG: rows or reserved places are not what they were.",
    ]
    gone: Any = {**before, "strata": {}, "extends": manifest_hash(before)}
    assert len(verify_extension(before, gone)) == 2


# --- what is kept


def test_kept_rows_are_held_against_the_list() -> None:
    kept = rows()
    assert verify_sealed(rows(), kept) == []
    kept["site=UMCG"][4] = kept["site=UMCG"][4]._replace(arm="")
    del kept["site=LUMC"][11]
    assert [str(each) for each in verify_sealed(rows(), kept)] == [
        "Stratum site=LUMC: 11 rows are kept; the list has 12.",
        "Stratum site=UMCG, position 5: what is kept there is not what the list says.",
    ]


# --- minimisation


def test_a_log_is_replayed_with_the_words_of_the_secret() -> None:
    design = minimisation({"a": 1, "b": 1}, factors={"site": ["A1", "B1"]}, measure="range", p="4/5")
    manifest = make_manifest(design, lengths={}, made_by="Ada", made_at=AT, **STREAM)
    words, state, log = Words(chunks(stratum_key="all", **STREAM)), State(), []
    for position, site in enumerate("ABBABA", start=1):
        record, state = design.allocate(state, words, {"site": f"{site}1"}, position=position)
        log.append(record)
    assert verify_manifest(manifest, SECRET) == verify_log(manifest, SECRET, log) == []
    assert verify_log(manifest, OTHER_SECRET, log)
    assert verify_log(manifest, SECRET, log[1:])
    assert [str(each) for each in verify_log(made(), SECRET, log)] == [
        "The method permuted_blocks keeps no log of allocations."
    ]
