"""RESET-TRD with fewer forms that are due, so that walking to a visit costs a test less.

Every form stands at its visits and can be filled in. Due are those on which a criterion, a decision or a judgement
rests; how many the shipped study asks for is asked of it alone (``shipped``).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from django.conf import settings

from tests.sizes import FULL
from trialmgr.protocol.loader import load_study
from trialmgr.protocol.model import StudyDefinition

DUE = {
    "screening": ("demographics", "vital_signs", "madrs", "mini_plus", "treatment_history", "eligibility"),
    "baseline": ("madrs", "hdrs17", "ids_sr", "vital_signs", "kset_base"),
    "week_8": ("madrs", "hdrs17", "ids_sr", "vital_signs", "cssrs_since", "outcome"),
}


def shipped() -> StudyDefinition:
    return load_study(Path(settings.TRIALMGR_STUDIES) / "reset_trd")


# Ratings between baseline and the end of treatment, and of the year after it, for who walks all the way.
EACH_TIME = {f"{kind}_{number}": ("madrs",) for kind in ("week", "month") for number in range(1, 13)} | DUE


def of_this_size() -> StudyDefinition:
    """For walks through the whole trial; at full size what ships."""
    return shipped() if FULL else with_fewer_forms(EACH_TIME)


def with_fewer_forms(due: Mapping[str, tuple[str, ...]] = DUE) -> StudyDefinition:
    study = shipped()
    visits = (
        visit.model_copy(update={"required_forms": due.get(visit.key, visit.required_forms)}) for visit in study.visits
    )
    return study.model_copy(update={"visits": tuple(visits)})
