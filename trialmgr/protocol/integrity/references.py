"""What one part of a definition says of another must be there: visits, forms, phases, gates."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from trialmgr.protocol.integrity.findings import Finding, Findings, Rules
from trialmgr.protocol.model import Form, ItemType, StudyDefinition
from trialmgr.protocol.yaml_source import DocumentPath


def absent(path: DocumentPath, key: str, known: Iterable[str], what: str) -> Findings:
    """A finding when ``key`` is none of ``known``."""
    names = list(known)
    if key not in names:
        near = difflib.get_close_matches(key, names, n=1)
        choice = ", ".join(names[:12]) or "none is defined"
        mend = f"did you mean `{near[0]}`?" if near else f"use one of: {choice}"
        yield Finding(path, f"there is no {what} `{key}`", mend)


def all_absent(path: DocumentPath, keys: Iterable[str], known: Iterable[str], what: str) -> Findings:
    names = list(known)
    for number, key in enumerate(keys):
        yield from absent((*path, number), key, names, what)


def _visit_references(study: StudyDefinition) -> Findings:
    for number, visit in enumerate(study.visits):
        path: DocumentPath = ("visits", number)
        yield from absent((*path, "phase"), visit.phase, (phase.key for phase in study.phases), "phase")
        yield from all_absent((*path, "arms"), visit.arms, (arm.key for arm in study.arms), "arm")
        yield from all_absent((*path, "forms"), visit.forms, (form.key for form in study.forms), "form")
        yield from repeated_words((*path, "forms"), visit.forms)
        yield from all_absent(
            (*path, "required_forms"), visit.required_forms or (), visit.forms, f"form of the visit {visit.key}"
        )


def repeated_words(path: DocumentPath, words: tuple[str, ...]) -> Findings:
    for number, word in enumerate(words):
        if word in words[:number]:
            yield Finding((*path, number), f"`{word}` stands here twice", "keep one of the two")


def _form_references(study: StudyDefinition) -> Findings:
    roles = [role.key for role in study.roles]
    used = {key for visit in study.visits for key in visit.forms}
    for number, form in enumerate(study.forms):
        path: DocumentPath = ("forms", number)
        yield from all_absent((*path, "entered_by"), form.entered_by, roles, "role")
        if form.signed_by is not None:
            yield from absent((*path, "signed_by"), form.signed_by, roles, "role")
        if form.key not in used:
            yield Finding((*path, "key"), f"no visit holds the form {form.key}", "name it under `forms` of a visit")
        yield from _ending(path, form)
        yield from _closing(study, path, form)
        for check_number, check in enumerate(form.checks):
            where = (*path, "checks", check_number, "items")
            yield from all_absent(where, check.items, (item.key for item in form.items), f"item of {form.key}")


def _ending(path: DocumentPath, form: Form) -> Findings:
    key = form.ends_participation
    if key is None:
        return
    yield from absent((*path, "ends_participation"), key, (item.key for item in form.items), f"item of {form.key}")
    if form.has_item(key) and form.item(key).type is not ItemType.CHOICE:
        yield Finding((*path, "ends_participation"), f"`{key}` is not a choice", "let it be a choice from a code list")


def _closing(study: StudyDefinition, path: DocumentPath, form: Form) -> Findings:
    """A form that closes visits says from which day, once."""
    if not form.closes_visits:
        return
    where: DocumentPath = (*path, "closes_visits")
    scheduled = [visit.key for visit in study.visits if visit.kind == "scheduled"]
    yield from all_absent(where, form.closes_visits, scheduled, "scheduled visit")
    day = form.first_date
    if form.repeating or day is None or day.missing_allowed or not day.required or day.ask_if:
        mend = "let it have one row, and a date that is always asked, with `missing_allowed: false`"
        yield Finding(where, f"{form.key} does not say from which day", mend)


def _gates(study: StudyDefinition) -> Findings:
    for number, phase in enumerate(study.phases):
        path: DocumentPath = ("phases", number)
        if phase.opens == "gate" and phase.gate is None:
            yield Finding((*path, "opens"), "the phase opens by a gate but has none", "add `gate` with visit and rule")
        if phase.opens != "gate" and phase.gate is not None:
            yield Finding((*path, "gate"), "the phase has a gate but does not open by it", "write `opens: gate`")
        if phase.gate is not None:
            yield from absent((*path, "gate", "visit"), phase.gate.visit, (v.key for v in study.visits), "visit")
            own = {visit.key for visit in study.visits if visit.phase == phase.key}
            if phase.gate.visit in own:
                yield Finding(
                    (*path, "gate", "visit"), "the gate waits for a visit of its own phase", "name an earlier one"
                )


RULES: Rules = (
    _visit_references,
    _form_references,
    _gates,
)
