"""Scores of questionnaires: named, versioned functions over the items in the instrument's own order.

An item without an answer makes the total missing, unless the function says otherwise (one of a pair, a question that
is not asked). Items outside their bounds never get here: the form's ranges refuse them.
"""

from trialmgr.protocol.scoring import functioning, mood, other
from trialmgr.protocol.scoring.function import Answers, ScoreFunction

FUNCTIONS: dict[str, ScoreFunction] = {
    function.name: function for function in (*mood.FUNCTIONS, *functioning.FUNCTIONS, *other.FUNCTIONS)
}


def described(name: str) -> str:
    """Version and source of a scoring function, as the codebook of a release prints them; KeyError if unknown."""
    return f"version {FUNCTIONS[name].version}, {FUNCTIONS[name].source}"


__all__ = ["FUNCTIONS", "Answers", "ScoreFunction", "described"]
