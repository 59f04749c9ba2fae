"""Studies without arms live in a fresh installation: registered, enrolled, treated, decided upon, ended, proved."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.installation import installation
from tests.sizes import size

pytestmark = pytest.mark.slow

PHASES = {
    "umcg_off_label": ["treatment", "home"],
    "nasal_spray_registry": ["induction", "optimisation", "maintenance"],
    "iv_maintenance": ["series", "maintenance"],
}
# Visits that show each study's own rhythm: the last occurrence of what returns.
RHYTHM = {
    "umcg_off_label": {"session-12", "week_6", "online-6", "online_monthly-9", "home_quarter-4"},
    "nasal_spray_registry": {"session_induction-8", "session_optimisation-4", "session_maintenance-26", "two_months-6"},
    "iv_maintenance": {"session-6", "after_session_6", "session_maintenance-13", "maintenance_check-6"},
}
STUDIES = size(["umcg_off_label"], list(PHASES))


@pytest.mark.parametrize("study", STUDIES)
def test_one_participant_goes_through_every_phase(study: str, tmp_path: Path) -> None:
    with installation(tmp_path, demo=True) as site:
        found = site.ask("-m", "tests.rehearsal.other_study", study)
        site.run("manage.py", "audit", "verify")
    assert found["opened"] == PHASES[study]
    assert found["status"] == "completed"
    assert RHYTHM[study] <= set(found["visits"])
    assert (found["open_points"], found["whole"]) == (0, True)
    assert set(found["pages"]) == {"coordinator", "investigator", "statistician", "unblinded_statistician", "rater"}
    assert {role: words for role, words in found["pages"].items() if words} == {}


def test_a_study_is_chosen_by_name_and_holds_from_then_on(tmp_path: Path) -> None:
    with installation(tmp_path, demo=True) as site:
        rehearse = ("manage.py", "trial", "rehearse", "--participants", "1", "--json", "--study")
        told = json.loads(site.run(*rehearse, "iv_maintenance"))
        assert told["counts"] == {"completed": 1, "allocations": 0}
        again = site.start(*rehearse, "reset_trd")
        assert "participants already" in "".join(again.communicate())
