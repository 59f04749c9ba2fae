"""No item may wait for itself, over however many forms and visits: its value would depend on the order of entering.

Within a form rules look back only; a rule that reads another form or visit could close a circle all the same.
Source: XForms 1.1, appendix D (a dependency graph with a circle is an error).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from trialmgr.protocol.evaluation import PREVIOUS, previous_visit, visit_at
from trialmgr.protocol.expressions import ExpressionError, Path, parse
from trialmgr.protocol.integrity.findings import Finding, Findings, Rules, all_items
from trialmgr.protocol.model import Form, Item, StudyDefinition


class _Node(NamedTuple):
    """An item of a form at one visit; in a group of rows, in all of them."""

    visit: str
    form: str
    item: str

    def __str__(self) -> str:
        return ".".join(self)


def _circles(study: StudyDefinition) -> Findings:
    """One finding for each item that closes a circle."""
    paths = {(form.key, item.key): path for path, form, item in all_items(study)}
    told: set[tuple[str, str]] = set()
    settled: set[_Node] = set()
    for start in _starts(study):
        for circle in _circles_from(study, start, settled):
            closing = circle[-1]
            if closing[1:] not in told:
                told.add(closing[1:])
                way = " reads ".join(map(str, (closing, *circle)))
                yield Finding(paths[closing[1:]], f"the item waits for itself: {way}", "let one of them read less")


def _starts(study: StudyDefinition) -> Iterator[_Node]:
    """Every item with a rule that reads beyond its form, at each visit that holds it."""
    for visit in study.visits:
        for form in (study.form(key) for key in visit.forms if study.has_form(key)):
            keys = [item.key for item in form.items if any(len(path) > 2 for path in _read(item))]
            slugs = [visit.slug(number) for number, _day in enumerate(visit.occurrences(), start=1)] if keys else []
            yield from (_Node(slug, form.key, key) for slug in slugs for key in keys)


def _circles_from(study: StudyDefinition, start: _Node, settled: set[_Node]) -> Iterator[tuple[_Node, ...]]:
    """The nodes on each circle that is met on the ways from ``start``; what was walked before is ``settled``."""
    way: dict[_Node, Iterator[_Node]] = {} if start in settled else {start: _next(study, start)}
    while way:
        here = next(reversed(way))
        following = next(way[here], None)
        if following is None:
            settled.add(here)
            del way[here]
        elif following in way:
            nodes = list(way)
            yield tuple(nodes[nodes.index(following) :])
        elif following not in settled:
            way[following] = _next(study, following)


def _next(study: StudyDefinition, node: _Node) -> Iterator[_Node]:
    """The items whose values or rules decide this one."""
    form = study.form(node.form)
    for path in _read(form.item(node.item)):
        place = (node.visit, node.form) if len(path) <= 2 else _place(study, node, path)
        if place is not None and study.has_form(place[1]):
            keys = _keys(study.form(place[1]), path[0] if len(path) == 1 else path[-1])
            yield from (_Node(*place, key) for key in keys)


def _place(study: StudyDefinition, node: _Node, path: Path) -> tuple[str, str] | None:
    """Visit and form that a path leads to from here; None where it leads to nothing."""
    slug = previous_visit(study, node.visit, path[1]) if path[0] == PREVIOUS else path[0]
    found = visit_at(study, slug) if slug is not None else None
    return (slug, path[1]) if slug is not None and found is not None and path[1] in found[0].forms else None


def _keys(form: Form, name: str) -> Iterator[str]:
    """The item of that name; of a group whose rows are counted, the items that make a row: those that people enter."""
    if form.has_item(name):
        yield name
    group = form.groups.get(name)
    yield from (item.key for item in (group.items if group else ()) if not item.is_derived)


def _read(item: Item) -> Iterator[Path]:
    """Every path that the item's rules read. A rule that cannot be read is told of elsewhere."""
    for rule in (item.ask_if, item.derive):
        try:
            yield from sorted(parse(rule).reads) if rule is not None else ()
        except ExpressionError:
            continue
    yield from ((key,) for key in (item.score.items if item.score else ()))


RULES: Rules = (_circles,)
