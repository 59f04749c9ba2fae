"""A YAML 1.2 file read part by part, its faults worded for whoever wrote it. Slow: see ``yaml_events``."""

from __future__ import annotations

from collections.abc import Iterator

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, StringMark
from ruamel.yaml.reader import ReaderError

from trialmgr.protocol.yaml_events import Event, Refused, events_in


def events_or_fault(text: str) -> Iterator[Event]:
    try:
        yield from events_in(YAML(typ="safe", pure=True).parse(text), text)
    except MarkedYAMLError as error:
        raise _not_yaml(error) from None
    except ReaderError as error:
        before = text[: error.position]
        column = error.position - (before.rfind("\n") + 1) + 1
        message = "a sign stands here that no text may have"
        raise Refused(before.count("\n") + 1, column, message, "remove this control character") from None


# What the parser says, as a person may read it; and whether the fault stands where its part begins.
_PROBLEMS: tuple[tuple[str, str, str, bool], ...] = (
    ("'\\t'", "a tab stands where spaces indent", "indent with spaces, not with tabs", False),
    ("mapping values", "a colon stands where no key can begin", "put a text with a colon in quotes", False),
    ("unexpected end of stream", "a quote is opened here and never closed", "close it on the same line", True),
    ("unexpected document", "a quote is opened here and never closed", "close it on the same line", True),
    ("expected ',' or", "a comma or a closing bracket is missing before this", "close what { or [ opened", False),
    ("expected ':'", "a key has no colon", "write `key: value`", True),
    ("block end", "this does not fit the lines above it", "check the indentation here and the quotes above", False),
)


def _not_yaml(error: MarkedYAMLError) -> Refused:
    problem = str(error.problem or error.context)
    known = next((found for found in _PROBLEMS if found[0] in problem), None)
    _sign, message, mend, at_begin = known or (
        "",
        f"this is not valid YAML: {problem}",
        "check the indentation, the colons and the quotes on this line and the one before",
        False,
    )
    marks = (error.context_mark, error.problem_mark) if at_begin else (error.problem_mark, error.context_mark)
    mark = next((mark for mark in marks if mark is not None), StringMark("", 0, 0, 0, "", 0))
    return Refused(mark.line + 1, mark.column + 1, message, mend)
