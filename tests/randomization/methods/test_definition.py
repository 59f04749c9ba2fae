import json
from typing import Any

import pytest

from randomization.methods.definition import design_of, lengths_of, reserved_places
from randomization.methods.designs import (
    Design,
    asymptotic_maximal,
    biased_coin,
    biased_coin_with_tolerance,
    big_stick,
    block_urn,
    complete_randomization,
    minimisation,
    permuted_blocks,
    urn,
)
from randomization.methods.findings import DesignRefused
from trialmgr.protocol.model import StudyDefinition

WORD = {"nl": "woord", "en": "word"}
CRITERION = {"id": "I1", "kind": "inclusion", "text": WORD}
ITEMS = [
    {"key": "seen", "type": "yes_no", "label": WORD},
    {"key": "age", "type": "choice", "codelist": "ages", "label": WORD},
]
AGES = {"key": "ages", "items": [{"code": "old", "label": WORD}, {"code": "young", "label": WORD}]}
FACTORS = [
    {"key": "site", "source": "site"},
    {"key": "age", "source": "screening.screening.age"},
    {"key": "seen", "source": "screening.screening.seen"},
]
FORM = {
    "key": "screening",
    "label": WORD,
    "entered_by": ["nurse"],
    "sections": [{"key": "a", "label": WORD, "items": ITEMS}],
}


def study(sizes: dict[int, int] | None, ratio: int = 2, **changed: Any) -> StudyDefinition:
    """The smallest definition there is, with two arms 2:1."""
    design: dict[str, Any] = {
        "method": "permuted_blocks",
        "factors": [],
        "block_sizes": sizes,
        "length_per_stratum": 60,
    } | changed
    document: dict[str, Any] = {
        "schema_version": 1,
        "id": "example",
        "version": "1",
        "short_title": "Example",
        "title": WORD,
        "public_title": WORD,
        "registration": "-",
        "sponsor": "-",
        "target_participants": 60,
        "valid_from": "2027-01-01",
        "arms": [{"key": "esketamine", "label": WORD, "ratio": ratio}, {"key": "ect", "label": WORD}],
        "sites": [{"code": "AMC", "name": "A"}, {"code": "UMCG", "name": "U"}],
        "roles": [{"key": "nurse", "label": WORD, "blinded": False}],
        "consents": [{"key": "first", "label": WORD, "valid_from": "2027-01-01"}],
        "eligibility": [{"version": "1", "valid_from": "2027-01-01", "criteria": [CRITERION]}],
        "phases": [{"key": "screening", "label": WORD, "opens": "registration"}],
        "visits": [{"key": "screening", "label": WORD, "phase": "screening", "forms": ["screening"]}],
        "missing_reasons": {"key": "missing", "items": [{"code": "unknown", "label": WORD}]},
        "codelists": [AGES],
        "forms": [FORM],
        "randomization": None if sizes is None else design,
    }
    return StudyDefinition.from_json(document)


def test_a_design_is_made_of_the_arms_and_block_sizes_of_the_definition() -> None:
    assert design_of(study({3: 1, 6: 2})) == permuted_blocks({"ect": 1, "esketamine": 2}, {3: 1, 6: 2})


def test_block_sizes_that_do_not_fit_the_arms_are_refused() -> None:
    with pytest.raises(DesignRefused, match="multiple of 3"):
        design_of(study({4: 1}))


def test_a_definition_without_randomisation_is_refused() -> None:
    with pytest.raises(DesignRefused, match="The study definition example describes no randomisation"):
        design_of(study(None))


EQUAL = {"ect": 1, "esketamine": 1}


@pytest.mark.parametrize(
    ("given", "design"),
    [
        ({"method": "complete"}, complete_randomization(EQUAL)),
        ({"method": "big_stick", "mti": 3}, big_stick(EQUAL, mti=3)),
        ({"method": "block_urn", "lam": 2}, block_urn(EQUAL, lam=2)),
        ({"method": "biased_coin", "p": "2/3"}, biased_coin(EQUAL, p="2/3")),
        (
            {"method": "biased_coin_with_tolerance", "p": "2/3", "mti": 3},
            biased_coin_with_tolerance(EQUAL, p="2/3", mti=3),
        ),
        ({"method": "urn", "a": 0, "b": 1}, urn(EQUAL, a=0, b=1)),
        ({"method": "asymptotic_maximal", "mti": 3}, asymptotic_maximal(EQUAL, mti=3)),
        (
            {"method": "minimisation", "p": "4/5", "measure": "range", "factors": FACTORS, "weights": {"site": 2}},
            minimisation(
                EQUAL,
                factors={"site": ["AMC", "UMCG"], "age": ["old", "young"], "seen": ["yes", "no"]},
                weights={"site": 2},
                measure="range",
                p="4/5",
            ),
        ),
    ],
)
def test_every_method_can_be_described_in_the_definition(given: dict[str, Any], design: Design) -> None:
    described = study({}, ratio=1, **given)
    assert design_of(described) == design
    assert StudyDefinition.from_json(json.loads(described.canonical_json())) == described


def test_a_parameter_that_is_not_given_does_not_change_the_identity_of_a_definition() -> None:
    assert study({3: 1}).model_dump(mode="json")["randomization"] == {
        "method": "permuted_blocks",
        "factors": [],
        "block_sizes": {"3": 1},
        "length_per_stratum": 60,
        "confirm_with_protocol": False,
    }


# --- strata and envelopes


def test_every_combination_of_levels_is_a_stratum_whatever_the_order_of_the_factors() -> None:
    one = study({3: 1}, factors=FACTORS)
    other = study({3: 1}, factors=FACTORS[::-1])
    assert lengths_of(one) == lengths_of(other)
    assert set(lengths_of(one).values()) == {60}
    assert len(lengths_of(one)) == 2 * 2 * 2  # sites, ages, yes or no
    assert "age=old;seen=no;site=UMCG" in lengths_of(one)


def test_minimisation_has_one_stratum() -> None:
    given = study({}, ratio=1, method="minimisation", factors=FACTORS, p="4/5", measure="range")
    assert lengths_of(given) == {"all": 60}


def test_the_last_places_of_each_stratum_are_kept_for_envelopes() -> None:
    described = study({3: 1}, envelopes=8)
    assert reserved_places(described, {"all": 60, "site=A1": 9}) == {"all": (53, 60), "site=A1": (2, 9)}
    assert reserved_places(study({3: 1}), {"all": 60}) == {}


def test_envelopes_leave_places_and_are_none_under_minimisation() -> None:
    with pytest.raises(DesignRefused, match="none would be left"):
        reserved_places(study({3: 1}, envelopes=60), {"all": 60})
    with pytest.raises(DesignRefused, match="leave out envelopes"):
        reserved_places(study({}, ratio=1, method="minimisation", p="4/5", measure="range", envelopes=4), {"all": 60})
