"""One participant's casebook as one plain value, and what it comes to. Pure.

What is worked out (calculated items, scores, what is asked, completeness, checks) has one right value at any moment:
that of each entry's own version on what people entered, in whatever order. So an entry is assessed
after the entries that it reads. Source: XForms 1.1, appendix D (dependency graph, topological order).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from trialmgr.protocol import expressions
from trialmgr.protocol.evaluation import Evaluation, Lookup, evaluate_entry, evaluate_not_done, meant_visit
from trialmgr.protocol.expressions import parse
from trialmgr.protocol.model import Form, RowKey, StudyDefinition


class Place(NamedTuple):
    """Where an entry stands: slug of the visit, key of the form, number of the row (1 where a form has one)."""

    visit: str
    form: str
    row: int = 1


class Source(NamedTuple):
    """What a rule reads beyond its own form: ``visit`` is a slug, or ``previous``."""

    visit: str
    form: str


@dataclass(frozen=True, slots=True)
class Entered:
    """What people entered on one form, under its own version.

    ``values`` and ``missing``: of every question that was answered, also of those that are not asked now; nothing that
    is worked out. ``not_done``: the reason why the whole form was not done, or "".
    """

    place: Place
    definition: StudyDefinition
    form: Form
    values: Mapping[str, str]
    missing: Mapping[str, str]
    not_done: str = ""


Casebook: TypeAlias = Mapping[Place, Entered]
"""Every standing entry of one participant."""


KeyNames: TypeAlias = Mapping[tuple[str, str], tuple[str, ...]]
"""(form, item) -> every key that any version has for it, of the items that were ever called otherwise."""

MOST_OF_OWN_FORM = 2
"""A path of one or two parts stays on its own form: an item, or an item of a group."""


@dataclass(slots=True)
class Assessed:
    """What the entries assessed so far come to; a lookup for the expressions of those that follow.

    ``asked`` keeps what was read, by path, so that a judgement can record what it rests on.
    """

    entries: dict[Place, Evaluation] = field(default_factory=dict)
    asked: dict[str, str | None] = field(default_factory=dict)
    names: KeyNames = field(default_factory=dict)

    def __call__(self, visit: str, form: str, item: str) -> str | None:
        """By whichever key the version of the entry has for the item."""
        found = self.entries.get(Place(visit, form))
        values = found.values if found else {}
        value = next((values[key] for key in called(self.names, form, item) if key in values), None)
        self.asked[f"{visit}.{form}.{item}"] = value
        return value

    def keys(self, visit: str, form: str) -> tuple[str, ...] | None:
        """The items that have a value on a form, by every key that a version has; None when it was never entered."""
        found = self.entries.get(Place(visit, form))
        if found is None:
            return None
        return tuple(dict.fromkeys(name for key in found.values for name in called(self.names, form, key)))


def key_names(definitions: Iterable[StudyDefinition]) -> KeyNames:
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for definition in definitions:
        for (form, old), new in definition.moved.items():
            same = dict.fromkeys((*found.get((form, new), (new,)), *found.get((form, old), (old,))))
            found |= {(form, key): tuple(same) for key in same}
    return found


def called(names: KeyNames, form: str, key: str) -> tuple[str, ...]:
    """The key itself first, then what else the question was ever called; in a row of a group, in the same row."""
    row = RowKey.read(key) if names else None
    same = names.get((form, row.item if row else key), ())
    return tuple(dict.fromkeys((key, *(f"{row.section}.{row.row}.{name}" if row else name for name in same))))


def assess(
    casebook: Casebook, stored: Mapping[Place, Evaluation] | None = None, names: KeyNames | None = None
) -> Assessed:
    """Every entry of the casebook, from nothing. ``stored``: what others came to, read and left alone.

    ``names``: what the versions call items otherwise.
    """
    assessed = Assessed(dict(stored or {}), names=names or {})
    order = list(_in_order(casebook))
    _assess_once(casebook, order, assessed)
    # Items never read in a circle, forms may: then what was read too early is read again, until nothing changes.
    rounds = len(order) if _has_early_reader(casebook, order) else 0
    for _round in range(rounds):
        before = dict(assessed.entries)
        _assess_once(casebook, order, assessed)
        if before == assessed.entries:
            break
    return assessed


def _assess_once(casebook: Casebook, order: Iterable[Place], assessed: Assessed) -> None:
    for place in order:
        assessed.entries[place] = assess_entry(casebook[place], assessed)


def assess_entry(entry: Entered, others: Lookup) -> Evaluation:
    """One entry, beside what the others came to."""
    if entry.not_done:
        return evaluate_not_done(entry.definition, entry.form, entry.not_done, others, entry.place.visit)
    return evaluate_entry(entry.definition, entry.form, entry.values, entry.missing, others, entry.place.visit)


def _in_order(casebook: Casebook) -> Iterator[Place]:
    """Each entry after those that it reads, where there is such an order; in any case the same one every time."""
    seen: set[Place] = set()
    for start in sorted(casebook):
        waiting = [] if start in seen else [(start, _read_by(casebook, start))]
        seen.add(start)
        while waiting:
            place, others = waiting[-1]
            following = next((other for other in others if other not in seen), None)
            if following is None:
                waiting.pop()
                yield place
            else:
                seen.add(following)
                waiting.append((following, _read_by(casebook, following)))


def _has_early_reader(casebook: Casebook, order: Iterable[Place]) -> bool:
    """Whether an entry comes before one that it reads: then the forms, not their items, read each other."""
    done: set[Place] = set()
    for place in order:
        if any(other not in done and other != place for other in _read_by(casebook, place)):
            return True
        done.add(place)
    return False


def _read_by(casebook: Casebook, place: Place) -> Iterator[Place]:
    """The entries of the casebook that the rules of this one read."""
    entry = casebook[place]
    for source in sorted(sources(entry.form)):
        other = read_place(entry.definition, place, source)
        if other is not None and other in casebook:
            yield other


def read_place(definition: StudyDefinition, place: Place, path: Sequence[str]) -> Place | None:
    """The entry that a path such as ``previous.madrs.madrs_total``, written for the entry at ``place``, reads."""
    visit, form = path[:2]
    slug = meant_visit(definition, place.visit, visit, form)
    return None if slug is None else Place(slug, form)


class Unread(NamedTuple):
    """A path of a rule into an entry whose version has nothing to read there: it counts as missing."""

    reader: Place
    path: expressions.Path
    entry: Place
    version: str


def unread(casebook: Casebook, names: KeyNames) -> Iterator[Unread]:
    """Each such path once, reader by reader."""
    for place in sorted(casebook):
        entry = casebook[place]
        paths = {path for rule in entry.form.rules for path in parse(rule).reads if len(path) > MOST_OF_OWN_FORM}
        for path in sorted(paths):
            there = read_place(entry.definition, place, path)
            other = casebook.get(there) if there else None
            if there and other and not _has(other.form, path[2], names):
                yield Unread(place, path, there, other.definition.version)


def _has(form: Form, key: str, names: KeyNames) -> bool:
    return key in form.groups or any(form.has_item(name) for name in called(names, form.key, key))


def sources(form: Form) -> frozenset[Source]:
    """What the rules of a form read beyond it."""
    return _sources(form.rules)


@lru_cache(maxsize=4096)
def _sources(rules: tuple[str, ...]) -> frozenset[Source]:
    return frozenset(Source(*path[:2]) for rule in rules for path in parse(rule).reads if len(path) > MOST_OF_OWN_FORM)


def followers(definitions: Collection[StudyDefinition], forms: Collection[str]) -> frozenset[str]:
    """Keys of the forms whose rules read one of ``forms``, or one that does so itself, by any of these versions."""
    found: set[str] = set()
    waiting = set(forms)
    while waiting:
        readers = {reader for definition in definitions for reader in _readers(definition, frozenset(waiting))}
        waiting = readers - found
        found |= readers
    return frozenset(found)


def _readers(definition: StudyDefinition, forms: frozenset[str]) -> Iterator[str]:
    return (form.key for form in definition.forms if any(source.form in forms for source in sources(form)))
