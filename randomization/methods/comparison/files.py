"""A comparison to keep: as CSV, as a text with the advice, and as JSON that can be read back."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from randomization.methods.comparison.figures import Compared, advice, label, table
from randomization.methods.comparison.simulation import Figures, Recruitment, Spread
from randomization.methods.designs import design_from, name_of
from randomization.methods.lists.rows import canonical_stratum_key
from trialmgr.protocol.model import Language, Text

OVERALL = (
    "design",
    "label",
    "mean_imbalance",
    "variance_of_imbalance",
    "imbalance_95",
    "largest_imbalance",
    "mean_imbalance_of_a_stratum",
    "imbalance_of_a_stratum_95",
    "guessed_right",
    "certain",
    "mean_run",
    "longest_run",
)
BY_STRATUM = ("design", "stratum", "expected", "mean_imbalance", "variance_of_imbalance", "imbalance_95", "largest")


def csv_of_designs(compared: Iterable[Compared]) -> str:
    """One row a design; shares of all allocations as fractions of 1, imbalances in participants."""
    return _csv(OVERALL, (_row(each) for each in compared))


def _row(each: Compared) -> list[object]:
    found = each.figures
    numbers = (*found.overall, each.by_stratum, each.usual_of_a_stratum, *found[2:])
    return [name_of(each.design), label(each.design).en, *(_number(number) for number in numbers)]


def csv_of_strata(compared: Iterable[Compared]) -> str:
    """One row a design and stratum; ``expected``: participants of a trial that fall into the stratum on average."""
    return _csv(BY_STRATUM, (row for each in compared for row in _rows_of_strata(each)))


def _rows_of_strata(each: Compared) -> Iterator[list[object]]:
    weights = sum(stratum.weight for stratum in each.recruitment.strata)
    for stratum, spread in zip(each.recruitment.strata, each.figures.by_stratum, strict=True):
        expected = each.recruitment.participants * stratum.weight / weights
        key = canonical_stratum_key(stratum.levels)
        yield [name_of(each.design), key, _number(expected), *(_number(number) for number in spread)]


def _number(number: float) -> str:
    return f"{number:.4f}".rstrip("0").rstrip(".")


def _csv(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return text.getvalue()


def as_lines(rows: Sequence[Sequence[str]]) -> list[str]:
    """A table in columns of equal width, the first to the left and the numbers to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]


def report(
    compared: Sequence[Compared], *, study: str, seed: str, trials: int, open_label: bool, language: Language
) -> str:
    """Markdown: what was simulated, the table, the advice and how to read it. ValueError when nothing was compared."""
    advised = advice(compared, open_label=open_label)
    head, *rows = table(compared, language)
    lines = [
        f"# {_HEADING(language)}: {study}",
        "",
        _DONE(language).format(
            participants=compared[0].recruitment.participants,
            strata=len(compared[0].recruitment.strata),
            trials=trials,
            seed=seed,
        ),
        "",
        f"| {' | '.join(head)} |",
        f"|---{'|--:' * (len(head) - 1)}|",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
        f"**{_ADVICE(language)}** {advised.reason(language)}",
        "",
        READING(language),
    ]
    return "\n".join(lines) + "\n"


_HEADING = Text(nl="Randomisatiemethoden naast elkaar", en="Randomisation designs side by side")
_ADVICE = Text(nl="Advies:", en="Advice:")
_DONE = Text(
    nl="{trials} gesimuleerde studies van {participants} deelnemers in {strata} strata, elke methode met dezelfde "
    "deelnemers. Startwaarde: {seed}.",
    en="{trials} simulated trials of {participants} participants in {strata} strata, the same arrivals for every "
    "design. Seed: {seed}.",
)
READING = Text(
    nl="Verschil: deelnemers in de ene arm min die in de andere. Goed geraden: door wie alle eerdere toewijzingen van "
    "het stratum kent en de arm noemt die achterloopt. Zeker: toewijzingen die vooraf vaststaan voor wie ook de "
    "blokgrootte kent. Reeks: opeenvolgende deelnemers in dezelfde arm, over alle strata.",
    en="Imbalance: participants in one arm less those in the other. Guessed right: by someone who knows all earlier "
    "allocations of the stratum and names the arm that is behind. Certain: allocations that can be foretold by someone "
    "who also knows the size of the block. Run: consecutive participants in the same arm, over all strata.",
)


# --- to be read back -------------------------------------------------------------------------------------------------


def packed(each: Compared) -> dict[str, Any]:
    """What was simulated of one design, as JSON."""
    found = each.figures
    return {
        "design": each.design.parameters(),
        "overall": list(found.overall),
        "strata": [list(spread) for spread in found.by_stratum],
        "rest": list(found[2:]),
    }


def unpacked(document: dict[str, Any], recruitment: Recruitment) -> Compared:
    """What ``packed`` wrote, for the same recruitment."""
    strata = tuple(Spread(*spread) for spread in document["strata"])
    found = Figures(Spread(*document["overall"]), strata, *document["rest"])
    return Compared(design_from(document["design"]), recruitment, found)
