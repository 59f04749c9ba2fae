"""From the study definition to a design and its strata: the restricted part of the study read as plain design data."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

from randomization.methods.designs import Design, Minimisation, Parameters, design_from
from randomization.methods.findings import DesignRefused, finding, gettext_noop
from randomization.methods.lists.rows import Places, canonical_stratum_key
from trialmgr.protocol.model import RandomizationDesign, StratificationFactor, StudyDefinition, Text


def design_of(study: StudyDefinition) -> Design:
    """The design that the study definition describes. DesignRefused when it has none or one that cannot be."""
    given = randomization_of(study)
    return design_from({"method": given.method, "ratio": ratio_of(study), **_settings(study, given)})


def ratio_of(study: StudyDefinition) -> dict[str, int]:
    """Arm -> share."""
    return {arm.key: arm.ratio for arm in study.arms}


def sources_of(study: StudyDefinition) -> dict[str, str]:
    """Factor -> where its level is read."""
    return {factor.key: factor.source for factor in study.randomization.factors} if study.randomization else {}


def factor_label(study: StudyDefinition, factor: str, language: str) -> str:
    """A factor as people read it: the site, or the label of its item. Its key where this version has it no more."""
    source = sources_of(study).get(factor)
    if source is None:
        return factor
    if source == "site":
        return _SITE(language)
    _visit, form, item = source.split(".")
    return study.form(form).item(item).label(language)


def factors_of(study: StudyDefinition) -> dict[str, tuple[str, ...]]:
    """Factor -> its levels; none where the study describes no randomisation."""
    factors = study.randomization.factors if study.randomization else ()
    return {factor.key: levels_of(study, factor) for factor in factors}


def strata_of(study: StudyDefinition) -> list[dict[str, str]]:
    """The levels of every stratum: every combination of the factors' levels. Minimisation has one stratum, ``all``."""
    given = study.randomization
    if given is None or given.method == Minimisation.method:
        return [{}]
    levels = [levels_of(study, factor) for factor in given.factors]
    names = [factor.key for factor in given.factors]
    return [dict(zip(names, combination, strict=True)) for combination in itertools.product(*levels)]


def lengths_of(study: StudyDefinition) -> dict[str, int]:
    """Rows of each stratum by key; under minimisation the most allocations. DesignRefused without a design."""
    given = randomization_of(study)
    return {canonical_stratum_key(levels): given.length_per_stratum for levels in strata_of(study)}


def reserved_places(study: StudyDefinition, lengths: Mapping[str, int]) -> dict[str, Places]:
    """The last places of each stratum, kept for sealed envelopes. DesignRefused where that cannot be.

    They are not brought to whole blocks: their number would then tell the size of a block.
    """
    given = randomization_of(study)
    if not given.envelopes:
        return {}
    if given.method == Minimisation.method:
        raise DesignRefused(finding(_NO_ENVELOPES))
    short = {key: length for key, length in lengths.items() if length <= given.envelopes}
    if short:
        raise DesignRefused(
            *(finding(_TOO_SHORT, stratum=key, rows=short[key], envelopes=given.envelopes) for key in sorted(short))
        )
    return {key: (length - given.envelopes + 1, length) for key, length in lengths.items()}


def levels_of(study: StudyDefinition, factor: StratificationFactor) -> tuple[str, ...]:
    """The levels that a factor can have: codes of the sites, of a code list, or yes and no."""
    if factor.source == "site":
        return tuple(site.code for site in study.sites)
    _visit, form, item = factor.source.split(".")
    codelist = study.form(form).item(item).codelist
    return tuple(entry.code for entry in study.codelist(codelist).items) if codelist else ("yes", "no")


def _settings(study: StudyDefinition, given: RandomizationDesign) -> Parameters:
    """The parameters that were given; ``design_from`` takes those of its method."""
    named = {"mti": given.mti, "p": given.p, "lambda": given.lam, "a": given.a, "b": given.b, "measure": given.measure}
    settings: Parameters = {name: value for name, value in named.items() if value is not None}
    settings["block_sizes"] = {str(size): weight for size, weight in given.block_sizes.items()}
    settings["factors"] = {
        factor.key: {"levels": list(levels_of(study, factor)), "weight": given.weights.get(factor.key, 1)}
        for factor in given.factors
    }
    return settings


def randomization_of(study: StudyDefinition) -> RandomizationDesign:
    """The restricted part. DesignRefused when the study describes none."""
    if study.randomization is None:
        raise DesignRefused(finding(_NO_DESIGN, study=study.id))
    return study.randomization


_SITE = Text(nl="Centrum", en="Site")
_NO_DESIGN = gettext_noop("The study definition %(study)s describes no randomisation.")
_NO_ENVELOPES = gettext_noop(
    "Minimisation knows no allocation beforehand, so none can be put in an envelope: leave out envelopes."
)
_TOO_SHORT = gettext_noop(
    "Stratum %(stratum)s has %(rows)s rows, of which %(envelopes)s would be kept for envelopes: none would be left."
)
