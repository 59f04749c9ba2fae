"""With the dump of the database, the logs and the source code, but without the key, nothing to come can be read."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from functools import cached_property
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from randomization.methods.designs import Design, PermutedBlocks, design_from, permuted_blocks
from randomization.methods.lists import sealing
from randomization.methods.lists.rows import Row as ListedRow
from randomization.methods.lists.rows import canonical_json, make_manifest, make_rows, rows_hash
from randomization.methods.theory.walks import walk_of
from tests.installation import Installation, installation
from tests.randomization import dumps
from tests.randomization.searching import WINDOW, Searcher, Truth, as_text

NAMES = {
    "teadrinkers": ("teadrinkers", "Theedrinkers", "Tea drinkers", "tea-1", "tea-2"),
    "coffeedrinkers": ("coffeedrinkers", "Koffiedrinkers", "Coffee drinkers", "coffee-1", "coffee-2"),
}
ROWS = "randomization_listrow"


@dataclass
class Scene:
    """An installation after some allocations. ``sealed``: stratum and position -> the row, of those not used."""

    site: Installation
    truth: Truth
    rows: list[dumps.Row]
    allocated: dict[str, str]
    ids: dict[int, str]
    sealed: dict[tuple[str, int], bytes]
    log: str
    sql_log: str

    @cached_property
    def searcher(self) -> Searcher:
        return Searcher(self.truth)

    def findings(self, rows: Iterable[dumps.Row]) -> list[str]:
        searcher = self.searcher
        return [finding for row in rows for finding in searcher.in_row(row, self.allocated, self.ids)]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("secrecy")
    with installation(folder) as site:
        logs = [str(folder / "log"), str(folder / "statements")]
        told = site.ask("-m", "tests.randomization.secrecy_worker", *logs)
        assert told["allocated"] == 20
        assert told["shown"] > 30
        yield scene_of(site, *(Path(log).read_text() for log in logs))


def scene_of(site: Installation, log: str, sql_log: str) -> Scene:
    rows = list(dumps.rows(site.url))
    tables: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        tables.setdefault(row.table, []).append(row.cells)
    (listed,) = tables["randomization_randomizationlist"]
    strata = {each["id"]: each for each in tables["randomization_stratum"]}
    ids = {each["participant_id"]: each["arm"] for each in tables["randomization_allocation"]}
    numbers = {each["id"]: each["number"] for each in tables["participants_participant"]}
    return Scene(
        site=site,
        truth=truth_of(listed, strata.values()),
        rows=rows,
        allocated={numbers[key]: arm for key, arm in ids.items()},
        ids=ids,
        sealed={
            (strata[each["stratum_id"]]["key"], each["position"]): bytes(each["sealed"])
            for each in tables[ROWS]
            if each["position"] > strata[each["stratum_id"]]["used"]
        },
        log=log,
        sql_log=sql_log,
    )


def truth_of(listed: dict[str, Any], strata: Iterable[dict[str, Any]]) -> Truth:
    """Only this test, which has the key, can know it."""
    design, manifest = (read(listed[name]) for name in ("design", "manifest"))
    key = sealing.load_key(os.environ["TRIALMGR_LIST_KEY"])
    secret = sealing.open_secret(key, str(listed["number"]), bytes(listed["sealed_secret"]))
    to_come = {}
    for stratum in strata:
        given: dict[str, Any] = {"trial_id": manifest["trial_id"], "purpose": "live", "stratum_key": stratum["key"]}
        made = make_rows(design_from(design), secret=secret, count=stratum["length"], **given)
        to_come[stratum["key"]] = [row.arm for row in made[stratum["used"] :]]
    return Truth(secret, key, manifest["trial_id"], to_come, NAMES)


def read(document: Any) -> dict[str, Any]:
    """SQLite keeps JSON as text."""
    known: dict[str, Any] = json.loads(document) if isinstance(document, str) else document
    return known


pytestmark = [
    pytest.mark.slow,
    pytest.mark.on_both,  # dumps differ
]


# --- what is stored and told


def test_no_cell_of_any_table_betrays_a_row_to_come(scene: Scene) -> None:
    tables = {row.table for row in scene.rows}
    assert {ROWS, "audit_ledgerentry", "django_session"} <= tables
    assert len([table for table in tables if "historical" in table]) > 10
    assert scene.findings(scene.rows) == []


def test_no_backup_betrays_a_row_to_come_not_even_on_pages_that_are_free(scene: Scene) -> None:
    backup = dumps.backup(scene.site.url)
    assert scene.searcher.in_bytes(backup) == []
    some = next(iter(scene.sealed.values()))
    assert some in backup or some.hex().encode() in backup


def test_no_log_names_an_arm_or_betrays_a_row_to_come(scene: Scene) -> None:
    assert scene.log
    assert scene.searcher.arms_named(scene.log) == set()
    assert scene.searcher.in_bytes(scene.log.encode()) == []


def test_no_statement_to_the_database_carries_more_than_the_arm_of_its_own_allocation(scene: Scene) -> None:
    assert scene.searcher.in_bytes(scene.sql_log.encode()) == []
    before, _, acts = scene.sql_log.partition("LIST IN FORCE")
    acts = acts.partition("PAGES")[0]
    assert ROWS in before
    assert alone(scene.searcher, before) == set()
    parts = re.split(r"ALLOCATION OF (\S+)\n", acts.partition("REFUSAL")[0])[1:]
    assert len(parts) == 2 * len(scene.allocated)
    for number, told in zip(parts[::2], parts[1::2], strict=True):
        assert alone(scene.searcher, told) == {scene.allocated[number]}
    assert "REFUSED" in acts
    assert alone(scene.searcher, acts.partition("REFUSAL")[2]) <= {scene.allocated[parts[-2]]}


def alone(searcher: Searcher, log: str) -> set[str]:
    """Arms that a line names without naming every arm."""
    named = [searcher.arms_named(line) for line in log.splitlines()]
    return {arm for arms in named if len(arms) == 1 for arm in arms}


# --- one sealed row is like another


def test_sealed_rows_of_one_arm_cannot_be_told_from_those_of_the_other(scene: Scene) -> None:
    texts = list(scene.sealed.values())
    assert {len(text) for text in texts} == {92}
    parts = [text[begin : begin + 12] for text in texts for begin in (0, 12, 24, 36, 48, 60, 72, 80)]
    assert max(Counter(parts).values()) == 1
    assert telltale_bits(scene, scene.sealed) == []
    for row in (row for row in scene.rows if row.table == ROWS):
        assert set(row.cells) - {"rowid", "ctid"} == {"id", "stratum_id", "position", "sealed"}


def test_rows_lie_in_the_order_of_their_positions(scene: Scene) -> None:
    laid: dict[int, list[tuple[int, int]]] = {}
    for row in (row for row in scene.rows if row.table == ROWS):
        laid.setdefault(row.cells["stratum_id"], []).append((row.cells["id"], row.cells["position"]))
    for pairs in laid.values():
        assert [position for _, position in sorted(pairs)] == list(range(1, len(pairs) + 1))


def telltale_bits(scene: Scene, sealed: dict[tuple[str, int], bytes]) -> list[int]:
    """Bits of the sealed text that go along with the arm, beyond what chance does once in ten million times."""
    first = next(iter(NAMES))
    used = {key: 1 + min(place for stratum, place in sealed if stratum == key) for key, _ in sealed}
    arms = np.array([scene.truth.to_come[key][place - used[key] + 1] == first for key, place in sealed])
    bits = np.unpackbits(np.frombuffer(b"".join(sealed.values()), dtype=np.uint8).reshape(len(sealed), -1), axis=1)
    half = bits[arms].mean(axis=0) - bits[~arms].mean(axis=0)
    deviation = half * np.sqrt(arms.sum() * (~arms).sum() / len(arms)) * 2
    return [int(bit) for bit in np.flatnonzero(np.abs(deviation) > 6.5)]


def test_a_sealed_row_opens_with_its_own_key_at_its_own_place_alone(scene: Scene) -> None:
    key, places = scene.truth.key, list(scene.sealed)
    for (stratum, position), (other, elsewhere) in pairwise(places[:200]):
        sealed = scene.sealed[stratum, position]
        offset = position - min(place for held, place in places if held == stratum)
        assert sealing.open_row(key, "1", stratum, position, sealed) == scene.truth.to_come[stratum][offset]
        wrong = [(key, "1", other, elsewhere), (key, "2", stratum, position)]
        wrong += [(each, "1", stratum, position) for each in keys_to_try(scene)]
        for attempt in wrong:
            with pytest.raises(sealing.SealBroken):
                sealing.open_row(*attempt, sealed)


def keys_to_try(scene: Scene) -> list[bytes]:
    """What somebody without the key might try first: zeros, and hashes of what is public."""
    public = [scene.truth.trial_id, "", "trialmgr-list/1", *(each.cells["commitment"] for each in lists_of(scene))]
    return [bytes(32), *(hashlib.sha256(text.encode()).digest() for text in public)]


def lists_of(scene: Scene) -> list[dumps.Row]:
    return [row for row in scene.rows if row.table == "randomization_randomizationlist"]


# --- guesses cannot be checked against a hash


def test_no_hash_in_the_database_checks_a_guess_of_the_next_block(scene: Scene) -> None:
    hashes = set(re.findall(r"[0-9a-f]{64}", " ".join(map(as_text, scene.rows))))
    assert len(hashes) > 100
    keys = public_keys(scene.truth.trial_id, next(iter(lists_of(scene))).cells["commitment"])
    guessed: set[str] = set()
    for stratum, arms in scene.truth.to_come.items():
        used = min(place for key, place in scene.sealed if key == stratum) - 1
        for size, block in product((4, 6), (1, 2, 3)):
            for order in product(NAMES, repeat=size):
                listed = [ListedRow(used + step, block, arm) for step, arm in enumerate(order, 1)]
                guessed |= set(derived(listed, keys))
        # The guesser would have known the block if its bare hash stood anywhere.
        assert bare([ListedRow(used + step, 2, arm) for step, arm in enumerate(arms[:4], 1)]) in guessed
    assert len(guessed) > 4_000
    assert not hashes & guessed


def test_with_the_secret_the_hash_of_each_stratum_is_found(scene: Scene) -> None:
    hashes = set(re.findall(r"[0-9a-f]{64}", " ".join(map(as_text, scene.rows))))
    (listed,) = lists_of(scene)
    for stratum in scene.truth.to_come:
        place: dict[str, Any] = {"secret": scene.truth.secret, "trial_id": scene.truth.trial_id, "purpose": "live"}
        made = make_rows(design_from(read(listed.cells["design"])), count=400, stratum_key=stratum, **place)
        assert rows_hash(made, stratum_key=stratum, **place) in hashes


@pytest.mark.parametrize("size", [4, 6])
def test_a_manifest_of_a_single_block_checks_no_guess_either(size: int) -> None:
    design, secret = permuted_blocks(dict.fromkeys(NAMES, 1), {size: 1}), bytes(range(32))
    noon = datetime(2027, 3, 1, 12, tzinfo=UTC)
    place: dict[str, Any] = {"secret": secret, "trial_id": "T", "purpose": "live"}
    manifest = make_manifest(design, lengths={"all": size}, made_by="Ada", made_at=noon, **place)
    hashes = set(re.findall(r"[0-9a-f]{64}", canonical_json(manifest)))
    orders = [[ListedRow(step, 1, arm) for step, arm in enumerate(order, 1)] for order in product(NAMES, repeat=size)]
    keys = public_keys("T", manifest["commitment"])
    assert not hashes & {guess for order in orders for guess in derived(order, keys)}
    matching = [order for order in orders if rows_hash(order, stratum_key="all", **place) in hashes]
    assert matching == [make_rows(design, stratum_key="all", count=size, **place)]


def bare(listed: Sequence[ListedRow]) -> str:
    return hashlib.sha256("".join(f"{row.position},{row.block},{row.arm}\n" for row in listed).encode()).hexdigest()


def public_keys(trial_id: str, commitment: str) -> list[bytes]:
    texts = ["", trial_id, commitment, "live", "rows", "trialmgr-list/1", "all"]
    return [bytes(32), bytes.fromhex(commitment), *(text.encode() for text in texts)]


def derived(listed: Sequence[ListedRow], keys: Iterable[bytes]) -> Iterator[str]:
    """Hashes by which somebody without the secret could hope to check a guess."""
    lines = "".join(f"{row.position},{row.block},{row.arm}\n" for row in listed)
    arms = [row.arm for row in listed]
    for text in (lines, "\n".join(arms), ",".join(arms), canonical_json(arms)):
        yield hashlib.sha256(text.encode()).hexdigest()
        yield from (hmac.new(key, text.encode(), hashlib.sha256).hexdigest() for key in keys)


# --- the search finds what is planted


def test_the_search_finds_a_row_to_come_planted_in_a_table_and_in_the_backup(scene: Scene) -> None:
    stratum, arms = next(iter(scene.truth.to_come.items()))
    first = next(iter(NAMES))
    signs = "".join("A" if arm == first else "B" for arm in arms[:WINDOW])
    planted = {
        "next": f"{stratum}: {arms[0]}",
        "signs": signs,
        "secret": scene.truth.secret.hex(),
        "words": ", ".join(arms[5 : 5 + WINDOW]),
    }
    statement = "INSERT INTO trialmgr_cache (cache_key, value, expires) VALUES (?, ?, ?)"
    for name, text in planted.items():
        dumps.execute(scene.site.url, statement, name, text, "2030-01-01 00:00:00")
    found = scene.findings(row for row in dumps.rows(scene.site.url) if row.table == "trialmgr_cache")
    backup = scene.searcher.in_bytes(dumps.backup(scene.site.url))
    dumps.execute(scene.site.url, "DELETE FROM trialmgr_cache")
    assert [sum(text in each for each in found) for text in ("in clear", "rows to come", "a secret")] == [1, 2, 1]
    assert any("rows to come" in each for each in backup)
    assert any("a secret" in each for each in backup)


def test_the_search_finds_an_arm_planted_in_a_log_and_a_bit_that_tells_the_arm(scene: Scene) -> None:
    searcher = scene.searcher
    assert searcher.arms_named(f"{scene.log}\nDEBUG next is Tea drinkers") == {"teadrinkers"}
    first = next(iter(NAMES))
    marked = {}
    for (stratum, position), text in scene.sealed.items():
        begin = min(place for key, place in scene.sealed if key == stratum)
        is_first = scene.truth.to_come[stratum][position - begin] == first
        marked[stratum, position] = bytes([text[0] & 0xFE | is_first]) + text[1:]
    assert telltale_bits(scene, marked) == [7]


# --- what a person can reason about who knows every allocation so far


def expected(design: Design, history: Sequence[str], ahead: int) -> list[Fraction]:
    """Chance of the first arm in each of the next rows, given the whole history of the stratum."""
    walk = walk_of(design)
    arms = [arm for arm, _ in design.ratio]
    places = {walk.start: Fraction(1)}
    for arm in history:
        places = _moved(walk, places, arms.index(arm))
    total = sum(places.values())
    places = {place: chance / total for place, chance in places.items()}
    chances = []
    for _ in range(ahead):
        chances.append(sum(_moved(walk, places, 0).values(), Fraction(0)))
        places = _moved(walk, places, None)
    return chances


def _moved(walk: Any, places: dict[Any, Fraction], arm: int | None) -> dict[Any, Fraction]:
    after: dict[Any, Fraction] = {}
    for place, chance in places.items():
        moves = walk.moves(place)
        for move in (move for move in moves if arm in (None, move.arm)):
            share = Fraction(move.ways, sum(each.ways for each in moves))
            after[move.hidden] = after.get(move.hidden, Fraction(0)) + chance * share
    return after


@pytest.mark.parametrize(
    ("ratio", "sizes"),
    [
        ({"a": 1, "b": 1}, {4: 1}),
        ({"a": 1, "b": 1}, {2: 1, 4: 2}),
        ({"a": 2, "b": 1}, {3: 1}),
        ({"a": 1, "b": 1}, {6: 1}),
    ],
)
def test_beyond_the_open_block_every_arm_has_its_share_whatever_came_before(
    ratio: dict[str, int], sizes: dict[int, int]
) -> None:
    design = permuted_blocks(ratio, sizes)
    share, largest = Fraction(ratio["a"], sum(ratio.values())), max(sizes)
    foretold = 0
    for length in range(8):
        for history in (each for each in product("ab", repeat=length) if possible(design, each)):
            chances = expected(design, history, 2 * largest)
            # The open block, if any, has at most largest - 1 rows left.
            assert chances[largest - 1 :] == [share] * (largest + 1)
            foretold += any(chance != share for chance in chances[: largest - 1])
            if len(sizes) == 1:
                left = -length % largest
                assert chances[left:] == [share] * (2 * largest - left)
                assert left > 0 or share == chances[0]
    assert foretold > 10


def possible(design: PermutedBlocks, history: Sequence[str]) -> bool:
    walk, places = walk_of(design), {walk_of(design).start: Fraction(1)}
    for arm in history:
        places = _moved(walk, places, "ab".index(arm))
    return bool(places)


@pytest.mark.parametrize("history", ["", "a", "ab", "aab", "aabb", "aabba", "abbaab"])
def test_the_chances_are_those_of_counting_every_list(history: str) -> None:
    design = permuted_blocks({"a": 1, "b": 1}, {6: 1})
    blocks = {order for order in product("ab", repeat=6) if order.count("a") == 3}
    lists = [one + two for one, two in product(blocks, repeat=2) if "".join(one + two).startswith(history)]
    counted = [Fraction(sum(each[step] == "a" for each in lists), len(lists)) for step in range(len(history), 12)]
    assert expected(design, history, 12 - len(history)) == counted
