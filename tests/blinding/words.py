"""The words that must not reach a blinded person."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from trialmgr.protocol.model import StudyDefinition

# Beside what the definition calls the arms: names and parts of names by which a reader would know a treatment.
_PARTS = ("ketamin", "electroconvulsi", "elektroconvulsi", "session_esk", "session_ect")
_WHOLE = ("ect",)


@dataclass(frozen=True)
class ArmWords:
    """``patterns``: each begins with letters as they stand, in small letters; a text is searched for them one by one,
    for that takes a thirtieth of the time of one pattern of them all."""

    patterns: tuple[re.Pattern[str], ...]

    def search(self, text: str) -> re.Match[str] | None:
        small = text.lower()
        found = (pattern.search(small) for pattern in self.patterns)
        return next((each for each in found if each), None)


def arm_words(definition: StudyDefinition) -> ArmWords:
    """Finds any trace of an arm, in capitals or not."""
    names = {name.lower() for arm in definition.arms for name in (arm.key, arm.label.nl, arm.label.en)}
    return ArmWords((*map(re.compile, _PARTS), *_alone(sorted(names.union(_WHOLE)))))


def _alone(names: Iterable[str]) -> Iterable[re.Pattern[str]]:
    """With no letter on either side."""
    for name in map(re.escape, names):
        yield re.compile(rf"{name}(?<![a-z]{name})(?![a-z])")
