"""What the vectorised families stand on: words in columns, and division of whole arrays of words."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from randomization.methods.comparison.simulation import stream
from randomization.methods.comparison.vectorised import Columns, remainders, words_from
from randomization.methods.words import CHUNK_BYTES, SPAN

WORDS = st.lists(st.integers(0, SPAN - 1), min_size=1, max_size=20)


@given(WORDS, st.integers(1, SPAN - 1))
def test_remainders_of_words_are_those_of_whole_numbers(words: list[int], bound: int) -> None:
    found = remainders(np.array(words, dtype=np.uint64), bound)
    assert found.tolist() == [word % bound for word in words]


def test_words_are_those_of_the_stream_in_whole_chunks() -> None:
    chunks = stream("x", "allocations")
    expected = next(chunks) + next(chunks)
    assert words_from(stream("x", "allocations"), CHUNK_BYTES // 8 + 1).astype("<u8").tobytes() == expected


def test_words_not_asked_for_are_not_made() -> None:
    source = stream("x", "allocations")
    words_from(source, CHUNK_BYTES // 8)
    further = stream("x", "allocations")
    next(further)
    assert next(source) == next(further)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=8), st.integers(1, 300))
def test_columns_hold_the_same_words_whatever_the_steps_down(steps: list[int], trials: int) -> None:
    stepwise = Columns(stream("x", "allocations"), trials)
    for rows in steps:
        assert len(stepwise.down_to(rows)) >= rows * trials
    last = max(steps) * trials
    at_once = words_from(stream("x", "allocations"), last)
    assert stepwise.down_to(max(steps))[:last].tolist() == at_once[:last].tolist()
