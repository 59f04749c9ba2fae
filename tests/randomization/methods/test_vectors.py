"""Known answers of ``trialmgr-list/1``, fixed for good, and a second writing of it made from the specification alone.

The second writing shares no line with the room: it is what a stranger would make of docs/randomization.md.
"""

import hashlib
import hmac
import json
import math
from pathlib import Path
from typing import Any

import pytest

from randomization.methods.designs import design_from
from randomization.methods.lists.rows import canonical_stratum_key, commitment, make_rows, rows_hash
from randomization.methods.words import Words, chunks

VECTORS: dict[str, Any] = json.loads((Path(__file__).parent / "vectors.json").read_text())


def by_name(entry: dict[str, Any]) -> str:
    return str(entry["name"])


# --- the room


def rows_of(vector: dict[str, Any]) -> list[Any]:
    return make_rows(
        design_from(vector["parameters"]),
        secret=bytes.fromhex(vector["secret"]),
        trial_id=vector["trial_id"],
        purpose=vector["purpose"],
        stratum_key=canonical_stratum_key(vector["levels"]),
        count=vector["count"],
    )


@pytest.mark.parametrize("vector", VECTORS["streams"], ids=by_name)
def test_words_are_those_fixed_once(vector: dict[str, Any]) -> None:
    source = chunks(bytes.fromhex(vector["secret"]), vector["trial_id"], vector["purpose"], vector["stratum_key"])
    words = Words(source)
    drawn = [f"{words.word():016x}" for _ in range(1026)]
    assert drawn[:4] == vector["first_words"]
    assert drawn[1023:] == vector["words_1023_to_1025"]


@pytest.mark.parametrize("vector", VECTORS["lists"], ids=by_name)
def test_rows_are_those_fixed_once(vector: dict[str, Any]) -> None:
    rows = rows_of(vector)
    assert canonical_stratum_key(vector["levels"]) == vector["stratum_key"]
    assert [f"{row.block}:{row.arm}" for row in rows[: len(vector["first_rows"])]] == vector["first_rows"]
    text = "".join(f"{row.position},{row.block},{row.arm}\n" for row in rows)
    assert hashlib.sha256(text.encode()).hexdigest() == vector["sha256_of_rows"]
    secret = bytes.fromhex(vector["secret"])
    place = {"secret": secret, "trial_id": vector["trial_id"], "purpose": vector["purpose"]}
    assert rows_hash(rows, stratum_key=vector["stratum_key"], **place) == vector["keyed_hash"]
    assert commitment(secret, vector["trial_id"]) == vector["commitment"]


# --- the stranger


def number(value: int) -> bytes:
    return bytes((value >> shift) & 255 for shift in range(0, 64, 8))


def message(*texts: bytes) -> bytes:
    made = b""
    for text in texts:
        made += number(len(text)) + text
    return made


def for_use(tag: bytes, vector: dict[str, Any], *names: str) -> bytes:
    texts = [vector[name].encode("utf-8") for name in names]
    return message(b"trialmgr-list/1", tag, bytes.fromhex(vector["secret"]), *texts)


class StrangersStream:
    """Asks for every word apart: slow, and nothing to get wrong."""

    def __init__(self, vector: dict[str, Any]) -> None:
        self.key = for_use(b"words", vector, "trial_id", "purpose", "stratum_key")
        self.taken = 0

    def word(self) -> int:
        chunk, place = divmod(self.taken, 1024)
        self.taken += 1
        start = 8 * place
        eight = hashlib.shake_256(self.key + number(chunk)).digest(8192)[start : start + 8]
        return sum(byte * 256**power for power, byte in enumerate(eight))

    def below(self, n: int) -> int:
        while True:
            word = self.word()
            if word < 2**64 - (2**64 % n):
                return word % n

    def choose(self, weights: list[int]) -> int:
        drawn, chosen, reached = self.below(sum(weights)), 0, weights[0]
        while reached <= drawn:
            chosen += 1
            reached += weights[chosen]
        return chosen


def strangers_rows(vector: dict[str, Any], count: int) -> list[tuple[int, str]]:
    stream, parameters = StrangersStream(vector), vector["parameters"]
    arms = sorted(parameters["ratio"])
    shares = [parameters["ratio"][arm] for arm in arms]
    rows: list[tuple[int, str]] = []
    block = 0
    while len(rows) < count:
        if parameters["method"] == "complete":
            rows.append((0, arms[stream.choose(shares)]))
            continue
        block += 1
        sizes = sorted(parameters["block_sizes"], key=int)
        size = int(sizes[stream.choose([parameters["block_sizes"][each] for each in sizes])])
        contents: list[str] = []
        for arm, share in zip(arms, shares, strict=True):
            contents += [arm] * (size // sum(shares) * share)
        last = size - 1
        while last >= 1:
            other = stream.below(last + 1)
            contents[last], contents[other] = contents[other], contents[last]
            last -= 1
        rows += [(block, arm) for arm in contents]
    return rows[:count]


@pytest.mark.parametrize("vector", VECTORS["lists"], ids=by_name)
def test_a_stranger_makes_the_same_list_from_the_specification(vector: dict[str, Any]) -> None:
    strangers = strangers_rows(vector, vector["count"])
    assert strangers == [(row.block, row.arm) for row in rows_of(vector)]
    text = "".join(f"{place},{block},{arm}\n" for place, (block, arm) in enumerate(strangers, start=1))
    key = hashlib.sha256(for_use(b"rows", vector, "trial_id", "purpose", "stratum_key")).digest()
    assert hmac.digest(key, text.encode(), "sha256").hex() == vector["keyed_hash"]
    assert hashlib.sha256(for_use(b"commitment", vector, "trial_id")).hexdigest() == vector["commitment"]


@pytest.mark.parametrize("vector", VECTORS["streams"], ids=by_name)
def test_a_stranger_draws_the_same_numbers(vector: dict[str, Any]) -> None:
    ours = Words(chunks(bytes.fromhex(vector["secret"]), vector["trial_id"], vector["purpose"], vector["stratum_key"]))
    theirs = StrangersStream(vector)
    for bound in (1, 2, 3, 7, 2**63 + 1, 2**64, math.factorial(20)) * 4:
        assert ours.bounded(bound) == theirs.below(bound)
