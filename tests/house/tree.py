"""The files of this project as git sees them: kept, or new and not ignored."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("trialmgr", "audit", "crf", "randomization", "exports")
VENDORED = ROOT / "tests/vendor"


@cache
def own_files() -> tuple[Path, ...]:
    """Every file of ours, without what others wrote (tests/vendor)."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split("\0")
    paths = (ROOT / name for name in listed if name)
    return tuple(sorted(path for path in paths if path.is_file() and not path.is_relative_to(VENDORED)))


def texts() -> Iterator[tuple[Path, str]]:
    """Path and content of every file that is text."""
    for path in own_files():
        try:
            yield path, path.read_text("utf-8")
        except UnicodeDecodeError:
            continue


def room_modules() -> list[Path]:
    """Python source of the rooms; migrations, which a tool writes, left out."""
    return [path for path in own_files() if path.suffix == ".py" and relative(path).parts[0] in ROOMS and _ours(path)]


def _ours(path: Path) -> bool:
    return "migrations" not in path.parts


def relative(path: Path) -> Path:
    return path.relative_to(ROOT)


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))
