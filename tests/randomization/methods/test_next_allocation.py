"""The next allocation of a minimised trial, from the log of the earlier ones and the words of the secret."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from randomization.methods.designs import MinimisedAllocation, State, minimisation, replay
from randomization.methods.designs.minimisation import next_allocation
from randomization.methods.words import Words, chunks

DESIGN = minimisation({"a": 2, "b": 1}, factors={"sex": ["f", "m"], "site": ["x", "y", "z"]}, measure="range", p="4/5")

LEVELS = st.fixed_dictionaries({"sex": st.sampled_from("fm"), "site": st.sampled_from("xyz")})


def stream() -> Iterator[bytes]:
    return chunks(bytes(range(32)), "TRIAL", "live", "all")


class TestNextAllocation:
    @settings(max_examples=30)
    @given(st.lists(LEVELS, max_size=40))
    def test_one_at_a_time_from_the_log_alone_gives_what_one_run_gives(self, people: list[dict[str, str]]) -> None:
        logged: list[MinimisedAllocation] = []
        words, state, whole = Words(stream()), State(), []
        for position, levels in enumerate(people, start=1):
            logged.append(next_allocation(DESIGN, logged, stream(), levels))
            record, state = DESIGN.allocate(state, words, levels, position=position)
            whole.append(record)
        assert logged == whole
        assert replay(DESIGN, logged, stream()) == []
