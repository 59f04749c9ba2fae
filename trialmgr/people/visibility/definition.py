"""The study definition as one person may read it."""

from __future__ import annotations

from typing import Any

from trialmgr.people.visibility import Sight
from trialmgr.protocol.model import Form, Part, StudyDefinition


def definition_in_sight(definition: StudyDefinition, sight: Sight) -> dict[str, Any]:
    """The definition as plain data without the randomisation design; for a blinded person nothing names an arm.

    The criteria for eligibility are left out for a blinded person: by their nature they name the treatments.
    """
    forms = [_form(form, sight) for form in definition.forms if sight.form(form)]
    used = {item["codelist"] for form in forms for section in form["sections"] for item in section["items"]}
    return _plain(definition) | {
        "sha256": definition.sha256,
        "title": _plain(definition.public_title if sight.blinded else definition.title),
        "arms": [] if sight.blinded else [_plain(arm) for arm in definition.arms],
        "eligibility": [] if sight.blinded else [_plain(version) for version in definition.eligibility],
        "visits": _visits(definition, sight),
        "codelists": [_plain(codelist) for codelist in definition.codelists if codelist.key in used],
        "forms": forms,
        # Where a treatment is received tells the arm.
        "flow": None if sight.blinded or definition.flow is None else _plain(definition.flow),
    }


def _visits(definition: StudyDefinition, sight: Sight) -> list[dict[str, Any]]:
    return [
        {
            **_plain(visit),
            "forms": [key for key in visit.forms if key in sight.forms],
            "required_forms": [key for key in visit.must_complete if key in sight.forms],
        }
        for visit in definition.visits
        if sight.visit(visit)
    ]


def _form(form: Form, sight: Sight) -> dict[str, Any]:
    hidden = {item.key for item in form.items if not sight.item(item)}
    sections = [
        _plain(section) | {"items": [_plain(item) for item in section.items if item.key not in hidden]}
        for section in form.sections
    ]
    checks = [_plain(check) for check in form.checks if not hidden & set(check.items)]
    return _plain(form) | {"sections": sections, "checks": checks}


def _plain(part: Part) -> dict[str, Any]:
    return part.model_dump(mode="json", exclude={"randomization", "public_title"})
