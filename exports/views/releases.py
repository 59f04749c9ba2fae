"""The list of releases, making one, and its files."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from django.contrib import messages
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from exports import actions, policies
from exports.folders import kept_folder
from exports.forms import WITH, MakeForm
from exports.models import Release
from exports.open_points import counts_for, points_for, summary
from exports.views.frames import frame, moment, page
from exports.views.locks import groups_of, lock_rows
from trialmgr.people.forms import acted, bound
from trialmgr.people.guards import permitted, person, signed_in_again
from trialmgr.studies.queries import open_lock


@permitted("releases.view")
def releases(request: HttpRequest) -> HttpResponse:
    """Is the study locked? What is open before it can be? Which releases were made?"""
    user, lock = person(request), open_lock()
    counted = {} if lock else {kind: sum(one.values()) for kind, one in counts_for(user).items()}
    counted = {kind: number for kind, number in counted.items() if number}
    # All casebooks are worked out anew once nothing else is open.
    points = [] if lock or counted else points_for(user)
    context = {
        "counted": [summary(kind, number) for kind, number in counted.items()],
        "lock_rows": lock_rows(lock) if lock else None,
        "groups": groups_of(points, user),
        "may_lock": lock is None and not counted and not points and user.may("study.lock"),
        "may_make": lock is not None and user.may("releases.make"),
        "made": release_table(Release.objects.for_user(user).select_related("lock")),
    }
    return render(request, "exports/releases/list.html", context)


@permitted("releases.make")
@signed_in_again
def make(request: HttpRequest) -> HttpResponse:
    user = person(request)
    form = bound(MakeForm, request, sees_allocation=policies.sees_allocation(user))
    made = acted(request, form, lambda content: actions.make_release(by=user, with_allocation=content == WITH))
    if made:
        messages.success(request, _("Release %(number)d is made.") % {"number": made.number})
        return redirect("exports:release", number=made.number)
    standing = open_lock()
    return page(request, "releases/make", _("Make a release"), form, rows=lock_rows(standing) if standing else [])


@permitted("releases.view")
def release(request: HttpRequest, number: int) -> HttpResponse:
    found = _release(request, number)
    heading = _("Release %(number)d") % {"number": number}
    context = frame(heading, rows=release_rows(found), files=file_table(found))
    return render(request, "exports/releases/release.html", context)


@permitted("releases.view")
def file(request: HttpRequest, number: int, name: str) -> HttpResponse:
    """Only a file that the record of the release names can be asked for; each time it is, stands in the audit trail."""
    wanted = get_object_or_404(_release(request, number).files, name=name)
    path = actions.hand_out(by=person(request), file=wanted)
    answer = FileResponse(path.open("rb"), as_attachment=True, filename=f"release-{number}-{name}")
    # Django's middlewares take a streamed answer where they take any other.
    return cast(HttpResponse, answer)


def _release(request: HttpRequest, number: int) -> Release:
    rows = Release.objects.for_user(person(request)).select_related("lock")
    return get_object_or_404(rows, number=number)


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
