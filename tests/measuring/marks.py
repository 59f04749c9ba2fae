"""Writes marks into the application's modules while they are imported; a mark is one byte, set when it is passed.

Python 3.11 slows every instruction of every library while a trace function is set, which the usual way of measuring
needs. A mark costs the same as ``seen[7] = 1``, and only where there is one.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, Literal

ROOT = Path(__file__).resolve().parent.parent.parent
ROOMS = ("trialmgr", "audit", "crf", "randomization", "exports")
NAME = "__marks__"

Kind = Literal["line", "taken", "left"]
Mark = tuple[Kind, int]
"""That a statement was reached, or that a condition or loop in that line was entered or left without being entered."""


def measured() -> Iterator[Path]:
    """Every module of the application whose statements count; a file that is given away as it stands is none."""
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            if "migrations" not in path.parts and (path.parent / "__init__.py").exists():
                yield path


@dataclass
class Passed:
    """The marks of a file, and for each whether it was passed."""

    marks: list[Mark] = field(default_factory=list)
    seen: bytearray = field(default_factory=bytearray)

    def __iter__(self) -> Iterator[Mark]:
        return (mark for mark, seen in zip(self.marks, self.seen, strict=True) if seen)


class Marker:
    """Puts marks into the tree of one module."""

    def __init__(self) -> None:
        self.marks: list[Mark] = []

    def module(self, tree: ast.Module) -> None:
        tree.body = self._block(tree.body)

    def _mark(self, kind: Kind, line: int) -> ast.stmt:
        place = ast.Subscript(ast.Name(NAME, ast.Load()), ast.Constant(len(self.marks)), ast.Store())
        self.marks.append((kind, line))
        mark = ast.Assign([place], ast.Constant(1))
        for node in ast.walk(mark):
            node.lineno = node.end_lineno = line  # type: ignore[attr-defined]
            node.col_offset = node.end_col_offset = 0  # type: ignore[attr-defined]
        return mark

    def _block(self, statements: Sequence[ast.stmt], *first: ast.stmt) -> list[ast.stmt]:
        """Each statement behind its mark; those that must stand first in their block are marked behind."""
        block: list[ast.stmt] = []
        behind = list(first)
        for position, statement in enumerate(statements):
            self._inside(statement)
            lines = sorted({statement.lineno, *(one.lineno for one in getattr(statement, "decorator_list", ()))})
            marks = [self._mark("line", line) for line in lines]
            if _is_docstring(statement, position) or _is_future(statement):
                block.append(statement)
                behind += marks
            else:
                block += [*behind, *marks, statement]
                behind = []
        return [*block, *behind]

    def _inside(self, node: ast.AST) -> None:
        """The blocks within a statement."""
        if isinstance(node, ast.If | ast.For | ast.AsyncFor | ast.While):
            taken, left = self._mark("taken", node.lineno), self._mark("left", node.lineno)
            node.body, node.orelse = self._block(node.body, taken), self._block(node.orelse, left)
            return
        if isinstance(node, ast.Match):
            self._cases(node)
            return
        for name, value in ast.iter_fields(node):
            if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
                setattr(node, name, self._block(value))
            elif isinstance(value, list) and value and isinstance(value[0], ast.ExceptHandler):
                for handler in value:
                    handler.body = self._block(handler.body, self._mark("line", handler.lineno))

    def _cases(self, node: ast.Match) -> None:
        """A case that is reached was tried after all before it, which were left."""
        before: list[int] = []
        for case in node.cases:
            line = case.pattern.lineno
            marks = [self._mark("left", earlier) for earlier in before]
            lines = [self._mark("line", each) for each in (*before, line)]
            case.body = self._block(case.body, *marks, *lines, self._mark("taken", line))
            before.append(line)
        last = node.cases[-1]
        if last.guard is not None or not (isinstance(last.pattern, ast.MatchAs) and last.pattern.pattern is None):
            body = [mark for line in before for mark in (self._mark("line", line), self._mark("left", line))]
            node.cases.append(ast.match_case(ast.MatchAs(), None, body))
            ast.fix_missing_locations(node)


def _is_docstring(statement: ast.stmt, position: int) -> bool:
    return (
        position == 0
        and isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _is_future(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.ImportFrom) and statement.module == "__future__"


class MarkingLoader(SourceFileLoader):
    def __init__(self, fullname: str, path: str, passed: Passed) -> None:
        super().__init__(fullname, path)
        self._passed = passed

    def get_code(self, fullname: str) -> CodeType:
        tree, marker = ast.parse(self.get_data(self.path)), Marker()
        marker.module(tree)
        self._passed.marks, self._passed.seen = marker.marks, bytearray(len(marker.marks))
        return compile(tree, self.path, "exec", dont_inherit=True)

    def exec_module(self, module: ModuleType) -> None:
        code = self.get_code(module.__name__)
        setattr(module, NAME, self._passed.seen)
        exec(code, module.__dict__)  # noqa: S102  what the loader of the library does


class MarkingFinder:
    """Loads what is measured with marks, and leaves the rest to the others."""

    def __init__(self) -> None:
        self._measured = {str(path) for path in measured()}
        self.passed: dict[str, Passed] = {}

    def find_spec(self, fullname: str, path: Sequence[str] | None, _target: Any = None) -> ModuleSpec | None:
        if fullname.partition(".")[0] not in ROOMS:
            return None
        spec = PathFinder.find_spec(fullname, path)
        if spec is not None and spec.origin in self._measured:
            passed = self.passed[spec.origin] = Passed()
            spec.loader = MarkingLoader(fullname, spec.origin, passed)
        return spec


def mark_what_is_imported() -> MarkingFinder:
    finder = MarkingFinder()
    sys.meta_path.insert(0, finder)
    return finder
