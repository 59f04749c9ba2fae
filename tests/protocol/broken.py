"""Damage to the base of ``tests/data/broken_studies``, as each of its files describes it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from trialmgr.protocol.check import check_study
from trialmgr.protocol.loader import StudyErrors

FOLDER = Path(__file__).parents[1] / "data" / "broken_studies"
BASE = FOLDER / "base"
CASES = sorted(FOLDER.glob("*.yaml"))


def case(path: Path) -> dict[str, Any]:
    """``says`` and ``error``, the damaged ``file``, and the damage: ``replace`` and ``by``, ``also`` in other places,
    ``content`` of the whole file, ``encoding``, ``padding`` in bytes, ``rename``, or ``missing``."""
    loaded: dict[str, Any] = YAML(typ="safe", pure=True).load(path.read_text("utf-8"))
    return loaded


def damaged(folder: Path, damage: dict[str, Any]) -> Path:
    """A copy of the base with the damage done to it."""
    shutil.copytree(BASE, folder, dirs_exist_ok=True)
    for part in (damage, *damage.get("also", ())):
        _damage(folder / part["file"], part)
    return folder


def _damage(path: Path, damage: dict[str, Any]) -> None:
    text = damage.get("content", path.read_text("utf-8"))
    if "replace" in damage:
        assert text.count(damage["replace"]) == 1, f"{damage['replace']!r} stands {text.count(damage['replace'])} times"
        text = text.replace(damage["replace"], damage["by"])
    text += "# padding\n" * (damage.get("padding", 0) // 10 + 1 if "padding" in damage else 0)
    path.unlink()
    if not damage.get("missing"):
        path.with_name(Path(damage.get("rename", path.name)).name).write_bytes(
            text.encode(damage.get("encoding", "utf-8"))
        )


def told(folder: Path) -> list[str]:
    """What ``study check`` says of a folder: its faults, or the examples that fail."""
    try:
        return [str(failure) for failure in check_study(folder).failures]
    except StudyErrors as errors:
        return [str(error) for error in errors.errors]
