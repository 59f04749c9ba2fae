"""Quality of life and functioning: EQ-5D-5L and WHODAS 2.0."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal

from trialmgr.protocol.scoring.function import Answers, ScoreFunction, bounds

# Unrounded: the sum of six rounded coefficients may be 0.003 off.
_EQ5D5L_NL: tuple[tuple[str, ...], ...] = (
    ("0", "0.0354544", "0.0565962", "0.1660030", "0.2032975"),
    ("0", "0.0381079", "0.0605347", "0.1677852", "0.1677852"),
    ("0", "0.0391539", "0.0867559", "0.1924631", "0.1924631"),
    ("0", "0.0658959", "0.0919691", "0.3599300", "0.4152142"),
    ("0", "0.0696220", "0.1445222", "0.3563913", "0.4206361"),
)
_EQ5D5L_NL_CONSTANT = Decimal("0.0469233")


def _eq5d5l_nl_index(answers: Answers) -> Decimal | None:
    """1 for full health; else 1 less the constant and the decrement of each dimension (MO, SC, UA, PD, AD)."""
    levels = [int(answer) for answer in answers if answer is not None]
    if len(levels) < len(answers):
        return None
    lost = sum((Decimal(row[level - 1]) for row, level in zip(_EQ5D5L_NL, levels, strict=True)), Decimal(0))
    return Decimal(1) - lost - (_EQ5D5L_NL_CONSTANT if max(levels) > 1 else Decimal(0))


# WHODAS 2.0: items of each domain in the order of the 36-item version (D1, D2, D3, D4, household, work, D6).
DOMAINS = {"d1": 6, "d2": 5, "d3": 4, "d4": 5, "d5_household": 4, "d5_work": 4, "d6": 8}
# Items (counted from 1 within the domain) whose five answers fall into three: 0, 1, 1, 2, 2.
_COLLAPSED = {
    "d1": {5, 6},
    "d2": {2, 3},
    "d3": {1, 3, 4},
    "d4": {1, 2, 3, 5},
    "d5_household": {1, 2, 4},
    "d5_work": {1},
    "d6": {1, 3, 6, 8},
}
_WITHOUT_WORK = tuple(domain for domain in DOMAINS if domain != "d5_work")


def _completed(answers: Answers) -> list[Decimal] | None:
    """One missing answer in a domain takes the mean of the others; with more than one the domain has no score."""
    known = [answer for answer in answers if answer is not None]
    if len(answers) - len(known) > 1:
        return None
    mean = sum(known, Decimal(0)) / len(known)
    return [mean if answer is None else answer for answer in answers]


def _recoded(domain: str, answers: Answers) -> list[Decimal] | None:
    """Answers as the item-response scoring counts them. A mean is rounded half up first: only whole answers recode."""
    completed = _completed(answers)
    if completed is None:
        return None
    whole = [int(answer.to_integral_value(ROUND_HALF_UP)) for answer in completed]
    return [
        Decimal((0, 1, 1, 2, 2)[answer] if number in _COLLAPSED[domain] else answer)
        for number, answer in enumerate(whole, start=1)
    ]


def _domain_most(domain: str) -> int:
    return 4 * DOMAINS[domain] - 2 * len(_COLLAPSED[domain])


def _split(answers: Answers, domains: tuple[str, ...]) -> dict[str, Answers]:
    parts, begin = {}, 0
    for domain in domains:
        parts[domain] = answers[begin : begin + DOMAINS[domain]]
        begin += DOMAINS[domain]
    return parts


def _complex(domains: tuple[str, ...]) -> Callable[[Answers], Decimal | None]:
    """Recoded answers as a percentage of the highest possible sum: 106 with work, 92 without."""

    def compute(answers: Answers) -> Decimal | None:
        recoded = [_recoded(domain, part) for domain, part in _split(answers, domains).items()]
        known = [sum(part, Decimal(0)) for part in recoded if part is not None]
        if len(known) < len(recoded):
            return None
        return sum(known, Decimal(0)) * 100 / sum(_domain_most(domain) for domain in domains)

    return compute


def _simple(domains: tuple[str, ...]) -> Callable[[Answers], Decimal | None]:
    """Plain sum of answers 0 to 4."""

    def compute(answers: Answers) -> Decimal | None:
        completed = [_completed(part) for part in _split(answers, domains).values()]
        known = [sum(part, Decimal(0)) for part in completed if part is not None]
        return sum(known, Decimal(0)) if len(known) == len(completed) else None

    return compute


def _whodas12(answers: Answers) -> Decimal | None:
    """Plain sum of the 12-item version; one missing answer takes the mean of the other eleven, two leave no score."""
    completed = _completed(answers)
    return None if completed is None else sum(completed, Decimal(0))


_WHO = "WHO, WHODAS 2.0 manual 2010; item recodes to be held against the WHO sheet"


def _items(domains: tuple[str, ...]) -> int:
    return sum(DOMAINS[domain] for domain in domains)


def _whodas(name: str, domains: tuple[str, ...], compute: Callable[[Answers], Decimal | None]) -> ScoreFunction:
    return ScoreFunction(name, "1", _WHO, bounds(*[4] * _items(domains)), compute, decimals=2)


_ALL_DOMAINS = tuple(DOMAINS)

FUNCTIONS = (
    ScoreFunction(
        "eq5d5l_nl_index",
        "EQ5D5L-NL-2016/2",
        "Versteegh et al. 2016, doi 10.1016/j.jval.2016.01.003",
        ((1, 5),) * 5,
        _eq5d5l_nl_index,
        decimals=3,
    ),
    _whodas("whodas36_simple", _ALL_DOMAINS, _simple(_ALL_DOMAINS)),
    _whodas("whodas32_simple", _WITHOUT_WORK, _simple(_WITHOUT_WORK)),
    _whodas("whodas36_complex", _ALL_DOMAINS, _complex(_ALL_DOMAINS)),
    _whodas("whodas32_complex", _WITHOUT_WORK, _complex(_WITHOUT_WORK)),
    *[_whodas(f"whodas_{domain}", (domain,), _complex((domain,))) for domain in DOMAINS],
    ScoreFunction("whodas12_simple", "2", _WHO, bounds(*[4] * 12), _whodas12, decimals=2),
)
