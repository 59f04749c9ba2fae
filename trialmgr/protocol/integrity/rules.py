"""What must hold of every expression of a definition: it can be read, refers to what is there, fits the kind that is
wanted, and where a blinded role meets it, reads nothing that tells the arm (ICH E9, 2.3.1)."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from trialmgr.protocol.evaluation import PREVIOUS, occurrence, visit_at
from trialmgr.protocol.expressions import Expression, ExpressionError, Kind, parse
from trialmgr.protocol.expressions.kinds import Path
from trialmgr.protocol.expressions.nodes import Constant, Reference
from trialmgr.protocol.integrity.findings import Finding, Findings, hides, items_of, keys_before, parts_of
from trialmgr.protocol.model import Check, Example, Form, Item, ItemType, Part, StudyDefinition, VisitDefinition
from trialmgr.protocol.values import ValueProblem, parse_value
from trialmgr.protocol.yaml_source import DocumentPath

ITEM_KINDS: dict[ItemType, Kind] = {
    ItemType.INTEGER: Kind.NUMBER,
    ItemType.DECIMAL: Kind.NUMBER,
    ItemType.SCALE: Kind.NUMBER,
    ItemType.TEXT: Kind.TEXT,
    ItemType.LONG_TEXT: Kind.TEXT,
    ItemType.DATE: Kind.DATE,
    ItemType.PARTIAL_DATE: Kind.DATE,
    ItemType.TIME: Kind.TIME,
    ItemType.CHOICE: Kind.TEXT,
    ItemType.MULTI_CHOICE: Kind.CODES,
    ItemType.YES_NO: Kind.TRUTH,
}
"""Without files: what stands in a file is nothing to reckon with."""


@dataclass(frozen=True, slots=True)
class Written:
    """An expression where it stands.

    ``reach``: items it may name alone. ``groups``: groups with rows it may reckon over by name. ``open``: blinded
    roles meet it. ``at_visit``: it is worked out at a visit, so ``previous`` has a meaning. ``kind``: what it owes;
    ``codelist``: of which list a code.
    """

    path: DocumentPath
    text: str
    form: Form | None
    reach: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    open: bool = True
    at_visit: bool = False
    kind: Kind = Kind.TRUTH
    codelist: str | None = None


class Fault(NamedTuple):
    message: str
    mend: str


def findings(study: StudyDefinition) -> Findings:
    """Every fault of an expression or of an example's keys."""
    blinding = any(role.blinded for role in study.roles)
    for written in all_written(study):
        try:
            expression = parse(written.text)
        except ExpressionError as error:
            yield Finding(written.path, error.message, error.mend, error.column)
            continue
        faults = list(_reference_faults(study, written, expression, blinding))
        yield from faults or _kind_faults(study, written, expression)
    yield from _examples(study)


# --- where expressions stand -----------------------------------------------------------------------------------------


def all_written(study: StudyDefinition) -> Iterator[Written]:
    """Every expression of the definition with its place."""
    for number, phase in enumerate(study.phases):
        if phase.gate is not None:
            yield Written(("phases", number, "gate", "rule"), phase.gate.rule, None)
    yield from _criteria(study)
    for number, form in enumerate(study.forms):
        for path, item in items_of(("forms", number), form):
            yield from _of_item(path, form, item)
        for place, check in enumerate(form.checks):
            yield _of_check(("forms", number, "checks", place, "fires_if"), form, check)


def _of_item(path: DocumentPath, form: Form, item: Item) -> Iterator[Written]:
    if item.ask_if is None and item.derive is None and item.danger is None:
        return
    reach, groups = frozenset(keys_before(form, item)), frozenset(_groups_before(form, item))
    is_open = not hides(form, item)
    if item.ask_if is not None:
        yield Written((*path, "ask_if"), item.ask_if, form, reach, groups, is_open, True)
    if item.danger is not None:
        yield Written(
            (*path, "danger", "fires_if"), item.danger.fires_if, form, reach | {item.key}, groups, is_open, True
        )
    if item.derive is not None and item.type in ITEM_KINDS:
        kind = ITEM_KINDS[item.type]
        yield Written((*path, "derive"), item.derive, form, reach, groups, is_open, True, kind, item.codelist)


def _groups_before(form: Form, item: Item) -> Iterator[str]:
    earlier = itertools.takewhile(lambda section: item not in section.items, form.sections)
    return (section.key for section in earlier if section.repeats is not None)


def _of_check(path: DocumentPath, form: Form, check: Check) -> Written:
    own = form.group_of_check(check)
    reach = frozenset(item.key for item in form.items if form.group_of(item.key) in (None, own))
    return Written(path, check.fires_if, form, reach, frozenset(form.groups), not form.reveals_allocation, True)


def _criteria(study: StudyDefinition) -> Iterator[Written]:
    form = eligibility_home(study)
    reach = frozenset(item.key for item in form.plain_items) if form else frozenset()
    groups = frozenset(form.groups) if form else frozenset()
    for number, version in enumerate(study.eligibility):
        for place, criterion in enumerate(version.criteria):
            if criterion.rule is not None:
                yield Written(("eligibility", number, "criteria", place, "rule"), criterion.rule, form, reach, groups)


# --- references ------------------------------------------------------------------------------------------------------


def _reference_faults(study: StudyDefinition, written: Written, expression: Expression, blinding: bool) -> Findings:
    for reference in expression.reference_nodes():
        fault = _reference_fault(study, written, reference.path)
        if fault is None and blinding and written.open and _reveals(study, written.form, reference.path):
            fault = Fault("reveals the allocation, and blinded roles meet this expression", "refer to another item")
        if fault is not None:
            yield _told(written, reference.path, fault, reference.column)
    for aggregate in expression.aggregates():
        counted = aggregate.group if aggregate.name == "count" else None
        fault = _group_fault(study, written, counted) if counted else None
        if counted and fault is None and blinding and written.open and _group_reveals(study, written.form, counted):
            fault = Fault("reveals the allocation, and blinded roles meet this expression", "count something else")
        if counted and fault is not None:
            yield _told(written, counted, fault, aggregate.part.column)


def _told(written: Written, path: Path, fault: Fault, sign: int) -> Finding:
    return Finding(written.path, f"`{shown(path)}` {fault.message}", fault.mend, sign)


def shown(path: Path) -> str:
    """The path as it is written: ``session[3].madrs.total``."""
    visit, _, ordinal = path[0].partition("-")
    return ".".join((f"{visit}[{ordinal}]" if ordinal else visit, *path[1:]))


def _reference_fault(study: StudyDefinition, written: Written, path: Path) -> Fault | None:
    if len(path) == 1:
        return _own_fault(study, written, path[0])
    if len(path) == 2:
        return _group_fault(study, written, path[:1]) or _item_in(written.form, path)
    return _elsewhere_fault(study, written, path)


def _own_fault(study: StudyDefinition, written: Written, key: str) -> Fault | None:
    if key in written.reach:
        return _file_fault(written.form, key)
    form = written.form
    if form is None or not form.has_item(key):
        if key in ("arm", "allocation"):
            return Fault("is the allocation, which no expression reads", "put the rule on a form of that arm's visits")
        return Fault(
            "is no item that comes earlier on this form", _nearest(key, written.reach, "refer to another item")
        )
    group = form.group_of(key)
    if group is not None and key not in _keys_of(written):
        return Fault(
            f"has a value in every row of {group.key}", f"reckon over the rows: max({group.key}.{key}), any(...)"
        )
    return Fault("does not come earlier on this form", "rules of items look back only: move it up, or break the circle")


def _keys_of(written: Written) -> frozenset[str]:
    """Items of the same group as what is reached by name, also those that come later."""
    form = written.form
    groups = {group.key: group for key in written.reach if form and (group := form.group_of(key))}
    return frozenset(item.key for group in groups.values() for item in group.items)


def _group_fault(study: StudyDefinition, written: Written, path: Path) -> Fault | None:
    """``path`` is that of a group: ``(section,)`` or ``(visit, form, section)``; longer ones are judged elsewhere."""
    if len(path) == 1:
        if path[0] in written.groups:
            return None
        return Fault(
            "names no group with rows that comes earlier on this form",
            _nearest(path[0], written.groups, "name a section that has `repeats`"),
        )
    return _visit_fault(study, written, path) or _group_of_form(study.form(path[1]), path[2])


def _group_of_form(form: Form, key: str) -> Fault | None:
    if key in form.groups:
        return None
    return Fault(
        f"names no group with rows of {form.key}", _nearest(key, form.groups, "name a section that has `repeats`")
    )


def _elsewhere_fault(study: StudyDefinition, written: Written, path: Path) -> Fault | None:
    fault = _visit_fault(study, written, path)
    if fault is not None:
        return fault
    form = study.form(path[1])
    if len(path) == 4:
        return _group_of_form(form, path[2]) or _item_in(form, path[2:])
    if not form.has_item(path[2]):
        keys = [item.key for item in form.items]
        return Fault("names no item of that form", _nearest(path[2], keys, f"see the items of {form.key}"))
    group = form.group_of(path[2])
    if group is not None:
        return Fault(
            f"has a value in every row of {group.key}",
            f"reckon over the rows: max({shown(path[:2])}.{group.key}.{path[2]})",
        )
    return _file_fault(form, path[2])


def _item_in(form: Form | None, path: Path) -> Fault | None:
    group = form.groups.get(path[0]) if form else None
    keys = [item.key for item in group.items] if group else []
    if path[1] not in keys:
        return Fault("names no item of that group", _nearest(path[1], keys, "see the items of the group"))
    return _file_fault(form, path[1])


def _file_fault(form: Form | None, key: str) -> Fault | None:
    if form is not None and form.item(key).type is ItemType.FILE:
        return Fault("is a file, which no expression reads", "refer to another item")
    return None


def _visit_fault(study: StudyDefinition, written: Written, path: Path) -> Fault | None:
    """Whether the visit and the form of a path are there, and mean one entry."""
    if path[0] == PREVIOUS:
        return _previous_fault(study, written, path[1])
    found = visit_at(study, path[0])
    if found is None:
        keys = [visit.key for visit in study.visits]
        return Fault("names no visit of the study", _nearest(path[0], keys, "see the visits of the study"))
    fault = _occurrence_fault(*found, has_ordinal="-" in path[0])
    if fault is not None and not _is_own_visit(study, written, path[0]):
        return fault
    if path[1] not in found[0].forms or not study.has_form(path[1]):
        return Fault(
            "names no form of that visit", _nearest(path[1], found[0].forms, f"see the forms of {found[0].key}")
        )
    return _many_rows(study, path[1])


def _is_own_visit(study: StudyDefinition, written: Written, key: str) -> bool:
    """Whether the rule stands on a form that this unscheduled visit alone holds: then it means the same time of it."""
    form = written.form.key if written.form and written.at_visit else None
    held = [visit for visit in study.visits if form in visit.forms]
    return [(visit.key, visit.kind) for visit in held] == [(key, "unscheduled")]


def _many_rows(study: StudyDefinition, form_key: str) -> Fault | None:
    if study.form(form_key).repeating:
        return Fault("names a form with many rows", "refer to another form")
    return None


def _occurrence_fault(visit: VisitDefinition, ordinal: int, *, has_ordinal: bool) -> Fault | None:
    if visit.kind == "unscheduled":
        return Fault(
            "names a visit that can happen more than once",
            "refer to a scheduled visit, or on a form of that visit alone",
        )
    if visit.repeat is not None and not has_ordinal:
        return Fault("names a visit that can happen more than once", f"say which one: {visit.key}[1]")
    if visit.repeat is None and has_ordinal:
        return Fault("names a visit that happens once", f"write {visit.key} without a number")
    if ordinal > len(visit.occurrences()):
        return Fault(f"names a visit that happens {len(visit.occurrences())} times", "name an earlier one")
    return None


def _previous_fault(study: StudyDefinition, written: Written, form_key: str) -> Fault | None:
    if not written.at_visit:
        return Fault("has no visit to count back from here", "name the visit, as visit.form.item")
    held = [visit for visit in study.visits if visit.kind == "scheduled" and form_key in visit.forms]
    if not study.has_form(form_key) or not held:
        known = {key for visit in study.visits if visit.kind == "scheduled" for key in visit.forms}
        return Fault("names no form of a scheduled visit", _nearest(form_key, known, "name a form of the schedule"))
    return _many_rows(study, form_key)


def _nearest(key: str, known: Iterable[str], otherwise: str) -> str:
    near = difflib.get_close_matches(key, sorted(known), n=1)
    return f"did you mean `{near[0]}`?" if near else otherwise


def _item_at(study: StudyDefinition, form: Form | None, path: Path) -> tuple[Form, Item] | None:
    home = study.form(path[1]) if len(path) > 2 else form
    return None if home is None or not home.has_item(path[-1]) else (home, home.item(path[-1]))


def _reveals(study: StudyDefinition, form: Form | None, path: Path) -> bool:
    found = _item_at(study, form, path)
    visit = visit_at(study, path[0]) if len(path) > 2 else None
    return (found is not None and hides(*found)) or (visit is not None and visit[0].reveals_allocation)


def _group_reveals(study: StudyDefinition, form: Form | None, path: Path) -> bool:
    """Whether the number of rows may tell the arm: somewhere in them stands what reveals it."""
    home = study.form(path[1]) if len(path) > 1 else form
    return home is not None and any(hides(home, item) for item in home.groups[path[-1]].items)


# --- kinds -----------------------------------------------------------------------------------------------------------


def _kind_faults(study: StudyDefinition, written: Written, expression: Expression) -> Findings:
    def kind_of(path: Path) -> Kind | None:
        found = _item_at(study, written.form, path)
        return ITEM_KINDS.get(found[1].type) if found else None

    try:
        kind = expression.kind(kind_of)
    except ExpressionError as error:
        yield Finding(written.path, error.message, error.mend, error.column)
        return
    if kind is not written.kind:
        yield Finding(written.path, f"the expression gives {kind}", f"let it give {written.kind}", 1)
    elif written.codelist is not None:
        yield from _code_faults(study, written, expression)


def _code_faults(study: StudyDefinition, written: Written, expression: Expression) -> Findings:
    """Every way through a derived choice ends at a code of its list, or at an item that has the same list."""
    for result in expression.results():
        if isinstance(result, Constant):
            codes = next((entry.codes for entry in study.codelists if entry.key == written.codelist), frozenset())
            fault = None if result.content in codes else f"`{result.content}` is no code of {written.codelist}"
        else:
            found = _item_at(study, written.form, result.path) if isinstance(result, Reference) else None
            same = found is not None and found[1].codelist == written.codelist
            fault = None if same else f"this may give what is no code of {written.codelist}"
        if fault is not None:
            yield Finding(
                written.path, fault, "give codes in quotes, as if(total > 34, 'severe', 'mild')", result.column
            )


# --- examples --------------------------------------------------------------------------------------------------------


def _examples(study: StudyDefinition) -> Findings:
    parts = dict(parts_of(study))
    for path, part in parts.items():
        if isinstance(part, Example):
            owner, form = parts[path[:-2]], _form_of(study, path)
            for key, raw in part.given.items():
                yield from _given_fault(study, form, (*path, "given", key), key, raw)
            yield from _outcome_fault(study, owner, path, part)


def _form_of(study: StudyDefinition, path: DocumentPath) -> Form | None:
    """The form of a rule: for criteria the one that holds the eligibility."""
    if path[0] == "forms":
        return study.forms[int(path[1])]
    return eligibility_home(study) if path[0] == "eligibility" else None


def eligibility_home(study: StudyDefinition) -> Form | None:
    """The form flagged ``eligibility``, whose items the rules of criteria may name alone."""
    return next((form for form in study.forms if form.eligibility), None)


def _given_fault(study: StudyDefinition, form: Form | None, path: DocumentPath, key: str, raw: str | None) -> Findings:
    item = item_named(study, form, key)
    if item is None:
        yield Finding(path, f"`{key}` is no item", "name an item, visit.form.item, or group.row.item")
    elif raw is not None:
        yield from _value_fault(study, path, item, raw)


def _value_fault(study: StudyDefinition, path: DocumentPath, item: Item, raw: str) -> Findings:
    codelist = next((codelist for codelist in study.codelists if codelist.key == item.codelist), None)
    try:
        parse_value(item, raw, codelist)
    except ValueProblem as problem:
        yield Finding(path, f"{raw[:40]!r} is no value of `{item.key}`", problem.text.en)


def _outcome_fault(study: StudyDefinition, owner: Part, path: DocumentPath, example: Example) -> Findings:
    if isinstance(owner, Item) and owner.is_derived:
        if isinstance(example.gives, bool):
            yield Finding((*path, "gives"), "the rule gives a value", "write the value, as 12, yes or no, or null")
        elif example.gives is not None:
            yield from _value_fault(study, (*path, "gives"), owner, example.gives)
    elif isinstance(example.gives, str):
        yield Finding((*path, "gives"), "the rule gives true or false", "write true, false, or null for unknown")


def item_named(study: StudyDefinition, form: Form | None, key: str) -> Item | None:
    """The item that a key of an example names: on the form, in a row, at a visit, or in a row at a visit.

    A bare name is also an item of a group: for the group's own rules it means the row at hand.
    """
    if form is not None and form.has_item(key):
        return form.item(key)
    path = key.split(".", 2)
    if len(path) < 3 or not study.has_form(path[1]) or not study.form(path[1]).holds(path[2]):
        return None
    known_visit = path[0] == PREVIOUS or visit_at(study, occurrence(path[0])) is not None
    return study.form(path[1]).item(path[2]) if known_visit else None
