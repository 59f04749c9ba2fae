"""Which module of the rooms imports which, read from the syntax trees: imports inside functions count as well."""

import ast
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path

from tests.house.tree import parsed, relative, room_modules

Graph = dict[str, set[str]]


def module_name(path: Path) -> str:
    parts = relative(path).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def room_paths() -> dict[str, Path]:
    return {module_name(path): path for path in room_modules()}


@cache
def room_imports() -> Graph:
    """Module -> every module it imports; those of libraries by their full names."""
    return {name: set(imported(parsed(path), room_paths().keys())) for name, path in room_paths().items()}


def imported(tree: ast.AST, known: Collection[str]) -> Iterator[str]:
    """``from a import b`` is an import of ``a.b`` where that is a module of ``known``, and of ``a`` otherwise."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in known else node.module for name in names)


def circles(graph: Graph) -> list[list[str]]:
    """Every largest set of modules that reach one another, itself included where a module imports itself."""
    reached = {name: _reached(graph, name) for name in graph}
    found = {frozenset(other for other in reached[name] if name in reached.get(other, ())) for name in graph}
    return sorted(sorted(circle) for circle in found if circle)


def _reached(graph: Graph, start: str) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        new = graph.get(waiting.pop(), set()) - seen
        seen |= new
        waiting.extend(new)
    return seen
