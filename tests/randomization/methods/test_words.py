from itertools import islice
from typing import Any

import pytest

from randomization.methods.words import CHUNK_BYTES, SPAN, Words, chunks, encode, tagged

SECRET = bytes(range(32))


def stream(*, secret: bytes = SECRET, trial_id: str = "T", purpose: str = "live", stratum_key: str = "all") -> Words:
    return Words(chunks(secret, trial_id, purpose, stratum_key))


def words_of(*words: int) -> Words:
    return Words([b"".join(word.to_bytes(8, "little") for word in words)])


def test_no_two_sequences_of_fields_are_encoded_alike() -> None:
    assert encode(b"ab", b"c") != encode(b"a", b"bc")
    assert encode(b"") != encode()


@pytest.mark.parametrize(
    "other",
    [{"secret": bytes(32)}, {"trial_id": "U"}, {"purpose": "test"}, {"purpose": "rehearsal"}, {"stratum_key": "a=b"}],
)
def test_secret_trial_purpose_and_stratum_each_give_another_stream(other: dict[str, Any]) -> None:
    def first(words: Words) -> list[int]:
        return [words.word() for _ in range(4)]

    assert first(stream()) == first(stream())
    assert first(stream()) != first(stream(**other))


def test_a_chunk_has_1024_words_and_the_stream_goes_on_in_the_next() -> None:
    first, second = islice(chunks(SECRET, "T", "live", "all"), 2)
    words = stream()
    drawn = [words.word() for _ in range(1025)]
    assert len(first) == CHUNK_BYTES
    assert drawn[0] == int.from_bytes(first[:8], "little")
    assert drawn[1024] == int.from_bytes(second[:8], "little")


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_secret_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        tagged("words", bytes(length))


def test_an_unknown_purpose_is_refused() -> None:
    with pytest.raises(ValueError, match="live, test, rehearsal"):
        chunks(SECRET, "T", "practice", "all")


def test_bounded_rejects_exactly_the_words_of_the_last_incomplete_group() -> None:
    highest_accepted = SPAN - SPAN % 3 - 1
    assert words_of(highest_accepted).bounded(3) == 2
    assert words_of(highest_accepted + 1, 7).bounded(3) == 1


def test_bounded_takes_one_word_even_when_there_is_nothing_to_choose() -> None:
    words = words_of(5, 9)
    assert words.bounded(1) == 0
    assert words.word() == 9


def test_bounded_by_a_power_of_two_rejects_nothing() -> None:
    assert words_of(SPAN - 1).bounded(SPAN) == SPAN - 1
    assert words_of(SPAN - 1).bounded(4) == 3


@pytest.mark.parametrize("bound", [0, -1, SPAN + 1])
def test_a_bound_out_of_range_is_refused(bound: int) -> None:
    with pytest.raises(ValueError, match="from 1 to 2"):
        words_of(1).bounded(bound)


def test_weighted_gives_each_index_as_many_numbers_as_its_weight() -> None:
    assert [words_of(word).weighted([2, 1, 3]) for word in range(6)] == [0, 0, 1, 2, 2, 2]
    assert words_of(0).weighted([0, 1]) == 1


def test_shuffle_goes_from_the_last_entry_down() -> None:
    entries = ["a", "b", "c", "d"]
    words_of(0, 1, 0).shuffle(entries)  # d with a, then c with b, then c with d
    assert entries == ["c", "d", "b", "a"]


def test_shuffle_of_one_entry_takes_no_word() -> None:
    words, entries = words_of(5), ["a"]
    words.shuffle(entries)
    assert entries == ["a"]
    assert words.word() == 5
