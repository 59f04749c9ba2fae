"""Edit checks, skip logic, derived items and gates as texts: a language of our own, three-valued and typed."""

from trialmgr.protocol.expressions.kinds import ExpressionError, Kind, KindOf, Path
from trialmgr.protocol.expressions.language import (
    DEEPEST,
    LONGEST,
    MOST_PARTS,
    RESERVED,
    Expression,
    known_functions,
    parse,
)
from trialmgr.protocol.expressions.nodes import Lookup

__all__ = [
    "DEEPEST",
    "LONGEST",
    "MOST_PARTS",
    "RESERVED",
    "Expression",
    "ExpressionError",
    "Kind",
    "KindOf",
    "Lookup",
    "Path",
    "known_functions",
    "parse",
]
