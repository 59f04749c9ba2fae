"""Pages about the versions of the study: which there are, what each changes, and the approval by a second person."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from audit.acts import reasons_against
from crf.outcomes import entries_on
from randomization.forms import Boxes
from trialmgr.overview.changes import changes_for
from trialmgr.people.forms import ActForm, DayField, acted, bound, status_of
from trialmgr.people.guards import permitted, person, signed_in_again
from trialmgr.people.models import User
from trialmgr.protocol.differences import Change
from trialmgr.studies.actions import approve_version
from trialmgr.studies.models import StudyApproval, StudyVersion
from trialmgr.studies.policies import check_approvable
from trialmgr.studies.queries import spans_of, version_before

Rows = list[dict[str, Any]]


class ApproveForm(ActForm):
    """From which day and where. Both may be left empty: then the study definition and every site decide."""

    effective_from = DayField(
        label=gettext_lazy("In force from"),
        required=False,
        help_text=gettext_lazy("Leave empty for the day that the definition names, or today where that has passed."),
    )
    sites = forms.MultipleChoiceField(
        label=gettext_lazy("Sites"),
        required=False,
        widget=Boxes,
        help_text=gettext_lazy("Choose none for every site."),
    )
    reason = forms.CharField(
        label=gettext_lazy("Reason"), required=False, max_length=500, widget=forms.Textarea(attrs={"rows": 2})
    )

    def __init__(self, *args: Any, sites: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast(forms.MultipleChoiceField, self.fields["sites"]).choices = sites


@permitted("study.view")
def versions(request: HttpRequest) -> HttpResponse:
    labels = (_("Version"), _("Label"), _("Proposed"), _("Approved"), _("In force"))
    found = StudyVersion.objects.select_related("approval").order_by("-number")
    page = {"columns": [{"label": label} for label in labels], "rows": [_line(version) for version in found]}
    return render(request, "overview/versions/list.html", page)


@permitted("study.view")
def version(request: HttpRequest, number: int) -> HttpResponse:
    """What one version changes, as far as this person may read it."""
    user, found = person(request), _version(number)
    page = _frame(found, _heading(found)) | _what_changes(user, found)
    may = user.may("study.approve") and not reasons_against(check_approvable, found, user)
    page["approve_url"] = reverse("overview:approve_version", args=[number]) if may else ""
    return render(request, "overview/versions/version.html", page)


@permitted("study.approve")
@signed_in_again
def approve(request: HttpRequest, number: int) -> HttpResponse:
    """One thing a page: a second person puts a version in force."""
    user, found = person(request), _version(number)
    sites = [(site.code, f"{site.code} · {site.name}") for site in found.definition.sites]
    form = bound(ApproveForm, request, sites=sites)
    if acted(request, form, approve_version, by=user, version=found):
        messages.success(request, _("Version %(number)s is approved.") % {"number": number})
        return redirect("overview:version", number=number)
    heading = _("Approve version %(number)s") % {"number": number}
    page = _frame(found, heading) | _what_changes(user, found) | {"form": form}
    page["reasons"] = reasons_against(check_approvable, found, user) if request.method != "POST" else []
    return render(request, "overview/versions/approve.html", page, status=status_of(form))


def _version(number: int) -> StudyVersion:
    return get_object_or_404(StudyVersion.objects.select_related("approval"), number=number)


def _heading(found: StudyVersion) -> str:
    return _("Version %(number)s of the study") % {"number": found.number}


def _frame(found: StudyVersion, heading: str) -> dict[str, Any]:
    crumbs = [{"label": _("Study"), "url": reverse("overview:versions")}, {"label": heading}]
    return {"heading": heading, "breadcrumbs": crumbs, "about": _about(found), "number": found.number}


def _about(found: StudyVersion) -> Rows:
    approval = _approval(found)
    text, kind = (_("Approved"), "done") if approval else (_("Waits for approval"), "due")
    return [
        {"key": _("Label"), "value": found.label},
        {"key": _("Status"), "value": text, "kind": kind},
        {"key": _("Proposed"), "value": _said(found.proposed_at, found.proposed_by)},
        {"key": _("Reason"), "value": found.reason},
        {"key": _("Approved"), "value": _said(approval.approved_at, approval.approved_by) if approval else "–"},
        {"key": _("In force"), "value": "\n".join(_spans(found)) or "–"},
        {"key": "SHA-256", "value": found.sha256},
    ]


def _line(found: StudyVersion) -> Rows:
    approval = _approval(found)
    waits: dict[str, Any] = {"text": _("Waits for approval"), "kind": "due"}
    return [
        {"text": str(found.number), "url": reverse("overview:version", args=[found.number])},
        {"text": found.label},
        {"text": _said(found.proposed_at, found.proposed_by)},
        {"text": _said(approval.approved_at, approval.approved_by)} if approval else waits,
        {"text": "; ".join(_spans(found)) or None},
    ]


def _approval(found: StudyVersion) -> StudyApproval | None:
    return getattr(found, "approval", None)


def _said(at: datetime.datetime, by: str) -> str:
    return f"{date_format(localtime(at), 'SHORT_DATE_FORMAT')}, {by}"


def _spans(found: StudyVersion) -> list[str]:
    texts = {True: _("every site from %(day)s"), False: _("%(site)s from %(day)s")}
    return [
        texts[span.site == ""] % {"site": span.site, "day": date_format(span.begins, "SHORT_DATE_FORMAT")}
        for span in spans_of(found)
    ]


def _what_changes(user: User, found: StudyVersion) -> dict[str, Any]:
    """Against the version that it follows; with what stands on the forms it touches, for who may see entries."""
    before = version_before(found)
    if before is None:
        return {"before": None}
    language = get_language() or "nl"
    changes = changes_for(user, before.definition, found.definition)
    return {
        "before": before,
        "changes": [_change(change, language) for change in changes],
        "entry_columns": [{"label": _("Form")}, {"label": _("Site")}, {"label": _("Entries"), "numeric": True}],
        "entry_rows": _entry_rows(user, before, found, changes),
    }


_KINDS = {"added": gettext_lazy("New"), "removed": gettext_lazy("Removed"), "changed": gettext_lazy("Changed")}


def _change(change: Change, language: str) -> dict[str, str]:
    return {"kind": str(_KINDS[change.kind.value]), "text": change.text(language)}


def _entry_rows(user: User, before: StudyVersion, found: StudyVersion, changes: Sequence[Change]) -> list[Rows]:
    counted = entries_on(user, before.definition, found.definition, changes)
    return [
        [{"text": form}, {"text": site}, {"text": count, "numeric": True}] for (form, site), count in counted.items()
    ]
