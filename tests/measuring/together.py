"""What all processes have passed, as data of coverage.py: ``python -m tests.measuring.together``."""

from __future__ import annotations

import ast
import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from coverage import Coverage, CoverageData
from coverage.parser import PythonParser

from tests.measuring.marks import ROOT, Mark, measured
from tests.measuring.plugin import FOLDER

Arc = tuple[int, int]
PLUGIN = "django_coverage_plugin.DjangoTemplatePlugin"


def arcs_of(path: Path, marks: Iterable[Mark]) -> set[Arc]:
    """The ways from line to line that were gone.

    From the line of a condition, loop or case those whose mark was passed; from any other line all that lead to a line
    that was reached, so the exits of ``with`` and ``except`` are not told apart.
    """
    text = path.read_text("utf-8")
    parser = PythonParser(text=text, filename=str(path))
    parser.parse_source()
    ways: dict[int, set[int]] = defaultdict(set)
    for begin, end in parser.arcs():
        ways[begin].add(end)
    bodies = {_line(node): body for node, body in _branches(ast.parse(text))}
    gone: set[Arc] = {(-1, line) for _kind, line in marks}
    reached = {line for _begin, line in gone}
    for kind, line in marks:
        first = bodies.get(line)
        into = {first} & ways[line] if first is not None else set()
        if kind == "taken":
            gone |= {(line, end) for end in into}
        elif kind == "left":
            gone |= {(line, end) for end in ways[line] - into}
        elif not into:
            gone |= {(line, end) for end in ways[line]}
    return {(begin, end) for begin, end in gone if end < 0 or end in reached}


def _line(node: ast.stmt | ast.match_case) -> int:
    return node.pattern.lineno if isinstance(node, ast.match_case) else node.lineno


def _branches(tree: ast.Module) -> Iterable[tuple[ast.stmt | ast.match_case, int]]:
    """Conditions, loops and cases, each with the line its body begins in."""
    for node in ast.walk(tree):
        if isinstance(node, ast.If | ast.For | ast.AsyncFor | ast.While | ast.match_case):
            first = node.body[0]
            decorators = getattr(first, "decorator_list", None)
            yield node, decorators[0].lineno if decorators else first.lineno


def together(folder: Path) -> None:
    marks: dict[str, set[Mark]] = {str(path): set() for path in measured()}
    lines: dict[str, set[int]] = defaultdict(set)
    for file in sorted(folder.glob("*.json")):
        told = json.loads(file.read_text("utf-8"))
        for path, passed in told["modules"].items():
            marks[path].update((kind, line) for kind, line in passed)
        for path, found in told["templates"].items():
            lines[path].update(found)
    for room in sorted({Path(path).relative_to(ROOT).parts[0] for path in marks}):
        for template in (ROOT / room).rglob("templates/**/*.*"):
            if template.suffix in {".html", ".txt", ".xml", ".svg"}:
                lines[str(template)].update(())
    data = CoverageData(str(folder / "data"))
    data.add_arcs({_name(path): arcs_of(Path(path), passed) for path, passed in marks.items()})
    data.add_arcs({_name(path): {(-1, line) for line in found} for path, found in lines.items()})
    data.add_file_tracers({_name(path): PLUGIN for path, found in lines.items() if found})
    data.touch_files([_name(path) for path, passed in marks.items() if not passed])
    data.touch_files([_name(path) for path, found in lines.items() if not found], PLUGIN)
    data.write()


def _name(path: str) -> str:
    return str(Path(path).relative_to(ROOT))


if __name__ == "__main__":
    Coverage(data_file=None)  # reads its settings, and says what is wrong with them
    together(FOLDER)
