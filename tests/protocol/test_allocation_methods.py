"""Each method of randomisation has its own parameters and arms; the definition is refused where they do not fit."""

from pathlib import Path

import pytest

from tests.protocol.small_study import FILES, faults

STUDY, RANDOMIZATION = "study.yaml", "restricted/randomization.yaml"
ARMS = FILES[STUDY][FILES[STUDY].index("arms:\n") : FILES[STUDY].index("sites:")]


def design(method: str, parameters: str = "") -> dict[str, str | bytes | None]:
    text = FILES[RANDOMIZATION].replace("method: permuted_blocks", f"method: {method}")
    return {RANDOMIZATION: text.replace("block_sizes: {2: 1, 4: 1}\n", parameters)}


def unequal() -> dict[str, str | bytes | None]:
    first_arm = ARMS.splitlines(keepends=True)[1]
    return {STUDY: FILES[STUDY].replace(first_arm, first_arm.replace("key: ", "ratio: 2, key: "))}


GOOD = [
    ("complete", ""),
    ("big_stick", "mti: 3\n"),
    ("block_urn", "lam: 2\n"),
    ("biased_coin", "p: 2/3\n"),
    ("biased_coin_with_tolerance", "p: 2/3\nmti: 3\n"),
    ("urn", "a: 0\nb: 1\n"),
    ("asymptotic_maximal", "mti: 3\n"),
    ("minimisation", "p: 4/5\nmeasure: range\n"),
    ("minimisation", "p: 4/5\nmeasure: variance\nweights: {site: 2}\n"),
]


@pytest.mark.parametrize(("method", "parameters"), GOOD)
def test_a_method_with_its_parameters_is_sound(tmp_path: Path, method: str, parameters: str) -> None:
    assert faults(tmp_path, design(method, parameters)) == []


@pytest.mark.parametrize(
    ("method", "parameters", "told"),
    [
        ("permuted_blocks", "", "permuted_blocks needs `block_sizes` — add `block_sizes`"),
        ("big_stick", "", "big_stick needs `mti`"),
        ("block_urn", "", "block_urn needs `lam`"),
        ("urn", "a: 1\n", "urn needs `b`"),
        ("minimisation", "p: 4/5\n", "minimisation needs `measure`"),
        ("complete", "mti: 3\n", "randomization.yaml:5:1 mti: complete has no `mti` — remove it"),
        ("block_urn", "lam: 2\np: 2/3\n", "block_urn has no `p`"),
        ("big_stick", "mti: 3\nweights: {site: 2}\n", "big_stick has no `weights`"),
        ("minimisation", "p: 4/5\nmeasure: range\nweights: {sites: 2}\n", "`sites` is no factor — name a factor"),
        ("biased_coin", "p: 1/2\n", "1/2 does not lie between 1/2 and 1 — choose such as 2/3"),
        ("biased_coin", "p: 4/3\n", "4/3 does not lie between 1/2 and 1"),
        ("biased_coin", "p: 0.67\n", "p: "),
        ("big_stick", "mti: 0\n", "mti: "),
        ("coin", "", "method: "),
    ],
)
def test_a_method_with_other_parameters_is_refused(tmp_path: Path, method: str, parameters: str, told: str) -> None:
    found = faults(tmp_path, design(method, parameters))
    assert any(told in line for line in found), found


@pytest.mark.parametrize(("method", "parameters"), GOOD)
def test_an_unequal_ratio_is_refused_where_the_method_does_not_keep_it(
    tmp_path: Path, method: str, parameters: str
) -> None:
    found = faults(tmp_path, unequal() | design(method, parameters))
    keeps = method in ("complete", "block_urn", "minimisation")
    assert [f"{method} does not keep an unequal ratio at every step" in line for line in found] == [True] * (not keeps)


def test_a_coin_has_two_sides(tmp_path: Path) -> None:
    arms = ARMS + "  - {key: third, label: {nl: Derde, en: Third}}\n"
    found = faults(tmp_path, design("biased_coin", "p: 2/3\n") | {STUDY: FILES[STUDY].replace(ARMS, arms)})
    assert [line.partition(" — ")[0].rpartition(": ")[2] for line in found] == ["biased_coin is defined for two arms"]


def test_minimisation_needs_a_factor(tmp_path: Path) -> None:
    text = "method: minimisation\nfactors: []\np: 4/5\nmeasure: range\nlength_per_stratum: 40\n"
    found = faults(tmp_path, {RANDOMIZATION: text})
    assert any("minimisation needs at least one factor" in line for line in found)
