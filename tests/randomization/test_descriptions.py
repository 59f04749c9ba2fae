"""The randomisation in words: the public text betrays nothing, the others say everything."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from randomization.methods.descriptions.documents import (
    ListFacts,
    consort_texts,
    public_description,
    restricted_description,
)
from randomization.models import RandomizationList
from randomization.queries.descriptions import facts_of, people_of
from tests.amendments import put_in_force
from tests.blinding.words import arm_words
from tests.commands.calling import called
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.models import User
from trialmgr.people.permissions import Role
from trialmgr.protocol.model import Language, RandomizationDesign, StratificationFactor, StudyDefinition

FACTS = ListFacts(
    number=3,
    origin="generated",
    algorithm="trialmgr-list/1",
    commitment="c0" * 32,
    list_hash="1a" * 32,
    manifest_hash="2b" * 32,
    made_on="2026-01-01",
    made_by="Ans Maker",
    activated_on="2026-01-02",
    activated_by="Bo Tweede",
    strata=(("site=UMCG", 4096),),
)
RESTRICTED_PARTS: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.builds(
        dict,
        method=st.just("permuted_blocks"),
        block_sizes=st.dictionaries(st.integers(1, 10).map(lambda n: 2 * n), st.integers(1, 9), min_size=1),
    ),
    st.builds(dict, method=st.just("big_stick"), mti=st.integers(1, 30)),
    st.builds(dict, method=st.just("block_urn"), lam=st.integers(1, 50)),
    st.builds(dict, method=st.just("asymptotic_maximal"), mti=st.integers(2, 12)),
    st.builds(
        dict, method=st.just("biased_coin_with_tolerance"), p=st.sampled_from(["2/3", "3/5"]), mti=st.integers(1, 9)
    ),
)


def with_design(study: StudyDefinition, **parts: object) -> StudyDefinition:
    assert study.randomization is not None
    given = {"factors": study.randomization.factors, "length_per_stratum": 200} | parts
    return study.model_copy(update={"randomization": RandomizationDesign.model_validate(given)})


@given(RESTRICTED_PARTS, st.integers(1, 9999), st.integers(0, 500), st.integers(1, 52), st.sampled_from(["nl", "en"]))
def test_designs_that_differ_in_restricted_parts_alone_have_one_public_text(
    reset_trd: StudyDefinition, parts: dict[str, object], length: int, envelopes: int, lead: int, language: Language
) -> None:
    other = with_design(reset_trd, **parts, length_per_stratum=length, envelopes=envelopes, supply_lead_weeks=lead)
    people = people_of(reset_trd)
    one = public_description(reset_trd, people, FACTS, language)
    assert public_description(other, people, FACTS, language) == one
    assert restricted_description(other, people, FACTS, language) != restricted_description(
        reset_trd, people, FACTS, language
    )


@pytest.mark.parametrize("measure", ["range", "variance"])
@pytest.mark.parametrize("p", ["4/5", "2/3"])
def test_so_have_two_minimisations(reset_trd: StudyDefinition, measure: str, p: str) -> None:
    one = with_design(reset_trd, method="minimisation", measure="range", p="3/4", weights={"site": 7})
    other = with_design(reset_trd, method="minimisation", measure=measure, p=p)
    people = people_of(reset_trd)
    text = public_description(one, people, None, "en").markdown()
    assert public_description(other, people, None, "en").markdown() == text
    assert "minimisation over site" in text


@pytest.mark.parametrize("language", ["nl", "en"])
def test_the_public_text_names_no_arm_block_or_stratum(reset_trd: StudyDefinition, language: Language) -> None:
    text = public_description(reset_trd, people_of(reset_trd), FACTS, language).markdown()
    assert not arm_words(reset_trd).search(text)
    assert not re.search(r"\bblo[ck]+", text, re.IGNORECASE)
    for hidden in ("4096", "200", FACTS.list_hash, FACTS.manifest_hash, "Ans Maker", "UMCG"):
        assert hidden not in text.replace("Universitair Medisch Centrum Groningen", "")
    for said in ("16a", "16b", "16c", "1:1", "site", FACTS.commitment):
        assert said in text


@pytest.mark.parametrize("language", ["nl", "en"])
def test_the_restricted_text_holds_the_public_one_and_all_the_rest(
    reset_trd: StudyDefinition, language: Language
) -> None:
    people = people_of(reset_trd)
    text = restricted_description(reset_trd, people, FACTS, language).markdown()
    for section in public_description(reset_trd, people, FACTS, language).sections:
        assert section.heading in text
    for said in ("4 ", "6", "4096", FACTS.list_hash, FACTS.manifest_hash, "Ans Maker", "Bo Tweede", "200", "ECT"):
        assert said in text
    assert "{" not in text


def test_texts_for_the_report_fill_in_each_item(reset_trd: StudyDefinition) -> None:
    text = consort_texts(reset_trd, people_of(reset_trd), FACTS, "en").markdown()
    for item in ("2010: 8a; 2025: 17a", "2010: 8b; 2025: 17b", "2010: 9; 2025: 18", "2010: 10; 2025: 19"):
        assert item in text
    assert "Permuted blocks of 4 and 6, in random order: 4 (1/2) and 6 (1/2), ratio 1:1, by site." in text
    assert "{" not in text


def test_one_block_size_minimisation_and_an_imported_list_are_said_as_they_are(reset_trd: StudyDefinition) -> None:
    people = people_of(reset_trd)
    alone = with_design(reset_trd, method="permuted_blocks", block_sizes={4: 1}, factors=())
    assert "Permuted blocks of 4, ratio 1:1." in consort_texts(alone, people, None, "en").markdown()
    assert "Not stratified." in public_description(alone, people, None, "en").markdown()
    simple = with_design(reset_trd, method="complete")
    assert "simple randomisation" in public_description(simple, people, None, "en").markdown()
    minimised = with_design(reset_trd, method="minimisation", measure="range", p="4/5")
    assert "log of each allocation" in consort_texts(minimised, people, FACTS, "en").markdown()
    imported = ListFacts(**{name: getattr(FACTS, name) for name in FACTS.__slots__} | {"origin": "imported"})
    assert "independent statistician" in public_description(reset_trd, people, imported, "en").markdown()
    assert "[add name and program]" in consort_texts(reset_trd, people, imported, "en").markdown()
    assert "No list is in force yet." in restricted_description(reset_trd, people, None, "en").markdown()
    assert "trialmgr-list/1" in consort_texts(reset_trd, people, None, "en").markdown()


def test_several_factors_are_listed_in_words(reset_trd: StudyDefinition) -> None:
    assert reset_trd.randomization is not None
    factors = (*reset_trd.randomization.factors, StratificationFactor(key="sex", source="screening.demographics.sex"))
    two = with_design(reset_trd, method="permuted_blocks", block_sizes={4: 1}, factors=factors)
    assert "Stratified by site and sex" in public_description(two, people_of(two), None, "en").markdown()
    assert "naar site en sex" in public_description(two, people_of(two), None, "nl").markdown()


def test_nobody_gives_no_role(reset_trd: StudyDefinition) -> None:
    open_label = [role.model_copy(update={"blinded": False}) for role in reset_trd.roles]
    study = reset_trd.model_copy(update={"roles": tuple(open_label)})
    assert "Working blinded: –." in public_description(study, people_of(study), None, "en").markdown()


def test_the_list_in_force_is_the_one_described(cast: Cast) -> None:
    listed = RandomizationList.objects.get(status="active")
    found = facts_of(listed)
    assert found is not None
    assert (found.commitment, found.list_hash) == (listed.commitment, listed.manifest["list_hash"])
    assert len(found.strata) == len(cast.sites)
    assert facts_of(None) is None


# --- command and pages -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "said"), [("public", "21a"), ("restricted", "Block of 4"), ("consort", "17b")])
def test_the_command_writes_the_text(cast: Cast, tmp_path: Path, kind: str, said: str) -> None:
    out = tmp_path / "text.md"
    found = called("randomization", "describe", f"--{kind}", "--language", "en", "--out", str(out), "--json")
    assert (found.code, found.answer) == (0, {"kind": kind, "written": str(out)})
    assert said in out.read_text(encoding="utf-8")


def test_the_command_says_what_it_cannot_do(cast: Cast, reset_trd: StudyDefinition, tmp_path: Path) -> None:
    found = called("randomization", "describe", "--public", "--out", str(tmp_path / "none" / "text.md"))
    assert (found.code, "cannot be written" in found.err) == (2, True)
    put_in_force(reset_trd.model_copy(update={"randomization": None, "version": "9"}))
    found = called("randomization", "describe", "--public", "--out", str(tmp_path / "text.md"))
    assert (found.code, "describes no randomisation" in found.err) == (1, True)


@pytest.fixture
def statistician(signed_in: Callable[[User], Client], cast: Cast) -> Client:
    client = signed_in(cast.at("", Role.UNBLINDED_STATISTICIAN))
    client.cookies["django_language"] = "en"
    return client


@pytest.mark.parametrize(("kind", "said"), [("public", "16a"), ("restricted", "Block of 4"), ("consort", "17b")])
def test_the_page_shows_the_text_and_gives_the_file(statistician: Client, kind: str, said: str) -> None:
    page = statistician.get(f"/randomization/description/?kind={kind}").content.decode()
    assert said in page
    assert ("Restricted: block sizes" in page) == (kind != "public")
    answer = statistician.get(f"/randomization/description/file/?kind={kind}")
    assert said in answer.content.decode()
    assert answer["Content-Disposition"] == f'attachment; filename="randomisation-{kind}.md"'


def test_a_text_that_is_none_is_not_found(statistician: Client, reset_trd: StudyDefinition) -> None:
    assert statistician.get("/randomization/description/?kind=list").status_code == 404
    put_in_force(reset_trd.model_copy(update={"randomization": None, "version": "9"}))
    assert "describes no randomisation" in statistician.get("/randomization/description/").content.decode()
    assert statistician.get("/randomization/description/file/").status_code == 404


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.UNBLINDED_STATISTICIAN])
def test_the_texts_are_closed_to_every_other_role(signed_in: Callable[[User], Client], cast: Cast, role: Role) -> None:
    client = signed_in(cast.at("UMCG", role))
    for path in ("", "file/"):
        assert client.get(f"/randomization/description/{path}").status_code == 403
