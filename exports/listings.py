"""What the pages about releases show, as plain rows for the shared parts."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from exports.folders import kept_folder
from exports.models import Release
from exports.open_points import OpenPoint, summary
from trialmgr.people.models import User
from trialmgr.studies.models import StudyLock


def moment(value: Any) -> str:
    """Day and time at the sites, with the zone."""
    local = localtime(value)
    return f"{date_format(local, 'j F Y H:i')} {local:%Z}"


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
        rows = [_point_row(point, linked) for point in found]
        columns = [{"label": _("Participant")}, {"label": _("What")}]
        groups.append({"summary": summary(kind, len(rows)), "columns": columns, "rows": rows})
    return groups


def _point_row(point: OpenPoint, linked: bool) -> list[dict[str, str]]:
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


def release_table(releases: Iterable[Release]) -> dict[str, Any]:
    labels = (_("Release"), _("Made"), _("Made by"), _("Allocation"), _("Lock"))
    return {
        "columns": [{"label": label} for label in labels],
        "rows": [
            [
                {"text": str(release.number), "url": reverse("exports:release", args=[release.number])},
                {"text": moment(release.made_at)},
                {"text": release.made_by},
                {"text": content_of(release)},
                {"text": moment(release.lock.locked_at)},
            ]
            for release in releases
        ],
    }


def content_of(release: Release) -> str:
    return _("Included") if release.with_allocation else _("Left out")


def release_rows(release: Release) -> list[dict[str, Any]]:
    return [
        {"key": _("Made"), "value": moment(release.made_at)},
        {"key": _("Made by"), "value": release.made_by},
        {"key": _("Allocation"), "value": content_of(release)},
        {"key": _("Lock"), "value": moment(release.lock.locked_at)},
        {"key": _("SHA-256 of the manifest"), "value": release.manifest_sha256},
    ]


def file_table(release: Release) -> dict[str, Any]:
    """Files with links, as far as they are kept here."""
    folder = kept_folder(release.number)
    columns = [
        {"label": _("File")},
        {"label": _("Rows"), "numeric": True},
        {"label": _("Bytes"), "numeric": True},
        {"label": _("SHA-256")},
    ]
    rows = []
    for file in release.files.all():
        name = {"text": file.name}
        if (folder / file.name).is_file():
            name["url"] = reverse("exports:file", args=[release.number, file.name])
        counts = [{"text": file.rows, "numeric": True}, {"text": file.size, "numeric": True}]
        rows.append([name, *counts, {"text": file.sha256}])
    return {"columns": columns, "rows": rows, "is_kept": folder.is_dir()}
