"""What marks tell of a run is what coverage.py tells of the same run."""

from __future__ import annotations

import ast
import runpy
from pathlib import Path

import pytest
from coverage import Coverage
from coverage.parser import PythonParser

from tests.measuring.marks import NAME, Mark, Marker
from tests.measuring.together import arcs_of

SAMPLE = '''"""A module with every kind of block."""

from __future__ import annotations

import contextlib
import functools


@functools.cache
def kind(number: int) -> str:
    """Of a number."""
    match number:
        case 1 | 2:
            return "few"
        case int() if number > 100:
            return "many"
        case 7:
            found = "seven"
    if number == 50:
        return "fifty"
    return "some"


def first(numbers):
    for number in numbers:
        if number < 0:
            continue
        elif number == 3:
            break
        while number > 4:
            number -= 1
    else:
        return None
    with contextlib.suppress(ValueError):
        if number == 3:
            number = int("three")
    try:
        return 1 / (number - 3)
    except ZeroDivisionError:
        kept = number
    finally:
        done = True
    return kept if done else 0


class Holder:
    """Of a value."""

    value = 1

    def get(self):
        return self.value


def never():
    if SEEN:
        return 1
    return 2


SEEN = [kind(number) for number in NUMBERS]
SEEN.append(first(NUMBERS))
'''
CONDITIONS = ast.If | ast.For | ast.While


def by_marks(path: Path, numbers: list[int]) -> set[tuple[int, int]]:
    tree, marker = ast.parse(path.read_text("utf-8")), Marker()
    marker.module(tree)
    seen = bytearray(len(marker.marks))
    exec(compile(tree, str(path), "exec", dont_inherit=True), {NAME: seen, "NUMBERS": numbers})  # noqa: S102
    passed: list[Mark] = [mark for mark, there in zip(marker.marks, seen, strict=True) if there]
    return arcs_of(path, passed)


def by_coverage(path: Path, numbers: list[int]) -> set[tuple[int, int]]:
    coverage = Coverage(data_file=None, branch=True, config_file=False, include=[str(path)])
    with coverage.collect():
        runpy.run_path(str(path), {"NUMBERS": numbers})
    return set(coverage.get_data().arcs(str(path)) or ())


@pytest.mark.parametrize("numbers", [[], [1], [3], [-1, 3], [7, 200], [50], [1, 2, 3, 4, 5, 6, 7, 50, 101], [9, -2]])
def test_marks_tell_the_statements_and_branches_that_coverage_tells(tmp_path: Path, numbers: list[int]) -> None:
    path = tmp_path / "sample.py"
    path.write_text(SAMPLE, "utf-8")
    parser = PythonParser(text=SAMPLE, filename=str(path))
    parser.parse_source()
    tree = ast.parse(SAMPLE)
    conditions = {node.lineno for node in ast.walk(tree) if isinstance(node, CONDITIONS)}
    conditions |= {node.pattern.lineno for node in ast.walk(tree) if isinstance(node, ast.match_case)}
    marked, traced = by_marks(path, numbers), by_coverage(path, numbers)

    def lines(arcs: set[tuple[int, int]]) -> set[int]:
        return {end for _begin, end in arcs} & parser.statements

    def branches(arcs: set[tuple[int, int]]) -> set[tuple[int, int]]:
        return {arc for arc in arcs & parser.arcs() if arc[0] in conditions}

    assert lines(marked) == lines(traced)
    assert branches(marked) == branches(traced)
