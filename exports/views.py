from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from django.contrib import messages
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from audit.acts import ActionRefused
from exports import actions, listings, policies
from exports.forms import WITH, MakeForm
from exports.models import Release
from exports.open_points import points_for, summaries
from trialmgr.people.forms import ActForm, ReasonForm, bound, status_of
from trialmgr.people.guards import permitted, person, signed_in_again
from trialmgr.studies.queries import open_lock

R = TypeVar("R")


@permitted("releases.view")
def releases(request: HttpRequest) -> HttpResponse:
    """Is the study locked? What is open before it can be? Which releases were made?"""
    user, lock = person(request), open_lock()
    points = [] if lock else points_for(user)
    context = {
        "lock_rows": listings.lock_rows(lock) if lock else None,
        "groups": listings.groups_of(points, user),
        "may_lock": lock is None and not points and user.may("study.lock"),
        "may_make": lock is not None and user.may("releases.make"),
        "made": listings.release_table(Release.objects.for_user(user).select_related("lock")),
    }
    return render(request, "exports/releases.html", context)


@permitted("study.lock")
@signed_in_again
def lock(request: HttpRequest) -> HttpResponse:
    form = bound(ReasonForm, request)
    if _acted(request, form, lambda reason: actions.lock_study(by=person(request), reason=reason)):
        messages.success(request, _("The study is locked: no data can change."))
        return redirect("exports:releases")
    open_now = [] if open_lock() else summaries(points_for(person(request)))
    return _page(request, "lock", _("Lock the study"), form, open_now=open_now)


@permitted("releases.make")
@signed_in_again
def make(request: HttpRequest) -> HttpResponse:
    user = person(request)
    form = bound(MakeForm, request, sees_allocation=policies.sees_allocation(user))
    made = _acted(request, form, lambda content: actions.make_release(by=user, with_allocation=content == WITH))
    if made:
        messages.success(request, _("Release %(number)d is made.") % {"number": made.number})
        return redirect("exports:release", number=made.number)
    standing = open_lock()
    return _page(request, "make", _("Make a release"), form, rows=listings.lock_rows(standing) if standing else [])


@permitted("releases.view")
def release(request: HttpRequest, number: int) -> HttpResponse:
    found = _release(request, number)
    heading = _("Release %(number)d") % {"number": number}
    context = _frame(heading, rows=listings.release_rows(found), files=listings.file_table(found))
    return render(request, "exports/release.html", context)


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


def _acted(request: HttpRequest, form: ActForm, act: Callable[..., R]) -> R | None:
    """What the act gave; None on a first visit, a faulty form or a refusal, whose reasons join the form's errors."""
    if request.method != "POST" or not form.is_valid():
        return None
    try:
        return act(**form.cleaned_data)
    except ActionRefused as refusal:
        form.refuse(refusal)
        return None


def _frame(heading: str, **context: Any) -> dict[str, Any]:
    back = reverse("exports:releases")
    crumbs = [{"label": _("Releases"), "url": back}, {"label": heading}]
    return {"heading": heading, "breadcrumbs": crumbs, "back": back, **context}


def _page(request: HttpRequest, template: str, heading: str, form: ActForm, **context: Any) -> HttpResponse:
    whole = _frame(heading, form=form, **context)
    return render(request, f"exports/{template}.html", whole, status=status_of(form))
