"""No module of the rooms imports another that, by whichever way, imports it back."""

import ast

from tests.house.imports import circles, imported, room_imports


def test_no_modules_import_one_another_in_a_circle() -> None:
    assert circles(room_imports()) == []


def test_a_circle_is_found_also_through_an_import_inside_a_function() -> None:
    acts = set(imported(ast.parse("def close():\n    from audit import ledger\n"), {"audit.ledger"}))
    graph = {"audit.acts": acts, "audit.ledger": {"audit.models"}, "audit.models": {"audit.acts", "json"}, "crf": set()}
    assert circles(graph) == [["audit.acts", "audit.ledger", "audit.models"]]
    assert circles(graph | {"audit.acts": set()}) == []
