"""The style sheet and the templates keep the rules they promise: contrast, shapes, no inline script or style."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

OVERVIEW = Path(__file__).resolve().parents[2] / "trialmgr" / "overview"
STATIC = OVERVIEW / "static"
CSS = (STATIC / "trialmgr/css/trialmgr.css").read_text("utf-8")
SHAPES = (STATIC / "trialmgr/img/shapes.svg").read_text("utf-8")
TEMPLATES = sorted((OVERVIEW / "templates").rglob("*.html"))
COLOURS = dict(re.findall(r"--tm-([\w-]+): (#[0-9a-f]{6});", CSS))

TEXT = [
    ("ink", "paper"), ("ink", "wash"), ("ink", "focus-halo"), ("ink-soft", "paper"), ("ink-soft", "wash"),
    ("link", "paper"), ("link", "wash"), ("link-hover", "paper"), ("link-visited", "paper"), ("link-visited", "wash"),
    ("paper", "brand"), ("paper", "brand-deep"), ("brand-deep", "brand-pale"), ("paper", "bad"), ("paper", "bad-deep"),
    ("bad", "paper"), ("good", "good-pale"), ("warn", "warn-pale"), ("bad", "bad-pale"), ("info", "info-pale"),
    ("quiet", "quiet-pale"), ("quiet", "paper"),
]  # fmt: skip
EDGES = [
    ("border", "paper"), ("border", "wash"), ("bad", "wash"), ("focus", "paper"), ("focus", "focus-halo"),
    ("focus-halo", "brand"), ("brand", "brand-pale"), ("brand-deep", "paper"),
]  # fmt: skip


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb. Source: WCAG 2.2, definition of relative luminance."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(COLOURS[one]), luminance(COLOURS[other])), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize(("text", "ground"), TEXT)
def test_text_stands_out_from_its_ground(text: str, ground: str) -> None:
    assert contrast(text, ground) >= 4.5


@pytest.mark.parametrize(("edge", "ground"), EDGES)
def test_borders_and_focus_stand_out_from_their_ground(edge: str, ground: str) -> None:
    assert contrast(edge, ground) >= 3


def test_every_kind_of_tag_has_a_shape_of_its_own() -> None:
    kinds = set(re.findall(r"\.tm-tag--(\w+)", CSS))
    drawn = re.findall(r'<symbol id="(\w+)"[^>]*>(.*?)</symbol>', SHAPES)
    assert kinds <= {name for name, _ in drawn}
    assert len({drawing for _, drawing in drawn}) == len(drawn)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(OVERVIEW)))
def test_a_template_has_no_script_or_style_of_its_own(path: Path) -> None:
    text = path.read_text("utf-8")
    assert re.findall(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)|javascript:", text) == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(OVERVIEW)))
def test_every_static_file_a_template_names_is_there(path: Path) -> None:
    named = re.findall(r"{% static '([^']+)'", path.read_text("utf-8"))
    assert [name for name in named if not (STATIC / name).is_file()] == []
