"""What a person typed, brought to one canonical string; and the typed value that expressions reckon with.

Decimals and partial dates keep the precision in which they were written: ``72,50`` is stored as ``72.50``.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from trialmgr.protocol.durations import Duration
from trialmgr.protocol.model import CodeList, Item, ItemType, Range, Text

LONGEST_RAW = 20_000
FIRST_YEAR, LAST_YEAR = 1900, 2199
DEFAULT_DECIMALS = 6
DEFAULT_LENGTH = 500
DEFAULT_LONG_LENGTH = 10_000

_INTEGER = re.compile(r"([+-]?)([0-9]{1,15})")
_DECIMAL = re.compile(r"([+-]?)([0-9]{1,15})(?:[.,]([0-9]{1,15}))?")
_THOUSAND = re.compile(r"[+-]?([1-9][0-9]{0,2})[.,]([0-9]{3})")
_DATE = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})")
_PARTIAL_DATE = re.compile(r"([0-9]{4})(?:-([0-9]{1,2})(?:-([0-9]{1,2}))?)?")
_YEAR_FIRST = re.compile(r"([0-9]{4})([-./ ])([0-9]{1,2})\2([0-9]{1,2})")
_DAY_FIRST = re.compile(r"([0-9]{1,2})([-./ ])([0-9]{1,2})\2([0-9]{2}|[0-9]{4})")
_MONTH_NAMED = re.compile(r"([0-9]{1,2})[-. ]{0,2}([a-z]{3,9})[-. ]{0,2}([0-9]{2}|[0-9]{4})")
_MONTHS = (
    "jan januari january",
    "feb februari february",
    "mrt maart mar march",
    "apr april",
    "mei may",
    "jun juni june",
    "jul juli july",
    "aug augustus august",
    "sep sept september",
    "okt oktober oct october",
    "nov november",
    "dec december",
)
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{2})")
_YES_NO = {"yes": "yes", "ja": "yes", "no": "no", "nee": "no"}
_FILE = re.compile(r"sha256:[0-9a-f]{64}/([^/\\]{1,200})")
_REFUSED_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})
_INVISIBLE_CATEGORIES = frozenset({"Cf", "Co", "Cn"})


@dataclass(frozen=True, slots=True)
class PartialDate:
    """A date of which the day, or the month and the day, is not known: each day from first to last is possible."""

    first: dt.date
    last: dt.date


Value: TypeAlias = Decimal | dt.date | PartialDate | dt.time | Duration | str | bool | tuple[str, ...] | None


class ValueProblem(ValueError):
    """What was typed is not a value of the item; ``text`` says so in both languages."""

    def __init__(self, text: Text) -> None:
        super().__init__(text.en)
        self.text = text


def parse_value(item: Item, raw: str, codelist: CodeList | None) -> str:
    """Canonical string of ``raw``; ValueProblem when it is not a value of the item's type.

    ``codelist`` is the item's own list. Ranges are not judged here, see ``evaluation``.
    """
    if len(raw) > LONGEST_RAW:
        raise _problem("De invoer is te lang.", "The answer is too long.")
    trimmed = unicodedata.normalize("NFC", raw.replace("\r\n", "\n")).strip()
    if not trimmed:
        raise _problem("Vul een waarde in.", "Enter a value.")
    return _PARSERS[item.type](item, trimmed, codelist)


def check_unmistakable(item: Item, raw: str) -> None:
    """ValueProblem when what a person types may mean something else than it says. Not asked of what is stored.

    One to three digits, a comma or point and three digits are a thousand in one country and a fraction in another,
    unless the item says that it has so many decimals. Characters that nobody sees are no part of a text.
    """
    if item.type is ItemType.DECIMAL and item.decimals is None and (match := _THOUSAND.fullmatch(raw.strip())):
        whole, fraction = match[1], match[2]
        raise _problem(
            f"Is dit {whole},{fraction} of {whole}{fraction}? Vul {whole}{fraction} in, of {whole},{fraction}0.",
            f"Is this {whole}.{fraction} or {whole}{fraction}? Enter {whole}{fraction}, or {whole}.{fraction}0.",
        )
    hidden = sorted({f"U+{ord(sign):04X}" for sign in raw if unicodedata.category(sign) in _INVISIBLE_CATEGORIES})
    if item.type in (ItemType.TEXT, ItemType.LONG_TEXT) and hidden:
        raise _problem(
            f"De tekst bevat onzichtbare tekens ({', '.join(hidden)}); typ hem opnieuw.",
            f"The text has invisible characters ({', '.join(hidden)}); type it again.",
        )


def iso_day(raw: str) -> str | None:
    """A whole date as written here (``3-12-2026``, ``3 dec 2026``, ``2026-12-03``) in ISO 8601; None for no date.

    ValueProblem where it may be two days: with slashes and two numbers up to 12, the day comes first in Europe and the
    month in the United States; and with a year of two digits. Whether there is such a day is not judged here.
    """
    text = raw.strip().casefold()
    if match := _YEAR_FIRST.fullmatch(text):
        return f"{match[1]}-{int(match[3]):02d}-{int(match[4]):02d}"
    day, month, year = _parts_of_day(text)
    if not day:
        return None
    if len(year) < 4:
        raise _problem("Schrijf het jaar met vier cijfers, zoals 2026.", "Write the year in four digits, such as 2026.")
    if "/" in text and day != month and int(day) <= 12 and int(month) <= 12:
        raise _problem(
            f"Is {raw.strip()} dag {int(day)} van maand {int(month)}, of andersom? "
            f"Schrijf {year}-{int(month):02d}-{int(day):02d} of {year}-{int(day):02d}-{int(month):02d}.",
            f"Is {raw.strip()} day {int(day)} of month {int(month)}, or the other way round? "
            f"Write {year}-{int(month):02d}-{int(day):02d} or {year}-{int(day):02d}-{int(month):02d}.",
        )
    return f"{year}-{int(month):02d}-{int(day):02d}"


def _parts_of_day(text: str) -> tuple[str, str, str]:
    """Day, month and year of a date with the day first, the month in digits; empty for what is none."""
    if match := _DAY_FIRST.fullmatch(text):
        return match[1], match[3], match[4]
    match = _MONTH_NAMED.fullmatch(text)
    month = next((number for number, names in enumerate(_MONTHS, 1) if match and match[2] in names.split()), 0)
    return (match[1], str(month), match[3]) if match and month else ("", "", "")


def typed(item: Item, canonical: str) -> Value:
    """The value of a canonical string made by ``parse_value``: number, date, time, codes, true or false, or text."""
    return _READERS[item.type](canonical)


def _problem(nl: str, en: str) -> ValueProblem:
    return ValueProblem(Text(nl=nl, en=en))


def _number(sign: str, whole: str, fraction: str) -> str:
    digits = (whole.lstrip("0") or "0") + (f".{fraction}" if fraction else "")
    negative = sign == "-" and any(digit in "123456789" for digit in digits)
    return f"-{digits}" if negative else digits


def _parse_integer(item: Item, raw: str, codelist: CodeList | None) -> str:
    match = _INTEGER.fullmatch(raw.replace("\u2212", "-"))
    if match is None:
        raise _problem("Vul een geheel getal in, zoals 12.", "Enter a whole number, such as 12.")
    return _number(match[1], match[2], "")


def _parse_decimal(item: Item, raw: str, codelist: CodeList | None) -> str:
    places = DEFAULT_DECIMALS if item.decimals is None else item.decimals
    match = _DECIMAL.fullmatch(raw.replace("\u2212", "-"))
    if match is None:
        raise _problem("Vul een getal in, zoals 72,5.", "Enter a number, such as 72.5.")
    if len(match[3] or "") > places:
        raise _problem(
            f"Vul een getal in met hoogstens {places} cijfers achter de komma.",
            f"Enter a number with at most {places} decimal places.",
        )
    return _number(match[1], match[2], match[3] or "")


def _parse_text(item: Item, raw: str, codelist: CodeList | None) -> str:
    longest = item.max_length or (DEFAULT_LONG_LENGTH if item.type is ItemType.LONG_TEXT else DEFAULT_LENGTH)
    if len(raw) > longest:
        raise _problem(f"Gebruik hoogstens {longest} tekens.", f"Use at most {longest} characters.")
    allowed = "\n\t" if item.type is ItemType.LONG_TEXT else ""
    if any(unicodedata.category(sign) in _REFUSED_CATEGORIES and sign not in allowed for sign in raw):
        raise _problem(
            "De tekst bevat tekens die niet bewaard kunnen worden; typ hem opnieuw.",
            "The text has characters that cannot be kept; type it again.",
        )
    return raw


def _checked_date(year: str, month: str, day: str) -> dt.date:
    """ValueProblem when there is no such day, or when the year is outside what a trial can mean."""
    try:
        date = dt.date(int(year), int(month), int(day))
    except ValueError:
        raise _problem("Deze datum bestaat niet.", "There is no such date.") from None
    if not FIRST_YEAR <= date.year <= LAST_YEAR:
        raise _problem(
            f"Het jaar moet tussen {FIRST_YEAR} en {LAST_YEAR} liggen.",
            f"The year must be between {FIRST_YEAR} and {LAST_YEAR}.",
        )
    return date


def _parse_date(item: Item, raw: str, codelist: CodeList | None) -> str:
    match = _DATE.fullmatch(iso_day(raw) or raw)
    if match is None:
        raise _problem(
            "Vul een volledige datum in: jaar-maand-dag, zoals 2026-05-31.",
            "Enter a full date: year-month-day, such as 2026-05-31.",
        )
    return _checked_date(match[1], match[2], match[3]).isoformat()


def _parse_partial_date(item: Item, raw: str, codelist: CodeList | None) -> str:
    match = _PARTIAL_DATE.fullmatch(iso_day(raw) or raw)
    if match is None:
        raise _problem(
            "Vul een jaar, een jaar en maand, of een volledige datum in, zoals 2026-05.",
            "Enter a year, a year and month, or a full date, such as 2026-05.",
        )
    date = _checked_date(match[1], match[2] or "1", match[3] or "1").isoformat()
    return date[: 10 if match[3] else 7 if match[2] else 4]


def _parse_time(item: Item, raw: str, codelist: CodeList | None) -> str:
    match = _TIME.fullmatch(raw)
    if match is None or int(match[1]) > 23 or int(match[2]) > 59:
        raise _problem("Vul een tijd in, zoals 09:30.", "Enter a time, such as 09:30.")
    return f"{int(match[1]):02d}:{match[2]}"


def _parse_choice(item: Item, raw: str, codelist: CodeList | None) -> str:
    if codelist is None or raw not in codelist.codes:
        raise _problem("Kies een antwoord uit de lijst.", "Choose an answer from the list.")
    return raw


def _parse_multi_choice(item: Item, raw: str, codelist: CodeList | None) -> str:
    chosen = set(raw.split())
    if codelist is None or not chosen <= codelist.codes:
        raise _problem("Kies antwoorden uit de lijst.", "Choose answers from the list.")
    return " ".join(entry.code for entry in codelist.items if entry.code in chosen)


def _parse_yes_no(item: Item, raw: str, codelist: CodeList | None) -> str:
    answer = _YES_NO.get(raw.casefold())
    if answer is None:
        raise _problem("Kies ja of nee.", "Choose yes or no.")
    return answer


def _parse_scale(item: Item, raw: str, codelist: CodeList | None) -> str:
    """A whole number on the scale; unlike an item with a range, nothing else was ever on offer."""
    number = _parse_integer(item, raw, codelist)
    ends = item.range or Range()
    if not (Decimal(ends.min or 0) <= Decimal(number) <= Decimal(ends.max or 0)):
        raise _problem(
            f"Kies een getal van {ends.min} tot en met {ends.max}.", f"Choose a number from {ends.min} to {ends.max}."
        )
    return number


def _parse_file(item: Item, raw: str, codelist: CodeList | None) -> str:
    """The mark of a stored file: its SHA-256 and its name. The file itself never comes here."""
    match = _FILE.fullmatch(raw)
    if match is None or any(unicodedata.category(sign) in _REFUSED_CATEGORIES for sign in raw):
        raise _problem("Kies een bestand.", "Choose a file.")
    ending = match[1].rpartition(".")[2].casefold()
    if item.accepts and ending not in item.accepts:
        endings = ", ".join(item.accepts)
        raise _problem(f"Kies een bestand van de soort {endings}.", f"Choose a file of the kind {endings}.")
    return raw


def _read_partial_date(canonical: str) -> Value:
    first = dt.date.fromisoformat(canonical + "-01-01"[len(canonical) - 4 :] if len(canonical) < 10 else canonical)
    if len(canonical) == 10:
        return first
    if len(canonical) == 4:
        return PartialDate(first, dt.date(first.year, 12, 31))
    following = (first + dt.timedelta(days=31)).replace(day=1)
    return PartialDate(first, following - dt.timedelta(days=1))


_PARSERS: dict[ItemType, Callable[[Item, str, CodeList | None], str]] = {
    ItemType.INTEGER: _parse_integer,
    ItemType.DECIMAL: _parse_decimal,
    ItemType.TEXT: _parse_text,
    ItemType.LONG_TEXT: _parse_text,
    ItemType.DATE: _parse_date,
    ItemType.PARTIAL_DATE: _parse_partial_date,
    ItemType.TIME: _parse_time,
    ItemType.CHOICE: _parse_choice,
    ItemType.MULTI_CHOICE: _parse_multi_choice,
    ItemType.YES_NO: _parse_yes_no,
    ItemType.SCALE: _parse_scale,
    ItemType.FILE: _parse_file,
}

_READERS: dict[ItemType, Callable[[str], Value]] = {
    ItemType.INTEGER: Decimal,
    ItemType.DECIMAL: Decimal,
    ItemType.TEXT: str,
    ItemType.LONG_TEXT: str,
    ItemType.DATE: dt.date.fromisoformat,
    ItemType.PARTIAL_DATE: _read_partial_date,
    ItemType.TIME: dt.time.fromisoformat,
    ItemType.CHOICE: str,
    ItemType.MULTI_CHOICE: lambda canonical: tuple(canonical.split()),
    ItemType.YES_NO: lambda canonical: canonical == "yes",
    ItemType.SCALE: Decimal,
    ItemType.FILE: str,
}
