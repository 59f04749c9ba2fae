from typing import Any

import pytest

from randomization.definition import design_of
from randomization.designs import permuted_blocks
from randomization.findings import DesignRefused
from trialmgr.protocol.model import StudyDefinition

WORD = {"nl": "woord", "en": "word"}
CRITERION = {"id": "I1", "kind": "inclusion", "text": WORD}
ITEM = {"key": "seen", "type": "yes_no", "label": WORD}
FORM = {
    "key": "screening",
    "label": WORD,
    "entered_by": ["nurse"],
    "sections": [{"key": "a", "label": WORD, "items": [ITEM]}],
}


def study(sizes: dict[int, int] | None) -> StudyDefinition:
    """The smallest definition there is, with two arms 2:1."""
    design: dict[str, Any] = {
        "method": "permuted_blocks",
        "factors": [],
        "block_sizes": sizes,
        "length_per_stratum": 60,
    }
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
        "arms": [{"key": "esketamine", "label": WORD, "ratio": 2}, {"key": "ect", "label": WORD}],
        "sites": [{"code": "AMC", "name": "A"}],
        "roles": [{"key": "nurse", "label": WORD, "blinded": False}],
        "consents": [{"key": "first", "label": WORD, "valid_from": "2027-01-01"}],
        "eligibility": [{"version": "1", "valid_from": "2027-01-01", "criteria": [CRITERION]}],
        "phases": [{"key": "screening", "label": WORD, "opens": "registration"}],
        "visits": [{"key": "screening", "label": WORD, "phase": "screening", "forms": ["screening"]}],
        "missing_reasons": {"key": "missing", "items": [{"code": "unknown", "label": WORD}]},
        "forms": [FORM],
        "randomization": sizes and design,
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
