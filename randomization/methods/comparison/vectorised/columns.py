"""The words of many trials, and what is left of them after division."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from randomization.methods.words import CHUNK_BYTES, SPAN, Words

RawWords = npt.NDArray[np.uint64]

WORDS_OF_CHUNK = CHUNK_BYTES // 8


def limit_of(bound: int) -> int:
    """The smallest word that a draw with this bound rejects."""
    return SPAN - SPAN % bound


def remainders(words: RawWords, bound: int) -> RawWords:
    """``words % bound``: numpy divides by one number with multiplications, but not for ``%``."""
    whole = words // np.uint64(bound)
    whole *= np.uint64(bound)
    return words - whole


def words_from(source: Iterator[bytes], at_least: int) -> RawWords:
    words = np.empty(-(-at_least // WORDS_OF_CHUNK) * WORDS_OF_CHUNK, dtype="<u8")
    _fill(words, source)
    return words.astype(np.uint64, copy=False)


def _fill(words: npt.NDArray[np.uint64], source: Iterator[bytes]) -> None:
    """Words of whole chunks, written where they are to stand."""
    room = words.data.cast("B")
    for start, chunk in zip(range(0, len(room), CHUNK_BYTES), source, strict=False):  # the source has no end
        room[start : start + CHUNK_BYTES] = chunk


class Columns:
    """Words in rows as long as there are trials, made as far down as they are asked for."""

    def __init__(self, source: Iterator[bytes], trials: int) -> None:
        self.trials = trials
        self._source = source
        self._words = np.empty(0, dtype="<u8")
        self._made = 0

    def down_to(self, rows: int) -> RawWords:
        """At least ``rows`` rows, flat: the word of row r and trial t stands at r * trials + t."""
        if rows * self.trials > self._made:
            made = -(-rows * self.trials // WORDS_OF_CHUNK) * WORDS_OF_CHUNK
            self._make_room(made)
            _fill(self._words[self._made : made], self._source)
            self._made = made
        return self._words[: self._made]

    def _make_room(self, words: int) -> None:
        """For twice as many, so that going down row by row seldom copies; memory not written to costs nothing."""
        if words > len(self._words):
            roomier = np.empty(2 * words, dtype="<u8")
            roomier[: self._made] = self._words[: self._made]
            self._words = roomier

    def column(self, trial: int, rows: int) -> Words:
        return Words([self.down_to(rows)[trial : rows * self.trials : self.trials].tobytes()])

    def trials_with_words_from(self, limit: int, rows: int) -> list[int]:
        """The trials that have a word of at least ``limit`` in these rows."""
        words = self.down_to(rows)[: rows * self.trials]
        if limit >= SPAN or words.max() < np.uint64(limit):
            return []
        return sorted(set((np.flatnonzero(words >= np.uint64(limit)) % self.trials).tolist()))
