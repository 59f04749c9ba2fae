"""Dissociation, cognition, alcohol, and how resistant the depression was before the trial."""

from __future__ import annotations

from decimal import Decimal

from trialmgr.protocol.scoring.function import Answers, ScoreFunction, bounds, total

MOST_MONTHS, MOST_FAILURES = 1200, 99


def _moca_total(answers: Answers) -> Decimal | None:
    """The points, and one more for at most 12 years of education, never above 30."""
    points, years = answers
    if points is None or years is None:
        return None
    return min(points + (1 if years <= 12 else 0), Decimal(30))


def _step(value: Decimal, last_of_each: tuple[int, ...]) -> int:
    """1 for a value up to the first bound, 2 up to the second, and so on."""
    return 1 + sum(value > last for last in last_of_each)


def _msm_total(answers: Answers) -> Decimal | None:
    """Months of the episode, severity 1 to 5, failed antidepressants, augmentation, ECT; 3 to 15."""
    known = [answer for answer in answers if answer is not None]
    if len(known) < len(answers):
        return None
    months, severity, failures, augmentation, ect = known
    return _step(months, (12, 24)) + severity + _step(failures, (2, 4, 6, 10)) + augmentation + ect


FUNCTIONS = (
    ScoreFunction("cadss23_total", "1", "CADSS, 23 subjective items", bounds(*[4] * 23), total),
    ScoreFunction("cadss6_total", "1", "CADSS items 1, 2, 6, 7, 15 and 22", bounds(*[4] * 6), total),
    ScoreFunction("moca_total", "1", "Nasreddine et al. 2005; points, years of education", bounds(30, 40), _moca_total),
    ScoreFunction("audit_total", "1", "Saunders et al. 1993, WHO", bounds(*[4] * 10), total),
    ScoreFunction("audit_c_total", "1", "Bush et al. 1998", bounds(*[4] * 3), total),
    ScoreFunction(
        "msm_total",
        "1",
        "Fekadu et al. 2009, Maudsley staging",
        ((0, MOST_MONTHS), (1, 5), (1, MOST_FAILURES), (0, 1), (0, 1)),
        _msm_total,
    ),
)
