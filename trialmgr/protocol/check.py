"""Checks a study folder beyond loading: runs the examples of every rule, and lists what is not yet sure.

A rule is an expression or a score that decides something: ``ask_if``, ``derive`` and ``score`` of items, edit checks,
rules of criteria and gates.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from trialmgr.protocol.evaluation import Scope, canonical, derived_value, truth_of
from trialmgr.protocol.integrity import parts_of
from trialmgr.protocol.loader import load_study
from trialmgr.protocol.model import Example, Form, Item, Part, StudyDefinition
from trialmgr.protocol.values import Value, ValueProblem, typed


@dataclass(frozen=True, slots=True)
class ExampleFailure:
    """``rule`` is the rule's place, such as ``forms.madrs.madrs_total``; ``number`` counts its examples from 1."""

    rule: str
    number: int
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.rule}, example {self.number}: expected {self.expected}, found {self.found}"


@dataclass(frozen=True, slots=True)
class CheckReport:
    """Outcome of ``check_study``. Only ``failures`` are faults; the rest is there to be known."""

    definition: StudyDefinition
    examples_run: int
    failures: tuple[ExampleFailure, ...]
    rules_without_examples: tuple[str, ...]
    unconfirmed: tuple[str, ...]

    @property
    def is_sound(self) -> bool:
        return not self.failures


@dataclass(frozen=True, slots=True)
class _Rule:
    name: str
    form: Form | None
    examples: tuple[Example, ...]
    text: str | None = None
    item: Item | None = None

    def outcome(self, scope: Scope) -> str | bool | None:
        return derived_value(self.item, scope) if self.item else truth_of(self.text or "", scope)


def check_study(folder: Path) -> CheckReport:
    """Load the study (StudyErrors when it is broken) and run its examples."""
    definition = load_study(folder)
    rules = list(_rules(definition))
    return CheckReport(
        definition,
        sum(len(rule.examples) for rule in rules),
        tuple(failure for rule in rules for failure in _failures(definition, rule)),
        tuple(rule.name for rule in rules if not rule.examples),
        tuple(unconfirmed(definition)),
    )


def unconfirmed(definition: StudyDefinition) -> list[str]:
    """Places of everything that carries ``confirm_with_protocol``, such as ``visits.week_1``."""
    named = {path: part for path, part in parts_of(definition) if getattr(part, "confirm_with_protocol", False)}
    return [_name(definition, path) for path in named]


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
    for phase in definition.phases:
        if phase.gate is not None:
            yield _Rule(f"phases.{phase.key}.gate", None, phase.gate.examples, phase.gate.rule)
    for version in definition.eligibility:
        for criterion in version.criteria:
            if criterion.rule is not None:
                name = f"eligibility.{version.version}.{criterion.id}"
                yield _Rule(name, None, criterion.examples, criterion.rule)
    for form in definition.forms:
        yield from _form_rules(form)


def _form_rules(form: Form) -> Iterator[_Rule]:
    for item in form.items:
        name = f"forms.{form.key}.{item.key}"
        if item.is_derived:
            yield _Rule(name, form, item.examples, item=item)
        elif item.ask_if is not None:
            yield _Rule(name, form, item.examples, item.ask_if)
    for check in form.checks:
        yield _Rule(f"forms.{form.key}.checks.{check.key}", form, check.examples, check.fires_if)


def _failures(definition: StudyDefinition, rule: _Rule) -> Iterator[ExampleFailure]:
    for number, example in enumerate(rule.examples, start=1):
        try:
            found = _told(rule.outcome(_scope(definition, rule.form, example)))
        except ValueProblem as problem:
            found = f"a value that its item refuses ({problem})"
        if found != _told(example.gives):
            yield ExampleFailure(rule.name, number, _told(example.gives), found)


def _told(outcome: str | bool | None) -> str:
    return outcome if isinstance(outcome, str) else {None: "unknown", True: "true", False: "false"}[outcome]


def _scope(definition: StudyDefinition, form: Form | None, example: Example) -> Scope:
    """The example's values in the place of a participant's; those on another visit are named visit.form.item."""
    elsewhere: dict[tuple[str, ...], str] = {}
    known: dict[str, Value] = {}
    for key, raw in example.given.items():
        path = tuple(key.split("."))
        if raw is None:
            continue
        if form is not None and len(path) == 1:
            known[key] = _typed(definition, form.item(key), raw)
        else:
            item = definition.form(path[1]).item(path[2])
            elsewhere[path] = canonical(definition, item, raw)
    return Scope(definition, form, lambda *path: elsewhere.get(path), known)


def _typed(definition: StudyDefinition, item: Item, raw: str) -> Value:
    return typed(item, canonical(definition, item, raw))
