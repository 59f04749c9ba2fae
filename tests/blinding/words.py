"""The words that must not reach a blinded person."""

from __future__ import annotations

import re

from trialmgr.protocol.model import StudyDefinition

# Beside what the definition calls the arms: names and parts of names by which a reader would know a treatment.
_KNOWN = (r"ketamin", r"electroconvulsi", r"elektroconvulsi", r"(?<![a-z])ect(?![a-z])", r"session_esk", r"session_ect")


def arm_words(definition: StudyDefinition) -> re.Pattern[str]:
    """Matches any trace of an arm, in capitals or not."""
    names = {name for arm in definition.arms for name in (arm.key, arm.label.nl, arm.label.en)}
    return re.compile("|".join([*_KNOWN, *(rf"(?<![a-z]){re.escape(name)}(?![a-z])" for name in names)]), re.IGNORECASE)
