"""Verification: does what was allocated agree with the list? Pure; for use after the reveal.

A generated list is made anew from its secret; of an imported one the rows are given. The findings name arms: show them
only to people who may see the allocation.
"""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from randomization.methods.designs import Minimisation, MinimisedAllocation, design_from, replay
from randomization.methods.findings import Finding, finding, gettext_noop
from randomization.methods.lists.rows import (
    IMPORTED,
    UNSTRATIFIED,
    Listed,
    Manifest,
    Places,
    Stream,
    commitment,
    content_commitment,
    generated_rows,
    list_hash,
    manifest_hash,
    rows_hash,
)
from randomization.methods.words import ALGORITHM, chunks


class Allocated(NamedTuple):
    """One allocation as it was made: canonical stratum key, position from 1, arm."""

    stratum_key: str
    position: int
    arm: str


def rows_of(manifest: Manifest, secret: bytes) -> Listed:
    """The rows that the secret makes of a generated list. DesignRefused when the design cannot be read."""
    lengths = {key: entry["rows"] for key, entry in manifest["strata"].items()}
    return generated_rows(design_from(manifest["parameters"]), lengths, **_stream(manifest, secret))


def reserved_in(manifest: Manifest) -> dict[str, Places]:
    """By stratum, first and last of the places kept for sealed envelopes."""
    kept = {key: entry.get("reserved") for key, entry in manifest["strata"].items()}
    return {key: (places[0], places[1]) for key, places in kept.items() if places is not None}


def verify_commitment(manifest: Manifest, secret: bytes, published: str) -> bool:
    """Whether the published hex commitment belongs to this secret and trial and, of an imported list, its content."""
    stream = _stream(manifest, secret)
    if manifest["origin"] == IMPORTED:
        made = content_commitment(manifest["list_hash"], **stream)
    else:
        made = commitment(secret, manifest["trial_id"])
    return hmac.compare_digest(made.encode(), published.strip().lower().encode())


def verify_allocations(
    listed: Listed, allocated: Iterable[Allocated], reserved: Mapping[str, Places] | None = None
) -> list[Finding]:
    """Every disagreement, by stratum and position; an empty list when all agree.

    Checked: arm, place used twice, place passed over, place outside the list. ``reserved``: by stratum, the places kept
    for sealed envelopes, which may be used in any order or not at all.
    """
    by_stratum: dict[str, list[Allocated]] = {}
    for each in sorted(allocated):
        by_stratum.setdefault(each.stratum_key, []).append(each)
    findings: list[Finding] = []
    for stratum_key, held in by_stratum.items():
        arms = [row.arm for row in listed.get(stratum_key, ())]
        placed = [each for each in held if 1 <= each.position <= len(arms)]
        findings += _outside(held, len(arms))
        findings += _other_arm(placed, arms)
        findings += _used_twice(placed)
        findings += _passed_over(placed, (reserved or {}).get(stratum_key, (0, 0)))
    return findings


def verify_sealed(listed: Listed, opened: Listed) -> list[Finding]:
    """Whether the rows as they are kept are those of the list. ``opened``: without arm where a row does not open."""
    findings: list[Finding] = []
    for key in sorted({*listed, *opened}):
        rows, kept = listed.get(key, ()), opened.get(key, ())
        if len(rows) != len(kept):
            findings.append(finding(_KEPT, stratum=key, kept=len(kept), rows=len(rows)))
        wrong = [row.position for row, other in zip(rows, kept, strict=False) if row[::2] != other[::2]]
        findings += [finding(_SEALED, stratum=key, position=position) for position in wrong]
    return findings


def verify_levels(log: Iterable[Mapping[str, Any] | None], randomised: Iterable[Mapping[str, str]]) -> list[Finding]:
    """Whether each line of the log of minimisation looked at the levels that the participant was randomised with."""
    pairs = enumerate(zip(log, randomised, strict=True), start=1)
    return [finding(_LEVELS, position=place) for place, (line, levels) in pairs if (line or {}).get("levels") != levels]


def verify_log(manifest: Manifest, secret: bytes, records: Iterable[MinimisedAllocation]) -> list[Finding]:
    """Every line of the log of minimisation that its inputs and the secret's words do not bear out, in order of place.

    DesignRefused when the design cannot be read.
    """
    design = design_from(manifest["parameters"])
    if not isinstance(design, Minimisation):
        return [finding(_NO_MINIMISATION, method=manifest["parameters"]["method"])]
    return replay(design, records, chunks(stratum_key=UNSTRATIFIED, **_stream(manifest, secret)))


def verify_manifest(manifest: Manifest, secret: bytes, listed: Listed | None = None) -> list[Finding]:
    """Every part of a manifest that the secret does not bear out. DesignRefused when its design cannot be read.

    ``listed``: the rows of an imported list; those of a generated list come from the secret.
    """
    if manifest["algorithm"] != ALGORITHM:
        return [finding(_ALGORITHM, found=manifest["algorithm"], known=ALGORITHM)]
    rows = rows_of(manifest, secret) if listed is None else listed
    findings = list(_strata_that_differ(manifest, secret, rows))
    if not verify_commitment(manifest, secret, manifest["commitment"]):
        findings.append(finding(_COMMITMENT))
    if manifest["list_hash"] != list_hash(manifest["strata"]):
        findings.append(finding(_LIST_HASH))
    if manifest["rows"] != sum(entry["rows"] for entry in manifest["strata"].values()):
        findings.append(finding(_ROW_COUNT))
    return findings


def verify_extension(before: Manifest, after: Manifest) -> list[Finding]:
    """Whether a list was only made longer: the manifest before is named, and nothing of it is gone or otherwise."""
    findings = [] if after.get("extends") == manifest_hash(before) else [finding(_OTHER_BEFORE)]
    if _identity(before) != _identity(after):
        findings.append(finding(_OTHER_LIST))
    for key, entry in before["strata"].items():
        now = after["strata"].get(key)
        if now is None or now["rows"] < entry["rows"] or now.get("reserved") != entry.get("reserved"):
            findings.append(finding(_SHORTENED, stratum=key))
    return findings


def _identity(manifest: Manifest) -> tuple[str, str, str]:
    return manifest["commitment"], manifest["trial_id"], manifest["purpose"]


def _stream(manifest: Manifest, secret: bytes) -> Stream:
    return Stream(secret=secret, trial_id=manifest["trial_id"], purpose=manifest["purpose"])


def _outside(held: Iterable[Allocated], length: int) -> Iterator[Finding]:
    for key, position, _ in held:
        if not 1 <= position <= length:
            yield finding(_OUTSIDE, stratum=key, position=position, length=length)


def _other_arm(placed: Iterable[Allocated], listed: Sequence[str]) -> Iterator[Finding]:
    for key, position, arm in placed:
        if arm != listed[position - 1]:
            yield finding(_ARM, stratum=key, position=position, allocated=arm, listed=listed[position - 1])


def _used_twice(placed: Iterable[Allocated]) -> Iterator[Finding]:
    for (key, position), times in Counter((each.stratum_key, each.position) for each in placed).items():
        if times > 1:
            yield finding(_TWICE, stratum=key, position=position, times=times)


def _passed_over(placed: Iterable[Allocated], reserved: Places) -> Iterator[Finding]:
    """``placed`` in order of position, one stratum. A run of places passed over is one finding."""
    first, last = reserved
    used = [each for each in placed if not first <= each.position <= last]
    for before, (key, position, _) in zip([0, *(each.position for each in used)], used, strict=False):
        left_out = [place for place in range(before + 1, position) if not first <= place <= last]
        if left_out:
            yield finding(_PASSED_OVER, stratum=key, places=_spelt(left_out), position=position)


def _spelt(places: Sequence[int]) -> str:
    """``5``, ``5-8``, and around reserved places ``5-8, 12``."""
    among = set(places)
    begins = [place for place in places if place - 1 not in among]
    ends = [place for place in places if place + 1 not in among]
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in zip(begins, ends, strict=True))


def _strata_that_differ(manifest: Manifest, secret: bytes, listed: Listed) -> Iterator[Finding]:
    stream = _stream(manifest, secret)
    for key, entry in sorted(manifest["strata"].items()):
        if rows_hash(listed.get(key, ()), stratum_key=key, **stream) != entry["hash"]:
            yield finding(_STRATUM_HASH, stratum=key, rows=entry["rows"])


_ARM = gettext_noop(
    "Stratum %(stratum)s, position %(position)s: %(allocated)s was allocated, but the list says %(listed)s."
)
_TWICE = gettext_noop(
    "Stratum %(stratum)s, position %(position)s was allocated %(times)s times; a place may be used once."
)
_PASSED_OVER = gettext_noop("Stratum %(stratum)s, %(places)s was passed over: position %(position)s is used already.")
_OUTSIDE = gettext_noop(
    "Stratum %(stratum)s, position %(position)s is no place of the list: it has %(length)s in this stratum."
)
_ALGORITHM = gettext_noop("The list was made by %(found)s; only %(known)s can be checked here.")
_COMMITMENT = gettext_noop("The secret does not belong to the published commitment.")
_STRATUM_HASH = gettext_noop("The %(rows)s rows of stratum %(stratum)s are not those that the manifest was made of.")
_LIST_HASH = gettext_noop("The hash of the whole list does not belong to the hashes of its strata.")
_ROW_COUNT = gettext_noop("The number of rows is not the sum over the strata.")
_KEPT = gettext_noop("Stratum %(stratum)s: %(kept)s rows are kept; the list has %(rows)s.")
_SEALED = gettext_noop("Stratum %(stratum)s, position %(position)s: what is kept there is not what the list says.")
_LEVELS = gettext_noop("Allocation %(position)s: the log has other levels than the participant was randomised with.")
_NO_MINIMISATION = gettext_noop("The method %(method)s keeps no log of allocations.")
_OTHER_BEFORE = gettext_noop("The extension does not follow on the manifest before it.")
_OTHER_LIST = gettext_noop("The extension is of another list: commitment, trial or purpose differ.")
_SHORTENED = gettext_noop("The extension changes stratum %(stratum)s: rows or reserved places are not what they were.")
