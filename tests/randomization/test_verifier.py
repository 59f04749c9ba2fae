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

from randomization.designs import (
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
from randomization.lists import commitment, make_manifest, make_rows
from randomization.words import Words, chunks

VERIFIER = Path(__file__).parents[2] / "randomization" / "verifier" / "verify_list.py"
SECRET = bytes(range(32))
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
        secret=SECRET,
        trial_id="RESET-TRD",
        purpose="live",
        lengths=lengths,
        made_by="Ada",
        made_at=datetime(2027, 3, 1, tzinfo=UTC),
    )
    allocations = log_of(design) if isinstance(design, Minimisation) else csv_of(allocated(design))
    parts = {"manifest": json.dumps(manifest | changed.pop("manifest", {})), "secret": SECRET.hex() + "\n"}
    parts |= {"allocations": allocations} | changed
    for name, text in parts.items():
        (folder / name).write_text(text)
    return [str(folder / name) for name in ("manifest", "secret", "allocations")]


def allocated(design: Design) -> list[tuple[str, int, str]]:
    place: dict[str, Any] = {"secret": SECRET, "trial_id": "RESET-TRD", "purpose": "live", "count": 30}
    return [(key, row.position, row.arm) for key in STRATA for row in make_rows(design, stratum_key=key, **place)]


def minimised(design: Minimisation) -> list[MinimisedAllocation]:
    random, state, log = Random(3), State(), []  # noqa: S311  # chooses test cases
    words = Words(chunks(SECRET, "RESET-TRD", "live", "all"))
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
    assert "The rows of stratum site=S1 are not those that the secret makes." in said
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


def test_the_tail_kept_for_envelopes_may_be_used_in_any_order(tmp_path: Path, verify: Any) -> None:
    rows = [row for row in allocated(LISTED[4]) if row[1] not in (11, 12, 25)]
    files = written(tmp_path, LISTED[4], allocations=csv_of(rows))
    assert verify(*files)[0] == 1
    assert verify(*files, "--reserved", "site=S1=11", "--reserved", "site=S2=11")[0] == 0


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
        {"allocations": "stratum,position,arm\nsite=S1,0,a\n"},
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
