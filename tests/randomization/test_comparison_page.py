"""Comparing designs on its page: step by step or at once the same answer, and only for who may know the blocks."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client

from tests.amendments import put_in_force
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.models import User
from trialmgr.people.permissions import Role
from trialmgr.protocol.model import StudyDefinition

URL = "/randomization/compare/"
ASKED = {
    "participants": "40",
    "simulations": "50",
    "designs": ["study", "blocks:4", "big_stick:3"],
    "more": "urn:1,1",
    "seed": "s",
    **{f"expected-site-{place}": str(share) for place, share in enumerate((3, 1, 0, 1, 1))},
}


@pytest.fixture
def statistician(signed_in: Callable[[User], Client], cast: Cast) -> Client:
    client = signed_in(cast.at("", Role.UNBLINDED_STATISTICIAN))
    client.cookies["django_language"] = "en"
    return client


def tokens(page: str) -> dict[str, list[str]]:
    """The hidden boxes that the page would send back."""
    found: dict[str, list[str]] = {"plan": [], "done": []}
    for name, value in re.findall(r'<input type="hidden" name="(plan|done)" value="([^"]+)">', page):
        found[name].append(value)
    return found


def main(page: str) -> str:
    return page.split("<main")[1]


def result(page: str) -> str:
    return re.sub(r'<input type="hidden"[^>]*>', "", page[page.index('aria-labelledby="advice"') :].split("</main>")[0])


def test_the_form_offers_the_studys_own_design_first_and_equal_shares(statistician: Client) -> None:
    page = main(statistician.get(URL).content.decode())
    assert "Permuted blocks of 4 and 6 (of this study)" in page
    assert page.count("Permuted blocks of 4 and 6") == 1
    assert "Site: UMCG" in page
    assert page.count('name="expected-site-') == 5
    assert 'value="172"' in page
    assert '<input type="hidden" name="stepwise" value="1" data-with-script disabled>' in page


def test_the_form_is_in_dutch_for_who_reads_dutch(statistician: Client) -> None:
    statistician.cookies["django_language"] = "nl"
    page = main(statistician.get(URL).content.decode())
    assert "Gepermuteerde blokken van 4 en 6 (van deze studie)" in page
    assert "Centrum: UMCG" in page
    refused = main(statistician.post(URL, ASKED | {"designs": [], "more": ""}).content.decode())
    assert "Kies 1 tot en met 20 methoden." in refused


def test_one_request_gives_the_whole_answer(statistician: Client) -> None:
    answer = statistician.post(URL, ASKED)
    page = main(answer.content.decode())
    assert answer.status_code == 200
    assert "All 4 designs are simulated." in page
    for said in ("Wei&#x27;s urn (1, 1)", "<svg", "Mean run", "The trial is open-label", "site=UMCG"):
        assert said in page
    assert "site=AUMC" not in page, "nobody is expected there"


def test_step_by_step_the_bar_moves_on_to_the_same_answer(statistician: Client) -> None:
    whole = result(statistician.post(URL, ASKED).content.decode())
    page = main(statistician.post(URL, ASKED | {"stepwise": "1"}).content.decode())
    assert "0 of 4 designs are simulated." in page
    assert '<progress id="comparison-progress" max="4" value="0">' in page
    for number in range(1, 5):
        answer = statistician.post(f"{URL}step/", tokens(page))
        page = answer.content.decode()
        assert len(tokens(page)["done"]) == number
    assert "All 4 designs are simulated." in page
    assert result(page).strip().startswith(whole.strip()[:200])
    assert "Permuted blocks of 4 and 6" in page
    figures = whole[whole.index("<svg") : whole.index("</svg>")]
    assert figures in page


def test_a_step_too_many_gives_the_answer_again(statistician: Client) -> None:
    page = statistician.post(URL, ASKED).content.decode()
    again = statistician.post(f"{URL}step/", tokens(page)).content.decode()
    assert len(tokens(again)["done"]) == 4


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("comparison.svg", "<svg"),
        ("comparison.csv", "design,label,"),
        ("comparison-strata.csv", "design,stratum,"),
        ("comparison.md", "# Randomisation designs side by side: RESET-TRD"),
    ],
)
def test_the_files_hold_what_was_simulated(statistician: Client, name: str, begins: str) -> None:
    sent = tokens(statistician.post(URL, ASKED).content.decode())
    answer = statistician.post(f"{URL}file/", sent | {"file": name})
    assert answer.content.decode().startswith(begins)
    assert answer["Content-Disposition"] == f'attachment; filename="{name}"'
    assert "blocks:4" in answer.content.decode() or "blocks of 4" in answer.content.decode()


def test_what_was_not_signed_here_is_a_bad_request(statistician: Client) -> None:
    sent = tokens(statistician.post(URL, ASKED).content.decode())
    assert statistician.post(f"{URL}step/", {}).status_code == 400
    assert statistician.post(f"{URL}step/", sent | {"plan": sent["plan"][0] + "x"}).status_code == 400
    assert statistician.post(f"{URL}step/", sent | {"done": sent["done"][::-1]}).status_code == 400
    assert statistician.post(f"{URL}file/", sent | {"file": "list.csv"}).status_code == 400
    assert statistician.post(f"{URL}file/", {"plan": sent["plan"], "file": "comparison.csv"}).status_code == 400


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"participants": "0"}, "greater than or equal to 1"),
        ({"participants": "10000", "simulations": "1000"}, "simulate at most 400 trials"),
        ({"designs": [], "more": ""}, "Choose 1 to 20 designs."),
        ({"more": "blocks:5"}, "5"),
        ({"more": "nothing:1"}, "names no design"),
        ({"more": "/etc/passwd.yaml"}, "names no design"),
        ({"designs": ["complete:9"]}, "not one of the available choices"),
        ({f"expected-site-{place}": "0" for place in range(5)}, "Somebody has to be expected"),
        ({"expected-site-1": "many"}, "whole number"),
    ],
)
def test_what_cannot_be_simulated_is_said_and_nothing_typed_is_lost(
    statistician: Client, changed: dict[str, object], said: str
) -> None:
    answer = statistician.post(URL, ASKED | changed)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert said in page
    assert "There is a problem" in page
    assert 'name="seed" value="s"' in page


def test_more_strata_than_can_be_simulated_are_said(statistician: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("randomization.methods.comparison.expectations.MOST_STRATA", 3)
    answer = statistician.post(URL, ASKED)
    assert answer.status_code == 422
    assert "at most 3 can be simulated" in answer.content.decode()


def test_a_study_without_randomisation_has_nothing_to_compare(
    statistician: Client, reset_trd: StudyDefinition, cast: Cast
) -> None:
    put_in_force(reset_trd.model_copy(update={"randomization": None, "version": "9"}))
    assert "describes no randomisation" in statistician.get(URL).content.decode()


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.UNBLINDED_STATISTICIAN])
def test_nobody_else_compares(signed_in: Callable[[User], Client], cast: Cast, role: Role) -> None:
    client = signed_in(cast.at("UMCG", role))
    assert client.get(URL).status_code == 403
    assert client.post(URL, ASKED).status_code == 403
    assert client.post(f"{URL}step/", {}).status_code == 403
    assert client.post(f"{URL}file/", {}).status_code == 403
