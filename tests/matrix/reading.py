"""Reading ``table.txt``: one line an address, what each person gets there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.matrix.house import WHO

STRANGER = "?"
PLACES: dict[str, str | int] = {
    "number": "UMCG-001",
    "slug": "baseline",
    "form": "madrs",
    "row": 1,
    "extension": 1,
    "item": "madrs_total",
    "n": 1,
    "query": 1,
    "phase": "follow_up",
    "place": "UMCG",
    "key": "forms",
    "kind": "form_absent",
    "figure": "unverified",
    "username": "rater-umcg",
    "code": "UMCG",
    "version": "consent_v1",
    "token": "no-such-token",
    "name": "codebook.csv",
}


@dataclass(frozen=True, slots=True)
class Line:
    """``reading`` by GET and ``writing`` by ``method``: letter of a person -> status."""

    address: str
    reading: dict[str, int]
    writing: dict[str, int]
    method: str
    places: dict[str, str | int]


def read_table() -> list[Line]:
    text = (Path(__file__).parent / "table.txt").read_text(encoding="utf-8")
    return [_line(line) for line in text.splitlines() if line.strip() and not line.startswith("#")]


def _line(text: str) -> Line:
    address, reading, writing, *places = (part.strip() for part in text.split("|"))
    given = dict(pair.split("=") for pair in " ".join(places).split())
    method = given.pop("method", "post")
    stranger = 401 if address.startswith("api:") else 302
    own = {name: int(value) if value.isdigit() else value for name, value in given.items()}
    return Line(address, _statuses(reading, stranger), _statuses(writing, stranger), method, PLACES | own)


def _statuses(text: str, stranger: int) -> dict[str, int]:
    """Whoever is not named is refused with 403; a stranger is asked to sign in."""
    return dict.fromkeys(WHO, 403) | {STRANGER: stranger} | dict(_named(text))


def _named(text: str) -> Iterator[tuple[str, int]]:
    for part in text.split():
        status, _sign, letters = part.rpartition("=")
        for letter in letters.replace("*", "".join(WHO)).replace("-", ""):
            yield letter, int(status or 200)
