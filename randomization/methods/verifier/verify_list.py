"""Recompute a revealed allocation list and hold it against what was published and what was allocated.

One file, for Python 3.10 or later with nothing installed; it shares no line with the system that made the list. The
specification is docs/randomization.md of that system. Usage:

    python verify_list.py manifest.json secret.txt allocations.csv

manifest.json    what was kept when the list was made
secret.txt       the revealed secret, 64 hexadecimal digits
allocations.csv  a head, then one line an allocation: stratum,position,arm (further columns are passed over)
                 (under minimisation instead allocations.jsonl: the log, one JSON object a line)

Optional, after these three:
--commitment HEX              as it was published
--list list.csv               the revealed rows: stratum,position,block,arm. Owed for an imported list, which no secret
                              makes; of any other list they are compared with what the secret makes
--file FILE                   the imported file as it was handed over
--reserved STRATUM=FIRST-LAST places kept for sealed envelopes, besides those that the manifest names; they may be used
                              in any order or not at all. Once for each stratum
Every disagreement is printed with its place. Exit status: 0 all agree, 1 something differs, 2 the files cannot be read.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import hmac
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from itertools import accumulate, islice
from math import gcd
from typing import Any

Counts = Sequence[int]
Odds = Callable[[Counts], list[int]]
Row = tuple[int, int, str]
Listed = dict[str, list[Row]]
Json = dict[str, Any]

ALGORITHM = "trialmgr-list/1"
SPAN = 2**64


def field(content: bytes) -> bytes:
    return len(content).to_bytes(8, "little") + content


def keyed(tag: str, secret: bytes, *texts: str) -> bytes:
    fields = [ALGORITHM.encode(), tag.encode(), secret] + [text.encode("utf-8") for text in texts]
    return b"".join(field(each) for each in fields)


def canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8")


# --- words


class Stream:
    def __init__(self, secret: bytes, trial: str, purpose: str, stratum: str) -> None:
        self.key = keyed("words", secret, trial, purpose, stratum)
        self.chunk = 0
        self.words: list[int] = []
        self.taken: list[int] = []

    def word(self) -> int:
        if not self.words:
            drawn = hashlib.shake_256(self.key + self.chunk.to_bytes(8, "little")).digest(8192)
            self.words = [int.from_bytes(drawn[at : at + 8], "little") for at in range(8184, -8, -8)]
            self.chunk += 1
        self.taken.append(self.words.pop())
        return self.taken[-1]

    def bounded(self, n: int) -> int:
        word = self.word()
        while word >= SPAN - SPAN % n:
            word = self.word()
        return word % n

    def weighted(self, weights: Counts) -> int:
        drawn = self.bounded(sum(weights))
        return next(index for index, reached in enumerate(accumulate(weights)) if reached > drawn)


def lowest(weights: Counts) -> list[int]:
    common = gcd(*weights)
    return [weight // common for weight in weights]


# --- designs: each yields (block, index of the arm) without end


def permuted_blocks(given: Json, shares: list[int], stream: Stream) -> Iterator[tuple[int, int]]:
    sizes = sorted(given["block_sizes"], key=int)
    weights, block = [given["block_sizes"][size] for size in sizes], 0
    while True:
        size, block = int(sizes[stream.weighted(weights)]), block + 1
        arms = [arm for arm, share in enumerate(shares) for _ in range(share * size // sum(shares))]
        for last in range(size - 1, 0, -1):
            other = stream.bounded(last + 1)
            arms[last], arms[other] = arms[other], arms[last]
        for arm in arms:
            yield block, arm


def one_by_one(given: Json, shares: list[int], stream: Stream) -> Iterator[tuple[int, int]]:
    odds, counts = ODDS[given["method"]](given, lowest(shares)), [0] * len(shares)
    while True:
        weights = shares if given["method"] == "complete" else lowest(odds(counts))
        arm = stream.weighted(weights)
        counts[arm] += 1
        yield 0, arm


def big_stick(given: Json, shares: list[int]) -> Odds:
    return lambda counts: [int(count - min(counts) < given["mti"]) for count in counts]


def block_urn(given: Json, shares: list[int]) -> Odds:
    def odds(counts: Counts) -> list[int]:
        sets = given["lambda"] + min(count // share for count, share in zip(counts, shares, strict=True))
        return [sets * share - count for count, share in zip(counts, shares, strict=True)]

    return odds


def biased_coin(given: Json, shares: list[int]) -> Odds:
    p, tolerated = Fraction(given["p"]), given.get("mti")

    def odds(counts: Counts) -> list[int]:
        difference = counts[0] - counts[1]
        if difference == 0:
            return [1, 1]
        behind = [1, 0] if tolerated and abs(difference) >= tolerated else [p.numerator, p.denominator - p.numerator]
        return behind if difference < 0 else behind[::-1]

    return odds


def wei(given: Json, shares: list[int]) -> Odds:
    def odds(counts: Counts) -> list[int]:
        balls = [given["a"] + given["b"] * (sum(counts) - count) for count in counts]
        return balls if any(balls) else [1] * len(counts)

    return odds


def asymptotic_maximal(given: Json, shares: list[int]) -> Odds:
    """ways[i] counts the ways on from imbalance i - mti; the two zeros at the ends stand for what is not tolerated."""
    mti = given["mti"]
    ways = [0] + [1] * (2 * mti + 1) + [0]
    for _ in range(8 * (mti + 1) ** 2):
        ways = [0] + [ways[i - 1] + ways[i + 1] for i in range(1, 2 * mti + 2)] + [0]
    middle = mti + 1
    ahead = [SPAN * ways[middle + d + 1] // (ways[middle + d - 1] + ways[middle + d + 1]) for d in range(mti + 1)]

    def odds(counts: Counts) -> list[int]:
        first = ahead[abs(counts[0] - counts[1])]
        return [first, SPAN - first] if counts[0] >= counts[1] else [SPAN - first, first]

    return odds


ODDS: dict[str, Callable[[Json, list[int]], Odds]] = {
    "complete": lambda given, shares: lambda counts: shares,
    "big_stick": big_stick,
    "block_urn": block_urn,
    "biased_coin": biased_coin,
    "biased_coin_with_tolerance": biased_coin,
    "urn": wei,
    "asymptotic_maximal": asymptotic_maximal,
}


def rows_of(manifest: Json, secret: bytes, stratum: str, count: int) -> list[Row]:
    """The first rows of a stratum: (position, block, arm)."""
    given = manifest["parameters"]
    arms = sorted(given["ratio"])
    shares = [given["ratio"][arm] for arm in arms]
    stream = Stream(secret, manifest["trial_id"], manifest["purpose"], stratum)
    walk = permuted_blocks if given["method"] == "permuted_blocks" else one_by_one
    drawn = islice(walk(given, shares, stream), count)
    return [(position, block, arms[arm]) for position, (block, arm) in enumerate(drawn, start=1)]


def made_rows(manifest: Json, secret: bytes) -> Listed:
    """Every row of a list that a secret makes. Minimisation has none: its manifest names no strata."""
    return {key: rows_of(manifest, secret, key, entry["rows"]) for key, entry in manifest["strata"].items()}


# --- checks: each yields a sentence for every disagreement


def commitment_of(manifest: Json, secret: bytes) -> str:
    tag, texts = "commitment", [manifest["trial_id"]]
    if manifest["origin"] == "imported":
        tag, texts = "content", [manifest["trial_id"], manifest["purpose"], manifest["list_hash"]]
    return hashlib.sha256(keyed(tag, secret, *texts)).hexdigest()


def keyed_hash(tag: str, manifest: Json, secret: bytes, content: bytes, *texts: str) -> str:
    key = hashlib.sha256(keyed(tag, secret, manifest["trial_id"], manifest["purpose"], *texts)).digest()
    return hmac.new(key, content, hashlib.sha256).hexdigest()


def check_manifest(manifest: Json, secret: bytes, listed: Listed, published: str | None) -> Iterator[str]:
    commitment = commitment_of(manifest, secret)
    if commitment != manifest["commitment"]:
        yield "The secret does not belong to the commitment in the manifest."
    if published is not None and commitment != published.strip().lower():
        yield "The secret does not belong to the published commitment."
    for stratum, entry in sorted(manifest["strata"].items()):
        text = "".join(f"{position},{block},{arm}\n" for position, block, arm in listed.get(stratum, ())).encode()
        if keyed_hash("rows", manifest, secret, text, stratum) != entry["hash"]:
            yield f"The rows of stratum {stratum} are not those that the manifest was made of."
    if hashlib.sha256(canonical(manifest["strata"])).hexdigest() != manifest["list_hash"]:
        yield "The hash of the whole list does not belong to the hashes of its strata."
    if sum(entry["rows"] for entry in manifest["strata"].values()) != manifest["rows"]:
        yield "The number of rows is not the sum over the strata."


def check_revealed_rows(made: Listed, revealed: Listed) -> Iterator[str]:
    for stratum in sorted({*made, *revealed}):
        rows, others = made.get(stratum, []), revealed.get(stratum, [])
        if len(rows) != len(others):
            yield f"Stratum {stratum}: {len(others)} rows were revealed; the list has {len(rows)}."
        for row, other in zip(rows, others, strict=False):
            if row != other:
                yield f"Stratum {stratum}, position {row[0]}: the revealed row is not the one that the secret makes."


def check_file(manifest: Json, secret: bytes, content: bytes) -> Iterator[str]:
    if keyed_hash("file", manifest, secret, content) != manifest["file"]:
        yield "The file is not the one that was imported."


def check_allocations(
    listed: Listed, allocations: list[tuple[str, int, str]], reserved: dict[str, tuple[int, int]]
) -> Iterator[str]:
    by_stratum: dict[str, list[tuple[int, str]]] = {}
    for stratum, position, arm in allocations:
        by_stratum.setdefault(stratum, []).append((position, arm))
    for stratum, held in sorted(by_stratum.items()):
        rows = listed.get(stratum, [])
        used: set[int] = set()
        for position, arm in sorted(held):
            place = f"Stratum {stratum}, position {position}"
            if not 1 <= position <= len(rows):
                yield f"{place} is no place of the list: it has {len(rows)} in this stratum."
                continue
            if arm != rows[position - 1][2]:
                yield f"{place}: {arm} was allocated, but the list says {rows[position - 1][2]}."
            if position in used:
                yield f"{place} was allocated twice."
            used.add(position)
        yield from passed_over(stratum, sorted(used), *reserved.get(stratum, (0, 0)))


def passed_over(stratum: str, used: list[int], first: int, last: int) -> Iterator[str]:
    """``first`` to ``last`` are reserved: used in any order or not at all, and passed over by the others."""
    expected = 1
    for position in used:
        if first <= position <= last:
            continue
        if first <= expected <= last:
            expected = last + 1
        if position != expected:
            yield f"Stratum {stratum}, position {position} was allocated, but not the position before it."
        expected = position + 1


def check_minimisation(manifest: Json, secret: bytes, log: list[Json]) -> Iterator[str]:
    given = manifest["parameters"]
    arms = sorted(given["ratio"])
    shares = lowest([given["ratio"][arm] for arm in arms])
    pseudo = [arm for arm, share in zip(arms, shares, strict=True) for _ in range(share)]
    names, p = sorted(given["factors"]), Fraction(given["p"])
    stream = Stream(secret, manifest["trial_id"], manifest["purpose"], "all")
    held: dict[tuple[str, str], list[int]] = {}
    for position, logged in enumerate(log, start=1):
        levels = {name: logged["levels"][name] for name in names}
        margins = {name: held.setdefault((name, levels[name]), [0] * len(pseudo)) for name in names}
        counts = {name: list(margin) for name, margin in margins.items()}
        scores = [
            sum(given["factors"][name]["weight"] * spread(given["measure"], margins[name], arm) for name in names)
            for arm in range(len(pseudo))
        ]
        preferred = [arm for arm, score in enumerate(scores) if score == min(scores)]
        stream.taken = []
        chosen = stream.weighted(minimised_weights(len(pseudo), preferred, p))
        made = {
            "position": position,
            "levels": levels,
            "counts": counts,
            "scores": scores,
            "preferred": preferred,
            "p": given["p"],
            "words": [f"{word:016x}" for word in stream.taken],
            "pseudo_arm": chosen,
            "arm": pseudo[chosen],
        }
        for part, value in made.items():
            if logged.get(part) != value:
                yield f"Allocation {position}: {part} is {logged.get(part)} in the log, but the replay gives {value}."
        for margin in margins.values():
            margin[chosen] += 1


def spread(measure: str, margin: list[int], arm: int) -> int:
    counts = [count + (place == arm) for place, count in enumerate(margin)]
    if measure == "range":
        return max(counts) - min(counts)
    return len(counts) * sum(count * count for count in counts) - sum(counts) ** 2


def minimised_weights(arms: int, preferred: list[int], p: Fraction) -> list[int]:
    rest = p.denominator - p.numerator
    favoured = p.numerator * (arms - 1) + (len(preferred) - 1) * rest
    return lowest([favoured if arm in preferred else len(preferred) * rest for arm in range(arms)])


# --- files


def read_allocations(path: str) -> list[tuple[str, int, str]]:
    with open(path, newline="", encoding="utf-8-sig") as file:
        return [(row["stratum"], int(row["position"]), row["arm"]) for row in csv.DictReader(file)]


def read_list(path: str) -> Listed:
    listed: Listed = {}
    with open(path, newline="", encoding="utf-8-sig") as file:
        for row in csv.DictReader(file):
            listed.setdefault(row["stratum"], []).append((int(row["position"]), int(row["block"]), row["arm"]))
    for stratum, rows in listed.items():
        if [position for position, _, _ in rows] != list(range(1, len(rows) + 1)):
            raise ValueError(f"the revealed rows of stratum {stratum} are not numbered 1, 2, 3 and so on")
    return listed


def read_log(path: str) -> list[Json]:
    with open(path, encoding="utf-8-sig") as file:
        return [json.loads(line) for line in file if line.strip()]


def reserved_places(manifest: Json, given: list[str]) -> dict[str, tuple[int, int]]:
    entries = manifest["strata"].items()
    reserved = {key: (entry["reserved"][0], entry["reserved"][1]) for key, entry in entries if "reserved" in entry}
    for each in given:
        stratum, _, places = each.rpartition("=")
        first, _, last = places.partition("-")
        reserved[stratum] = (int(first), int(last))
    return reserved


def disagreements(arguments: argparse.Namespace) -> Iterator[str]:
    with open(arguments.manifest, encoding="utf-8-sig") as file:
        manifest = json.load(file)
    with open(arguments.secret, encoding="utf-8-sig") as file:
        secret = bytes.fromhex(file.read().strip())
    if manifest["algorithm"] != ALGORITHM or len(secret) != 32:
        raise ValueError(f"the manifest must be of {ALGORITHM} and the secret must have 32 bytes")
    revealed = read_list(arguments.list) if arguments.list else None
    imported = manifest["origin"] == "imported"
    if imported and revealed is None:
        raise ValueError("of an imported list the revealed rows are needed: --list list.csv")
    listed = revealed if imported and revealed is not None else made_rows(manifest, secret)
    yield from check_manifest(manifest, secret, listed, arguments.commitment)
    if revealed is not None:
        yield from check_revealed_rows(listed, revealed)
    if arguments.file:
        with open(arguments.file, "rb") as content:
            yield from check_file(manifest, secret, content.read())
    if manifest["parameters"]["method"] == "minimisation":
        yield from check_minimisation(manifest, secret, read_log(arguments.allocations))
    else:
        reserved = reserved_places(manifest, arguments.reserved)
        yield from check_allocations(listed, read_allocations(arguments.allocations), reserved)


def main() -> int:
    parser = argparse.ArgumentParser(description="Verify a revealed allocation list.")
    for name in ("manifest", "secret", "allocations"):
        parser.add_argument(name)
    parser.add_argument("--commitment", metavar="HEX")
    parser.add_argument("--list", metavar="FILE")
    parser.add_argument("--file", metavar="FILE")
    parser.add_argument("--reserved", action="append", default=[], metavar="STRATUM=FIRST-LAST")
    try:
        found = list(disagreements(parser.parse_args()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        sys.stderr.write(f"The files cannot be read: {type(error).__name__}: {error}\n")
        return 2
    sys.stdout.write("\n".join(found or ["Commitment, list and every allocation agree."]) + "\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
