"""Verification: does what was allocated agree with the list that the secret makes? Pure; for use after the reveal.

The findings name arms: show them only to people who may see the allocation.
"""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from randomization.designs import Design, design_from
from randomization.findings import Finding, finding, gettext_noop
from randomization.lists import LONGEST_LIST, Manifest, commitment, list_hash, make_rows, rows_hash
from randomization.words import ALGORITHM


class Allocated(NamedTuple):
    """One allocation as it was made: canonical stratum key, position from 1, arm."""

    stratum_key: str
    position: int
    arm: str


def verify_commitment(secret: bytes, trial_id: str, published: str) -> bool:
    """Whether the hex commitment published at the making belongs to this secret and trial."""
    return hmac.compare_digest(commitment(secret, trial_id).encode(), published.strip().lower().encode())


def verify_allocations(
    design: Design,
    *,
    secret: bytes,
    trial_id: str,
    purpose: str,
    allocated: Iterable[Allocated],
    reserved_from: Mapping[str, int] | None = None,
) -> list[Finding]:
    """Every disagreement, by stratum and position; an empty list when all agree.

    Checked: arm, place used twice, place passed over, place outside the list. ``reserved_from``: by stratum, the first
    position of the tail kept for sealed envelopes, which may be used in any order.
    """
    by_stratum: dict[str, list[Allocated]] = {}
    for each in sorted(allocated):
        by_stratum.setdefault(each.stratum_key, []).append(each)
    findings: list[Finding] = []
    for stratum_key, held in by_stratum.items():
        findings += _outside(held)
        placed = [each for each in held if 1 <= each.position <= LONGEST_LIST]
        count = max((each.position for each in placed), default=0)
        listed = make_rows(
            design, secret=secret, trial_id=trial_id, purpose=purpose, stratum_key=stratum_key, count=count
        )
        findings += _other_arm(placed, [row.arm for row in listed])
        findings += _used_twice(placed)
        findings += _passed_over(placed, (reserved_from or {}).get(stratum_key, LONGEST_LIST + 1))
    return findings


def verify_manifest(manifest: Manifest, secret: bytes) -> list[Finding]:
    """Every part of a manifest that the secret does not bear out. DesignRefused when its design cannot be read."""
    if manifest["algorithm"] != ALGORITHM:
        return [finding(_ALGORITHM, found=manifest["algorithm"], known=ALGORITHM)]
    findings = list(_strata_that_differ(manifest, secret))
    if not verify_commitment(secret, manifest["trial_id"], manifest["commitment"]):
        findings.append(finding(_COMMITMENT))
    if manifest["list_hash"] != list_hash(manifest["strata"]):
        findings.append(finding(_LIST_HASH))
    if manifest["rows"] != sum(entry["rows"] for entry in manifest["strata"].values()):
        findings.append(finding(_ROW_COUNT))
    return findings


def _outside(held: Iterable[Allocated]) -> Iterator[Finding]:
    for key, position, _ in held:
        if not 1 <= position <= LONGEST_LIST:
            yield finding(_OUTSIDE, stratum=key, position=position, longest=LONGEST_LIST)


def _other_arm(placed: Iterable[Allocated], listed: Sequence[str]) -> Iterator[Finding]:
    for key, position, arm in placed:
        if arm != listed[position - 1]:
            yield finding(_ARM, stratum=key, position=position, allocated=arm, listed=listed[position - 1])


def _used_twice(placed: Iterable[Allocated]) -> Iterator[Finding]:
    for (key, position), times in Counter((each.stratum_key, each.position) for each in placed).items():
        if times > 1:
            yield finding(_TWICE, stratum=key, position=position, times=times)


def _passed_over(placed: Iterable[Allocated], reserved_from: int) -> Iterator[Finding]:
    """``placed`` in order of position, one stratum. A run of places passed over is one finding."""
    used = [each for each in placed if each.position < reserved_from]
    for before, (key, position, _) in zip([0, *(each.position for each in used)], used, strict=False):
        first, last = before + 1, position - 1
        if first <= last:
            places = str(first) if first == last else f"{first}-{last}"
            yield finding(_PASSED_OVER, stratum=key, places=places, position=position)


def _strata_that_differ(manifest: Manifest, secret: bytes) -> Iterator[Finding]:
    design, trial_id, purpose = design_from(manifest["parameters"]), manifest["trial_id"], manifest["purpose"]
    for key, entry in sorted(manifest["strata"].items()):
        listed = make_rows(
            design, secret=secret, trial_id=trial_id, purpose=purpose, stratum_key=key, count=entry["rows"]
        )
        if rows_hash(listed, secret=secret, trial_id=trial_id, purpose=purpose, stratum_key=key) != entry["hash"]:
            yield finding(_STRATUM_HASH, stratum=key, rows=entry["rows"])


_ARM = gettext_noop(
    "Stratum %(stratum)s, position %(position)s: %(allocated)s was allocated, but the list says %(listed)s."
)
_TWICE = gettext_noop(
    "Stratum %(stratum)s, position %(position)s was allocated %(times)s times; a place may be used once."
)
_PASSED_OVER = gettext_noop("Stratum %(stratum)s, %(places)s was passed over: position %(position)s is used already.")
_OUTSIDE = gettext_noop(
    "Stratum %(stratum)s, position %(position)s is no place in a list: positions run from 1 to %(longest)s."
)
_ALGORITHM = gettext_noop("The list was made by %(found)s; only %(known)s can be checked here.")
_COMMITMENT = gettext_noop("The secret does not belong to the published commitment.")
_STRATUM_HASH = gettext_noop("The %(rows)s rows of stratum %(stratum)s are not those that the secret makes.")
_LIST_HASH = gettext_noop("The hash of the whole list does not belong to the hashes of its strata.")
_ROW_COUNT = gettext_noop("The number of rows is not the sum over the strata.")
