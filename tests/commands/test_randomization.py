from __future__ import annotations

import pytest

from randomization.findings import finding
from randomization.management.commands.randomization import Command
from randomization.models import RandomizationList
from tests import walk
from tests.commands.calling import called
from trialmgr.overview.rehearsal.cast import Cast


def test_making_prints_the_commitment_and_a_second_person_activates(cast: Cast) -> None:
    made = called("randomization", "make", "--as", "unblinded_statistician", "--json")
    number = str(made.answer["number"])
    assert made.code == 0
    assert made.answer["commitment"] == RandomizationList.objects.get(number=number).commitment
    assert called("randomization", "activate", number, "--as", "unblinded_statistician").code == 1
    assert called("randomization", "activate", number, "--as", "data_manager").code == 0
    assert RandomizationList.objects.get(number=number).status == "active"


def test_status_tells_of_every_list_and_of_none_of_its_rows(cast: Cast) -> None:
    found = called("randomization", "status", "--json")
    assert [each["status"] for each in found.answer["lists"]] == ["active"]
    assert "esketamine" not in found.out


def test_before_any_list_both_say_so(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RandomizationList, "objects", RandomizationList.objects.none())
    assert called("randomization", "status").out == "No list has been made.\n"
    assert called("randomization", "verify").out == "No list has been made.\n"


def test_every_allocation_is_recomputed(cast: Cast) -> None:
    walk.randomised(cast)
    found = called("randomization", "verify")
    assert (found.code, found.out) == (0, "list 1: agrees\n")


def test_what_the_list_does_not_bear_out_is_told(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    fault = finding("Stratum %(stratum)s was changed.", stratum="site=UMCG")
    monkeypatch.setattr(f"{Command.__module__}.list_findings", lambda listed: [fault])
    found = called("randomization", "verify", "1", "--json")
    assert (found.code, found.answer["findings"]) == (1, {"1": ["Stratum site=UMCG was changed."]})
    assert called("randomization", "verify").out == "list 1: 1 findings\nStratum site=UMCG was changed.\n"


def test_a_list_that_is_not_there_is_wrong_usage(db: None) -> None:
    assert called("randomization", "verify", "77").code == 2
