"""From the study definition to a design: the restricted part of ``study.yaml`` read as plain design data."""

from __future__ import annotations

from randomization.designs import Design, permuted_blocks
from randomization.findings import DesignRefused, finding, gettext_noop
from trialmgr.protocol.model import StudyDefinition


def design_of(study: StudyDefinition) -> Design:
    """The design that the study definition describes. DesignRefused when it has none or one that cannot be."""
    if study.randomization is None:
        raise DesignRefused(finding(_NO_DESIGN, study=study.id))
    return permuted_blocks({arm.key: arm.ratio for arm in study.arms}, study.randomization.block_sizes)


_NO_DESIGN = gettext_noop("The study definition %(study)s describes no randomisation.")
