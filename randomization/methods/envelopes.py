"""Names of sealed envelopes: ``<list>-<letter of the stratum>-<number>``, such as ``1-C-04``.

The letter counts the strata of a list in the order in which they were made, so a stratum that is added later changes no
name. The number counts the places reserved in that stratum, from 01; it does not tell how long the stratum is.
"""

from __future__ import annotations

import re
from string import ascii_uppercase

_NAME = re.compile(r"([0-9]{1,9})-([A-Z]{1,4})-([0-9]{1,9})")


def name_read(name: str) -> tuple[int, int, int] | None:
    """Numbers of list, stratum (from 1) and envelope; None for a text that no envelope is called."""
    found = _NAME.fullmatch(name.strip().upper())
    return None if found is None else (int(found[1]), number_of(found[2]), int(found[3]))


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
