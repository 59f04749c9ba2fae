"""Whom a trial expects: how many fall into each stratum, from shares that people give or from recruitment so far."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from randomization.methods.comparison.simulation import LARGEST_WEIGHTS, Recruitment
from randomization.methods.findings import DesignRefused, Finding, finding, gettext_noop

Shares = Mapping[str, Mapping[str, int]]
"""Factor -> level -> whole number, against the other levels of that factor."""

Levels = Mapping[str, Sequence[str]]
MOST_STRATA = 255


def equal_shares(levels: Levels) -> Shares:
    return {factor: dict.fromkeys(of_factor, 1) for factor, of_factor in levels.items()}


def shares_from(written: Iterable[str], levels: Levels) -> Shares:
    """Shares as ``LEVEL=N``, or ``FACTOR:LEVEL=N`` where two factors know the level; factors not named are equal.

    DesignRefused with every fault: a level that is none, a number that is none, a factor named in part, all zeros.
    """
    read: dict[str, dict[str, int]] = {}
    faults: list[Finding] = []
    for text in written:
        place, _, number = text.partition("=")
        factor, level = _factor_and_level(place.strip(), levels)
        if level not in levels.get(factor, ()) or not number.strip().isascii() or not number.strip().isdigit():
            faults.append(finding(_NOT_READ, text=text))
        else:
            read.setdefault(factor, {})[level] = int(number)
    for factor, given in read.items():
        missing = [level for level in levels[factor] if level not in given]
        faults += [finding(_IN_PART, factor=factor, missing=", ".join(missing))] if missing else []
        faults += [] if any(given.values()) else [finding(_NOBODY, factor=factor)]
    if faults:
        raise DesignRefused(*faults)
    return {**equal_shares(levels), **read}


def _factor_and_level(place: str, levels: Levels) -> tuple[str, str]:
    if ":" in place:
        factor, _, level = place.partition(":")
        return factor, level
    knowing = [factor for factor, of_factor in levels.items() if place in of_factor]
    return (knowing[0] if len(knowing) == 1 else "", place)


def recruitment_of(participants: int, shares: Shares) -> Recruitment:
    """Factors independent, a level that nobody is expected in left out.

    DesignRefused without participants, with more strata than can be simulated or with numbers that are too large.
    """
    expected = {
        factor: {level: share for level, share in of_factor.items() if share} for factor, of_factor in shares.items()
    }
    if participants < 1:
        raise DesignRefused(finding(_NO_PARTICIPANTS))
    recruitment = Recruitment.over(participants, expected)
    if len(recruitment.strata) > MOST_STRATA:
        raise DesignRefused(finding(_TOO_MANY_STRATA, strata=len(recruitment.strata), most=MOST_STRATA))
    if sum(stratum.weight for stratum in recruitment.strata) > LARGEST_WEIGHTS:
        raise DesignRefused(finding(_TOO_LARGE, most=LARGEST_WEIGHTS))
    return recruitment


_NOT_READ = gettext_noop("The expected share %(text)r cannot be read: write LEVEL=NUMBER with a level of this trial.")
_IN_PART = gettext_noop("Give a number for every level of %(factor)s; %(missing)s is missing. Write 0 for nobody.")
_NOBODY = gettext_noop("Of the factor %(factor)s every level has 0: somebody has to be expected.")
_NO_PARTICIPANTS = gettext_noop("A comparison needs at least one participant.")
_TOO_MANY_STRATA = gettext_noop("There are %(strata)s strata; at most %(most)s can be simulated.")
_TOO_LARGE = gettext_noop("The expected numbers of the factors, multiplied, exceed %(most)s: use smaller numbers.")
