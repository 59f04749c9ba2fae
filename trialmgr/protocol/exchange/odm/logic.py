"""Conditions, methods and formal range checks: ours are read, those of other systems are told and kept as comments.

ODM says when an item is *not* collected (CollectionException) and what a value must fulfil (RangeCheck); we say when it
is asked (``ask_if``) and when a check fires. So each side is the other's negation.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from trialmgr.protocol.exchange.drafts import Notices
from trialmgr.protocol.exchange.foreign_logic import CannotTranslate, Known, Translated, calculation, condition, negated
from trialmgr.protocol.exchange.odm.definitions import Definitions
from trialmgr.protocol.exchange.odm.elements import Element
from trialmgr.protocol.exchange.odm.extension import CONTEXT
from trialmgr.protocol.exchange.odm.vendors import of_redcap
from trialmgr.protocol.scoring import FUNCTIONS

_KNOWN_SYSTEMS = frozenset({"openedc", "redcap"})
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_CALL = re.compile(r"([a-z][a-z0-9_]*)\(([a-z0-9_, ]*)\)")


def own_expression(element: Element) -> str | None:
    """The FormalExpression in our context, if there is one."""
    for formal in element.all("FormalExpression"):
        if formal.get("Context").split("/")[0] == CONTEXT:
            return formal.text
    return None


def score_of(expression: str) -> dict[str, Any] | None:
    """``madrs_total(madrs_1, ...)`` as a score; None when it calls no scoring function."""
    called = _CALL.fullmatch(expression)
    if called is None or called[1] not in FUNCTIONS:
        return None
    return {"function": called[1], "items": [name.strip() for name in called[2].split(",")]}


@dataclass(slots=True)
class Logic:
    """Reads what references say about conditions and methods, and definitions of REDCap about themselves."""

    definitions: Definitions
    notices: Notices

    def ask_if(
        self, reference: Element, definition: Element, notes: list[str], known: dict[str, Known]
    ) -> tuple[str | None, bool]:
        """The expression under which the part is asked, and whether a condition got lost (then it is a note)."""
        oid = reference.get("CollectionExceptionConditionOID")
        branching = of_redcap(definition, "BranchingLogic")
        if not oid:
            return self._branching(definition, branching, notes, known) if branching else (None, False)
        exception = self.definitions.get("ConditionDef", oid)
        if exception is None:
            self.notices.leave_out(f"the condition {oid} is not in the file", reference.line)
            return None, True
        expression = own_expression(exception)
        if expression is not None:
            return negated(expression), False
        notes.append(f"Not collected when (ConditionDef {oid}): {_told(exception)}")
        told = f"the condition {oid} of {_named(reference)}: {_told(exception)}"
        put_over = self._put_over(exception, told, line=exception.line, known=known)
        return (None, True) if put_over is None else (negated(put_over), False)

    def _branching(
        self, definition: Element, formula: str, notes: list[str], known: dict[str, Known]
    ) -> tuple[str | None, bool]:
        notes.append(f"Branching logic: {formula}")
        told = f"the branching logic of {definition.get('OID')}: {formula}"
        put_over = self._told_if(_condition(formula, known, blank_differs=True), told, definition.line)
        return put_over, put_over is None

    def derivation(
        self, reference: Element, definition: Element, notes: list[str], known: dict[str, Known], item_type: str
    ) -> dict[str, Any]:
        """``derive`` or ``score`` of an item, or nothing."""
        oid, formula = reference.get("MethodOID"), of_redcap(definition, "Calculation")
        if not oid:
            return self._calculated(definition, formula, notes, known) if formula else {}
        method = self.definitions.get("MethodDef", oid)
        if method is None:
            self.notices.leave_out(f"the method {oid} is not in the file", reference.line)
            return {}
        expression = own_expression(method)
        if expression is not None:
            score = score_of(expression)
            return {"score": score} if score else {"derive": expression}
        notes.append(f"Computed (MethodDef {oid}): {_told(method)}")
        told = f"the method {oid} of {_named(reference)}: {_told(method)}"
        can_be_derived = known if item_type in ("integer", "decimal") else {}
        put_over = self._put_over(method, told, line=method.line, known=can_be_derived)
        return {} if put_over is None else {"derive": put_over}

    def _calculated(
        self, definition: Element, formula: str, notes: list[str], known: dict[str, Known]
    ) -> dict[str, Any]:
        notes.append(f"Calculation: {formula}")
        told = f"the calculation of {definition.get('OID')}: {formula}"
        put_over = self._told_if(_calculation(formula, known), told, definition.line)
        return {} if put_over is None else {"type": "decimal", "derive": put_over}

    def _put_over(self, definition: Element, told: str, *, line: int, known: dict[str, Known]) -> str | None:
        """The formula of a system whose formulas we know, in our expressions; None when that cannot be."""
        formulas = (f for f in definition.all("FormalExpression") if f.get("Context").casefold() in _KNOWN_SYSTEMS)
        formal = next(formulas, None)
        ours = None
        if formal is not None:
            formula = _bracketed(formal.words(), known)
            is_method = definition.tag == "MethodDef"
            ours = _calculation(formula, known) if is_method else _condition(formula, known, blank_differs=False)
        return self._told_if(ours, told, line)

    def _told_if(self, ours: Translated | None, told: str, line: int) -> str | None:
        if ours is None:
            self.notices.leave_out(f"{told}; write it as an expression", line)
            return None
        self.notices.warn("; ".join([f"{told} is put over as: {ours.text}", *ours.remarks]), line)
        return ours.text


def _condition(formula: str, known: dict[str, Known], *, blank_differs: bool) -> Translated | None:
    try:
        return condition(formula, lambda name, event: known.get(name), blank_differs=blank_differs)
    except CannotTranslate:
        return None


def _calculation(formula: str, known: dict[str, Known]) -> Translated | None:
    try:
        return calculation(formula, lambda name, event: known.get(name))
    except CannotTranslate:
        return None


def _bracketed(formula: str, known: dict[str, Known]) -> str:
    """Names that are no plain words (``WHO.Q-WHO.1``) in brackets, outside quotes."""
    odd = sorted((name for name in known if not _PLAIN_NAME.fullmatch(name)), key=len, reverse=True)
    if not odd:
        return formula
    names = re.compile(rf"(?<![\w.-])({'|'.join(map(re.escape, odd))})(?![\w.-])")
    parts = re.split(r"('[^']*'|\"[^\"]*\")", formula)
    return "".join(part if number % 2 else names.sub(r"[\1]", part) for number, part in enumerate(parts))


def _told(definition: Element) -> str:
    """The expressions of a condition or method as they stand, or its description."""
    texts = [
        f"{formal.words()} [{formal.get('Context') or 'no context'}]" for formal in definition.all("FormalExpression")
    ]
    if not texts:
        texts = [text.words() for holder in definition.all("Description") for text in holder.all("TranslatedText")]
    return " ".join(" ".join(texts).split()) or definition.get("Name") or "nothing is said"


def _named(reference: Element) -> str:
    return next((value for name, value in reference.attributes.items() if name.endswith("OID")), reference.tag)
