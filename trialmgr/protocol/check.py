"""Checks a study folder beyond loading: runs the examples of every rule, and lists what is not yet sure.

A rule is an expression or a score that decides something: ``ask_if``, ``derive``, ``score`` and ``danger`` of items,
edit checks, rules of criteria and gates.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from trialmgr.protocol.evaluation import PREVIOUS, RowScope, Scope, canonical, derived_value, occurrence, truth_of
from trialmgr.protocol.integrity.findings import items_of, parts_of
from trialmgr.protocol.integrity.rules import eligibility_home
from trialmgr.protocol.loader import ReadStudy, read_study
from trialmgr.protocol.model import Example, Form, Item, ItemType, Part, Section, StudyDefinition
from trialmgr.protocol.type_faults import place_of
from trialmgr.protocol.values import typed
from trialmgr.protocol.yaml_source import DocumentPath, Place


@dataclass(frozen=True, slots=True)
class ExampleFailure:
    """``rule`` is the rule's name, such as ``forms.madrs.madrs_total``; ``number`` counts its examples from 1."""

    place: Place
    rule: str
    number: int
    expected: str
    found: str

    def __str__(self) -> str:
        mend = "mend the rule, or what the example expects"
        told = f"example {self.number} of {self.rule}: expected {self.expected}, found {self.found}"
        return str(self.place.error(told, mend))


@dataclass(frozen=True, slots=True)
class CheckReport:
    """Outcome of ``check_study``. Only ``failures`` are faults; the rest is there to be known."""

    definition: StudyDefinition
    examples_run: int
    failures: tuple[ExampleFailure, ...]
    rules_without_examples: tuple[str, ...]
    unconfirmed: tuple[str, ...]
    without_decimals: tuple[str, ...]

    @property
    def is_sound(self) -> bool:
        return not self.failures


@dataclass(frozen=True, slots=True)
class _Rule:
    path: DocumentPath
    name: str
    form: Form | None
    examples: tuple[Example, ...]
    text: str | None = None
    item: Item | None = None
    group: Section | None = None

    def outcome(self, scope: Scope | RowScope) -> str | bool | None:
        return derived_value(self.item, scope) if self.item else truth_of(self.text or "", scope)


def check_study(folder: Path) -> CheckReport:
    """Load the study (StudyErrors when it is broken) and run its examples."""
    study = read_study(folder)
    rules = list(_rules(study.definition))
    return CheckReport(
        study.definition,
        sum(len(rule.examples) for rule in rules),
        tuple(failure for rule in rules for failure in _failures(study, rule)),
        tuple(rule.name for rule in rules if not rule.examples),
        tuple(unconfirmed(study.definition)),
        tuple(_without_decimals(study.definition)),
    )


def unconfirmed(definition: StudyDefinition) -> list[str]:
    """Places of everything that carries ``confirm_with_protocol``, such as ``visits.week_1``."""
    named = {path: part for path, part in parts_of(definition) if getattr(part, "confirm_with_protocol", False)}
    return [_name(definition, path) for path in named]


def _without_decimals(definition: StudyDefinition) -> Iterator[str]:
    """Calculated decimals that keep whatever digits come out: a study says better how many it means."""
    for form in definition.forms:
        for item in form.items:
            if item.is_derived and item.type is ItemType.DECIMAL and item.decimals is None:
                yield f"forms.{form.key}.{item.key}"


def _name(definition: StudyDefinition, path: tuple[str | int, ...]) -> str:
    """The path with keys in the place of numbers."""
    names: list[str] = []
    here: object = definition
    for step in path:
        here = here[step] if isinstance(step, int) and isinstance(here, tuple) else getattr(here, str(step))
        names.append(_key_of(here) if isinstance(here, Part) and isinstance(step, int) else str(step))
    return ".".join(name for number, name in enumerate(names) if not _is_layout(path, number))


def _is_layout(path: tuple[str | int, ...], number: int) -> bool:
    """Sections and the word items do not help to find an item on its form."""
    return path[number] in ("sections", "items") or (number > 0 and path[number - 1] == "sections")


def _key_of(part: Part) -> str:
    return next(str(getattr(part, name)) for name in ("key", "id", "code", "version") if hasattr(part, name))


def _rules(definition: StudyDefinition) -> Iterator[_Rule]:
    for number, phase in enumerate(definition.phases):
        if phase.gate is not None:
            path: DocumentPath = ("phases", number, "gate")
            yield _Rule(path, f"phases.{phase.key}.gate", None, phase.gate.examples, phase.gate.rule)
    home = eligibility_home(definition)
    for number, version in enumerate(definition.eligibility):
        for place, criterion in enumerate(version.criteria):
            if criterion.rule is not None:
                name = f"eligibility.{version.version}.{criterion.id}"
                path = ("eligibility", number, "criteria", place)
                yield _Rule(path, name, home, criterion.examples, criterion.rule)
    for number, form in enumerate(definition.forms):
        yield from _form_rules(("forms", number), form)


def _form_rules(form_path: DocumentPath, form: Form) -> Iterator[_Rule]:
    for path, item in items_of(form_path, form):
        name, group = f"forms.{form.key}.{item.key}", form.group_of(item.key)
        if item.is_derived:
            yield _Rule(path, name, form, item.examples, item=item, group=group)
        elif item.ask_if is not None:
            yield _Rule(path, name, form, item.examples, item.ask_if, group=group)
        if item.danger is not None:
            danger = item.danger
            yield _Rule((*path, "danger"), f"{name}.danger", form, danger.examples, danger.fires_if, group=group)
    for number, check in enumerate(form.checks):
        path = (*form_path, "checks", number)
        name, group = f"forms.{form.key}.checks.{check.key}", form.group_of_check(check)
        yield _Rule(path, name, form, check.examples, check.fires_if, group=group)


def _failures(study: ReadStudy, rule: _Rule) -> Iterator[ExampleFailure]:
    for number, example in enumerate(rule.examples, start=1):
        found = _told(rule.outcome(_scope(study.definition, rule, example)))
        if found != _told(example.gives):
            place = place_of(study.places, (*rule.path, "examples", number - 1))
            yield ExampleFailure(place, rule.name, number, _told(example.gives), found)


def _told(outcome: str | bool | None) -> str:
    return outcome if isinstance(outcome, str) else {None: "unknown", True: "true", False: "false"}[outcome]


def _scope(definition: StudyDefinition, rule: _Rule, example: Example) -> Scope | RowScope:
    """The example's values in the place of a participant's. The rule of a group stands in its first row."""
    given = _Given(definition)
    scope = Scope(definition, rule.form, given, visit=PREVIOUS)
    for key, raw in example.given.items():
        if raw is None:
            continue
        if rule.form is not None and rule.form.has_item(key):
            item = rule.form.item(key)
            in_row = rule.group is not None and item in rule.group.items and key == item.key
            own = rule.group.row_key(1, key) if rule.group and in_row else key
            scope.known[own] = typed(item, canonical(definition, item, raw))
        else:
            given.put(key, raw)
    return RowScope(scope, rule.group, 1) if rule.group else scope


class _Given:
    """What an example says of other visits, by ``visit.form.item`` or ``visit.form.group.row.item``."""

    def __init__(self, definition: StudyDefinition) -> None:
        self._definition = definition
        self._values: dict[tuple[str, str], dict[str, str]] = {}

    def put(self, key: str, raw: str) -> None:
        visit, form_key, item_key = key.split(".", 2)
        item = self._definition.form(form_key).item(item_key)
        document = self._values.setdefault((occurrence(visit), form_key), {})
        document[item_key] = canonical(self._definition, item, raw)

    def keys(self, visit: str, form: str) -> Iterable[str] | None:
        return self._values.get((visit, form))

    def __call__(self, visit: str, form: str, item: str) -> str | None:
        return self._values.get((visit, form), {}).get(item)
