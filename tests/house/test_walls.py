"""Every room and every module of plain Python stands in a contract of import-linter."""

import tomllib

from tests.house.tree import ROOMS, ROOT, relative, room_modules

LINTER = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
LAYERS, PLAIN = LINTER["contracts"]
PLAIN_MODULES = [
    "trialmgr/protocol",
    "randomization/methods",
    "exports/writers",
]


def layers() -> set[str]:
    return {part.strip(" ()") for layer in LAYERS["layers"] for part in layer.replace("|", ":").split(":")}


def rooms_on_disk() -> set[str]:
    """Top rooms, and what stands directly in trialmgr/, as dotted names."""
    within = {
        relative(path).parts[1].removesuffix(".py") for path in room_modules() if relative(path).parts[0] == ROOMS[0]
    }
    return {*ROOMS[1:], *(f"{ROOMS[0]}.{name}" for name in within if name != "__init__")}


def test_every_room_stands_in_the_layers() -> None:
    assert rooms_on_disk() - layers() == set()


def test_every_module_of_plain_python_is_kept_free_of_django() -> None:
    present = {name.replace("/", ".") for name in PLAIN_MODULES if list(ROOT.glob(f"{name}*"))}
    assert present - set(PLAIN["source_modules"]) == set()
    assert "django" in PLAIN["forbidden_modules"]


def test_import_linter_looks_at_every_room() -> None:
    assert set(LINTER["root_packages"]) == set(ROOMS)
