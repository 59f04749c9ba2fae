"""Designs side by side for one trial: simulated with its own strata and recruitment, as a table, a drawing, an advice.

Source: ICH E9 section 2.3.2; Berger et al, Contemp Clin Trials Commun 21 (2021), for weighing balance against
predictability. A comparison names block sizes, so it is for the statistician who is not blinded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from randomization.methods.comparison.simulation import Figures, Recruitment, figures, simulate
from randomization.methods.designs import LARGEST_BLOCK, Design, design_named, permuted_blocks
from randomization.methods.findings import DesignRefused
from trialmgr.protocol.model import Language, Text

TRIALS = 10_000
LARGEST_SHARE_OFF = 0.10
"""A design is set aside when more than one trial in twenty ends with an imbalance above this share of participants."""


@dataclass(frozen=True)
class Compared:
    design: Design
    recruitment: Recruitment
    figures: Figures

    @property
    def by_stratum(self) -> float:
        """Mean absolute imbalance of a stratum, over strata."""
        return sum(each.mean_absolute for each in self.figures.by_stratum) / len(self.figures.by_stratum)

    @property
    def usual_of_a_stratum(self) -> int:
        """Not exceeded in 95 % of trials by the stratum that is worst off."""
        return max(each.usual for each in self.figures.by_stratum)

    @property
    def is_balanced(self) -> bool:
        return self.figures.overall.usual <= LARGEST_SHARE_OFF * self.recruitment.participants


@dataclass(frozen=True)
class Advice:
    design: Design
    reason: Text


def usual_designs(ratio: Mapping[str, int], factors: Mapping[str, Sequence[str]]) -> list[Design]:
    """What a trial with these arms and factors would consider. DesignRefused when the ratio is none."""
    total = sum(ratio.values())
    two, four, six = (total * times for times in (1, 2, 3))
    sizes = ([four], [six], [four, six], [two, four, six])
    blocks = [permuted_blocks(ratio, dict.fromkeys(each, 1)) for each in sizes if each[-1] <= LARGEST_BLOCK]
    others = (made for name in _OTHERS for made in _if_allowed(name, ratio, factors))
    return [*blocks, *others]


_OTHERS = (
    "big_stick:2",
    "big_stick:3",
    "block_urn:2",
    "asymptotic_maximal:3",
    "biased_coin_with_tolerance:2/3,3",
    "minimisation:range,4/5",
    "minimisation:variance,4/5",
    "complete",
)


def _if_allowed(name: str, ratio: Mapping[str, int], factors: Mapping[str, Sequence[str]]) -> list[Design]:
    try:
        return [design_named(name, ratio=ratio, factors=factors)]
    except DesignRefused:
        return []


def compared(
    designs: Iterable[Design], recruitment: Recruitment, *, seed: str, trials: int = TRIALS
) -> Iterator[Compared]:
    """The designs, one after the other as they are done; every one meets the same arrivals."""
    for design in designs:
        made = simulate(design, recruitment, trials=trials, seed=seed, foresight=True)
        yield Compared(design, recruitment, figures(made))


def advice(all_compared: Iterable[Compared], *, open_label: bool) -> Advice:
    """Among the designs that keep balance: the hardest to foresee in an open-label trial, else the best balanced.

    ValueError when there is nothing to compare.
    """
    everything = list(all_compared)
    if not everything:
        raise ValueError("There is no design to compare.")
    balanced = [each for each in everything if each.is_balanced] or everything
    if open_label:
        best = min(balanced, key=lambda each: (each.figures.correct, each.figures.overall.mean_absolute))
    else:
        best = min(balanced, key=lambda each: (each.figures.overall.mean_absolute, each.figures.correct))
    return Advice(best.design, _reason(best, open_label, len(everything) - len(balanced)))


def _reason(best: Compared, open_label: bool, set_aside: int) -> Text:
    found = best.figures

    def told(language: Language, sentence: str, why: str) -> str:
        return sentence.format(
            label=label(best.design)(language),
            why=why,
            aside=set_aside,
            limit=f"{LARGEST_SHARE_OFF:.0%}",
            guessed=decimal(100 * found.correct, language),
            usual=found.overall.usual,
            participants=best.recruitment.participants,
        )

    return Text(
        nl=told("nl", _REASON_NL, _OPEN_NL if open_label else _BLINDED_NL),
        en=told("en", _REASON_EN, _OPEN_EN if open_label else _BLINDED_EN),
    )


_REASON_EN = (
    "{label}. {why} In 95 of 100 trials of {participants} participants the imbalance is at most {usual}; someone who "
    "guesses from the earlier allocations is right in {guessed}% of them. Set aside because their imbalance exceeds "
    "{limit} of the participants in more than 1 of 20 trials: {aside} of the designs."
)
_REASON_NL = (
    "{label}. {why} In 95 van de 100 studies met {participants} deelnemers is het verschil tussen de armen ten hoogste "
    "{usual}; wie raadt op grond van de eerdere toewijzingen, heeft {guessed}% goed. Terzijde gelegd omdat het "
    "verschil in meer dan 1 op de 20 studies groter is dan {limit} van de deelnemers: {aside} van de methoden."
)
_OPEN_EN = "The trial is open-label, so of the designs that keep balance the one that is hardest to foresee is advised."
_OPEN_NL = (
    "De studie is open-label; daarom wordt van de methoden die de armen in balans houden de moeilijkst te voorspellen "
    "geadviseerd."
)
_BLINDED_EN = (
    "Blinded people do not see the allocation, so of the designs the one that keeps the best balance is advised."
)
_BLINDED_NL = "De toewijzing blijft geblindeerd; daarom wordt de methode geadviseerd die de beste balans houdt."


# --- words -----------------------------------------------------------------------------------------------------------


def label(design: Design) -> Text:
    """A short name of a design with its parameters."""
    given = design.parameters()
    sizes = list(given.get("block_sizes", {}))
    values = given | {"sizes_nl": _listed(sizes, "en"), "sizes_en": _listed(sizes, "and")}
    nl, en = _LABELS[given["method"]]
    return Text(nl=nl.format(**values), en=en.format(**values))


def _listed(sizes: list[str], last: str) -> str:
    return f" {last} ".join(filter(None, [", ".join(sizes[:-1]), *sizes[-1:]]))


_LABELS = {
    "permuted_blocks": ("Gepermuteerde blokken van {sizes_nl}", "Permuted blocks of {sizes_en}"),
    "complete": ("Volledig toeval", "Complete randomisation"),
    "big_stick": ("Big stick, verschil tot {mti}", "Big stick, imbalance up to {mti}"),
    "block_urn": ("Blokurn, {lambda} sets", "Block urn, {lambda} sets"),
    "biased_coin": ("Onzuivere munt, {p}", "Biased coin, {p}"),
    "biased_coin_with_tolerance": (
        "Onzuivere munt, {p}, verschil tot {mti}",
        "Biased coin, {p}, imbalance up to {mti}",
    ),
    "urn": ("Urn van Wei ({a}, {b})", "Wei's urn ({a}, {b})"),
    "asymptotic_maximal": ("Maximale procedure, verschil tot {mti}", "Maximal procedure, imbalance up to {mti}"),
    "minimisation": ("Minimalisatie ({measure}), {p}", "Minimisation ({measure}), {p}"),
}


def decimal(number: float, language: Language, places: int = 1) -> str:
    """A number as the language writes it."""
    spelt = f"{number:.{places}f}"
    return spelt.replace(".", ",") if language == "nl" else spelt


# --- table and drawing -----------------------------------------------------------------------------------------------

COLUMNS = (
    Text(nl="Gemiddeld verschil, hele studie", en="Mean imbalance, whole trial"),
    Text(nl="Verschil in 95% hoogstens", en="Imbalance at most, 95%"),
    Text(nl="Gemiddeld verschil per stratum", en="Mean imbalance per stratum"),
    Text(nl="Verschil in 95% hoogstens, een stratum", en="Imbalance of a stratum at most, 95%"),
    Text(nl="Goed geraden (%)", en="Guessed right (%)"),
    Text(nl="Zeker voorspelbaar (%)", en="Certain (%)"),
    Text(nl="Gemiddelde reeks", en="Mean run"),
    Text(nl="Langste reeks", en="Longest run"),
)


def values(each: Compared) -> tuple[float, ...]:
    """The figures of one design, in the order of COLUMNS."""
    found = each.figures
    return (
        found.overall.mean_absolute,
        float(found.overall.usual),
        each.by_stratum,
        float(each.usual_of_a_stratum),
        100 * found.correct,
        100 * found.certain,
        found.mean_run,
        found.longest_run,
    )


def table(all_compared: Iterable[Compared], language: Language) -> list[list[str]]:
    """Head and one row a design, as text."""
    head = [Text(nl="Methode", en="Design")(language), *(column(language) for column in COLUMNS)]
    return [head] + [
        [label(each.design)(language), *(decimal(value, language, 2) for value in values(each))]
        for each in all_compared
    ]


LABEL_WIDTH, PANEL_WIDTH, BAR_WIDTH, ROW_HEIGHT, HEAD_HEIGHT = 262, 176, 104, 28, 46
DRAWN = (0, 2, 4, 5, 7)
"""The columns that are drawn; the table has them all."""


def drawing(all_compared: Iterable[Compared], language: Language, advised: Design | None = None) -> str:
    """Bars side by side as SVG: no script and no style of its own, a title and a description for who cannot see it.

    Each bar carries its value as text; the advised design is marked by a filled square before its name.
    """
    rows = list(all_compared)
    width, height = LABEL_WIDTH + PANEL_WIDTH * len(DRAWN), HEAD_HEIGHT + ROW_HEIGHT * len(rows) + 8
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'role="img" '
        'aria-labelledby="comparison-title comparison-desc" font-family="sans-serif" font-size="13" fill="#0b0c0c">',
        f'<title id="comparison-title">{escape(_TITLE(language))}</title>',
        f'<desc id="comparison-desc">{escape(_description(rows, language))}</desc>',
        *(line for number, column in enumerate(DRAWN) for line in _panel(rows, number, column, language)),
        *(_name(each, number, language, advised) for number, each in enumerate(rows)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _name(each: Compared, number: int, language: Language, advised: Design | None) -> str:
    y = HEAD_HEIGHT + ROW_HEIGHT * number
    mark = f'<rect x="4" y="{y + 7}" width="10" height="10" fill="#00703c"/>' if each.design == advised else ""
    return f'{mark}<text x="20" y="{y + 17}">{escape(label(each.design)(language))}</text>'


def _panel(rows: list[Compared], number: int, column: int, language: Language) -> Iterator[str]:
    """One column of bars; the longest bar is the largest value."""
    x = LABEL_WIDTH + PANEL_WIDTH * number
    largest = max((values(each)[column] for each in rows), default=0.0) or 1.0
    yield f'<text x="{x}" y="20" font-weight="bold" font-size="10">{escape(COLUMNS[column](language))}</text>'
    for place, each in enumerate(rows):
        value, y = values(each)[column], HEAD_HEIGHT + ROW_HEIGHT * place
        length = round(BAR_WIDTH * value / largest, 1)
        yield f'<rect x="{x}" y="{y + 4}" width="{length}" height="16" fill="#1d70b8"/>'
        yield f'<text x="{x + length + 5:.1f}" y="{y + 17}">{decimal(value, language)}</text>'


def _description(rows: list[Compared], language: Language) -> str:
    described = (
        f"{label(each.design)(language)}: "
        + ", ".join(f"{COLUMNS[column](language)} {decimal(values(each)[column], language)}" for column in DRAWN)
        for each in rows
    )
    return "; ".join(described) + "."


_TITLE = Text(nl="Randomisatiemethoden naast elkaar", en="Randomisation designs side by side")
