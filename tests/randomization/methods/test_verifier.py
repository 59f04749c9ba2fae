"""The verifier that ships as one file: it shares no line with the room, and makes the same lists of every method."""

import csv
import io
import json
import runpy
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest

from randomization.methods.designs import (
    METHODS,
    Design,
    Minimisation,
    MinimisedAllocation,
    State,
    asymptotic_maximal,
    biased_coin,
    biased_coin_with_tolerance,
    big_stick,
    block_urn,
    complete_randomization,
    minimisation,
    permuted_blocks,
    urn,
)
from randomization.methods.lists.rows import (
    Row,
    Stream,
    commitment,
    generated_rows,
    imported_manifest,
    list_hash,
    make_manifest,
)
from randomization.methods.words import Words, chunks

VERIFIER = Path(__file__).parents[3] / "randomization" / "methods" / "verifier" / "verify_list.py"
SECRET = bytes(range(32))
STREAM = Stream(secret=SECRET, trial_id="RESET-TRD", purpose="live")
OTHER_STREAM = Stream(secret=bytes(32), trial_id="RESET-TRD", purpose="live")
MADE_AT = datetime(2027, 3, 1, tzinfo=UTC)
EQUAL = {"a": 1, "b": 1}
FACTORS = {"site": ["S1", "S2", "S3"], "age": ["old", "young"]}
STRATA = ("site=S1", "site=S2")

LISTED: list[Design] = [
    permuted_blocks({"a": 2, "b": 1}, {3: 1, 6: 2}),
    complete_randomization({"a": 2, "b": 2, "c": 2}),
    big_stick({"a": 1, "b": 1, "c": 1}, mti=2),
    block_urn({"a": 2, "b": 1}, lam=3),
    biased_coin(EQUAL, p="2/3"),
    biased_coin_with_tolerance(EQUAL, p="3/5", mti=3),
    urn({"a": 1, "b": 1, "c": 1}, a=0, b=2),
    asymptotic_maximal(EQUAL, mti=3),
    asymptotic_maximal(EQUAL, mti=1),
]
MINIMISED: list[Minimisation] = [
    minimisation(EQUAL, factors=FACTORS, weights={"site": 2}, measure="range", p="4/5"),
    minimisation({"a": 2, "b": 1}, factors=FACTORS, measure="variance", p="7/10"),
]


def name_of(design: Design) -> str:
    return str(design.parameters()["method"])


def csv_of(allocations: list[tuple[str, int, str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([("stratum", "position", "arm"), *allocations])
    return text.getvalue()


def written(folder: Path, design: Design, **changed: Any) -> list[str]:
    """Manifest, secret and the first 30 allocations of each stratum, or the log, as they are revealed."""
    lengths = {} if isinstance(design, Minimisation) else dict.fromkeys(STRATA, 60)
    manifest: Any = make_manifest(
        design,
        lengths=lengths,
        **STREAM,
        made_by="Ada",
        made_at=MADE_AT,
        reserved=changed.pop("reserved", None),
    )
    allocations = log_of(design) if isinstance(design, Minimisation) else csv_of(allocated(design))
    parts = {"manifest": json.dumps(manifest | changed.pop("manifest", {})), "secret": SECRET.hex() + "\n"}
    parts |= {"allocations": allocations} | changed
    for name, text in parts.items():
        (folder / name).write_text(text)
    return [str(folder / name) for name in ("manifest", "secret", "allocations")]


def allocated(design: Design) -> list[tuple[str, int, str]]:
    listed = generated_rows(design, dict.fromkeys(STRATA, 30), **STREAM)
    return [(key, row.position, row.arm) for key in STRATA for row in listed[key]]


def minimised(design: Minimisation) -> list[MinimisedAllocation]:
    random, state, log = Random(3), State(), []  # noqa: S311  # chooses test cases
    words = Words(chunks(stratum_key="all", **STREAM))
    for position in range(1, 101):
        levels = {name: random.choice(FACTORS[name]) for name in FACTORS}
        record, state = design.allocate(state, words, levels, position=position)
        log.append(record)
    return log


def log_of(design: Minimisation) -> str:
    return "".join(json.dumps(record) + "\n" for record in minimised(design))


def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str]:
    """The file as a person would run it, but inside this process."""
    monkeypatch.setattr(sys, "argv", ["verify_list.py", *arguments])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(VERIFIER), run_name="__main__")
    said = capsys.readouterr()
    return int(str(ended.value.code)), said.out + said.err


@pytest.fixture
def verify(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    return lambda *arguments: run(capsys, monkeypatch, *arguments)


def test_every_method_is_verified_here() -> None:
    assert {name_of(design) for design in [*LISTED, *MINIMISED]} == set(METHODS)


@pytest.mark.parametrize("design", [*LISTED, *MINIMISED], ids=name_of)
def test_list_and_allocations_of_every_method_agree(design: Design, tmp_path: Path, verify: Any) -> None:
    published = commitment(SECRET, "RESET-TRD")
    answer = verify(*written(tmp_path, design), "--commitment", published)
    assert answer == (0, "Commitment, list and every allocation agree.\n")


@pytest.mark.parametrize("design", [LISTED[0], MINIMISED[0]], ids=name_of)
def test_the_file_runs_with_nothing_but_the_standard_library(design: Design, tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-S", str(VERIFIER), *written(tmp_path, design)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (0, "Commitment, list and every allocation agree.\n"), ended.stderr


def test_every_part_of_a_manifest_that_differs_is_named(tmp_path: Path, verify: Any) -> None:
    files = written(tmp_path, LISTED[0], manifest={"rows": 1, "list_hash": "0" * 64, "commitment": "0" * 64})
    status, said = verify(*files, "--commitment", "1" * 64)
    assert status == 1
    assert said.splitlines() == [
        "The secret does not belong to the commitment in the manifest.",
        "The secret does not belong to the published commitment.",
        "The hash of the whole list does not belong to the hashes of its strata.",
        "The number of rows is not the sum over the strata.",
    ]


def test_another_secret_bears_nothing_out(tmp_path: Path, verify: Any) -> None:
    status, said = verify(*written(tmp_path, LISTED[0], secret="00" * 32))
    assert status == 1
    assert "The rows of stratum site=S1 are not those that the manifest was made of." in said
    assert "was allocated, but the list says" in said


def test_a_changed_a_repeated_and_a_passed_over_allocation_are_named(tmp_path: Path, verify: Any) -> None:
    rows = allocated(LISTED[4])
    stratum, position, arm = rows[3]
    rows[3] = (stratum, position, "ab"[arm == "a"])
    del rows[45]
    status, said = verify(*written(tmp_path, LISTED[4], allocations=csv_of([*rows, rows[0]])))
    assert status == 1
    assert said.splitlines() == [
        "Stratum site=S1, position 1 was allocated twice.",
        f"Stratum site=S1, position 4: {rows[3][2]} was allocated, but the list says {arm}.",
        "Stratum site=S2, position 17 was allocated, but not the position before it.",
    ]


def test_reserved_places_may_be_used_in_any_order_or_not_at_all(tmp_path: Path, verify: Any) -> None:
    rows = [row for row in allocated(LISTED[4]) if row[1] not in (11, 12, 25)]
    files = written(tmp_path, LISTED[4], allocations=csv_of(rows))
    assert verify(*files)[0] == 1
    assert verify(*files, "--reserved", "site=S1=11-25", "--reserved", "site=S2=9-28")[0] == 0
    status, said = verify(*files, "--reserved", "site=S1=11-24", "--reserved", "site=S2=11-24")
    assert status == 1
    assert said.splitlines() == [
        "Stratum site=S1, position 26 was allocated, but not the position before it.",
        "Stratum site=S2, position 26 was allocated, but not the position before it.",
    ]


def test_the_manifest_itself_names_the_reserved_places(tmp_path: Path, verify: Any) -> None:
    rows = [row for row in allocated(LISTED[0]) if row[1] not in (11, 12, 25)]
    reserved = dict.fromkeys(STRATA, (11, 25))
    assert verify(*written(tmp_path, LISTED[0], allocations=csv_of(rows), reserved=reserved))[0] == 0


def test_a_place_or_stratum_outside_the_list_is_named(tmp_path: Path, verify: Any) -> None:
    rows = [*allocated(LISTED[0]), ("site=S1", 61, "a"), ("site=S1", 0, "a"), ("site=S3", 1, "a")]
    status, said = verify(*written(tmp_path, LISTED[0], allocations=csv_of(rows)))
    assert status == 1
    assert said.splitlines() == [
        "Stratum site=S1, position 0 is no place of the list: it has 60 in this stratum.",
        "Stratum site=S1, position 61 is no place of the list: it has 60 in this stratum.",
        "Stratum site=S3, position 1 is no place of the list: it has 0 in this stratum.",
    ]


# --- the revealed rows, and lists made elsewhere


def list_of(listed: dict[str, list[Row]]) -> str:
    rows = [(key, row.position, row.block, row.arm) for key in listed for row in listed[key]]
    text = io.StringIO()
    csv.writer(text).writerows([("stratum", "position", "block", "arm"), *rows])
    return text.getvalue()


def test_the_revealed_rows_are_held_against_the_secret(tmp_path: Path, verify: Any) -> None:
    files, listed = written(tmp_path, LISTED[0]), generated_rows(LISTED[0], dict.fromkeys(STRATA, 60), **STREAM)
    rows = tmp_path / "rows.csv"
    rows.write_text(list_of(listed))
    assert verify(*files, "--list", str(rows))[0] == 0
    listed["site=S1"][6] = listed["site=S1"][6]._replace(block=99)
    del listed["site=S2"][59]
    rows.write_text(list_of(listed))
    status, said = verify(*files, "--list", str(rows))
    assert status == 1
    assert said.splitlines() == [
        "Stratum site=S1, position 7: the revealed row is not the one that the secret makes.",
        "Stratum site=S2: 59 rows were revealed; the list has 60.",
    ]


@pytest.fixture
def imported(tmp_path: Path) -> list[str]:
    """The files of a list that came from elsewhere, and its own file."""
    made = generated_rows(LISTED[0], dict.fromkeys(STRATA, 60), **OTHER_STREAM)
    listed = {key: [Row(row.position, 0, row.arm) for row in rows] for key, rows in made.items()}
    manifest = imported_manifest(
        listed, ratio={"a": 2, "b": 1}, file=b"as handed over", made_by="Ada", made_at=MADE_AT, **STREAM
    )
    rows = [(key, row.position, row.arm) for key in STRATA for row in listed[key][:30]]
    contents = {
        "manifest": json.dumps(manifest),
        "secret": SECRET.hex(),
        "allocations": csv_of(rows),
        "rows": list_of(listed),
        "file": "as handed over",
    }
    for name, text in contents.items():
        (tmp_path / name).write_text(text)
    return [str(tmp_path / name) for name in contents]


def test_an_imported_list_is_checked_by_its_revealed_rows(imported: list[str], verify: Any) -> None:
    *files, rows, file = imported
    published = json.loads(Path(files[0]).read_text())["commitment"]
    assert verify(*files, "--list", rows, "--file", file, "--commitment", published)[0] == 0
    status, said = verify(*files)
    assert status == 2
    assert "--list list.csv" in said


def test_another_row_of_an_imported_list_belongs_to_no_commitment(imported: list[str], verify: Any) -> None:
    *files, rows, file = imported
    text = Path(rows).read_text()
    first = next(line for line in text.splitlines() if line.startswith("site=S1,1,"))
    Path(rows).write_text(text.replace(first, f"site=S1,1,0,{'ab'[first.endswith('a')]}"))
    Path(file).write_text("another file")
    status, said = verify(*files, "--list", rows, "--file", file)
    assert status == 1
    assert "The rows of stratum site=S1 are not those that the manifest was made of." in said
    assert "The file is not the one that was imported." in said
    assert "Stratum site=S1, position 1: " in said


def test_a_manifest_of_an_imported_list_that_was_made_anew_is_found_by_the_commitment(
    imported: list[str], verify: Any
) -> None:
    *files, rows, _ = imported
    manifest = json.loads(Path(files[0]).read_text())
    published = manifest["commitment"]
    manifest["strata"]["site=S1"]["hash"] = "0" * 64
    manifest["list_hash"] = list_hash(manifest["strata"])
    Path(files[0]).write_text(json.dumps(manifest))
    status, said = verify(*files, "--list", rows, "--commitment", published)
    assert status == 1
    assert "The secret does not belong to the published commitment." in said


def test_revealed_rows_without_order_cannot_be_read(imported: list[str], verify: Any) -> None:
    *files, rows, _ = imported
    Path(rows).write_text("stratum,position,block,arm\nsite=S1,2,0,a\n")
    status, said = verify(*files, "--list", rows)
    assert status == 2
    assert "stratum site=S1 are not numbered" in said


def test_a_changed_line_of_the_log_of_minimisation_is_named(tmp_path: Path, verify: Any) -> None:
    log: list[Any] = list(minimised(MINIMISED[0]))
    log[6] = log[6] | {"arm": "c"}
    text = "\n".join(json.dumps(record) for record in log)
    status, said = verify(*written(tmp_path, MINIMISED[0], allocations=text))
    assert status == 1
    assert said.startswith("Allocation 7: arm is c in the log, but the replay gives ")


@pytest.mark.parametrize(
    "changed",
    [
        {"secret": "00"},
        {"secret": "no secret"},
        {"manifest": {"algorithm": "other/1"}},
        {"manifest": {"parameters": {"method": "coin", "ratio": EQUAL}}},
        {"allocations": "stratum,position,arm\nsite=S1,one,a\n"},
        {"allocations": "a,b\n1,2\n"},
    ],
)
def test_files_that_cannot_be_read_are_told_from_files_that_disagree(
    changed: dict[str, Any], tmp_path: Path, verify: Any
) -> None:
    status, said = verify(*written(tmp_path, LISTED[0], **changed))
    assert status == 2
    assert said.startswith("The files cannot be read: ")


def test_a_rejected_word_is_passed_over() -> None:
    made = runpy.run_path(str(VERIFIER))["Stream"](SECRET, "T", "live", "all")
    made.words = [7, 2**64 - 1]
    assert made.bounded(3) == 1
    assert made.taken == [2**64 - 1, 7]


def test_imported_as_a_module_it_does_nothing() -> None:
    assert "main" in runpy.run_path(str(VERIFIER))
