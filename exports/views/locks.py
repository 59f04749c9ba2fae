"""Locking the study: what is open before it can be, and the lock that stands."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from exports import actions
from exports.open_points import OpenPoint, points_for, summaries, summary
from exports.views.frames import moment, page
from trialmgr.people.forms import ReasonForm, acted, bound
from trialmgr.people.guards import permitted, person, signed_in_again
from trialmgr.people.models import User
from trialmgr.studies.models import StudyLock
from trialmgr.studies.queries import open_lock


@permitted("study.lock")
@signed_in_again
def lock(request: HttpRequest) -> HttpResponse:
    form = bound(ReasonForm, request)
    if acted(request, form, lambda reason: actions.lock_study(by=person(request), reason=reason)):
        messages.success(request, _("The study is locked: no data can change."))
        return redirect("exports:releases")
    open_now = [] if open_lock() else summaries(points_for(person(request)))
    return page(request, "locks", _("Lock the study"), form, open_now=open_now)


def lock_rows(lock: StudyLock) -> list[dict[str, Any]]:
    return [
        {"key": _("Locked"), "value": moment(lock.locked_at)},
        {"key": _("Locked by"), "value": lock.locked_by},
        {"key": _("Reason"), "value": lock.reason},
        {"key": _("Last audit trail entry"), "value": str(lock.ledger_seq)},
        {"key": _("Its hash"), "value": lock.ledger_hash},
    ]


def groups_of(points: Iterable[OpenPoint], user: User) -> list[dict[str, Any]]:
    """Open points kind by kind; with links for whoever may open casebooks."""
    linked = user.may("participants.view")
    groups = []
    for kind, found in groupby(points, key=lambda point: point.kind):
        rows = [point_row(point, linked) for point in found]
        columns = [{"label": _("Participant")}, {"label": _("What")}]
        groups.append({"summary": summary(kind, len(rows)), "columns": columns, "rows": rows})
    return groups


def point_row(point: OpenPoint, linked: bool) -> list[dict[str, str]]:
    participant = {"text": point.participant}
    what = {"text": point.message, "about": point.participant}
    if linked:
        participant["url"] = reverse("participants:detail", args=[point.participant])
        what["url"] = _address(point)
    return [participant, what]


def _address(point: OpenPoint) -> str:
    where: list[object] = [point.participant, point.visit, point.form, point.row]
    if point.row > 1:
        return reverse("crf:row", args=where)
    if point.form:
        return reverse("crf:entry", args=where[:3])
    return reverse("crf:visit", args=where[:2]) if point.visit else reverse("participants:detail", args=where[:1])
