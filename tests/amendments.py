"""A version of the study as a running trial gets it: proposed by one person, approved by another."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from typing import Any

import time_machine
from django.utils import timezone

from trialmgr.overview.rehearsal.cast import standing_cast
from trialmgr.people.models import User
from trialmgr.people.permissions import Role
from trialmgr.protocol.model import StudyDefinition
from trialmgr.studies.actions import approve_version, propose_version
from trialmgr.studies.models import StudyVersion


def proposer() -> User:
    return standing_cast().people[(Role.DATA_MANAGER, "")]


def approver() -> User:
    return standing_cast().people[(Role.UNBLINDED_STATISTICIAN, "")]


def put_in_force(
    definition: StudyDefinition,
    *,
    effective_from: datetime.date | None = None,
    sites: Sequence[str] = (),
    days_ago: int = 0,
) -> StudyVersion:
    """``days_ago``: proposed, approved and in force so long ago, as a version that stood when the walk began."""
    with time_machine.travel(timezone.now() - datetime.timedelta(days=days_ago), tick=False):
        version = propose_version(by=proposer(), definition=definition, reason="amendment")
        approve_version(by=approver(), version=version, effective_from=effective_from, sites=sites)
    return version


def amended(
    definition: StudyDefinition, *, version: str = "9.9.9", **forms: Callable[[dict[str, Any]], dict[str, Any] | None]
) -> StudyDefinition:
    """The definition with each named form changed by a function on its plain data; None takes the form out."""
    document = definition.model_dump(mode="json") | {"version": version}
    changed = [forms[form["key"]](form) if form["key"] in forms else form for form in document["forms"]]
    document["forms"] = [form for form in changed if form is not None]
    return StudyDefinition.from_json(document)


def items(form: dict[str, Any]) -> list[dict[str, Any]]:
    """The items of the first section, to be changed in place."""
    found: list[dict[str, Any]] = form["sections"][0]["items"]
    return found


def new_item(key: str, kind: str = "integer", **more: Any) -> dict[str, Any]:
    return {"key": key, "type": kind, "label": {"nl": key, "en": key}, **more}
