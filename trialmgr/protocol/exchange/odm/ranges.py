"""RangeCheck as ``range``, ``soft_range`` or an edit check of the form.

Source: CDISC ODM 1.3.2, RangeCheck: the comparator and the values say what is allowed; Hard refuses, Soft asks.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from trialmgr.protocol.exchange.drafts import Keys, Notices
from trialmgr.protocol.exchange.foreign_logic import negated
from trialmgr.protocol.exchange.odm.codelists import ReadList
from trialmgr.protocol.exchange.odm.elements import Element
from trialmgr.protocol.exchange.odm.extension import CONTEXT
from trialmgr.protocol.exchange.odm.texts import Translations

_NUMERIC = ("integer", "decimal", "scale")
_ORDERED = (*_NUMERIC, "date", "partial_date")
_FIRES = {"LT": ">=", "LE": ">", "GT": "<=", "GE": "<", "EQ": "!=", "NE": "="}
_DIGITS = 20

_MESSAGE = {
    "nl": "De waarde valt buiten wat is toegestaan. Klopt het antwoord?",
    "en": "The value is outside what is allowed. Is the answer right?",
}


@dataclass(slots=True)
class RangeReader:
    """Adds the range checks of one item to it, or to the checks of its form."""

    keys: Keys
    texts: Translations
    notices: Notices

    def read(self, definition: Element, item: dict[str, Any], codes: ReadList | None) -> list[dict[str, Any]]:
        """The edit checks that come of it; plain bounds go into ``item``."""
        checks = []
        for range_check in definition.all("RangeCheck"):
            own = _own_formal(range_check)
            if own is not None:
                checks.append(self._own_check(range_check, own, item["key"]))
            elif not self._as_bound(range_check, item):
                checks += self._as_check(range_check, item, codes)
        return checks

    def _own_check(self, range_check: Element, formal: Element, item_key: str) -> dict[str, Any]:
        return {
            "key": formal.get("Context").split("/")[-1],
            "severity": _severity(range_check),
            "fires_if": negated(formal.text),
            "items": [item_key],
            "message": self.texts.text(range_check.first("ErrorMessage"), "?"),
        }

    def _as_bound(self, range_check: Element, item: dict[str, Any]) -> bool:
        """One end of a range of numbers, while that end is free and no text of its own goes with it."""
        if item["type"] not in _NUMERIC or range_check.first("ErrorMessage") is not None:
            return False
        comparator, value = range_check.get("Comparator"), _decimal(_values(range_check))
        if item["type"] != "decimal" and comparator in ("GT", "LT") and value is not None and value % 1 == 0:
            value += 1 if comparator == "GT" else -1
            comparator = {"GT": "GE", "LT": "LE"}[comparator]
        end = {"GE": "min", "LE": "max"}.get(comparator)
        slot = "soft_range" if _severity(range_check) == "soft" else "range"
        bounds = dict(item.get(slot, {}))
        if end is None or value is None or end in bounds or _is_crossed(bounds, end, value):
            return False
        bounds[end] = value
        item[slot] = {name: bounds[name] for name in ("min", "max") if name in bounds}
        return True

    def _as_check(self, range_check: Element, item: dict[str, Any], codes: ReadList | None) -> list[dict[str, Any]]:
        fires_if = _fires_if(range_check, item, codes)
        if fires_if is None:
            self.notices.leave_out(f"a RangeCheck of {item['key']}: {_told(range_check)}", range_check.line)
            return []
        message = self.texts.text(range_check.first("ErrorMessage")) or _MESSAGE
        check = {"key": self.keys.take(f"{item['key']}_allowed"), "severity": _severity(range_check)}
        return [
            check | {"fires_if": fires_if, "items": [item["key"]], "message": message, "confirm_with_protocol": True}
        ]


def _own_formal(range_check: Element) -> Element | None:
    """The expression of a check of ours, its key in the context."""
    formal = (formal for formal in range_check.all("FormalExpression"))
    return next((one for one in formal if one.get("Context").startswith(f"{CONTEXT}/")), None)


def _severity(range_check: Element) -> str:
    return "soft" if range_check.get("SoftHard").casefold() == "soft" else "hard"


def _values(range_check: Element) -> list[str]:
    return [value.words() for value in range_check.all("CheckValue")]


def _decimal(values: list[str]) -> Decimal | None:
    """The one number among the values, if it is one that an expression can write."""
    try:
        number = Decimal(values[0].replace(",", ".")) if len(values) == 1 else Decimal("NaN")
    except InvalidOperation:
        return None
    return number if number.is_finite() and _is_writable(number) else None


def _is_writable(number: Decimal) -> bool:
    if abs(number.adjusted()) > _DIGITS:
        return False
    whole, _dot, fraction = f"{abs(number):f}".partition(".")
    return len(whole) <= _DIGITS and len(fraction) <= _DIGITS


def _is_crossed(bounds: dict[str, Any], end: str, value: Decimal) -> bool:
    other = bounds.get("max" if end == "min" else "min")
    return other is not None and (value > other if end == "min" else value < other)


def _fires_if(range_check: Element, item: dict[str, Any], codes: ReadList | None) -> str | None:
    """The expression that is true for a value that is not allowed; None when we cannot say it."""
    comparator = range_check.get("Comparator")
    values = [_literal(value, item["type"], codes) for value in _values(range_check)]
    known = [value for value in values if value is not None]
    if not known or len(known) < len(values) or item["type"] == "multi_choice":
        return None
    if comparator in ("IN", "NOTIN") and item["type"] != "yes_no":
        listed = f"{item['key']} in ({', '.join(known)})"
        return f"not ({listed})" if comparator == "IN" else listed
    if len(known) > 1 or (comparator not in ("EQ", "NE") and item["type"] not in _ORDERED):
        return None
    sign = _FIRES.get(comparator)
    return f"{item['key']} {sign} {known[0]}" if sign else None


def _literal(value: str, item_type: str, codes: ReadList | None) -> str | None:
    if item_type in _NUMERIC:
        number = _decimal([value])
        return None if number is None else f"{number:f}"
    if item_type in ("date", "partial_date"):
        return f"date('{value}')" if _is_date(value) else None
    if item_type == "yes_no":
        return {"1": "true", "true": "true", "0": "false", "false": "false"}.get(value.casefold())
    if item_type == "choice":
        code = codes.codes.get(value) if codes else None
        return f"'{code}'" if code else None
    return f"'{value}'" if item_type in ("text", "long_text") and value and not set(value) & set("'\n") else None


def _is_date(value: str) -> bool:
    try:
        return dt.date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def _told(range_check: Element) -> str:
    formal = [formal.words() for formal in range_check.all("FormalExpression")]
    told = " ".join([range_check.get("Comparator"), *_values(range_check), *formal]).strip()
    return f"{_severity(range_check)}: {told or 'it says nothing'}"
