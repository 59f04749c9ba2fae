"""Branching logic, conditions and calculations of REDCap and OpenEDC, put into our expressions where that is possible.

Both write C-like formulas: ``[sex] = '1' and [effects(2)] = '1'``, ``!(Gender == "Female")``. What is put over means
the same for every value; what cannot is refused with the reason. A blank answer differs: there a blank is a value ('')
that is unequal to every other, here it is unknown. ``blank_differs`` keeps their meaning of *unequal*.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import LarkError

from trialmgr.protocol.expressions import ExpressionError, Kind, Path, parse
from trialmgr.protocol.integrity.rules import ITEM_KINDS
from trialmgr.protocol.model import ItemType

LONGEST = 10_000

_GRAMMAR = r"""
    ?start: either
    ?either: both (OR both)* -> either
    ?both: test (AND test)* -> both
    ?test: NOT test -> inverse
        | sum
        | sum COMPARE sum -> comparison
    ?sum: product
        | sum (PLUS | MINUS) product -> arithmetic
    ?product: sign
        | product (TIMES | OVER) sign -> arithmetic
    ?sign: MINUS sign -> negative
        | atom
        | atom "^" sign -> power
    ?atom: NUMBER -> number
        | TEXT -> text
        | FIELD -> bracketed
        | NAME "(" [either ("," either)*] ")" -> call
        | NAME -> named
        | "(" either ")" -> grouped

    OR.2: /or\b|\|\||\|/i
    AND.2: /and\b|&&|&/i
    NOT.2: /not\b|!(?!=)/i
    COMPARE: "==" | "!=" | "<>" | "<=" | ">=" | "<" | ">" | "="
    PLUS: "+"
    MINUS: "-"
    TIMES: "*"
    OVER: "/"
    NUMBER: /[0-9]{1,20}(\.[0-9]{1,20})?|\.[0-9]{1,20}/
    TEXT: /'[^'\n]*'|"[^"\n]*"/
    FIELD: /(\[[^\[\]\n]+\])+/
    NAME: /[A-Za-z_][A-Za-z0-9_.]*/
    %ignore /[ \t\r\n]+/
"""


class CannotTranslate(ValueError):
    """The formula says what our language cannot; the text says what."""


@dataclass(frozen=True, slots=True)
class Known:
    """An item a formula may name. ``path``: as our expressions write it; ``codes``: the code there to the code here."""

    path: str
    type: str
    codes: Mapping[str, str] = field(default_factory=dict)


Resolver = Callable[[str, str], Known | None]
"""Field and event (empty when none is named) to the item; None when it cannot be reached from there."""


@dataclass(frozen=True, slots=True)
class Translated:
    """``remarks``: where the meaning for blank answers differs. ``decimals``: of an outermost ``round``."""

    text: str
    remarks: tuple[str, ...] = ()
    decimals: int | None = None


@dataclass(frozen=True, slots=True)
class _Piece:
    """Part of a formula: our text, and what it is: number, truth, date, literal, item or rounded."""

    text: str
    sort: str
    known: Known | None = None
    literal: str = ""
    decimals: int | None = None


def condition(text: str, resolve: Resolver, *, blank_differs: bool = True) -> Translated:
    """The formula as an expression that is true or false; CannotTranslate otherwise."""
    maker = _Maker(resolve, blank_differs)
    return maker.checked(Translated(_truth(maker.read(text)), tuple(maker.remarks)))


def calculation(text: str, resolve: Resolver) -> Translated:
    """The formula as an expression that gives a number; CannotTranslate otherwise."""
    maker = _Maker(resolve, blank_differs=True)
    piece = maker.read(text)
    ours = piece.text if piece.sort == "rounded" else _number(piece)
    return maker.checked(Translated(ours, tuple(maker.remarks), piece.decimals))


def negated(expression: str) -> str:
    """``not (...)`` of an expression, and the expression of a ``not (...)``."""
    if expression.startswith("not (") and _closes_at_end(expression[4:]):
        return expression[5:-1]
    return f"not ({expression})"


def _closes_at_end(text: str) -> bool:
    """Whether the bracket that opens the text is closed by its last sign."""
    quoted, depths = False, [0]
    for sign in text:
        quoted = quoted is not (sign == "'")
        depths.append(depths[-1] + (0 if quoted else {"(": 1, ")": -1}.get(sign, 0)))
    return text.startswith("(") and 0 not in depths[1:-1] and depths[-1] == 0


@lru_cache(maxsize=1)
def _parser() -> Lark:
    return Lark(_GRAMMAR, parser="lalr", maybe_placeholders=False)


@v_args(inline=True)
class _Maker(Transformer[Token, Any]):
    def __init__(self, resolve: Resolver, blank_differs: bool) -> None:
        super().__init__()
        self.resolve, self.blank_differs = resolve, blank_differs
        self.remarks: list[str] = []
        self.kinds: dict[Path, Kind] = {}

    def checked(self, translated: Translated) -> Translated:
        """The translation, if our own language reads it."""
        try:
            parse(translated.text).kind(self.kinds.get)
        except ExpressionError as fault:
            raise CannotTranslate(fault.message) from None
        return translated

    def read(self, text: str) -> _Piece:
        if len(text) > LONGEST:
            raise CannotTranslate("it is too long")
        try:
            piece: _Piece = self.transform(_parser().parse(text))
        except (LarkError, RecursionError) as failed:
            cause = getattr(failed, "orig_exc", None)
            if isinstance(cause, CannotTranslate):
                raise cause from None
            raise CannotTranslate("it is not written as a formula that is known here") from None
        return piece

    def number(self, token: Token) -> _Piece:
        digits = f"0{token}" if token.startswith(".") else str(token)
        return _Piece(digits, "literal", literal=digits)

    def text(self, token: Token) -> _Piece:
        return _Piece("", "literal", literal=str(token)[1:-1])

    def named(self, token: Token) -> _Piece:
        if token.casefold() in ("true", "false"):
            return _Piece("", "literal", literal=token.casefold())
        return self._item(str(token), "", "")

    def bracketed(self, token: Token) -> _Piece:
        parts = re.findall(r"\[([^\[\]]+)\]", str(token))
        if len(parts) > 2:
            raise CannotTranslate(f"{token} names one of several instances")
        event, name = (parts[0], parts[1]) if len(parts) == 2 else ("", parts[0])
        code = re.fullmatch(r"\s*([^():]+?)\s*\(([^()]+)\)\s*", name)
        return self._item(code[1] if code else name.strip(), event.strip(), code[2].strip() if code else "")

    def _item(self, name: str, event: str, code: str) -> _Piece:
        known = self.resolve(name, event)
        if known is None and code:  # in REDCap's ODM each box is a field of its own
            known, code = self.resolve(f"{name}___{code}", event), ""
        if known is None:
            raise CannotTranslate(f"{f'[{event}]' if event else ''}[{name}] cannot be reached from here")
        kind = ITEM_KINDS.get(ItemType(known.type))
        if kind is None:
            raise CannotTranslate(f"[{name}] is a file")
        self.kinds[tuple(known.path.split("."))] = kind
        if not code:
            return _Piece(known.path, "item", known)
        if known.type != "multi_choice" or code not in known.codes:
            raise CannotTranslate(f"[{name}({code})] is not a box of that item")
        return _Piece(f"{known.path} has '{known.codes[code]}'", "box", known)

    def grouped(self, piece: _Piece) -> _Piece:
        if piece.sort in ("literal", "item", "box", "rounded"):
            return piece
        return _Piece(f"({piece.text})", piece.sort)

    def either(self, first: _Piece, *others: Any) -> _Piece:
        return self._joined("or", first, others)

    def both(self, first: _Piece, *others: Any) -> _Piece:
        return self._joined("and", first, others)

    def _joined(self, word: str, first: _Piece, others: tuple[Any, ...]) -> _Piece:
        pieces = [first, *(other for other in others if isinstance(other, _Piece))]
        return _Piece(f" {word} ".join(map(_truth, pieces)), "truth") if len(pieces) > 1 else first

    def inverse(self, _sign: Token, piece: _Piece) -> _Piece:
        text = _truth(piece)
        return _Piece(negated(text[1:-1] if _closes_at_end(text) else text), "truth")

    def comparison(self, left: _Piece, sign: Token, right: _Piece) -> _Piece:
        ours = {"==": "=", "<>": "!="}.get(str(sign), str(sign))
        if left.sort == "literal" and right.sort != "literal":
            ours = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}.get(ours, ours)
            left, right = right, left
        text = _compared(left, ours, right)
        blank_counts = self.blank_differs and left.sort == "item" and right.literal != ""
        if ours == "!=" and blank_counts and left.known:
            text = f"({text} or {left.known.path} is missing)"
        return _Piece(text, "truth")

    def arithmetic(self, left: _Piece, sign: Token, right: _Piece) -> _Piece:
        return _Piece(f"{_number(left)} {sign} {_number(right)}", "number")

    def negative(self, _sign: Token, piece: _Piece) -> _Piece:
        if piece.sort == "literal":
            return _Piece(f"-{_number(piece)}", "literal", literal=f"-{piece.literal}")
        return _Piece(f"-{_number(piece)}", "number")

    def power(self, base: _Piece, exponent: _Piece) -> _Piece:
        if exponent.literal not in ("2", "3"):
            raise CannotTranslate("of powers only squares and cubes can be written")
        return _Piece(f"({' * '.join([_number(base)] * int(exponent.literal))})", "number")

    def call(self, name: Token, *given: _Piece) -> _Piece:
        function = _FUNCTIONS.get(str(name).casefold())
        if function is None:
            raise CannotTranslate(f"there is no {name}() here")
        return function(self, given)

    # --- functions ---------------------------------------------------------------------------------------------------

    def choice(self, given: tuple[_Piece, ...]) -> _Piece:
        if len(given) != 3:
            raise CannotTranslate("if() takes a test and two values")
        test = _truth(given[0])
        if "is missing" not in test:
            self.remarks.append("if() took a blank answer for not so; here a missing answer makes the value missing")
        return _Piece(f"if({test}, {_number(given[1])}, {_number(given[2])})", "number")

    def total(self, given: tuple[_Piece, ...]) -> _Piece:
        self._passes_blanks("sum", given)
        return _Piece(f"({' + '.join(map(_number, given))})", "number")

    def mean(self, given: tuple[_Piece, ...]) -> _Piece:
        self._passes_blanks("mean", given)
        return _Piece(f"(({' + '.join(map(_number, given))}) / {len(given)})", "number")

    def lowest(self, given: tuple[_Piece, ...]) -> _Piece:
        self._passes_blanks("min", given)
        return _Piece(f"min({', '.join(map(_number, given))})", "number")

    def highest(self, given: tuple[_Piece, ...]) -> _Piece:
        self._passes_blanks("max", given)
        return _Piece(f"max({', '.join(map(_number, given))})", "number")

    def absolute(self, given: tuple[_Piece, ...]) -> _Piece:
        if len(given) != 1:
            raise CannotTranslate("abs() takes one value")
        return _Piece(f"abs({_number(given[0])})", "number")

    def rounded(self, given: tuple[_Piece, ...]) -> _Piece:
        places = given[1].literal if len(given) == 2 else "0" if len(given) == 1 else ""
        if places not in ("0", "1", "2", "3", "4", "5", "6"):
            raise CannotTranslate("round() takes a value and 0 to 6 places")
        return _Piece(_number(given[0]), "rounded", decimals=int(places))

    def rounded_down(self, given: tuple[_Piece, ...]) -> _Piece:
        if given and given[0].sort == "years":
            return _Piece(given[0].literal, "number")
        raise CannotTranslate("rounding down goes with an age in years only")

    def date_difference(self, given: tuple[_Piece, ...]) -> _Piece:
        if len(given) < 3 or any(piece.known is None or piece.known.type != "date" for piece in given[:2]):
            raise CannotTranslate("datediff() is put over between two full dates only, not with today")
        start, end, unit = given[0].text, given[1].text, given[2].literal
        signed = any(piece.literal.casefold() == "true" for piece in given[3:])
        days = f"days_between({start}, {end})" if signed else f"abs(days_between({start}, {end}))"
        if unit == "d":
            return _Piece(days, "number")
        if unit not in ("y", "M"):
            raise CannotTranslate("datediff() is put over in days, months and years")
        by = {"y": "365.2425", "M": "30.44"}[unit]
        return _Piece(f"({days} / {by})", "years" if unit == "y" else "number", literal=f"age_in_years({start}, {end})")

    def _passes_blanks(self, name: str, given: tuple[_Piece, ...]) -> None:
        if not given:
            raise CannotTranslate(f"{name}() of nothing")
        self.remarks.append(f"{name}() passed over blank answers; here a missing answer makes the value missing")


_FUNCTIONS: dict[str, Callable[[_Maker, tuple[_Piece, ...]], _Piece]] = {
    "if": _Maker.choice,
    "sum": _Maker.total,
    "mean": _Maker.mean,
    "min": _Maker.lowest,
    "max": _Maker.highest,
    "abs": _Maker.absolute,
    "round": _Maker.rounded,
    "rounddown": _Maker.rounded_down,
    "datediff": _Maker.date_difference,
}


# --- kinds -----------------------------------------------------------------------------------------------------------


def _truth(piece: _Piece) -> str:
    if piece.sort in ("truth", "box"):
        return piece.text
    if piece.known is not None and piece.known.type == "yes_no":
        return piece.text
    raise CannotTranslate("a value stands where a yes or no is wanted")


def _number(piece: _Piece) -> str:
    if piece.sort in ("number", "years"):
        return piece.text
    if piece.sort == "literal":
        return _digits(piece.literal)
    if piece.sort == "rounded":
        raise CannotTranslate("only the outcome as a whole can be rounded")
    if piece.known is None:
        raise CannotTranslate("a yes or no stands where a number is wanted")
    return _number_of_item(piece)


def _number_of_item(piece: _Piece) -> str:
    """A number item as it is; the codes of a choice, where all are numbers, as the numbers they spell."""
    known = piece.known or Known("", "")
    if piece.sort == "box":
        return f"if({piece.text}, 1, 0)"
    if known.type in ("integer", "decimal", "scale"):
        return known.path
    if known.type == "yes_no":
        return f"if({known.path}, 1, 0)"
    if known.type != "choice" or not known.codes:
        raise CannotTranslate(f"{known.path} is no number")
    *earlier, (_last, last) = [(ours, _digits(code)) for code, ours in known.codes.items()]
    text = last
    for ours, digits in reversed(earlier):
        text = f"if({known.path} = '{ours}', {digits}, {text})"
    return text


def _digits(written: str) -> str:
    try:
        number = Decimal(written)
    except InvalidOperation:
        raise CannotTranslate(f"“{written}” is no number") from None
    if not number.is_finite() or abs(number.adjusted()) > 15 or len(written) > 20:
        raise CannotTranslate(f"“{written}” is no number that can be written here")
    return f"{number:f}"


# --- comparisons -----------------------------------------------------------------------------------------------------


def _compared(left: _Piece, sign: str, right: _Piece) -> str:
    if left.known is None or left.sort == "box" or right.sort != "literal":
        return _compared_box(left, sign, right) if left.sort == "box" else _compared_values(left, sign, right)
    if right.literal == "":
        if sign not in ("=", "!="):
            raise CannotTranslate("a blank has no order")
        return f"{left.text} is {'missing' if sign == '=' else 'present'}"
    return _COMPARED.get(left.known.type, _not_compared)(left.known, sign, right.literal)


def _compared_values(left: _Piece, sign: str, right: _Piece) -> str:
    if (
        left.known
        and right.known
        and left.known.type == right.known.type
        and left.known.type in ("date", "partial_date")
    ):
        return f"{left.text} {sign} {right.text}"
    return f"{_number(left)} {sign} {_number(right)}"


def _compared_box(left: _Piece, sign: str, right: _Piece) -> str:
    """``[effects(2)] = '1'``: the box is ticked; no box of an item ticked is a blank item here."""
    wanted = {"=": right.literal, "!=": {"1": "0", "0": "1"}.get(right.literal)}.get(sign)
    path = left.known.path if left.known else ""
    if wanted == "1":
        return left.text
    if wanted == "0" or (sign == "=" and right.literal == ""):
        return f"(not ({left.text}) or {path} is missing)"
    raise CannotTranslate("a box is compared with 0 and 1 only")


def _compared_number(known: Known, sign: str, literal: str) -> str:
    return f"{known.path} {sign} {_digits(literal)}"


def _compared_text(known: Known, sign: str, literal: str) -> str:
    if sign not in ("=", "!=") or "'" in literal:
        raise CannotTranslate("texts are compared by = only")
    return f"{known.path} {sign} '{literal}'"


def _compared_date(known: Known, sign: str, literal: str) -> str:
    try:
        day = dt.date.fromisoformat(literal)
    except ValueError:
        raise CannotTranslate(f"“{literal}” is no date") from None
    return f"{known.path} {sign} date('{day.isoformat()}')"


def _compared_truth(known: Known, sign: str, literal: str) -> str:
    truth = {"1": "true", "0": "false", "true": "true", "false": "false"}.get(literal.casefold())
    if truth is None or sign not in ("=", "!="):
        raise CannotTranslate("a yes or no is compared with 0 and 1 only")
    return f"{known.path} {sign} {truth}"


def _compared_choice(known: Known, sign: str, literal: str) -> str:
    """By code; in an order, the codes that are numbers and fit."""
    if sign in ("=", "!="):
        code = known.codes.get(literal) or _same_number(known, literal)
        if code is None:
            raise CannotTranslate(f"“{literal}” is no code of {known.path}")
        return f"{known.path} {sign} '{code}'"
    limit = Decimal(_digits(literal))
    fits = {"<": limit.__gt__, "<=": limit.__ge__, ">": limit.__lt__, ">=": limit.__le__}[sign]
    codes = [f"'{ours}'" for code, ours in known.codes.items() if fits(Decimal(_digits(code)))]
    if not codes:
        raise CannotTranslate(f"no code of {known.path} is {sign} {literal}")
    return f"{known.path} in ({', '.join(codes)})"


def _same_number(known: Known, literal: str) -> str | None:
    """``01`` and ``1`` are one number there."""
    for code, ours in known.codes.items():
        try:
            if Decimal(code) == Decimal(literal):
                return ours
        except InvalidOperation:
            continue
    return None


def _not_compared(known: Known, sign: str, literal: str) -> str:
    raise CannotTranslate(f"{known.path} cannot be compared")


_COMPARED: dict[str, Callable[[Known, str, str], str]] = {
    **dict.fromkeys(("integer", "decimal", "scale"), _compared_number),
    **dict.fromkeys(("text", "long_text"), _compared_text),
    **dict.fromkeys(("date", "partial_date"), _compared_date),
    "yes_no": _compared_truth,
    "choice": _compared_choice,
}
