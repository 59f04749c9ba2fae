"""Items, their ranges and groups, and the scores made of them."""

from __future__ import annotations

from trialmgr.protocol.integrity.findings import Finding, Findings, Rules, all_items, keys_before
from trialmgr.protocol.integrity.references import absent, all_absent, repeated_words
from trialmgr.protocol.model import (
    MOST_ANSWERS,
    Form,
    Item,
    ItemType,
    Range,
    Score,
    Section,
    StudyDefinition,
)
from trialmgr.protocol.scoring import FUNCTIONS
from trialmgr.protocol.yaml_source import DocumentPath

_DERIVABLE = frozenset({ItemType.INTEGER, ItemType.DECIMAL, ItemType.DATE, ItemType.YES_NO, ItemType.CHOICE})
_LISTED = frozenset({ItemType.CHOICE, ItemType.MULTI_CHOICE})
_NUMERIC = frozenset({ItemType.INTEGER, ItemType.DECIMAL, ItemType.SCALE})
_FILES = frozenset({ItemType.FILE})
_WRITTEN = frozenset({ItemType.TEXT, ItemType.LONG_TEXT})


def _groups(study: StudyDefinition) -> Findings:
    for number, form in enumerate(study.forms):
        for place, section in enumerate(form.sections):
            path: DocumentPath = ("forms", number, "sections", place, "repeats")
            if section.repeats is None:
                continue
            if section.repeats.min > section.repeats.max:
                yield Finding(path, "the group owes more rows than it may have", "let `min` be at most `max`")
            if form.repeating:
                yield Finding(path, "a form with many rows holds no group with rows", "remove one of the two")
            if all(item.is_derived for item in section.items):
                yield Finding(path, "nobody enters anything in these rows", "add an item that is not derived")
        yield from _ending_in_rows(("forms", number, "ends_participation"), form)


def _ending_in_rows(path: DocumentPath, form: Form) -> Findings:
    if form.ends_participation is not None and form.group_of(form.ends_participation):
        yield Finding(path, f"`{form.ends_participation}` stands in rows", "name an item outside groups")


def _layouts(study: StudyDefinition) -> Findings:
    for number, form in enumerate(study.forms):
        for place, section in enumerate(form.sections):
            path: DocumentPath = ("forms", number, "sections", place)
            yield from _scale_layout(path, section) if section.layout == "scale" else ()
            yield from _table_layout(path, section) if section.layout == "table" else _no_table(path, section)


def _scale_layout(path: DocumentPath, section: Section) -> Findings:
    if not any(item.steps or item.type in (ItemType.CHOICE, ItemType.YES_NO) for item in section.items):
        mend = f"give an item a code list, or a range of at most {MOST_ANSWERS} whole numbers; or remove `layout`"
        yield Finding((*path, "layout"), "no question of this section has a few answers to choose from", mend)


def _no_table(path: DocumentPath, section: Section) -> Findings:
    for name in ("columns", "lines"):
        if getattr(section, name):
            yield Finding((*path, name), f"`{name}` goes with `layout: table`", "add that, or remove this key")


def _table_layout(path: DocumentPath, section: Section) -> Findings:
    if section.repeats is not None:
        yield Finding(
            (*path, "layout"), "a group with rows is no table of measurements", "remove `layout` or `repeats`"
        )
    if not section.columns or not section.lines:
        yield Finding((*path, "layout"), "the table has no columns or no lines", "add `columns` and `lines`")
    named: list[str] = []
    for number, line in enumerate(section.lines):
        where = (*path, "lines", number, "items")
        yield from all_absent(where, line.items, (item.key for item in section.items), "item of this section")
        for key in line.items:
            if key in named:
                yield Finding(where, f"`{key}` stands in the table twice", "name it once")
            named.append(key)
        if section.columns and len(line.items) != len(section.columns):
            message = f"the line has {len(line.items)} items for {len(section.columns)} columns"
            yield Finding(where, message, "name one item a column")


_FITS: dict[str, frozenset[ItemType]] = {
    "range": _NUMERIC,
    "soft_range": _NUMERIC,
    "decimals": frozenset({ItemType.DECIMAL}),
    "max_length": _WRITTEN,
    "codelist": _LISTED,
    "anchors": frozenset({ItemType.SCALE}),
    "accepts": _FILES,
    "max_megabytes": _FILES,
}


def _item_rules(study: StudyDefinition) -> Findings:
    lists = [codelist.key for codelist in study.codelists]
    for path, _form, item in all_items(study):
        for name, types in _FITS.items():
            if getattr(item, name) not in (None, ()) and item.type not in types:
                yield Finding(
                    (*path, name), f"`{name}` does not go with the type {item.type}", "remove it or change the type"
                )
        if item.codelist is not None:
            yield from absent((*path, "codelist"), item.codelist, lists, "code list")
        elif item.type in _LISTED:
            yield Finding((*path, "type"), "the item has no code list", "add `codelist`")
        for name in ("range", "soft_range"):
            yield from _range((*path, name), getattr(item, name))
        yield from _scale(path, item)
        yield from _observed(path, item)
        yield from _derivation(path, item)


def _range(path: DocumentPath, bounds: Range | None) -> Findings:
    if bounds is None:
        return
    if bounds.min is None and bounds.max is None:
        yield Finding(path, "the range has no ends", "write `min`, `max` or both")
    elif bounds.min is not None and bounds.max is not None and bounds.min > bounds.max:
        yield Finding(path, f"the range runs from {bounds.min} down to {bounds.max}", "exchange `min` and `max`")


def _scale(path: DocumentPath, item: Item) -> Findings:
    if item.type is not ItemType.SCALE:
        return
    ends = item.range or Range()
    if ends.min is None or ends.max is None or ends.min % 1 or ends.max % 1:
        yield Finding((*path, "range"), "the scale has no two whole ends", "write `range: {min: 0, max: 10}`")
    if item.anchors is None:
        yield Finding((*path, "type"), "the scale has no words at its ends", "add `anchors` with `min` and `max`")


def _observed(path: DocumentPath, item: Item) -> Findings:
    if item.observed and item.type is not ItemType.DATE:
        yield Finding((*path, "observed"), "only a date is a day of observation", "remove it or change the type")


def _derivation(path: DocumentPath, item: Item) -> Findings:
    if item.derive is not None and item.score is not None:
        yield Finding((*path, "derive"), "the item has a formula and a score", "keep one of the two")
    if item.score is not None and item.type not in (ItemType.INTEGER, ItemType.DECIMAL):
        yield Finding((*path, "type"), f"a score is no {item.type}", "use integer or decimal")
    elif item.is_derived and item.type not in _DERIVABLE:
        kinds = ", ".join(sorted(_DERIVABLE))
        yield Finding((*path, "type"), f"a value of type {item.type} cannot be derived", f"use one of: {kinds}")


def _scores(study: StudyDefinition) -> Findings:
    for path, form, item in all_items(study):
        if item.score is not None:
            yield from absent((*path, "score", "function"), item.score.function, FUNCTIONS, "scoring function")
            yield from _score_version((*path, "score", "version"), item.score)
            earlier = keys_before(form, item)
            yield from all_absent((*path, "score", "items"), item.score.items, earlier, "earlier item")
            if item.score.function in FUNCTIONS and set(item.score.items) <= set(earlier):
                yield from _score_bounds((*path, "score", "items"), form, item.score)


def _score_version(path: DocumentPath, score: Score) -> Findings:
    function = FUNCTIONS.get(score.function)
    if function is not None and score.version not in (None, function.version):
        message = f"{function.name} has version {function.version}, not {score.version}"
        yield Finding(path, message, "look at what changed in the function, then write its version")


def _score_bounds(path: DocumentPath, form: Form, score: Score) -> Findings:
    function = FUNCTIONS[score.function]
    if len(score.items) != len(function.bounds):
        yield Finding(
            path, f"{function.name} scores {len(function.bounds)} items, not {len(score.items)}", "name every item once"
        )
        return
    yield from repeated_words(path, score.items)
    for number, (key, (lowest, highest)) in enumerate(zip(score.items, function.bounds, strict=True)):
        if not _gives_answers_between(form.item(key), lowest, highest):
            yield Finding(
                (*path, number),
                f"`{key}` may hold other answers than {lowest} to {highest}",
                f"let it be an integer with the range {lowest} to {highest}",
            )


def _gives_answers_between(item: Item, lowest: int, highest: int) -> bool:
    if item.type is ItemType.YES_NO:
        return (lowest, highest) == (0, 1)
    bounds = item.range or Range()
    if item.type not in (ItemType.INTEGER, ItemType.SCALE) or bounds.min is None or bounds.max is None:
        return False
    return lowest <= bounds.min and bounds.max <= highest


def _former_keys(study: StudyDefinition) -> Findings:
    replaced: set[tuple[str, str]] = set()
    for path, form, item in all_items(study):
        for place, old in enumerate(item.replaces):
            if form.has_item(old):
                mend = "name a key that an earlier version had and this one has not"
                yield Finding((*path, "replaces", place), f"`{old}` is an item of this form", mend)
            elif (form.key, old) in replaced:
                mend = "let one item replace it"
                yield Finding((*path, "replaces", place), f"`{old}` is replaced by another item already", mend)
            replaced.add((form.key, old))


RULES: Rules = (
    _groups,
    _layouts,
    _item_rules,
    _former_keys,
    _scores,
)
