"""Names of sealed envelopes: ``<list>-<letter of the stratum>-<number>``, such as ``1-C-04``.

The letter counts the strata of a list in the order in which they were made, so a stratum that is added later changes no
name. The number counts the places reserved in that stratum, from 01; it does not tell how long the stratum is.
"""

from __future__ import annotations

import re
from string import ascii_uppercase

from randomization.models import ListRow, RandomizationList, Stratum

_NAME = re.compile(r"([0-9]{1,9})-([A-Z]{1,4})-([0-9]{1,9})")


def envelope_name(listed: RandomizationList, stratum: Stratum, position: int) -> str:
    """The name on the envelope of a reserved place. ValueError for a place that is not reserved.

    Reserved places of a stratum never move once they are set, so a name is for life.
    """
    if stratum.reserved_from is None or not is_reserved(stratum, position):
        raise ValueError(f"position {position} of stratum {stratum.key} is not reserved for an envelope")
    earlier = Stratum.objects.filter(list=listed, pk__lt=stratum.pk).count()
    return f"{listed.number}-{letters(earlier + 1)}-{position - stratum.reserved_from + 1:02d}"


def is_reserved(stratum: Stratum, position: int) -> bool:
    first, last = stratum.reserved_from, stratum.reserved_to
    return first is not None and last is not None and first <= position <= last


def envelope_row(name: str) -> ListRow | None:
    """The row in an envelope; None for a name that no envelope has. Small letters and spaces around it are forgiven."""
    found = _NAME.fullmatch(name.strip().upper())
    if found is None:
        return None
    strata = list(Stratum.objects.filter(list__number=int(found[1])).order_by("pk"))
    place, number = number_of(found[2]), int(found[3])
    if place > len(strata) or number < 1:
        return None
    stratum = strata[place - 1]
    position = (stratum.reserved_from or 0) + number - 1
    if not is_reserved(stratum, position):
        return None
    return ListRow.objects.filter(stratum=stratum, position=position).first()


def letters(number: int) -> str:
    """1 is A, 26 is Z, 27 is AA."""
    found = ""
    while number:
        number, place = divmod(number - 1, 26)
        found = ascii_uppercase[place] + found
    return found


def number_of(text: str) -> int:
    """The other way round."""
    number = 0
    for letter in text:
        number = number * 26 + ascii_uppercase.index(letter) + 1
    return number
