"""A list that is extended, gets a site, and whose factors are named in another order keeps every row it had."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from randomization.methods.definition import design_of, lengths_of, sources_of
from randomization.methods.designs import Minimisation, State
from randomization.methods.findings import DesignRefused
from randomization.methods.lists.extensions import extended_design, extended_lengths, wanted_lengths
from randomization.methods.lists.rows import Stream, generated_rows, make_manifest, manifest_hash
from randomization.methods.lists.verification import rows_of, verify_extension, verify_manifest
from randomization.methods.words import Words, chunks
from tests.randomization.methods.test_definition import FACTORS, study
from trialmgr.protocol.model import SiteDefinition, StudyDefinition

STREAM = Stream(secret=bytes(range(32)), trial_id="example", purpose="live")
BEFORE = {"site=AMC": 20, "site=UMCG": 30}
BY_SITE = [FACTORS[0]]
MINIMISED: dict[str, Any] = {"method": "minimisation", "p": "4/5", "measure": "range", "weights": {"site": 2}}


def with_site(described: StudyDefinition, code: str = "LUMC") -> StudyDefinition:
    return described.model_copy(update={"sites": (*described.sites, SiteDefinition(code=code, name=code))})


def refusal(**given: Any) -> str:
    with pytest.raises(DesignRefused) as refused:
        extended_lengths(study({3: 1}, factors=BY_SITE), BEFORE, **given)
    return str(refused.value)


# --- the law


@given(order=st.permutations(FACTORS), more=st.integers(0, 40), length=st.integers(1, 60))
def test_every_row_of_three_factors_stays_when_rows_and_a_site_come_and_factors_are_reordered(
    order: list[dict[str, str]], more: int, length: int
) -> None:
    before = study({3: 1, 6: 2}, factors=FACTORS, length_per_stratum=length)
    after = with_site(study({3: 1, 6: 2}, factors=order, length_per_stratum=length + more))
    first = generated_rows(design_of(before), lengths_of(before), **STREAM)
    design = extended_design(after, design_of(before).parameters(), sources_of(before))
    lengths = extended_lengths(after, lengths_of(before))
    then = generated_rows(design, lengths, **STREAM)
    assert {key: rows[: len(first[key])] for key, rows in then.items() if key in first} == first
    assert {len(rows) for rows in then.values()} == {length + more}
    assert set(then) - set(first) == {
        f"age={age};seen={seen};site=LUMC" for age, seen in itertools.product(("old", "young"), ("yes", "no"))
    }


def test_the_manifests_bear_it_out() -> None:
    before, after = study({3: 1, 6: 2}, factors=FACTORS), with_site(study({6: 2, 3: 1}, factors=FACTORS[::-1]))
    making: dict[str, Any] = {"made_by": "Ada", "made_at": datetime(2027, 3, 1, tzinfo=UTC)}
    first = make_manifest(design_of(before), lengths=lengths_of(before), **STREAM, **making)
    design = extended_design(after, first["parameters"], sources_of(before))
    lengths = extended_lengths(after, lengths_of(before), to=90)
    then = make_manifest(design, lengths=lengths, **STREAM, **making)
    then["extends"] = manifest_hash(first)
    assert then["commitment"] == first["commitment"]
    assert verify_extension(first, then) == verify_manifest(then, STREAM["secret"]) == []
    assert rows_of(then, STREAM["secret"]).keys() > rows_of(first, STREAM["secret"]).keys()


def test_minimisation_goes_on_as_it_was_when_a_site_comes_and_factors_are_reordered() -> None:
    before = study({}, ratio=1, factors=FACTORS, **MINIMISED)
    after = with_site(study({}, ratio=1, factors=FACTORS[::-1], **MINIMISED))
    old = design_of(before)
    new = extended_design(after, old.parameters(), sources_of(before))
    assert isinstance(old, Minimisation)
    assert isinstance(new, Minimisation)
    people = [
        {"site": site, "age": age, "seen": seen}
        for site, age, seen in itertools.product(("AMC", "UMCG"), ("old", "young"), ("yes", "no"))
    ]
    logs = []
    for design in (old, new):
        words, state, log = Words(chunks(stratum_key="all", **STREAM)), State(), []
        for position, levels in enumerate(people * 5, start=1):
            record, state = design.allocate(state, words, levels, position=position)
            log.append(record)
        logs.append(log)
    assert logs[0] == logs[1]
    record, _ = new.allocate(state, words, {"site": "LUMC", "age": "old", "seen": "no"}, position=41)
    assert record["counts"]["site"] == [0, 0]


# --- new lengths


def test_without_more_said_each_stratum_has_the_length_of_the_definition() -> None:
    assert extended_lengths(with_site(study({3: 1}, factors=BY_SITE)), BEFORE) == {
        "site=AMC": 60,
        "site=LUMC": 60,
        "site=UMCG": 60,
    }


def test_one_number_lengthens_what_is_shorter_and_leaves_what_is_longer() -> None:
    assert extended_lengths(study({3: 1}, factors=BY_SITE), BEFORE, to=25) == {"site=AMC": 25, "site=UMCG": 30}


def test_single_strata_are_lengthened_alone_or_besides_the_others() -> None:
    described = with_site(study({3: 1}, factors=BY_SITE))
    assert extended_lengths(described, BEFORE, each={"site=LUMC": 12}) == BEFORE | {"site=LUMC": 12}
    assert extended_lengths(described, BEFORE, to=40, each={"site=UMCG": 50}) == {
        "site=AMC": 40,
        "site=LUMC": 40,
        "site=UMCG": 50,
    }


def test_a_stratum_of_a_site_that_left_stays_as_it_is() -> None:
    assert extended_lengths(study({3: 1}, factors=BY_SITE), {**BEFORE, "site=OLD": 9}, to=40)["site=OLD"] == 9


def test_a_list_only_ever_grows() -> None:
    assert refusal(each={"site=AMC": 20}) == "Stratum site=AMC has 20 rows already: 20 would not make it longer."
    assert refusal(to=10) == "Every stratum has these rows already: nothing would be added."
    assert refusal(each={"site=LUMC": 9, "site=UMCG": 3}).splitlines() == [
        "site=LUMC is no stratum of this trial. Its strata: site=AMC, site=UMCG.",
        "Stratum site=UMCG has 30 rows already: 3 would not make it longer.",
    ]


def test_under_minimisation_a_new_level_alone_is_worth_an_extension() -> None:
    described = study({}, ratio=1, factors=FACTORS, **MINIMISED)
    assert extended_lengths(described, {"all": 60}, levels_added=True) == {"all": 60}
    with pytest.raises(DesignRefused, match="nothing would be added"):
        extended_lengths(described, {"all": 60})


def test_strata_and_rows_are_read_in_any_order_of_factors() -> None:
    assert wanted_lengths(["site=UMCG;age=old=40", " all = 9 "]) == {"age=old;site=UMCG": 40, "all": 9}
    with pytest.raises(DesignRefused) as refused:
        wanted_lengths(["site=UMCG", "=4", "12", "all=1234567890"])
    assert len(refused.value.findings) == 4


# --- another design is another list


@pytest.mark.parametrize(
    "now",
    [
        study({3: 1}, factors=BY_SITE),
        study({6: 1}, ratio=1, factors=BY_SITE),
        study({}, method="complete", factors=BY_SITE),
        study({6: 1}, factors=FACTORS),
        study({6: 1}, factors=[{"key": "site", "source": "screening.screening.age"}]),
    ],
    ids=["blocks", "ratio", "method", "factors", "source"],
)
def test_a_definition_with_another_design_asks_for_a_new_list(now: StudyDefinition) -> None:
    before = study({6: 1}, factors=BY_SITE)
    with pytest.raises(DesignRefused, match="make a new list instead"):
        extended_design(now, design_of(before).parameters(), sources_of(before))


def test_other_weights_of_minimisation_are_another_design() -> None:
    before = study({}, ratio=1, factors=FACTORS, **MINIMISED)
    now = study({}, ratio=1, factors=FACTORS, **{**MINIMISED, "weights": {"site": 3}})
    with pytest.raises(DesignRefused, match="make a new list instead"):
        extended_design(now, design_of(before).parameters(), sources_of(before))


def test_an_imported_list_is_not_extended() -> None:
    with pytest.raises(DesignRefused, match="import a new list"):
        extended_design(study({3: 1}), {"method": "imported", "ratio": {"ect": 1, "esketamine": 2}}, {})
