"""What is compared: designs by short name or file, and participants by the shares that are expected."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from randomization.methods.comparison.choices import asked_for, designs_to_compare
from randomization.methods.comparison.expectations import equal_shares, recruitment_of, shares_from
from randomization.methods.definition import design_of
from randomization.methods.designs import METHODS, design_named, name_of
from randomization.methods.findings import DesignRefused
from randomization.models import Allocation
from randomization.queries.comparison import is_open_label, observed_shares
from tests import walk
from tests.commands.calling import called
from tests.randomization.methods.random_designs import random_design
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.protocol.model import StudyDefinition

EQUAL = {"a": 1, "b": 1}
LEVELS = {"site": ("N", "S"), "sex": ("f", "m")}


# --- short names -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "blocks:4",
        "blocks:4,6",
        "blocks:2,4x3,6",
        "big_stick:3",
        "block_urn:2",
        "biased_coin:2/3",
        "biased_coin_with_tolerance:2/3,3",
        "urn:0,1",
        "asymptotic_maximal:3",
        "minimisation:variance,4/5",
        "complete",
    ],
)
def test_a_short_name_gives_a_design_and_the_design_its_name(name: str) -> None:
    assert name_of(design_named(name, ratio=EQUAL, factors=LEVELS)) == name


def test_every_method_has_a_short_name() -> None:
    known = {str(design_named(name, ratio=EQUAL, factors=LEVELS).parameters()["method"]) for name in _ONE_OF_EACH}
    assert known == set(METHODS)


_ONE_OF_EACH = (
    "blocks:4",
    "complete",
    "big_stick:1",
    "block_urn:1",
    "biased_coin:2/3",
    "biased_coin_with_tolerance:2/3,3",
    "urn:0,1",
    "asymptotic_maximal:3",
    "minimisation:range,4/5",
)


@pytest.mark.parametrize(
    "name", ["", "blocks", "blocks:four", "blocks:4,", "big_stick", "complete:1", "urn:1", "coin:2/3"]
)
def test_what_is_no_name_is_refused_with_examples(name: str) -> None:
    if name == "blocks:4,":
        assert name_of(design_named(name, ratio=EQUAL, factors={})) == "blocks:4"
        return
    with pytest.raises(DesignRefused, match="names no design"):
        design_named(name, ratio=EQUAL, factors={})


def test_a_name_with_parameters_that_cannot_be_is_refused_with_the_reason() -> None:
    for name in ("blocks:5", "big_stick:99", "biased_coin:0.7"):
        with pytest.raises(DesignRefused) as refused:
            design_named(name, ratio=EQUAL, factors={})
        assert "names no design" not in str(refused.value)


# --- expected shares -------------------------------------------------------------------------------------------------


def test_shares_are_read_by_level_and_factors_not_named_are_equal() -> None:
    assert shares_from(["N=3", "S=0"], LEVELS) == {"site": {"N": 3, "S": 0}, "sex": {"f": 1, "m": 1}}
    assert shares_from(["sex:f=2", " sex:m = 1"], LEVELS)["sex"] == {"f": 2, "m": 1}
    assert shares_from([], LEVELS) == equal_shares(LEVELS)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (["N"], "cannot be read"),
        (["N=many", "S=1"], "cannot be read"),
        (["N=²", "S=1"], "cannot be read"),
        (["X=1"], "cannot be read"),
        (["age:N=1"], "cannot be read"),
        (["N=1"], "S is missing"),
        (["N=0", "S=0"], "every level has 0"),
    ],
)
def test_what_is_no_share_is_refused(written: list[str], said: str) -> None:
    with pytest.raises(DesignRefused, match=said):
        shares_from(written, LEVELS)


def test_a_level_of_two_factors_needs_its_factor() -> None:
    both = {"site": ("N", "S"), "region": ("N", "S")}
    with pytest.raises(DesignRefused, match="cannot be read"):
        shares_from(["N=1", "S=1"], both)
    assert shares_from(["site:N=2", "site:S=1"], both)["site"] == {"N": 2, "S": 1}


@given(
    st.dictionaries(st.sampled_from("NSEW"), st.integers(0, 9), min_size=2).filter(lambda found: any(found.values()))
)
def test_participants_fall_into_the_strata_by_their_shares(shares: dict[str, int]) -> None:
    found = recruitment_of(100, {"site": shares})
    assert {stratum.levels["site"]: stratum.weight for stratum in found.strata} == {
        level: share for level, share in shares.items() if share
    }


@pytest.mark.parametrize(
    ("participants", "shares", "said"),
    [
        (0, {"site": {"N": 1}}, "at least one participant"),
        (10, {"site": {str(number): 1 for number in range(256)}}, "at most 255"),
        (10, {"site": {"N": 4000}, "sex": {"f": 4000}}, "use smaller numbers"),
    ],
)
def test_what_cannot_be_simulated_is_refused(participants: int, shares: dict[str, dict[str, int]], said: str) -> None:
    with pytest.raises(DesignRefused, match=said):
        recruitment_of(participants, shares)


# --- this trial ------------------------------------------------------------------------------------------------------


def test_the_trials_own_design_comes_first_and_once(reset_trd: StudyDefinition) -> None:
    found = designs_to_compare(reset_trd)
    assert found[0] == design_of(reset_trd)
    assert len(found) == len(set(found)) == 12


def test_designs_are_asked_for_by_name_or_file_and_each_once(reset_trd: StudyDefinition, tmp_path: Path) -> None:
    as_json, as_yaml = tmp_path / "d.json", tmp_path / "d.yaml"
    as_json.write_text(json.dumps({"method": "permuted_blocks", "block_sizes": {"8": 1}}))
    as_yaml.write_text("method: minimisation\nmeasure: range\np: 4/5\nweights: {site: 2}\n")
    found = asked_for(["study", "blocks:4,6", str(as_json), str(as_yaml)], reset_trd, files=True)
    assert [name_of(design) for design in found] == ["blocks:4,6", "blocks:8", "minimisation:range,4/5"]
    assert found[2].parameters()["factors"]["site"]["weight"] == 2


@pytest.mark.parametrize("content", [b"- 1", b"a: [", b"\xff", b"{}"])
def test_a_file_that_is_no_design_is_refused(reset_trd: StudyDefinition, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "d.yaml"
    path.write_bytes(content)
    with pytest.raises(DesignRefused):
        asked_for([str(path)], reset_trd, files=True)


def test_without_leave_no_file_is_read(reset_trd: StudyDefinition, tmp_path: Path) -> None:
    path = tmp_path / "d.json"
    path.write_text('{"method": "complete"}')
    with pytest.raises(DesignRefused, match="names no design"):
        asked_for([str(path)], reset_trd)


@given(st.randoms(use_true_random=False))
def test_no_random_design_loses_its_name(random: Random) -> None:
    design = random_design(random)
    assert design_named(name_of(design), ratio=dict(design.ratio), factors={}) == design


def test_whoever_randomises_unblinded_makes_the_trial_open(reset_trd: StudyDefinition) -> None:
    assert is_open_label(reset_trd)
    blinded = tuple(role.model_copy(update={"blinded": True}) for role in reset_trd.roles)
    assert not is_open_label(reset_trd.model_copy(update={"roles": blinded}))


def test_shares_follow_recruitment_once_there_is_enough_of_it(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    levels = {"site": tuple(cast.sites)}
    for site in ("UMCG", "UMCG", "LUMC"):
        walk.randomised(cast, site)
    assert set(observed_shares(levels)["site"].values()) == {1}
    monkeypatch.setattr("randomization.queries.comparison.ENOUGH_TO_JUDGE", 3)
    assert observed_shares(levels)["site"] == dict.fromkeys(cast.sites, 1) | {"UMCG": 2}
    assert Allocation.objects.count() == 3


# --- command ---------------------------------------------------------------------------------------------------------


def test_the_command_prints_a_table_with_advice_and_writes_four_files(cast: Cast, tmp_path: Path) -> None:
    out = tmp_path / "new" / "folder"
    asked = ["--simulations", "40", "--participants", "30", "--seed", "s", "--out", str(out)]
    found = called("randomization", "compare", *asked)
    assert found.code == 0
    assert "Permuted blocks of 4 and 6" in found.out
    assert "The trial is open-label" in found.out
    assert {path.name for path in out.iterdir()} == {
        "comparison.csv",
        "comparison-strata.csv",
        "comparison.svg",
        "comparison.md",
    }
    again = called("randomization", "compare", *asked[:-1], str(tmp_path / "again"))
    for path in out.iterdir():
        assert path.read_text() == (tmp_path / "again" / path.name).read_text()
    assert again.out.replace("/again/", "/new/folder/") == found.out


def test_the_command_takes_designs_shares_and_language(cast: Cast, tmp_path: Path) -> None:
    shares = ["UMCG=2", "LUMC=1", "AUMC=0", "PROP=0", "PSYQ=0"]
    asked = ["--design", "study", "big_stick:3", "--expected", *shares, "--language", "nl", "--simulations", "20"]
    found = called("randomization", "compare", *asked, "--out", str(tmp_path), "--json")
    assert [each["name"] for each in found.answer["designs"]] == ["blocks:4,6", "big_stick:3"]
    assert len(found.answer["designs"][0]["strata"]) == 2
    assert "open-label" in found.answer["reason"]
    assert "Gepermuteerde blokken" in (tmp_path / "comparison.md").read_text()


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--simulations", "0"], 2, "at least one trial"),
        (["--participants", "0"], 1, "at least one participant"),
        (["--design", "blok:4"], 1, "names no design"),
        (["--design", "none.json"], 1, "cannot be read"),
        (["--expected", "UMCG=1"], 1, "is missing"),
        (["--design", "complete", "--simulations", "2", "--out", "/dev/null/x"], 2, "cannot be written"),
    ],
)
def test_the_command_names_what_cannot_be(cast: Cast, tmp_path: Path, options: list[str], code: int, said: str) -> None:
    found = called("randomization", "compare", "--out", str(tmp_path), *options)
    assert found.code == code
    assert said in found.err
