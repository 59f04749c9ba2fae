"""What a comparison of designs is made of: the trial's own design, the usual ones, and those that somebody names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from randomization.methods.comparison.figures import usual_designs
from randomization.methods.definition import design_of, factors_of, ratio_of
from randomization.methods.designs import Design, design_from, design_named
from randomization.methods.findings import DesignRefused, Finding, finding, gettext_noop
from trialmgr.protocol.model import StudyDefinition

OWN = "study"
"""The short name of the design of the study definition."""


def designs_to_compare(definition: StudyDefinition) -> list[Design]:
    """The trial's own design first, then the usual ones that differ from it."""
    own = design_of(definition)
    others = usual_designs(ratio_of(definition), factors_of(definition))
    return [own, *(design for design in others if design != own)]


def asked_for(written: Iterable[str], definition: StudyDefinition, *, files: bool = False) -> list[Design]:
    """Designs by short name or ``study``, with ``files`` also from a file. DesignRefused with each that is none."""
    found: dict[Design, None] = {}
    faults: list[Finding] = []
    for text in written:
        try:
            found[_design(text, definition, files)] = None
        except DesignRefused as refusal:
            faults += refusal.findings
    if faults:
        raise DesignRefused(*faults)
    return list(found)


def _design(text: str, definition: StudyDefinition, files: bool) -> Design:
    if text == OWN:
        return design_of(definition)
    if files and Path(text).suffix in (".json", ".yaml", ".yml"):
        return _from_file(Path(text), definition)
    return design_named(text, ratio=ratio_of(definition), factors=factors_of(definition))


def _from_file(path: Path, definition: StudyDefinition) -> Design:
    """Parameters as in a manifest, or as in the restricted part of a study; the trial's own arms and factors."""
    try:
        given: Any = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        raise DesignRefused(finding(_UNREADABLE, path=str(path), detail=str(error))) from error
    if not isinstance(given, Mapping):
        raise DesignRefused(finding(_UNREADABLE, path=str(path), detail="no parameters"))
    weights = given.get("weights", {})
    factors = {
        name: {"levels": list(levels), "weight": weights.get(name, 1)}
        for name, levels in factors_of(definition).items()
    }
    sizes = {str(size): weight for size, weight in given.get("block_sizes", {}).items()}
    return design_from({"ratio": ratio_of(definition), **given, "factors": factors, "block_sizes": sizes})


_UNREADABLE = gettext_noop("The design in %(path)s cannot be read (%(detail)s).")
