"""``-p tests.measuring.plugin``: pytest measures, in each of its processes, before anything of ours is imported."""

from __future__ import annotations

import json
import uuid
from collections import defaultdict
from types import SimpleNamespace
from typing import Any, cast

from django.template.base import Node, TextNode
from django.utils.safestring import SafeString

from tests.measuring.marks import ROOMS, ROOT, mark_what_is_imported

FOLDER = ROOT / "var/checks/coverage"
OURS = tuple(f"{ROOT / room}/" for room in ROOMS)

finder = mark_what_is_imported()
rendered: dict[int, Node] = {}


def watch(kind: type[Node]) -> None:
    """Keep which nodes of that kind are rendered."""
    render = kind.render_annotated

    def render_annotated(self: Node, context: Any) -> SafeString | int | str:
        rendered[id(self)] = self
        return render(self, context)

    kind.render_annotated = render_annotated  # type: ignore[method-assign]


watch(Node)
watch(TextNode)


def pytest_sessionfinish() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    marks = {path: sorted(set(passed)) for path, passed in finder.passed.items()}
    what = {"modules": marks, "templates": lines_of_templates()}
    (FOLDER / f"{uuid.uuid4().hex}.json").write_text(json.dumps(what), "utf-8")


def lines_of_templates() -> dict[str, list[int]]:
    """Of each template the lines of its nodes, as coverage.py's plugin for Django counts them."""
    from django_coverage_plugin.plugin import DjangoTemplatePlugin

    plugin = DjangoTemplatePlugin({})
    lines: dict[str, set[int]] = defaultdict(set)
    for node in rendered.values():
        origin = getattr(node, "origin", None)
        if origin is None or not str(origin.name).startswith(OURS):
            continue  # a text that is no file, or a library's
        frame = SimpleNamespace(f_code=SimpleNamespace(co_name="render"), f_locals={"self": node})
        start, end = cast(tuple[int, int], plugin.line_number_range(frame))
        lines[str(origin.name)].update(range(start, end + 1) if start > 0 else ())
    return {name: sorted(found) for name, found in lines.items()}
