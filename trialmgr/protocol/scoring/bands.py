"""Published bands of severity: the highest total of each band, from the lightest on.

Sources: MADRS Snaith 1986; HDRS-17 as in NINDS CDE; IDS-SR and QIDS-SR ids-qids.org. ``none`` to ``very_severe`` are
codes for a code list; a study may draw its lines elsewhere by a derived item.
"""

from __future__ import annotations

from decimal import Decimal

BANDS: dict[str, tuple[tuple[int, str], ...]] = {
    "madrs": ((6, "none"), (19, "mild"), (34, "moderate"), (60, "severe")),
    "hdrs17": ((7, "none"), (13, "mild"), (18, "moderate"), (22, "severe"), (52, "very_severe")),
    "ids_sr": ((13, "none"), (25, "mild"), (38, "moderate"), (48, "severe"), (84, "very_severe")),
    "qids_sr": ((5, "none"), (10, "mild"), (15, "moderate"), (20, "severe"), (27, "very_severe")),
    "msm": ((6, "mild"), (10, "moderate"), (15, "severe")),
}


def band(instrument: str, total: Decimal) -> str:
    """The band of a total. KeyError for an unknown instrument, ValueError for a total above its highest."""
    for last, name in BANDS[instrument]:
        if total <= last:
            return name
    raise ValueError(f"{total} is above the highest total of {instrument}")
