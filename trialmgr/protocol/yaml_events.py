"""The flat stream of parts that a YAML file consists of, as libyaml reads it.

libyaml is thirty times as fast as the parser in Python, but knows YAML 1.1 and words its faults for programmers. So it
reads only what both read alike, part for part and place for place; the rest is for ``yaml_faults``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Any, NamedTuple

from yaml import CSafeLoader, YAMLError, parse


class Kind(Enum):
    DOCUMENT = "document"
    SCALAR = "scalar"
    MAPPING = "mapping"
    SEQUENCE = "sequence"
    ALIAS = "alias"
    END = "end of a mapping or sequence"


class Event(NamedTuple):
    """One part: where it begins (line and column from 1), and of a scalar its value, its style and its signs.

    ``style`` is the quote, ``|`` or ``>``; plain text has none. Where a collection ends is not told.
    """

    kind: Kind
    line: int = 0
    column: int = 0
    value: str = ""
    style: str = ""
    written: str = ""
    anchored: bool = False
    tagged: bool = False


class Refused(Exception):
    """The file cannot be read on from ``line`` and ``column``, both from 1."""

    def __init__(self, line: int, column: int, message: str, mend: str) -> None:
        super().__init__(message)
        self.fault = (line, column, message, mend)


_KINDS = {
    "DocumentStartEvent": Kind.DOCUMENT,
    "ScalarEvent": Kind.SCALAR,
    "MappingStartEvent": Kind.MAPPING,
    "SequenceStartEvent": Kind.SEQUENCE,
    "AliasEvent": Kind.ALIAS,
    "MappingEndEvent": Kind.END,
    "SequenceEndEvent": Kind.END,
}
_END = Event(Kind.END)


def events_in(parsed: Iterable[Any], text: str) -> Iterator[Event]:
    """What either parser read, without the frame of the stream. Both name their events alike."""
    for event in parsed:
        kind = _KINDS.get(type(event).__name__)
        if kind is Kind.END:
            yield _END
        elif kind is not None:
            yield _begun(kind, event, text)


def _begun(kind: Kind, event: Any, text: str) -> Event:
    start = event.start_mark
    anchored, tagged = getattr(event, "anchor", None) is not None, getattr(event, "tag", None) not in (None, "!")
    if kind is not Kind.SCALAR:
        return Event(kind, start.line + 1, start.column + 1, anchored=anchored, tagged=tagged)
    written = text[start.index : event.end_mark.index]
    return Event(kind, start.line + 1, start.column + 1, event.value, event.style or "", written, anchored, tagged)


# Outside of texts in everyday signs the two versions of YAML part: on line breaks (NEL, U+2028), tabs, marks of byte
# order, directives and documents.
_READ_OTHERWISE = re.compile(
    r"[^\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]|^(?:%|---|\.\.\.)", re.M
)
_PLAIN_BLOCK = re.compile(r"[|>][+-]?\n +[^ \n]")


def quick_events(text: str) -> list[Event] | None:
    """The whole stream; None where libyaml finds a fault or might read the text otherwise than YAML 1.2 does."""
    if _READ_OTHERWISE.search(text):
        return None
    try:
        events = list(events_in(parse(text, Loader=CSafeLoader), text))
    except YAMLError:
        return None
    return None if any(map(_may_differ, events)) else events


def _may_differ(event: Event) -> bool:
    """Where the two place what is empty and begin a block; and what no study may have, which is told elsewhere."""
    if event.anchored or event.tagged or event.kind is Kind.ALIAS:
        return True
    if event.kind is not Kind.SCALAR or event.style in ("'", '"'):
        return False
    return not event.value or (event.style != "" and _PLAIN_BLOCK.match(event.written) is None)
