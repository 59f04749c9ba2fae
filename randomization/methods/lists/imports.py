"""An allocation list made by someone else: read from CSV and held against the trial before it may be used.

Source: Yelland et al, Trials 19 (2018), and Clark et al, BMJ 355 (2016), for the mistakes that happen: lists sorted by
arm, in the wrong order, or without a stratum.

Columns: one for each factor, ``position`` (1, 2, 3, ... in each stratum), ``arm`` and, where the list has blocks,
``block``; comma or semicolon between them. Rows are numbered as in the file: the head is row 1.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from math import factorial
from operator import attrgetter
from typing import NamedTuple

from randomization.methods.blocks import sequences_per_block
from randomization.methods.findings import DesignRefused, Finding, finding, gettext_noop
from randomization.methods.lists.rows import LONGEST_LIST, Row, canonical_stratum_key

MOST_FINDINGS = 100
TOO_UNLIKELY = Fraction(1, 1000)
"""An order or a ratio that a list made at random would show less often than this is taken for a mistake."""

Ratio = Mapping[str, int]


@dataclass(frozen=True)
class ImportedList:
    """Rows by canonical stratum key, in order of position. ``sha256``: hex digest of the file as it was given."""

    strata: Mapping[str, Sequence[Row]]
    sha256: str


class _Line(NamedTuple):
    """A line of the file that could be read. ``number``: its row in the file."""

    stratum: str
    position: int
    number: int
    block: int
    arm: str


def imported_list(text: str, *, ratio: Ratio, strata: Iterable[Mapping[str, str]]) -> ImportedList:
    """The list in a CSV text. ``ratio``: arm to share; ``strata``: the levels of every stratum of the trial.

    DesignRefused with every reason, each naming the row (at most MOST_FINDINGS of them).
    """
    keys = [canonical_stratum_key(levels) for levels in strata]
    lines, findings = _read(text, ratio, strata_factors(keys), frozenset(keys))
    if not findings:
        findings = list(_faults(lines, ratio, keys))
    if findings:
        raise DesignRefused(*findings[:MOST_FINDINGS])
    by_stratum = {key: [Row(line.position, line.block, line.arm) for line in group] for key, group in _strata(lines)}
    return ImportedList(by_stratum, hashlib.sha256(text.encode()).hexdigest())


def text_of(file: bytes) -> str:
    """The text in a CSV file. DesignRefused when it is not in UTF-8."""
    try:
        return file.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DesignRefused(finding(_NO_TEXT, place=error.start + 1)) from error


def strata_factors(keys: Sequence[str]) -> tuple[str, ...]:
    """The factors of canonical stratum keys; none where the trial has one stratum."""
    return tuple(part.split("=")[0] for part in keys[0].split(";") if "=" in part) if keys else ()


# --- reading ---------------------------------------------------------------------------------------------------------


def _read(text: str, ratio: Ratio, factors: Sequence[str], keys: frozenset[str]) -> tuple[list[_Line], list[Finding]]:
    try:
        columns, *rows = _fields(text)
    except csv.Error as error:
        return [], [finding(_NO_CSV, detail=str(error))]
    findings, lines = list(_head_faults(columns, factors)), list[_Line]()
    for number, fields in enumerate([] if findings else rows, start=2):
        if any(fields):
            values = dict(zip(columns, fields, strict=False))
            faults = list(_line_faults(number, len(fields), values, columns, ratio))
            findings += faults or _placed(lines, number, values, factors, keys)
    return sorted(lines), findings


def _fields(text: str) -> list[list[str]]:
    """The fields of each row, the head first, without the spaces around them."""
    rows = text.removeprefix("\ufeff").splitlines() or [""]
    reader = csv.reader(rows, delimiter=";" if ";" in rows[0] else ",", strict=True)
    return [[field.strip() for field in fields] for fields in reader]


def _head_faults(columns: Sequence[str], factors: Sequence[str]) -> Iterator[Finding]:
    for column in (*factors, "position", "arm"):
        if column not in columns:
            yield finding(_COLUMN_MISSING, column=column)
    for column, times in Counter(columns).items():
        if column not in (*factors, "position", "arm", "block") or times > 1:
            yield finding(_COLUMN_UNKNOWN, column=column)


def _line_faults(
    number: int, fields: int, values: Mapping[str, str], columns: Sequence[str], ratio: Ratio
) -> Iterator[Finding]:
    if fields != len(columns):
        yield finding(_FIELDS, row=number, found=fields, expected=len(columns))
        return
    for column in ("position", "block"):
        if column in values and not (re.fullmatch("[1-9][0-9]{0,6}", values[column])):
            yield finding(_NO_NUMBER, row=number, column=column, value=values[column])
    if values["arm"] not in ratio:
        yield finding(_ARM, row=number, arm=values["arm"], arms=", ".join(sorted(ratio)))


def _placed(
    lines: list[_Line], number: int, values: Mapping[str, str], factors: Sequence[str], keys: frozenset[str]
) -> list[Finding]:
    """Put the line among the others, unless its levels are no stratum of the trial."""
    levels = {factor: values[factor] for factor in factors}
    try:
        key = canonical_stratum_key(levels)
    except DesignRefused:
        key = ""
    if key not in keys:
        named = "; ".join(f"{factor} {level!r}" for factor, level in sorted(levels.items()))
        return [finding(_STRATUM_UNKNOWN, row=number, levels=named)]
    lines.append(_Line(key, int(values["position"]), number, int(values.get("block", 0)), values["arm"]))
    return []


# --- faults ----------------------------------------------------------------------------------------------------------


def _strata(lines: Iterable[_Line]) -> Iterator[tuple[str, list[_Line]]]:
    return ((key, list(group)) for key, group in groupby(lines, key=attrgetter("stratum")))


def _faults(lines: Sequence[_Line], ratio: Ratio, keys: Sequence[str]) -> Iterator[Finding]:
    covered = {line.stratum for line in lines}
    for key in keys:
        if key not in covered:
            yield finding(_UNCOVERED, stratum=key)
    longest = _longest_whole_block(lines)
    for _, group in _strata(lines):
        misplaced = list(_misplaced(group))
        yield from misplaced or _wrong_order(group, ratio, longest)


def _blocks(group: Iterable[_Line]) -> list[list[_Line]]:
    return [list(block) for _, block in groupby(group, key=attrgetter("block"))]


def _longest_whole_block(lines: Iterable[_Line]) -> int:
    """Size of the longest block of the list that is not the last of its stratum; 0 where there is none."""
    return max((len(block) for _, group in _strata(lines) for block in _blocks(group)[:-1]), default=0)


def _misplaced(group: Sequence[_Line]) -> Iterator[Finding]:
    """Places used twice, places left out, and a list that is longer than any may be."""
    expected, before = 1, 0
    for line in group:
        place = {"row": line.number, "stratum": line.stratum, "position": line.position}
        if line.position < expected:
            yield finding(_DUPLICATE, other=before, **place)
        elif line.position > expected:
            yield finding(_GAP, expected=expected, **place)
        if line.position > LONGEST_LIST:
            yield finding(_TOO_LONG, longest=LONGEST_LIST, **place)
        expected, before = max(expected, line.position + 1), line.number


def _wrong_order(group: Sequence[_Line], ratio: Ratio, longest: int) -> Iterator[Finding]:
    sorted_by_arm = _sorted_by_arm(group)
    if sorted_by_arm is not None:
        yield sorted_by_arm
    if group[0].block == 0:
        yield from _ratio_faults(group, ratio)
        return
    blocks = _blocks(group)
    split = [block for number, block in enumerate(blocks) if block[0].block in {b[0].block for b in blocks[:number]}]
    for block in split:
        yield finding(_SPLIT, row=block[0].number, stratum=block[0].stratum, block=block[0].block)
    if not split:
        yield from _block_faults(blocks, ratio, longest)


def _sorted_by_arm(group: Sequence[_Line]) -> Finding | None:
    """Each arm in one run, where a random order would hardly ever give that."""
    runs = [list(run) for _, run in groupby(group, key=attrgetter("arm"))]
    numbers = Counter(line.arm for line in group)
    chance = Fraction(factorial(len(numbers)), sequences_per_block(list(numbers.values())))
    if len(runs) > len(numbers) or len(runs) == 1 or chance >= TOO_UNLIKELY:
        return None
    return finding(_SORTED, row=runs[1][0].number, stratum=group[0].stratum, first=runs[0][0].arm, then=runs[1][0].arm)


def _ratio_faults(group: Sequence[_Line], ratio: Ratio) -> Iterator[Finding]:
    """Without blocks an arm may stray from its share by chance, but not by 3.3 standard deviations."""
    total = sum(ratio.values())
    for arm, share in sorted(ratio.items()):
        found, chance = sum(line.arm == arm for line in group), Fraction(share, total)
        if (found - len(group) * chance) ** 2 > Fraction(11) * len(group) * chance * (1 - chance):
            yield finding(_RATIO, arm=arm, found=found, share=share, total=total, **_span(group))


def _block_faults(blocks: Sequence[Sequence[_Line]], ratio: Ratio, longest: int) -> Iterator[Finding]:
    """The last block may be cut off by the end of the list, but has to fit into the longest of the others."""
    total = sum(ratio.values())
    faults = [
        finding(_BLOCK, block=block[0].block, found=_counted(block, ratio), **_span(block))
        for block in blocks[:-1]
        if len(block) % total or _most_rounds(block, ratio) != Fraction(len(block), total)
    ]
    last = blocks[-1]
    if longest and _most_rounds(last, ratio) > max(longest // total, -(-len(last) // total)):
        faults.append(finding(_BLOCK, block=last[0].block, found=_counted(last, ratio), **_span(last)))
    yield from faults
    if not faults:
        yield from _alike(blocks)


def _most_rounds(block: Sequence[_Line], ratio: Ratio) -> Fraction:
    """How many times the ratio must fit into the block for each arm to have room; the size over the sum if balanced."""
    return max(Fraction(sum(line.arm == arm for line in block), share) for arm, share in ratio.items())


def _alike(blocks: Sequence[Sequence[_Line]]) -> Iterator[Finding]:
    """All whole blocks in one and the same order, where a random list would hardly ever be so."""
    orders = Counter(tuple(line.arm for line in block) for block in blocks[:-1])
    (order, times), *others = orders.most_common() or [((), 0)]
    ways = sequences_per_block(list(Counter(order).values()))
    if not others and times > 1 and Fraction(1, ways ** (times - 1)) < TOO_UNLIKELY:
        yield finding(_ALIKE, order=", ".join(order), **_span([line for block in blocks for line in block]))


def _counted(lines: Sequence[_Line], ratio: Ratio) -> str:
    numbers = Counter(line.arm for line in lines)
    return ", ".join(f"{arm} {numbers[arm]}" for arm in sorted(ratio))


def _span(lines: Sequence[_Line]) -> dict[str, object]:
    numbers = [line.number for line in lines]
    return {"first": min(numbers), "last": max(numbers), "stratum": lines[0].stratum}


_NO_TEXT = gettext_noop("The file is not text in UTF-8 (from byte %(place)s on): save it as “CSV UTF-8”.")
_NO_CSV = gettext_noop("The file cannot be read as comma-separated values (%(detail)s).")
_COLUMN_MISSING = gettext_noop("Row 1: there is no column %(column)s.")
_COLUMN_UNKNOWN = gettext_noop("Row 1: the column %(column)r is not expected, or stands there twice.")
_FIELDS = gettext_noop("Row %(row)s has %(found)s fields; %(expected)s are expected.")
_NO_NUMBER = gettext_noop("Row %(row)s: the %(column)s %(value)r is no whole number from 1.")
_ARM = gettext_noop("Row %(row)s: the arm %(arm)r is none of this trial. Its arms: %(arms)s.")
_STRATUM_UNKNOWN = gettext_noop("Row %(row)s: %(levels)s is no stratum of this trial.")
_UNCOVERED = gettext_noop("The list has no row for stratum %(stratum)s.")
_DUPLICATE = gettext_noop("Row %(row)s: position %(position)s of stratum %(stratum)s stands in row %(other)s already.")
_GAP = gettext_noop(
    "Row %(row)s: position %(position)s of stratum %(stratum)s stands where %(expected)s should; a position is missing."
)
_TOO_LONG = gettext_noop(
    "Row %(row)s: position %(position)s of stratum %(stratum)s lies beyond %(longest)s, the longest list."
)
_SORTED = gettext_noop(
    "Row %(row)s: the list of stratum %(stratum)s is sorted by arm: first all of %(first)s, from here %(then)s. "
    "Restore the random order."
)
_RATIO = gettext_noop(
    "Rows %(first)s-%(last)s: stratum %(stratum)s has %(arm)s %(found)s times; its share is %(share)s of %(total)s."
)
_SPLIT = gettext_noop("Row %(row)s: block %(block)s of stratum %(stratum)s goes on after another block.")
_BLOCK = gettext_noop(
    "Rows %(first)s-%(last)s: block %(block)s of stratum %(stratum)s does not hold the ratio (%(found)s)."
)
_ALIKE = gettext_noop(
    "Rows %(first)s-%(last)s: every block of stratum %(stratum)s has the same order (%(order)s), so it is not random."
)
