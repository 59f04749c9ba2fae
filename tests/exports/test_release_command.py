from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from tests import walk
from tests.exports.closed_trial import close_all
from trialmgr.overview.rehearsal.cast import Cast


def run(*arguments: str) -> tuple[int, str, str]:
    """(exit code, standard output, standard error)."""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("release", *arguments, stdout=out, stderr=err)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


def ask(*arguments: str) -> tuple[int, Any]:
    code, out, _err = run(*arguments, "--json")
    return code, json.loads(out)


AS = ("--as", "data_manager")


def test_lock_make_verify_unlock(cast: Cast, tmp_path: Path) -> None:
    close_all(cast)
    code, out, _err = run("lock", *AS, "--reason", "all data are in")
    assert code == 0
    assert out.startswith("The study is locked since 2")
    folder = str(tmp_path / "out")
    code, out, _err = run("make", *AS, "--out", folder)
    assert (code, out.splitlines()[0]) == (0, f"Release 1 is in {folder}.")
    code, out, _err = run("verify", folder)
    assert (code, out) == (0, f"{folder}: every file is there, whole, and as the manifest says.\n")
    code, out, _err = run("unlock", *AS, "--reason", "a late value")
    assert (code, out) == (0, "The study is unlocked.\n")


def test_the_same_in_json(cast: Cast, tmp_path: Path) -> None:
    close_all(cast)
    code, locked = ask("lock", *AS, "--reason", "all data are in")
    assert (code, locked["reason"], locked["unlocked_at"]) == (0, "all data are in", None)
    folder = str(tmp_path / "out")
    code, made = ask("make", *AS, "--out", folder, "--without-allocation")
    assert (code, made["release"], made["allocation"]) == (0, 1, "left out")
    assert {"visits.csv", "manifest.json"} <= {file["name"] for file in made["files"]}
    assert ask("verify", folder) == (0, {"folder": folder, "faults": []})


def test_a_lock_is_refused_with_all_that_is_open(cast: Cast) -> None:
    walk.registered(cast)
    code, out, _err = run("lock", *AS, "--reason", "early")
    assert code == 1
    assert "1 participant has not ended." in out
    assert "UMCG-001: In screening" in out
    code, document = ask("lock", *AS, "--reason", "early")
    assert code == 1
    assert {
        "kind": "participant_active",
        "participant": "UMCG-001",
        "where": "",
        "message": "In screening",
    } in document["open_points"]


def test_who_may_not_lock_is_told_so_and_no_more(cast: Cast) -> None:
    walk.registered(cast)
    code, out, err = run("lock", "--as", "monitor", "--reason", "mine")
    assert (code, out) == (1, "")
    assert err.strip() == "Your role does not allow this."


def test_a_second_lock_is_refused(cast: Cast) -> None:
    close_all(cast)
    run("lock", *AS, "--reason", "done")
    code, _out, err = run("lock", *AS, "--reason", "again")
    assert code == 1
    assert "The study is locked since" in err


def test_faults_of_a_release_end_with_code_1(tmp_path: Path) -> None:
    code, document = ask("verify", str(tmp_path / "nowhere"))
    assert (code, len(document["faults"])) == (1, 1)


def test_wrong_usage_ends_with_code_2(db: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("make", "--as", "nobody", "--out", "x")[0] == 2


@pytest.mark.parametrize("subcommand", [(), ("lock",), ("unlock",), ("make",), ("verify",)])
def test_everything_explains_itself(subcommand: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*subcommand, "--help")[0] == 0
    assert "usage:" in capsys.readouterr().out
