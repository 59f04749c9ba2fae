"""Conditions, methods and formal range checks: ours are read, those of other systems are told and kept as comments.

ODM says when an item is *not* collected (CollectionException) and what a value must fulfil (RangeCheck); we say when it
is asked (``ask_if``) and when a check fires. So each side is the other's negation.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from trialmgr.protocol.drafting import Notices
from trialmgr.protocol.odm.definitions import Definitions
from trialmgr.protocol.odm.elements import Element
from trialmgr.protocol.odm.extension import CONTEXT
from trialmgr.protocol.scoring import FUNCTIONS

_CALL = re.compile(r"([a-z][a-z0-9_]*)\(([a-z0-9_, ]*)\)")


def negated(expression: str) -> str:
    """``not (...)`` of an expression, and the expression of a ``not (...)``."""
    if expression.startswith("not (") and _closes_at_end(expression[4:]):
        return expression[5:-1]
    return f"not ({expression})"


def _closes_at_end(text: str) -> bool:
    """Whether the bracket that opens the text is closed by its last sign."""
    depth, quoted = 0, False
    for place, sign in enumerate(text):
        quoted = quoted is not (sign == "'")
        depth += 0 if quoted else {"(": 1, ")": -1}.get(sign, 0)
        if depth == 0:
            return place == len(text) - 1
    return False


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
    """Reads what references say about conditions and methods."""

    definitions: Definitions
    notices: Notices

    def ask_if(self, reference: Element, notes: list[str]) -> tuple[str | None, bool]:
        """The expression under which the part is asked, and whether a condition got lost (then it is a note)."""
        oid = reference.get("CollectionExceptionConditionOID")
        if not oid:
            return None, False
        condition = self.definitions.get("ConditionDef", oid)
        if condition is None:
            self.notices.leave_out(f"the condition {oid} is not in the file", reference.line)
            return None, False
        expression = own_expression(condition)
        if expression is not None:
            return negated(expression), False
        notes.append(f"Not collected when (ConditionDef {oid}): {_told(condition)}")
        self.notices.leave_out(
            f"the condition {oid} of {_named(reference)}: {_told(condition)} — write it as ask_if", condition.line
        )
        return None, True

    def derivation(self, reference: Element, notes: list[str]) -> dict[str, Any]:
        """``derive`` or ``score`` of an item, or nothing."""
        oid = reference.get("MethodOID")
        method = self.definitions.get("MethodDef", oid) if oid else None
        if method is None:
            if oid:
                self.notices.leave_out(f"the method {oid} is not in the file", reference.line)
            return {}
        expression = own_expression(method)
        if expression is None:
            notes.append(f"Computed (MethodDef {oid}): {_told(method)}")
            self.notices.leave_out(
                f"the method {oid} of {_named(reference)}: {_told(method)} — write it as derive", method.line
            )
            return {}
        score = score_of(expression)
        return {"score": score} if score else {"derive": expression}


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
