"""What a program sends: JSON in UTF-8 that says one thing, or a refusal that names what is wrong.

Source: RFC 8259 (4: names within an object should be unique; 8.1: UTF-8; 8.2: lone surrogates), RFC 9110 15.5.14.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import IO, Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser

# A file of the largest size that a form may ask for, in base64, and its name.
LARGEST_BODY = 32 * 1024 * 1024
_UNUSABLE = re.compile("[\x00\ud800-\udfff]")


class TooLarge(APIException):
    status_code = 413


class StrictJsonParser(BaseParser):
    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        body = stream.read(LARGEST_BODY + 1)
        if len(body) > LARGEST_BODY:
            raise TooLarge(_("What was sent is too large."))
        try:
            sent = json.loads(body.decode(), object_pairs_hook=_object, parse_constant=_no_number, parse_float=_finite)
        except RecursionError:
            raise ParseError(_("What was sent is nested too deep.")) from None
        except ValueError as fault:
            raise ParseError(_("This is not JSON in UTF-8: %(fault)s.") % {"fault": fault}) from None
        if any(_UNUSABLE.search(text) for text in _texts(sent)):
            raise ParseError(_("A text holds a character that does not exist: half a surrogate pair, or U+0000."))
        return sent


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            shown = name.encode("ascii", "backslashreplace").decode()
            raise ParseError(_("“%(name)s” stands twice in one object.") % {"name": shown[:80]})
        found[name] = value
    return found


def _no_number(name: str) -> float:
    raise ValueError(name)


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(digits[:40])
    return number


def _texts(sent: Any) -> Iterator[str]:
    """Every name and every text, however deep."""
    waiting = [sent]
    while waiting:
        met = waiting.pop()
        if isinstance(met, str):
            yield met
        elif isinstance(met, dict):
            waiting += [*met, *met.values()]
        elif isinstance(met, list):
            waiting += met
