"""The balance report to keep: a table as CSV, and the imbalance over time drawn beside what the design lets expect."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from xml.sax.saxutils import escape

from randomization.methods.balance.figures import Balance, Line, Point
from trialmgr.protocol.model import Language, Text

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 260, 44, 706, 16, 220


def csv_of_balance(balance: Balance) -> str:
    """One row a line of the report; the last two columns are empty where the design cannot be simulated."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["part", "name", *balance.arms, "imbalance", "expected_mean", "expected_95"])
    writer.writerow(_row("overall", balance.overall))
    for part, lines in balance.parts.items():
        writer.writerows(_row(part, line) for line in lines)
    return text.getvalue()


def _row(part: str, line: Line) -> list[object]:
    expected = ("", "") if line.expected is None else (f"{line.expected.mean:.4f}", line.expected.usual)
    return [part, line.name, *line.counts, line.imbalance, *expected]


def drawing(balance: Balance, language: Language) -> str:
    """The imbalance after each allocation as SVG; grey is what 95 of 100 trials of the design stay within."""
    course = balance.course
    bound = max([1, *(abs(point.imbalance) for point in course), *(point.usual or 0 for point in course)])
    lowest = -bound if len(balance.arms) == 2 else 0
    scale = _Scale(max(len(course), 1), lowest, bound)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        'role="img" aria-labelledby="balance-title balance-desc" font-family="sans-serif" font-size="12" '
        'fill="#0b0c0c">',
        f'<title id="balance-title">{escape(_TITLE(language))}</title>',
        f'<desc id="balance-desc">{escape(_description(balance, language))}</desc>',
        *_band(course, scale),
        *_frame(scale, language),
        *_line(course, scale),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


class _Scale:
    def __init__(self, most: int, lowest: int, highest: int) -> None:
        self.most, self.lowest, self.highest = most, lowest, highest

    def x(self, number: int) -> float:
        return round(LEFT + (RIGHT - LEFT) * number / self.most, 1)

    def y(self, imbalance: int) -> float:
        return round(BOTTOM - (BOTTOM - TOP) * (imbalance - self.lowest) / (self.highest - self.lowest), 1)


def _band(course: Iterable[Point], scale: _Scale) -> Iterator[str]:
    known = [(point.number, point.usual) for point in course if point.usual is not None]
    if known:
        above = [f"{scale.x(number)},{scale.y(usual)}" for number, usual in known]
        below = [f"{scale.x(number)},{scale.y(max(-usual, scale.lowest))}" for number, usual in reversed(known)]
        yield f'<polygon points="{" ".join([*above, *below])}" fill="#d9dcde"/>'


def _frame(scale: _Scale, language: Language) -> Iterator[str]:
    for height in sorted({scale.lowest, 0, scale.highest}):
        y = scale.y(height)
        yield f'<line x1="{LEFT}" x2="{RIGHT}" y1="{y}" y2="{y}" stroke="#505a5f" stroke-width="0.5"/>'
        yield f'<text x="{LEFT - 6}" y="{y + 4}" text-anchor="end">{height}</text>'
    yield f'<text x="{RIGHT}" y="{BOTTOM + 28}" text-anchor="end">{escape(_AXIS(language))} {scale.most}</text>'


def _line(course: Iterable[Point], scale: _Scale) -> Iterator[str]:
    points = [f"{scale.x(0)},{scale.y(0)}", *(f"{scale.x(each.number)},{scale.y(each.imbalance)}" for each in course)]
    yield f'<polyline points="{" ".join(points)}" fill="none" stroke="#10495a" stroke-width="2"/>'


def _description(balance: Balance, language: Language) -> str:
    largest = max((abs(point.imbalance) for point in balance.course), default=0)
    return _DESCRIBED(language).format(
        number=len(balance.course), now=balance.overall.imbalance, largest=largest, arms=", ".join(balance.arms)
    )


_TITLE = Text(nl="Verschil tussen de armen in de loop van de studie", en="Imbalance between the arms over the trial")
_AXIS = Text(nl="Toewijzingen: 1 tot en met", en="Allocations: 1 to")
_DESCRIBED = Text(
    nl="Armen: {arms}. Na {number} toewijzingen is het verschil {now}; het grootste onderweg was {largest}.",
    en="Arms: {arms}. After {number} allocations the imbalance is {now}; the largest on the way was {largest}.",
)
