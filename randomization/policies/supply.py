"""Supply: the places of a stratum, the next one and those that are left."""

from __future__ import annotations

from randomization.models import Stratum


def next_position(stratum: Stratum) -> int | None:
    """The place after the one used last, passing over those kept for envelopes; None when none is left."""
    following = stratum.used + 1
    if stratum.reserved_from is not None and stratum.reserved_to is not None:
        following = stratum.reserved_to + 1 if stratum.reserved_from <= following <= stratum.reserved_to else following
    return following if following <= stratum.length else None


def places_left(stratum: Stratum) -> int:
    """Places that the cursor can still come to; those kept for envelopes are none of them."""
    ahead = 0
    if stratum.reserved_from is not None and stratum.reserved_to is not None and stratum.reserved_from > stratum.used:
        ahead = stratum.reserved_to - stratum.reserved_from + 1
    return stratum.length - stratum.used - ahead
