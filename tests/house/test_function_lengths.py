"""Sizes and forbidden writes, measured on the syntax tree of the rooms."""

import ast
import statistics
import tomllib
from collections.abc import Iterator
from pathlib import Path

from tests.house.tree import parsed, relative, room_modules

MEDIAN_LIMIT = 10  # lines
LONG = 30  # lines
LONG_SHARE_LIMIT = 0.10
CLASS_LIMIT = 400  # lines
ALLOWED = Path(__file__).with_name("allowed_bulk_writes.toml")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def length(node: Function | ast.ClassDef) -> int:
    """Lines from `def` to the last, the docstring not counted."""
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    first = node.body[0]
    if ast.get_docstring(node) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def classes(tree: ast.AST) -> Iterator[ast.ClassDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))


def bulk_writes(tree: ast.AST, inside: str = "") -> Iterator[tuple[str, str]]:
    """(function, call) of every write that passes by `save()` and so leaves no history row.

    `QuerySet.update` takes keywords only; `dict.update` and `hash.update` are written here with a positional argument.
    """
    for node in ast.iter_child_nodes(tree):
        name = f"{inside}.{node.name}".lstrip(".") if isinstance(node, Function | ast.ClassDef) else inside
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _passes_by_save(node):
            yield inside, node.func.attr
        yield from bulk_writes(node, name)


def _passes_by_save(call: ast.Call) -> bool:
    method = getattr(call.func, "attr", "")
    bulk = method.startswith(("bulk_", "abulk_")) or method == "_raw_delete"
    return bulk or (method in {"update", "aupdate"} and not call.args and bool(call.keywords))


def found_bulk_writes() -> set[str]:
    return {
        f"{relative(path)}:{function}:{call}" for path in room_modules() for function, call in bulk_writes(parsed(path))
    }


def allowed_bulk_writes() -> dict[str, str]:
    return {entry["where"]: entry["reason"] for entry in tomllib.loads(ALLOWED.read_text("utf-8")).get("allowed", [])}


def test_the_median_function_is_at_most_ten_lines_and_nine_in_ten_are_under_thirty() -> None:
    lengths = {
        f"{relative(path)}:{node.lineno} {node.name}": length(node)
        for path in room_modules()
        for node in functions(parsed(path))
    }
    long = {name: lines for name, lines in lengths.items() if lines >= LONG}
    assert statistics.median(lengths.values()) <= MEDIAN_LIMIT
    assert len(long) <= LONG_SHARE_LIMIT * len(lengths), long


def test_no_class_is_longer_than_400_lines() -> None:
    found = {f"{relative(path)}:{node.name}": length(node) for path in room_modules() for node in classes(parsed(path))}
    assert {name: lines for name, lines in found.items() if lines > CLASS_LIMIT} == {}


def test_no_write_passes_by_the_history_except_where_a_reason_is_given() -> None:
    assert found_bulk_writes() - allowed_bulk_writes().keys() == set()


def test_every_allowed_exception_is_still_there_and_gives_its_reason() -> None:
    allowed = allowed_bulk_writes()
    assert allowed.keys() - found_bulk_writes() == set()
    assert [where for where, reason in allowed.items() if len(reason.split()) < 5] == []


def test_lengths_are_measured_without_the_docstring() -> None:
    tree = ast.parse('def act() -> None:\n    """One\n    two."""\n    first()\n    second()\n')
    assert [length(node) for node in functions(tree)] == [3]


def test_the_scan_finds_writes_that_pass_by_save_and_leaves_dictionaries_and_hashes_alone() -> None:
    tree = ast.parse(
        "class Acts:\n"
        "    def act(self):\n"
        "        Participant.objects.filter(pk=1).update(status='lost')\n"
        "        Visit.objects.bulk_create(rows)\n"
        "        totals.update(new)\n"
        "        digest.update(b'')\n"
    )
    assert list(bulk_writes(tree)) == [("Acts.act", "update"), ("Acts.act", "bulk_create")]
