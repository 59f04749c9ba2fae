"""What must hold across a study definition, beyond the types of its parts.

Each rule is a generator over the definition that yields a finding with the path of the key at fault.
"""

from trialmgr.protocol.integrity import (
    allocation,
    blinding,
    circles,
    items,
    keys,
    monitoring,
    recruitment,
    references,
    rules,
    visits,
)
from trialmgr.protocol.integrity.blinding import arm_named
from trialmgr.protocol.integrity.findings import Findings
from trialmgr.protocol.model import StudyDefinition

__all__ = ["arm_named", "findings"]

_RULES = (
    *keys.RULES,
    *references.RULES,
    *visits.RULES,
    *items.RULES,
    *monitoring.RULES,
    *blinding.RULES,
    rules.findings,
    *circles.RULES,
    *allocation.RULES,
    *recruitment.RULES,
)


def findings(definition: StudyDefinition) -> Findings:
    """Every fault of meaning. References are judged only where the keys they go by are unique."""
    for rule in _RULES:
        yield from rule(definition)
