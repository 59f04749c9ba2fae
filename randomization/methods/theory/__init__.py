"""What can be known of a design before it is used, exactly: figures are fractions, found by counting every way.

The guesser knows all earlier allocations of the list and names the arm with the fewest of them; a tie is guessed at
random. With an unequal ratio it is the arm that is furthest short of its share after the next allocation; in permuted
blocks of unequal ratio, the arm with most places left in the block. Under minimisation the guesser also knows the
levels of all participants, and names the arm that is preferred. An allocation is certain when the design and the
earlier allocations leave one arm possible.

Minimisation is averaged over participants whose levels are independent and equally likely, unless ``patterns`` gives
the combinations of levels with integer weights. Where that would take hours, TooManyPlaces says how far it goes.
"""

from randomization.methods.blocks import (
    block_contents,
    certain_in_block,
    certain_share_of_blocks,
    correct_in_block,
    correct_share_of_blocks,
    sequences_per_block,
)
from randomization.methods.theory.figures import (
    counts_law,
    expected_certain,
    expected_correct_guesses,
    imbalance_law,
    maximal_procedure_sequences,
    moments,
    reference_set_size,
)
from randomization.methods.theory.levels import MOST_PLACES, TooManyPlaces
from randomization.methods.theory.limits import LongRun, long_run
from randomization.methods.theory.strata import (
    strata_correct_guesses,
    strata_imbalance_law,
    strata_variance,
    strata_variance_limit,
)

__all__ = [
    "MOST_PLACES",
    "LongRun",
    "TooManyPlaces",
    "block_contents",
    "certain_in_block",
    "certain_share_of_blocks",
    "correct_in_block",
    "correct_share_of_blocks",
    "counts_law",
    "expected_certain",
    "expected_correct_guesses",
    "imbalance_law",
    "long_run",
    "maximal_procedure_sequences",
    "moments",
    "reference_set_size",
    "sequences_per_block",
    "strata_correct_guesses",
    "strata_imbalance_law",
    "strata_variance",
    "strata_variance_limit",
]
