"""The accelerator is the plain version, element by element."""

from itertools import islice, repeat
from random import Random

import numpy as np
import pytest

from randomization.methods.designs import Design, block_urn, permuted_blocks
from randomization.methods.lists.arrays import ListArrays, arrays_from, counted_arrays_from, make_arrays
from randomization.methods.lists.rows import Row, make_rows, rows
from randomization.methods.words import CHUNK_BYTES, Words, chunks
from tests.randomization.methods.random_designs import random_design


def assert_equal(made: ListArrays, design: Design, plain: list[Row]) -> None:
    names = [arm for arm, _ in design.ratio]
    assert made.block.tolist() == [row.block for row in plain]
    assert [names[arm] for arm in made.arm] == [row.arm for row in plain]


def test_arrays_equal_the_plain_version_on_a_thousand_random_designs() -> None:
    random = Random(20270301)  # noqa: S311  # chooses test cases
    for _ in range(1000):
        design = random_design(random)
        secret, count = random.randbytes(32), random.randint(0, 150)
        made = make_arrays(design, secret=secret, trial_id="T", purpose="live", stratum_key="all", count=count)
        plain = make_rows(design, secret=secret, trial_id="T", purpose="live", stratum_key="all", count=count)
        assert_equal(made, design, plain)


def test_arrays_equal_the_plain_version_over_many_chunks() -> None:
    design, secret = permuted_blocks({"a": 2, "b": 1, "c": 1}, {4: 1, 8: 2, 12: 1}), bytes(32)
    made = make_arrays(design, secret=secret, trial_id="T", purpose="test", stratum_key="site=A1", count=20_000)
    assert_equal(
        made,
        design,
        make_rows(design, secret=secret, trial_id="T", purpose="test", stratum_key="site=A1", count=20_000),
    )
    assert made.block.dtype == np.int64


@pytest.mark.parametrize("at", [0, 3, 100])
@pytest.mark.parametrize("count", [0, 50, 900])
def test_a_rejected_word_is_met_as_in_the_plain_version(at: int, count: int) -> None:
    design = permuted_blocks({"a": 2, "b": 1}, {3: 1, 6: 2})
    first = next(chunks(bytes(32), "T", "live", "all"))
    rejecting = first[: 8 * at] + b"\xff" * 8 + first[8 * at + 8 :]
    made = arrays_from(design, [rejecting], repeat(first), count)
    assert len(rejecting) == CHUNK_BYTES
    assert_equal(made, design, list(islice(rows(design, Words([rejecting, first, first])), count)))


@pytest.mark.parametrize("at", [0, 3, 100])
@pytest.mark.parametrize("count", [0, 50, 900])
def test_a_design_without_blocks_meets_a_rejected_word_as_in_the_plain_version(at: int, count: int) -> None:
    design = block_urn({"a": 2, "b": 1}, lam=3)
    first = next(chunks(bytes(32), "T", "live", "all"))
    rejecting = first[: 8 * at] + b"\xff" * 8 + first[8 * at + 8 :]
    made = counted_arrays_from(design, [rejecting], repeat(first), count)
    assert_equal(made, design, list(islice(rows(design, Words([rejecting, first, first])), count)))
