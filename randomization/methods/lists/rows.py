"""Lists: the rows of each stratum, made from the master secret; the commitment and the manifest that bind them.

Specification: docs/randomization.md. Only the standard library is used.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from itertools import islice
from platform import python_version
from typing import NamedTuple, NotRequired, TypedDict, Unpack

from randomization.methods.designs import NAME, Design, Parameters, State
from randomization.methods.findings import DesignRefused, finding, gettext_noop
from randomization.methods.words import ALGORITHM, Words, chunks, tagged

LONGEST_LIST = 1_000_000
UNSTRATIFIED = "all"
GENERATED = "generated"
IMPORTED = "imported"


class Row(NamedTuple):
    """One place in a stratum's list. ``position`` and ``block`` count from 1; ``block`` is 0 in a design without."""

    position: int
    block: int
    arm: str


class Stream(TypedDict):
    """Whose rows: the master secret, and what its streams are named for."""

    secret: bytes
    trial_id: str
    purpose: str


Listed = Mapping[str, Sequence[Row]]
"""The rows of a list: by canonical stratum key, in order of position from 1."""

Places = tuple[int, int]
"""First and last of a run of places."""


class StratumEntry(TypedDict):
    """``reserved``: first and last of the places kept for sealed envelopes, where there are some."""

    rows: int
    hash: str
    reserved: NotRequired[list[int]]


class Manifest(TypedDict):
    """What a list is, without the list. Restricted: ``parameters`` holds the block sizes.

    ``origin``: generated or imported. ``file``: keyed hash of the imported file. ``extends``: hash of the manifest that
    this one takes the place of, when rows were added.
    """

    algorithm: str
    origin: str
    trial_id: str
    purpose: str
    parameters: Parameters
    commitment: str
    made_by: str
    made_at: str
    versions: dict[str, str]
    rows: int
    strata: dict[str, StratumEntry]
    list_hash: str
    file: NotRequired[str]
    extends: NotRequired[str]


def canonical_stratum_key(levels: Mapping[str, str]) -> str:
    """``{'site': 'UMCG', 'age': 'old'}`` -> ``'age=old;site=UMCG'``: sorted by factor, so the order given is nothing.

    Without factors the key is ``'all'``. DesignRefused when a factor or level has other characters than NAME allows.
    """
    wrong = [text for pair in levels.items() for text in pair if not NAME.fullmatch(text)]
    if wrong:
        raise DesignRefused(*(finding(_LEVEL_NAME, name=name) for name in wrong))
    return ";".join(f"{factor}={level}" for factor, level in sorted(levels.items())) or UNSTRATIFIED


def make_rows(
    design: Design, *, secret: bytes, trial_id: str, purpose: str, stratum_key: str, count: int, start: int = 1
) -> list[Row]:
    """Rows ``start`` to ``start + count - 1`` of one stratum, the same whatever part is asked for.

    The list is walked from its beginning, so a late start saves no time (about 1 s a million rows).
    DesignRefused when the rows do not lie within 1 to LONGEST_LIST.
    """
    if start < 1 or count < 0 or start + count - 1 > LONGEST_LIST:
        raise DesignRefused(finding(_RANGE, start=start, count=count, longest=LONGEST_LIST))
    walk = rows(design, Words(chunks(secret, trial_id, purpose, stratum_key)))
    return list(islice(walk, start - 1, start - 1 + count))


def rows(design: Design, words: Words) -> Iterator[Row]:
    """The rows of a list, without end."""
    state, position = State(), 0
    while True:
        arm, state = design.step(state, words)
        position += 1
        yield Row(position, state.block, arm)


def commitment(secret: bytes, trial_id: str) -> str:
    """Hex SHA-256 that binds secret and trial and tells nothing of either list; public from the day of making."""
    return hashlib.sha256(tagged("commitment", secret, trial_id)).hexdigest()


def content_commitment(content: str, *, secret: bytes, trial_id: str, purpose: str) -> str:
    """The commitment of an imported list: binds the list hash (``content``) too, since no secret makes its rows."""
    return hashlib.sha256(tagged("content", secret, trial_id, purpose, content)).hexdigest()


def rows_hash(listed: Iterable[Row], *, secret: bytes, trial_id: str, purpose: str, stratum_key: str) -> str:
    """Hex HMAC-SHA-256 over the rows as text, with a key derived from the secret.

    A bare hash could be guessed before the reveal: four rows in a block of four have six possible contents. Without the
    key no guess can be checked; once the secret is revealed, anyone can make the key.
    """
    key = hashlib.sha256(tagged("rows", secret, trial_id, purpose, stratum_key)).digest()
    text = "".join(f"{row.position},{row.block},{row.arm}\n" for row in listed)
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def file_hash(content: bytes, *, secret: bytes, trial_id: str, purpose: str) -> str:
    """Hex HMAC-SHA-256 of an imported file, keyed for the reason that ``rows_hash`` gives."""
    key = hashlib.sha256(tagged("file", secret, trial_id, purpose)).digest()
    return hmac.new(key, content, hashlib.sha256).hexdigest()


def position_hash(secret: bytes, *, trial_id: str, purpose: str, stratum_key: str, position: int) -> str:
    """Hex HMAC-SHA-256 of a place in a list, with a key derived from the secret (docs/randomization.md, section 6).

    A bare hash would tell the position, for there are few; with the key nobody can find it before the reveal, and
    anybody can check it afterwards. ValueError unless the secret has 32 bytes.
    """
    key = hashlib.sha256(tagged("position", secret, trial_id, purpose, stratum_key)).digest()
    return hmac.new(key, str(position).encode(), hashlib.sha256).hexdigest()


def canonical_json(value: object) -> str:
    """One fixed spelling: keys sorted, no spaces, every character outside ASCII as itself."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def list_hash(strata: Mapping[str, StratumEntry]) -> str:
    """Hex SHA-256 of the whole list: over the canonical JSON of the entries of its strata."""
    return hashlib.sha256(canonical_json(strata).encode()).hexdigest()


def manifest_hash(manifest: Manifest) -> str:
    """Hex SHA-256 of the manifest's canonical JSON. It betrays no parameter: the keyed hashes inside salt it."""
    return hashlib.sha256(canonical_json(manifest).encode()).hexdigest()


def software_versions() -> dict[str, str]:
    """Versions of what took part in making a list."""
    return {"python": python_version()} | {name: metadata.version(name) for name in ("cryptography", "numpy")}


class Making(TypedDict):
    """What a manifest says of how a list came about. ``made_at``: with a zone."""

    made_by: str
    made_at: datetime


def generated_rows(design: Design, lengths: Mapping[str, int], **stream: Unpack[Stream]) -> dict[str, list[Row]]:
    """The rows of every stratum that the secret makes. ``lengths``: by canonical stratum key."""
    return {key: make_rows(design, stratum_key=key, count=length, **stream) for key, length in lengths.items()}


def make_manifest(
    design: Design,
    *,
    secret: bytes,
    trial_id: str,
    purpose: str,
    lengths: Mapping[str, int],
    reserved: Mapping[str, Places] | None = None,
    **making: Unpack[Making],
) -> Manifest:
    """The manifest of a list. ``lengths``: rows of each stratum, by canonical stratum key.

    ``reserved``: by stratum, the places kept for sealed envelopes. DesignRefused for a length out of range; ValueError
    for a time without a zone.
    """
    stream = Stream(secret=secret, trial_id=trial_id, purpose=purpose)
    strata = stratum_entries(generated_rows(design, lengths, **stream), reserved or {}, **stream)
    published = commitment(secret, trial_id)
    return _manifest(GENERATED, design.parameters(), published, strata, trial_id, purpose, **making)


def imported_manifest(
    listed: Listed,
    *,
    ratio: Mapping[str, int],
    file: bytes,
    secret: bytes,
    trial_id: str,
    purpose: str,
    reserved: Mapping[str, Places] | None = None,
    **making: Unpack[Making],
) -> Manifest:
    """The manifest of a list made elsewhere. ``file``: its bytes as given; ``secret``: a fresh one, it keys the hashes.

    Errors as in ``make_manifest``.
    """
    stream = Stream(secret=secret, trial_id=trial_id, purpose=purpose)
    strata = stratum_entries(listed, reserved or {}, **stream)
    published = content_commitment(list_hash(strata), **stream)
    parameters: Parameters = {"method": IMPORTED, "ratio": dict(sorted(ratio.items()))}
    manifest = _manifest(IMPORTED, parameters, published, strata, trial_id, purpose, **making)
    return {**manifest, "file": file_hash(file, **stream)}


def stratum_entries(
    listed: Listed, reserved: Mapping[str, Places], **stream: Unpack[Stream]
) -> dict[str, StratumEntry]:
    """What a manifest says of each stratum."""
    entries = {
        key: StratumEntry(rows=len(rows), hash=rows_hash(rows, stratum_key=key, **stream))
        for key, rows in listed.items()
    }
    for key, places in reserved.items():
        entries[key]["reserved"] = list(places)
    return entries


def _manifest(
    origin: str,
    parameters: Parameters,
    published: str,
    strata: dict[str, StratumEntry],
    trial_id: str,
    purpose: str,
    *,
    made_by: str,
    made_at: datetime,
) -> Manifest:
    if made_at.tzinfo is None:
        raise ValueError("The time at which a list was made needs a time zone.")
    return Manifest(
        algorithm=ALGORITHM,
        origin=origin,
        trial_id=trial_id,
        purpose=purpose,
        parameters=parameters,
        commitment=published,
        made_by=made_by,
        made_at=made_at.astimezone(UTC).isoformat(timespec="seconds"),
        versions=software_versions(),
        rows=sum(entry["rows"] for entry in strata.values()),
        strata=strata,
        list_hash=list_hash(strata),
    )


_LEVEL_NAME = gettext_noop(
    "The factor or level %(name)r cannot name a stratum: write 1 to 40 unaccented letters, digits, points, hyphens or "
    "underscores."
)
_RANGE = gettext_noop("A list cannot hold %(count)s rows from position %(start)s: positions run from 1 to %(longest)s.")
