"""From the study definition to a design: the restricted part of ``study.yaml`` read as plain design data."""

from __future__ import annotations

from randomization.designs import Design, Parameters, design_from
from randomization.findings import DesignRefused, finding, gettext_noop
from trialmgr.protocol.model import RandomizationDesign, StratificationFactor, StudyDefinition


def design_of(study: StudyDefinition) -> Design:
    """The design that the study definition describes. DesignRefused when it has none or one that cannot be."""
    given = study.randomization
    if given is None:
        raise DesignRefused(finding(_NO_DESIGN, study=study.id))
    ratio = {arm.key: arm.ratio for arm in study.arms}
    return design_from({"method": given.method, "ratio": ratio, **_settings(study, given)})


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


_NO_DESIGN = gettext_noop("The study definition %(study)s describes no randomisation.")
