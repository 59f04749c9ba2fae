"""Every room and every folder of plain Python stands in a contract of import-linter."""

import tomllib
from collections.abc import Iterable

from tests.house.imports import Graph, room_imports, room_paths
from tests.house.tree import ROOMS, ROOT, parsed, relative, room_modules

LINTER = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
LAYERS, PLAIN = LINTER["contracts"]


def layers() -> set[str]:
    return {part.strip(" ()") for layer in LAYERS["layers"] for part in layer.replace("|", ":").split(":")}


def rooms_on_disk() -> set[str]:
    """Top rooms, and what stands directly in trialmgr/, as dotted names."""
    within = {
        relative(path).parts[1].removesuffix(".py") for path in room_modules() if relative(path).parts[0] == ROOMS[0]
    }
    return {*ROOMS[1:], *(f"{ROOMS[0]}.{name}" for name in within if name != "__init__")}


def plain(graph: Graph) -> set[str]:
    """Modules that reach no library which the contract forbids, by whichever way."""
    rest = set(graph)
    while knowing := {name for name in rest if any(_forbidden(other, graph, rest) for other in graph[name])}:
        rest -= knowing
    return rest


def _forbidden(imported: str, graph: Graph, rest: set[str]) -> bool:
    return imported.partition(".")[0] in PLAIN["forbidden_modules"] or (imported in graph and imported not in rest)


def plain_modules() -> set[str]:
    """Plain modules of the rooms in which something stands besides a docstring."""
    bare = {name for name, path in room_paths().items() if len(parsed(path).body) <= 1}
    return {name for name in plain(room_imports()) - bare if _room(name) in room_names()}


def room_names() -> set[str]:
    """The rooms proper: what has models, or definition and printing on the ground floor."""
    return {
        "trialmgr.protocol",
        "trialmgr.printing",
        *(name.removesuffix(".apps") for name in room_paths() if name.endswith(".apps")),
    }


def _room(module: str) -> str:
    first, second, *_ = [*module.split("."), ""]
    return f"{first}.{second}" if first == ROOMS[0] else first


def is_within(module: str, folders: Iterable[str]) -> bool:
    return any(f"{module}.".startswith(f"{folder}.") for folder in folders)


def test_every_room_stands_in_the_layers() -> None:
    assert rooms_on_disk() - layers() == set()


def test_what_knows_no_django_stands_in_the_plain_folder_of_its_room() -> None:
    assert sorted(name for name in plain_modules() if not is_within(name, PLAIN["source_modules"])) == []


def test_a_room_has_one_plain_folder() -> None:
    rooms = [_room(name) for name in PLAIN["source_modules"]]
    assert sorted(set(rooms)) == sorted(rooms)
    assert set(rooms) <= room_names()


def test_a_module_is_plain_only_where_all_that_it_imports_is() -> None:
    graph = {
        "crf.layout": {"json"},
        "crf.fields": {"crf.layout"},
        "crf.models": {"django.db"},
        "crf.due": {"crf.models"},
    }
    assert plain(graph) == {"crf.layout", "crf.fields"}
    assert is_within("crf.layout.fields", ["crf.layout"])
    assert not is_within("crf.layouts", ["crf.layout"])


def test_import_linter_looks_at_every_room() -> None:
    assert set(LINTER["root_packages"]) == set(ROOMS)
