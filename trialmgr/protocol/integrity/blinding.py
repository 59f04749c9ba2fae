"""Who is blinded meets no part of the study that tells the arm. Source: ICH E9, 2.3.1."""

from __future__ import annotations

from collections.abc import Iterator

from trialmgr.protocol.integrity.findings import Finding, Findings, Rules, all_items, hides, parts_of
from trialmgr.protocol.model import Part, StudyDefinition, Text
from trialmgr.protocol.yaml_source import DocumentPath

_SHORTEST_ARM_WORD_INSIDE_ANOTHER = 6


def _blinding(study: StudyDefinition) -> Findings:
    blinded = {role.key for role in study.roles if role.blinded}
    in_arm_visits = {key: visit.key for visit in study.visits if visit.reveals_allocation for key in visit.forms}
    for number, form in enumerate(study.forms):
        path: DocumentPath = ("forms", number)
        if form.key in in_arm_visits and not form.reveals_allocation:
            yield Finding(
                (*path, "key"),
                f"the form stands in {in_arm_visits[form.key]}, a visit of one arm, but does not reveal the allocation",
                "write `reveals_allocation: true`",
            )
        for place, role in enumerate(form.entered_by):
            if form.reveals_allocation and role in blinded:
                yield Finding(
                    (*path, "entered_by", place),
                    f"the blinded role {role} would enter a form that reveals the allocation",
                    "remove the role, or let the form not reveal it",
                )


def _silent_roles(study: StudyDefinition) -> Findings:
    silent = {role.key for role in study.roles if role.sees == "nothing"}
    for number, form in enumerate(study.forms):
        for place, role in enumerate(form.entered_by):
            if role in silent:
                yield Finding(
                    ("forms", number, "entered_by", place), f"the role {role} sees nothing", "remove it from entered_by"
                )


def _arm_words(study: StudyDefinition) -> Findings:
    """No text that a blinded role may read names an arm. Criteria are left out: they hold for both arms alike."""
    names = _arm_names(study)
    for path, text in _open_texts(study):
        for language in ("nl", "en"):
            named = _arm_in(names, text(language))
            if named:
                yield Finding(
                    (*path, language),
                    f"blinded roles would read `{named}`",
                    "use words that name no arm, or hide the part",
                )


def arm_named(study: StudyDefinition, text: str) -> str | None:
    """The arm that a text names, where a role is blinded; None when it names none."""
    return _arm_in(_arm_names(study), text)


def _arm_names(study: StudyDefinition) -> list[str]:
    """Every word that tells an arm; none where nobody is blinded."""
    if not any(role.blinded for role in study.roles):
        return []
    return sorted({name.casefold() for arm in study.arms for name in (arm.key, arm.label.nl, arm.label.en)})


def _arm_in(names: list[str], text: str) -> str | None:
    return next((name for name in names if _names(text, name)), None)


def _names(text: str, name: str) -> bool:
    """Long names also inside a compound word; short ones, such as ECT, only as a word."""
    if len(name) >= _SHORTEST_ARM_WORD_INSIDE_ANOTHER:
        return name in text.casefold()
    words = "".join(sign if sign.isalnum() else " " for sign in text.casefold()).split()
    return name in words


def _open_texts(study: StudyDefinition) -> Iterator[tuple[DocumentPath, Text]]:
    yield ("public_title",), study.public_title
    if study.changes is not None:
        yield ("changes",), study.changes
    open_parts: list[tuple[DocumentPath, Part]] = []
    open_parts += [(("phases", number), phase) for number, phase in enumerate(study.phases)]
    open_parts += [(("visits", n), visit) for n, visit in enumerate(study.visits) if not visit.reveals_allocation]
    open_parts += [(("forms", n), form) for n, form in enumerate(study.forms) if not form.reveals_allocation]
    lists = {item.codelist for _path, form, item in all_items(study) if not hides(form, item)}
    open_parts += [(("codelists", n), codelist) for n, codelist in enumerate(study.codelists) if codelist.key in lists]
    hidden = [path for path, _form, item in all_items(study) if item.reveals_allocation]
    for start, part in open_parts:
        for path, inner in parts_of(part, start):
            if isinstance(inner, Text) and not any(path[: len(item)] == item for item in hidden):
                yield path, inner


RULES: Rules = (
    _blinding,
    _silent_roles,
    _arm_words,
)
