"""What a comparison of designs is made of in this trial: its own design, arms and factors, and whom it expects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from randomization.comparing.comparison import usual_designs
from randomization.comparing.expectations import Levels, Shares, equal_shares
from randomization.definition import design_of, factors_of, ratio_of
from randomization.designs import Design, design_from, design_named
from randomization.findings import DesignRefused, Finding, finding, gettext_noop
from randomization.models import Allocation
from trialmgr.people.permissions import PERMISSIONS, Role
from trialmgr.protocol.model import StudyDefinition

OWN = "study"
"""The short name of the design of the study definition."""

ENOUGH_TO_JUDGE = 20
"""From so many randomised participants on, their levels say more of those to come than equal shares do."""


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


def observed_shares(levels: Levels) -> Shares:
    """Participants randomised so far by level of each factor, at least 1; equal while there are too few to judge."""
    counted: Mapping[str, Counter[str]] = {factor: Counter() for factor in levels}
    randomised = Allocation.objects.order_by().values_list("levels", flat=True)
    for each in randomised:
        for factor in levels:
            counted[factor][each.get(factor, "")] += 1
    if len(randomised) < ENOUGH_TO_JUDGE:
        return equal_shares(levels)
    return {
        factor: {level: max(counted[factor][level], 1) for level in of_factor} for factor, of_factor in levels.items()
    }


def is_open_label(definition: StudyDefinition) -> bool:
    """Whether somebody who randomises may come to know the arms, and so could foresee the next."""
    return any(
        not role.blinded and "participants.randomise" in PERMISSIONS[Role(role.key)] for role in definition.roles
    )


_UNREADABLE = gettext_noop("The design in %(path)s cannot be read (%(detail)s).")
