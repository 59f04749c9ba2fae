"""The normative generator ``trialmgr-list/1``: every random decision of a list comes from here.

Source: FIPS 202 for SHAKE-256; Durstenfeld, Algorithm 235, CACM 7 (1964) for the shuffle. Only the standard library
is used, because a list must come out the same in fifteen years; numpy promises that for raw streams alone (NEP 19).

Encoding. ``F(x)`` is the length of the byte string x as 8 bytes, little-endian, followed by x; texts are UTF-8.

Words. For one stratum and one purpose, chunk number c = 0, 1, 2, ... is the first 8192 bytes of SHAKE-256 over
``F("trialmgr-list/1") F("words") F(secret) F(trial id) F(purpose) F(stratum key)`` followed by c as 8 bytes,
little-endian. Each chunk gives 1024 words: 8 bytes each, little-endian, unsigned. The stream is the words of chunk 0,
then of chunk 1, and so on. A new chunk costs the same wherever it stands, and a longer stream keeps its beginning.

Bounded number, 0 <= r < n: take words until one is below 2^64 - (2^64 mod n); r is that word mod n. So even n = 1 takes
one word.

Weighted choice over integer weights w0, w1, ...: r = bounded(sum of the weights); the answer is the first index
whose running total of weights is greater than r.

Shuffle: for i from the last index down to 1: j = bounded(i + 1), exchange the entries i and j.
"""

from __future__ import annotations

import hashlib
import struct
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, chain, count
from typing import TypeVar

ALGORITHM = "trialmgr-list/1"
SECRET_BYTES = 32
CHUNK_BYTES = 8192
SPAN = 1 << 64

PURPOSES = ("live", "test", "rehearsal")

T = TypeVar("T")


def encode(*fields: bytes) -> bytes:
    """The fields one after the other, each behind its length, so that no two sequences of fields look the same."""
    return b"".join(len(field).to_bytes(8, "little") + field for field in fields)


def tagged(tag: str, secret: bytes, *texts: str) -> bytes:
    """Input of every hash of the algorithm: its name, what the hash is for, the secret, and the rest.

    ValueError unless the secret has 32 bytes.
    """
    if len(secret) != SECRET_BYTES:
        raise ValueError(f"The master secret must have {SECRET_BYTES} bytes, not {len(secret)}.")
    return encode(ALGORITHM.encode(), tag.encode(), secret, *(text.encode() for text in texts))


def chunks(secret: bytes, trial_id: str, purpose: str, stratum_key: str) -> Iterator[bytes]:
    """Chunks of 8192 bytes of one stratum's stream, without end. ValueError for a purpose that is not known."""
    if purpose not in PURPOSES:
        raise ValueError(f"The purpose must be one of {', '.join(PURPOSES)}, not {purpose!r}.")
    key = tagged("words", secret, trial_id, purpose, stratum_key)
    return (hashlib.shake_256(key + number.to_bytes(8, "little")).digest(CHUNK_BYTES) for number in count())


def _words_of(chunk: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(chunk) // 8}Q", chunk)


class Words:
    """A stream of 64-bit words and the three exact draws made of it. Each draw moves the stream on."""

    __slots__ = ("_words",)

    def __init__(self, source: Iterable[bytes]) -> None:
        self._words = chain.from_iterable(map(_words_of, source))

    def word(self) -> int:
        """The next word, 0 to 2^64 - 1."""
        return next(self._words)

    def bounded(self, n: int) -> int:
        """A number from 0 to n - 1, each exactly equally likely. ValueError unless 1 <= n <= 2^64."""
        if not 1 <= n <= SPAN:
            raise ValueError(f"A bounded number needs a bound from 1 to 2^64, not {n}.")
        limit = SPAN - SPAN % n
        word = next(self._words)
        while word >= limit:
            word = next(self._words)
        return word % n

    def weighted(self, weights: Sequence[int]) -> int:
        """An index of ``weights``, with probability its weight over their sum."""
        return bisect_right(list(accumulate(weights)), self.bounded(sum(weights)))

    def shuffle(self, entries: list[T]) -> None:
        """Put ``entries`` in random order, in place; every order exactly equally likely."""
        for i in range(len(entries) - 1, 0, -1):
            j = self.bounded(i + 1)
            entries[i], entries[j] = entries[j], entries[i]
