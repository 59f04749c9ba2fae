"""A list that is made longer: which strata have how many rows then, and by which design. Pure.

What a list has stays as it is: rows are added behind the last, and strata beside the others. The generator sees to it
that neither changes a row that is there (docs/randomization.md, sections 3 and 13).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from randomization.methods.definition import design_of, lengths_of, sources_of
from randomization.methods.designs import Design, Minimisation, Parameters, design_from
from randomization.methods.findings import DesignRefused, Finding, finding, gettext_noop
from randomization.methods.lists.rows import IMPORTED, canonical_stratum_key
from trialmgr.protocol.model import StudyDefinition

Lengths = Mapping[str, int]


def wanted_lengths(texts: Iterable[str]) -> dict[str, int]:
    """``["site=UMCG=240"]`` -> ``{"site=UMCG": 240}``, its factors in any order. DesignRefused with every reason."""
    wanted, refusals = dict[str, int](), list[Finding]()
    for text in texts:
        stratum, _, rows = (part.strip() for part in text.rpartition("="))
        if not stratum or not rows.isdecimal() or len(rows) > 9:
            refusals.append(finding(_UNREADABLE, text=text.strip()))
        else:
            wanted[_canonical(stratum)] = int(rows)
    if refusals:
        raise DesignRefused(*refusals)
    return wanted


def _canonical(stratum: str) -> str:
    """The same factors in the order of a key; what is no key at all stays as it is, and is then no stratum."""
    levels = dict(part.strip().split("=", 1) for part in stratum.split(";") if "=" in part)
    return canonical_stratum_key(levels) if levels else stratum


def extended_lengths(
    study: StudyDefinition,
    before: Lengths,
    *,
    to: int | None = None,
    each: Lengths | None = None,
    levels_added: bool = False,
) -> dict[str, int]:
    """The length of every stratum once the list is extended. ``before``: its lengths now, by stratum key.

    ``each``: the new length of single strata; ``to``: of every other stratum of the study definition that is shorter,
    also of one that is new in it. With neither, the length is the one that the definition names. ``levels_added``:
    the extension is worth making though no stratum grows. DesignRefused with every reason.
    """
    named, strata = dict(each or {}), lengths_of(study)
    refusals = list(_refusals(before, named, {*before, *strata}))
    if not named or to is not None:
        named = {key: max(to or rows, before.get(key, 0)) for key, rows in strata.items()} | named
    after = {**before, **named}
    if not refusals and not levels_added and after == dict(before):
        refusals = [finding(_NOTHING)]
    if refusals:
        raise DesignRefused(*refusals)
    return after


def _refusals(before: Lengths, named: Lengths, known: Collection[str]) -> Iterator[Finding]:
    for key, rows in named.items():
        if key not in known:
            yield finding(_NO_STRATUM, stratum=key, strata=", ".join(sorted(known)))
        elif rows <= before.get(key, 0):
            yield finding(_SHORTER, stratum=key, rows=before.get(key, 0), wanted=rows)


def extended_design(study: StudyDefinition, parameters: Parameters, sources: Mapping[str, str]) -> Design:
    """The design of a list with these parameters, as the study definition lets it go on; levels may have come to it.

    ``sources``: the list's factors. DesignRefused when the list was imported, or when the definition has come to
    describe another design: that is a new list.
    """
    if parameters["method"] == IMPORTED:
        raise DesignRefused(finding(_IMPORTED))
    now = design_of(study).parameters()
    if _scheme(now) != _scheme(parameters) or sources_of(study) != dict(sources):
        raise DesignRefused(finding(_OTHER_DESIGN))
    return design_from(_with_levels_of_both(parameters, now))


def _scheme(parameters: Parameters) -> Parameters:
    """What may not change: of the factors of minimisation their weights, but not their levels."""
    factors: Mapping[str, Any] = parameters.get("factors", {})
    return {**parameters, "factors": {name: factor["weight"] for name, factor in factors.items()}}


def _with_levels_of_both(before: Parameters, now: Parameters) -> Parameters:
    if before["method"] != Minimisation.method:
        return before
    factors = {
        name: {**factor, "levels": sorted({*factor["levels"], *now["factors"][name]["levels"]})}
        for name, factor in before["factors"].items()
    }
    return {**before, "factors": factors}


_UNREADABLE = gettext_noop("%(text)r is no stratum with its rows: write for example site=UMCG=240.")
_NO_STRATUM = gettext_noop("%(stratum)s is no stratum of this trial. Its strata: %(strata)s.")
_SHORTER = gettext_noop("Stratum %(stratum)s has %(rows)s rows already: %(wanted)s would not make it longer.")
_NOTHING = gettext_noop("Every stratum has these rows already: nothing would be added.")
_IMPORTED = gettext_noop("An imported list cannot be made longer here: import a new list.")
_OTHER_DESIGN = gettext_noop(
    "The study definition in force describes another design than this list has: make a new list instead."
)
