"""YAML 1.2 files read into plain values, with the place of every key.

Built on the parser's flat stream of events, so nothing recurses. Study files use the plain part of YAML only: no
anchors, aliases, tags or several documents. Numbers stay the text that was written, so that ``1.0`` and ``007``
arrive unchanged; the typed model turns them into numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from trialmgr.protocol.yaml_events import Event, Kind, Refused, quick_events

LARGEST_FILE = 1_000_000
DEEPEST = 30

DocumentPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class StudyError:
    """One fault: where it stands (line and column from 1), the key, what is wrong and what to do about it."""

    file: str
    line: int
    column: int
    key: str
    message: str
    mend: str

    def __str__(self) -> str:
        key = f" {self.key}" if self.key else ""
        told = f"{self.file}:{self.line}:{self.column}{key}: {self.message} — {self.mend}"
        # A broken file may have any sign in a key; a terminal must stay readable.
        return "".join(sign if sign.isprintable() else "?" for sign in told)


class Place(NamedTuple):
    """Where a key stands: line and column from 1, and the path inside the file."""

    file: str
    line: int
    column: int
    path: DocumentPath = ()

    @property
    def key(self) -> str:
        """The path as a person reads it: ``sections[0].items[3].range``."""
        steps = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.path)
        return steps.removeprefix(".")

    def error(self, message: str, mend: str) -> StudyError:
        return StudyError(self.file, self.line, self.column, self.key, message, mend)


_ESCAPED = {"'": re.compile("''"), '"': re.compile(r"\\(?:x..|u.{4}|U.{8}|.)")}
_HEAD = re.compile(r"[|>][^\n]*\n|['\"]?")


class Scalar(NamedTuple):
    """A text as it stands in the file, from its quote, its ``|`` or its first sign on."""

    line: int
    column: int
    written: str
    style: str

    def place_of(self, text: str, sign: int) -> tuple[int, int]:
        """Line and column of the sign (from 1) of ``text``, which was read from here.

        Folding and indentation change spaces only, so the characters between them are counted.
        """
        wanted = len("".join(text[: sign - 1].split()))
        position = self._head()
        while position < len(self.written) - 1 and (wanted or self.written[position].isspace()):
            wanted -= not self.written[position].isspace()
            position += self._length_at(position)
        before = self.written[:position]
        if "\n" in before:
            return self.line + before.count("\n"), position - before.rindex("\n")
        return self.line, self.column + position

    def _head(self) -> int:
        head = _HEAD.match(self.written) if self.style else None
        return head.end() if head else 0

    def _length_at(self, position: int) -> int:
        escaped = _ESCAPED.get(self.style)
        found = escaped.match(self.written, position) if escaped else None
        return len(found[0]) if found else 1


@dataclass(frozen=True, slots=True)
class YamlSource:
    """One file: its document (None when it could not be read), the places of its keys, its texts, and its faults."""

    document: dict[str, Any] | None
    places: dict[DocumentPath, Place]
    errors: tuple[StudyError, ...]
    scalars: dict[DocumentPath, Scalar]


def read_source(folder: Path, name: str) -> YamlSource:
    """Read ``folder / name``; every fault is in ``errors``, none is raised."""
    builder = _Builder(name)
    try:
        text = _text(folder / name)
        builder.build(_events(text))
    except Refused as refused:
        line, column, message, mend = refused.fault
        builder.errors.append(StudyError(name, line, column, "", message, mend))
        return YamlSource(None, builder.places, tuple(builder.errors), builder.scalars)
    return YamlSource(builder.document(), builder.places, tuple(builder.errors), builder.scalars)


def _events(text: str) -> Iterable[Event]:
    events = quick_events(text)
    if events is not None:
        return events
    from trialmgr.protocol.yaml_faults import events_or_fault  # a sound file can do without this slow parser

    return events_or_fault(text)


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise Refused(1, 1, "the file is missing", f"make the file {path.name}") from None
    except OSError as error:
        raise Refused(1, 1, "the file cannot be read", f"check that it is a readable file ({error.strerror})") from None
    if len(content) > LARGEST_FILE:
        raise Refused(1, 1, "the file is larger than 1 MB", "split it into smaller forms")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - (content.rfind(b"\n", 0, error.start) + 1) + 1
        raise Refused(line, column, "the file is not UTF-8 here", "save the file as UTF-8") from None


class _Builder:
    """Turns events into dicts, lists, texts, true, false and None. Repeated keys are told; the first one counts."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.places: dict[DocumentPath, Place] = {}
        self.errors: list[StudyError] = []
        self.scalars: dict[DocumentPath, Scalar] = {}
        self._roots: list[Any] = []
        self._open: list[tuple[DocumentPath, Any]] = []
        self._key: list[str | None] = []

    def build(self, events: Iterable[Event]) -> None:
        documents = 0
        for event in events:
            if event.kind is Kind.DOCUMENT:
                documents += 1
                if documents > 1:
                    raise Refused(event.line, event.column, "the file holds a second document", "remove the line ---")
            elif event.kind is Kind.END:
                self._open.pop()
                self._key.pop()
            else:
                self._node(event)

    def document(self) -> dict[str, Any] | None:
        root = self._roots[0] if self._roots else None
        if isinstance(root, dict) and root:
            return root
        message = "the file is empty" if not root else "the file must hold keys with values"
        self.errors.append(StudyError(self.name, 1, 1, "", message, "write `key: value` lines, see the other studies"))
        return None

    def _node(self, event: Event) -> None:
        line, column = event.line, event.column
        if event.kind is Kind.ALIAS or event.anchored:
            raise Refused(line, column, "anchors and aliases are not used in a study", "write the part out in full")
        if event.tagged:
            raise Refused(line, column, "tags such as !!str are not used in a study", "remove the tag")
        if self._awaits_key():
            self._take_key(event)
            return
        path = self._path(line, column)
        if event.kind is Kind.SCALAR:
            self.scalars.setdefault(path, Scalar(line, column, event.written, event.style))
            self._put(path, _scalar(event))
        else:
            self._start(path, {} if event.kind is Kind.MAPPING else [], line, column)

    def _awaits_key(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1][1], dict) and self._key[-1] is None

    def _take_key(self, event: Event) -> None:
        if event.kind is not Kind.SCALAR:
            raise Refused(event.line, event.column, "a key must be a plain word", "write `key: value`")
        self._key[-1] = event.value
        path, mapping = self._open[-1]
        place = Place(self.name, event.line, event.column, (*path, event.value))
        if event.value in mapping:
            self.errors.append(place.error("the key stands here twice", "keep one of the two"))
        else:
            self.places[place.path] = place

    def _path(self, line: int, column: int) -> DocumentPath:
        if not self._open:
            self.places[()] = Place(self.name, line, column)
            return ()
        path, container = self._open[-1]
        if isinstance(container, dict):
            return (*path, str(self._key[-1]))
        item = (*path, len(container))
        self.places[item] = Place(self.name, line, column, item)
        return item

    def _start(self, path: DocumentPath, container: Any, line: int, column: int) -> None:
        if len(self._open) >= DEEPEST:
            raise Refused(line, column, "the file is nested too deep", "no part of a study is that deep; flatten it")
        self._put(path, container)
        self._open.append((path, container))
        self._key.append(None)

    def _put(self, path: DocumentPath, value: Any) -> None:
        if not self._open:
            self._roots.append(value)
            return
        container = self._open[-1][1]
        if isinstance(container, list):
            container.append(value)
        else:
            container.setdefault(path[-1], value)
            self._key[-1] = None


def _scalar(event: Event) -> str | bool | None:
    """YAML 1.2 core schema without its numbers, which stay as written."""
    if event.style:
        return event.value.rstrip("\n")
    if event.value in ("", "~", "null", "Null", "NULL"):
        return None
    return {"true": True, "false": False}.get(event.value.lower(), event.value)
