"""Published results of comparable trials, reproduced (protocol facts, section 2.4), and laws of the intervals."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trialmgr.protocol.proportions import (
    Difference,
    Proportion,
    chi_squared,
    miettinen_nurminen,
    newcombe,
    wald,
    wald_non_inferiority,
)

# ELEKT-D: response on the QIDS-SR16, 55.4% against 41.2%. KetECT: remission 63% against 46%; relapse 70% against 63%.
ELEKT_D = Proportion(108, 195), Proportion(70, 170)
KETECT_REMISSION = Proportion(57, 91), Proportion(44, 95)
KETECT_RELAPSE = Proportion(31, 44), Proportion(36, 57)


def in_points(difference: Difference) -> tuple[float, float, float]:
    return tuple(round(100 * end, 2) for end in (difference.estimate, difference.low, difference.high))  # type: ignore[return-value]  # three


def test_elekt_d_is_reproduced_by_miettinen_and_nurminen() -> None:
    found = miettinen_nurminen(*ELEKT_D)
    assert in_points(found) == (14.21, 3.92, 24.18)
    assert str(found) == (
        "108/195 (55.4%) and 70/170 (41.2%): 14.2 percentage points (95% CI 3.9 to 24.2, Miettinen-Nurminen)"
    )


def test_other_intervals_of_elekt_d_differ_as_they_should() -> None:
    assert in_points(wald(*ELEKT_D))[1:] == (4.04, 24.38)
    assert in_points(newcombe(*ELEKT_D))[1:] == (3.93, 24.06)


def test_elekt_d_is_not_inferior_by_ten_points() -> None:
    z, p = wald_non_inferiority(*ELEKT_D, margin=-0.10)
    assert round(z, 2) == 4.67
    assert 1.4e-6 < p < 1.6e-6


def test_ketect_is_reproduced_by_wald_and_pearson_without_correction() -> None:
    assert tuple(round(end, 1) for end in in_points(wald(*KETECT_REMISSION))[1:]) == (2.2, 30.4)
    statistic, p = chi_squared(*KETECT_REMISSION)
    assert (round(statistic, 3), round(p, 4)) == (4.990, 0.0255)
    assert round(chi_squared(*KETECT_REMISSION, continuity=True)[1], 3) == 0.037


def test_the_published_p_of_relapse_in_ketect_is_not_that_of_a_chi_squared() -> None:
    assert round(chi_squared(*KETECT_RELAPSE)[1], 2) == 0.44


def test_denominators_of_elekt_d_differ_by_instrument() -> None:
    assert str(Proportion(99, 195)) == "99/195 (50.8%)"
    assert str(Proportion(69, 168)) == "69/168 (41.1%)"


@st.composite
def proportions(draw: st.DrawFn) -> Proportion:
    total = draw(st.integers(1, 400))
    return Proportion(draw(st.integers(0, total)), total)


METHODS = [miettinen_nurminen, wald, newcombe]


@pytest.mark.parametrize("method", METHODS)
@given(first=proportions(), second=proportions())
def test_an_interval_holds_the_estimate_within_its_bounds(
    method: Callable[..., Difference], first: Proportion, second: Proportion
) -> None:
    found = method(first, second)
    assert -1 - 1e-9 <= found.low <= found.estimate + 1e-9
    assert found.estimate - 1e-9 <= found.high <= 1 + 1e-9


@pytest.mark.parametrize("method", METHODS)
@given(first=proportions(), second=proportions())
def test_the_other_way_round_the_interval_is_mirrored(
    method: Callable[..., Difference], first: Proportion, second: Proportion
) -> None:
    there, back = method(first, second), method(second, first)
    assert math.isclose(there.low, -back.high, abs_tol=1e-6)
    assert math.isclose(there.high, -back.low, abs_tol=1e-6)


@given(first=proportions(), second=proportions())
def test_more_confidence_makes_the_interval_no_narrower(first: Proportion, second: Proportion) -> None:
    less, more = miettinen_nurminen(first, second, 0.80), miettinen_nurminen(first, second, 0.99)
    assert more.low <= less.low + 1e-9
    assert less.high <= more.high + 1e-9


@given(first=proportions(), second=proportions())
def test_a_correction_for_continuity_never_makes_the_test_sharper(first: Proportion, second: Proportion) -> None:
    if first.count + second.count not in (0, first.total + second.total):
        plain, corrected = chi_squared(first, second), chi_squared(first, second, continuity=True)
        assert corrected[0] <= plain[0] + 1e-9
        assert 0 <= plain[1] <= corrected[1] + 1e-9 <= 1 + 1e-9


def test_where_nobody_or_everybody_is_counted_there_is_an_interval_and_no_test() -> None:
    none, everybody = Proportion(0, 20), Proportion(20, 20)
    assert miettinen_nurminen(none, none).low < 0 < miettinen_nurminen(none, none).high
    assert miettinen_nurminen(everybody, none).high == pytest.approx(1)
    assert miettinen_nurminen(everybody, none).low < 1
    for both in (none, everybody):
        with pytest.raises(ValueError, match="nobody or everybody"):
            chi_squared(both, both)
    assert wald_non_inferiority(none, none, margin=-0.1) == (math.inf, 0.0)
    assert wald_non_inferiority(none, everybody, margin=-0.1) == (-math.inf, 1.0)


def test_one_person_on_each_side_tells_next_to_nothing() -> None:
    found = miettinen_nurminen(Proportion(0, 1), Proportion(1, 1))
    assert found.low == -1
    assert found.high > 0


@pytest.mark.parametrize(("count", "total"), [(1, 0), (-1, 5), (6, 5)])
def test_what_is_no_proportion_is_refused(count: int, total: int) -> None:
    with pytest.raises(ValueError, match="is no proportion"):
        Proportion(count, total)


@pytest.mark.parametrize("confidence", [0, 1, 95])
def test_what_is_no_confidence_is_refused(confidence: float) -> None:
    with pytest.raises(ValueError, match="does not lie between 0 and 1"):
        wald(*ELEKT_D, confidence)
