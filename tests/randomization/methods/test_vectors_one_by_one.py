"""Known answers of the designs without blocks and of minimisation, fixed for good.

The verifier, written from docs/randomization.md alone, has to give them too.
"""

import hashlib
import json
import runpy
from pathlib import Path
from typing import Any

import pytest

from randomization.methods.designs import Minimisation, State, design_from
from randomization.methods.designs.one_by_one import ahead_thresholds
from randomization.methods.lists.rows import canonical_stratum_key, make_rows, rows_hash
from randomization.methods.words import Words, chunks

VECTORS: dict[str, Any] = json.loads((Path(__file__).parent / "vectors_one_by_one.json").read_text())
VERIFIER = Path(__file__).parents[3] / "randomization" / "methods" / "verifier" / "verify_list.py"


def by_name(entry: dict[str, Any]) -> str:
    return str(entry["name"])


def digest(rows: list[tuple[int, int, str]]) -> str:
    return hashlib.sha256("".join(f"{at},{block},{arm}\n" for at, block, arm in rows).encode()).hexdigest()


@pytest.mark.parametrize("vector", VECTORS["lists"], ids=by_name)
def test_rows_are_those_fixed_once(vector: dict[str, Any]) -> None:
    place: dict[str, Any] = {"secret": bytes.fromhex(vector["secret"]), "stratum_key": vector["stratum_key"]}
    place |= {name: vector[name] for name in ("trial_id", "purpose")}
    rows = make_rows(design_from(vector["parameters"]), count=vector["count"], **place)
    assert canonical_stratum_key(vector["levels"]) == vector["stratum_key"]
    assert [row.arm for row in rows[:12]] == vector["first_rows"]
    assert digest([(row.position, row.block, row.arm) for row in rows]) == vector["sha256_of_rows"]
    assert rows_hash(rows, **place) == vector["keyed_hash"]


@pytest.mark.parametrize("vector", VECTORS["lists"], ids=by_name)
def test_the_verifier_makes_the_same_rows(vector: dict[str, Any]) -> None:
    rows_of = runpy.run_path(str(VERIFIER))["rows_of"]
    rows = rows_of(vector, bytes.fromhex(vector["secret"]), vector["stratum_key"], vector["count"])
    assert digest(rows) == vector["sha256_of_rows"]


@pytest.mark.parametrize(("mti", "thresholds"), VECTORS["thresholds"].items())
def test_thresholds_are_those_fixed_once(mti: str, thresholds: list[str]) -> None:
    assert [f"{ahead:016x}" for ahead in ahead_thresholds(int(mti))] == thresholds


@pytest.mark.parametrize("vector", VECTORS["minimisation"], ids=by_name)
def test_the_log_of_minimisation_is_the_one_fixed_once(vector: dict[str, Any]) -> None:
    design = design_from(vector["parameters"])
    assert isinstance(design, Minimisation)
    secret, state, log = bytes.fromhex(vector["secret"]), State(), []
    words = Words(chunks(secret, vector["trial_id"], vector["purpose"], "all"))
    for position, levels in enumerate(vector["levels"], start=1):
        record, state = design.allocate(state, words, levels, position=position)
        log.append(record)
    assert [record["arm"] for record in log[:12]] == vector["first_arms"]
    text = "".join(json.dumps(record, sort_keys=True, separators=(",", ":")) + "\n" for record in log)
    assert hashlib.sha256(text.encode()).hexdigest() == vector["sha256_of_log"]
    verifier = runpy.run_path(str(VERIFIER))["check_minimisation"]
    assert list(verifier(vector, secret, log)) == []
