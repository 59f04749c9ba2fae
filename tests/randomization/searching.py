"""Looks for what is to come in a list, in anything stored or told: in clear, spelt in signs, or as its secret."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from randomization.methods.words import chunks, tagged
from tests.randomization.dumps import Row

WINDOW = 24
"""Rows to come that a text must spell in a row to betray them: by chance that happens once in ten thousand texts."""

SIGNS = (("0", "1"), ("1", "2"), ("a", "b"), ("A", "B"), ("t", "c"), ("T", "C"), ("true", "false"))
BETWEEN = ("", ",", ", ", " ", "\n", ";", '","', '", "')


@dataclass(frozen=True)
class Truth:
    """What nobody may find. ``to_come``: by stratum the arms not allocated yet; ``names``: arm -> all its spellings."""

    secret: bytes
    key: bytes
    trial_id: str
    to_come: Mapping[str, Sequence[str]]
    names: Mapping[str, tuple[str, ...]]

    def secrets(self) -> Iterator[bytes]:
        """The secrets themselves and what is made of them on the way to the rows."""
        yield from (self.secret, self.key)
        for stratum in self.to_come:
            yield hashlib.sha256(tagged("rows", self.secret, self.trial_id, "live", stratum)).digest()
            yield next(chunks(self.secret, self.trial_id, "live", stratum))[:16]

    def spelt(self) -> Iterator[str]:
        """Each stretch of rows to come, in every pair of signs."""
        first = next(iter(self.names))
        for arms in self.to_come.values():
            for begin in range(len(arms) - WINDOW + 1):
                for one, other in (*SIGNS, *zip(*self.names.values(), strict=True)):
                    for signs in ({True: one, False: other}, {True: other, False: one}):
                        stretch = [signs[arm == first] for arm in arms[begin : begin + WINDOW]]
                        yield from (between.join(stretch) for between in BETWEEN)


@dataclass
class Searcher:
    truth: Truth
    _secret: re.Pattern[bytes] = field(init=False)
    _spelt: frozenset[bytes] = field(init=False)
    _lengths: frozenset[int] = field(init=False)
    _candidate: re.Pattern[bytes] = field(init=False)

    def __post_init__(self) -> None:
        spellings = {spelling for secret in self.truth.secrets() for spelling in _spellings(secret)}
        self._secret = re.compile(b"|".join(map(re.escape, sorted(spellings))), re.IGNORECASE)
        self._spelt = frozenset(text.encode() for text in self.truth.spelt())
        self._lengths = frozenset(map(len, self._spelt))
        signs = {sign for pairs in (SIGNS, self.truth.names.values()) for pair in pairs for sign in pair}
        one, between = ("|".join(sorted(map(re.escape, each), key=len, reverse=True)) for each in (signs, set(BETWEEN)))
        self._candidate = re.compile(f"(?:(?:{one})(?:{between})){{{WINDOW - 1},}}(?:{one})".encode())

    def in_bytes(self, text: bytes) -> list[str]:
        """Secrets, and stretches of rows to come."""
        found = [f"a secret: {match[0][:8]!r}" for match in self._secret.finditer(text)]
        return found + [f"rows to come: {each[:24]!r}" for each in self._stretches(text)]

    def _stretches(self, text: bytes) -> Iterator[bytes]:
        """Only texts of one sign, or one name, after the other can spell an arm: few places have to be compared."""
        for match in self._candidate.finditer(text):
            held = match[0]
            places = ((begin, length) for length in self._lengths for begin in range(len(held) - length + 1))
            yield from (held[a : a + b] for a, b in places if held[a : a + b] in self._spelt)

    def arms_named(self, text: str) -> set[str]:
        return {arm for arm, names in self.truth.names.items() if any(name in text for name in names)}

    def in_row(self, row: Row, allocated: Mapping[str, str], ids: Mapping[int, str]) -> list[str]:
        """One arm alone may be named of a participant who has it: ``allocated`` by number, ``ids`` by row."""
        text = as_text(row)
        named = self.arms_named(text)
        about = {arm for number, arm in allocated.items() if number in text}
        about |= {ids[key] for key in [row.cells.get("participant_id", 0)] if key in ids}
        found = self.in_bytes(text.encode())
        if len(named) == 1 and named != about:
            found.append(f"{named} in clear, not of a participant who has it")
        return [f"{row.table}: {each}" for each in found]


def as_text(row: Row) -> str:
    return json.dumps({name: _plain(value) for name, value in row.cells.items()}, ensure_ascii=False)


def _plain(value: Any) -> Any:
    """Bytes as the signs they may hold, so that a text hidden in them is found."""
    if isinstance(value, bytes | memoryview):
        return bytes(value).decode("latin-1")
    return value if isinstance(value, int | str | None) else str(value)


def _spellings(secret: bytes) -> Iterable[bytes]:
    yield secret
    for turned in (secret, secret[::-1]):
        yield turned.hex().encode()
        yield base64.b64encode(turned).rstrip(b"=")
        yield base64.urlsafe_b64encode(turned).rstrip(b"=")
        yield str(int.from_bytes(turned, "big")).encode()
        yield base64.b32encode(turned).rstrip(b"=")
