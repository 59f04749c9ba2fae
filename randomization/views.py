from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from audit.acts import ActionRefused
from crf.policies import open_forms_before_allocation, standing_eligibility
from randomization import actions
from randomization.findings import DesignRefused
from randomization.forms import ActForm, OnceForm
from randomization.models import Allocation, ListPurpose, ListStatus, RandomizationList
from randomization.policies import check_second_person, reasons_not_allocatable
from trialmgr.participants.models import Participant
from trialmgr.participants.policies import valid_consent
from trialmgr.participants.queries import participant_for
from trialmgr.people.guards import permitted, person, signed_in_again
from trialmgr.people.models import User
from trialmgr.protocol.model import StudyDefinition
from trialmgr.studies.queries import current_definition, current_version

Rows = list[dict[str, Any]]
STATUS_TAGS = {
    ListStatus.MADE: (gettext_lazy("Made, not in force"), "due"),
    ListStatus.ACTIVE: (gettext_lazy("In force"), "done"),
    ListStatus.CLOSED: (gettext_lazy("Closed"), "none"),
}
PURPOSE_LABELS = {
    ListPurpose.LIVE: gettext_lazy("Live"),
    ListPurpose.REHEARSAL: gettext_lazy("Rehearsal: never for real participants"),
}


@permitted("participants.randomise")
@signed_in_again
def randomise(request: HttpRequest, number: str) -> HttpResponse:
    """Check your answers, sign in again, randomise; or every reason why it cannot be done now."""
    participant = participant_for(person(request), number, permission="participants.randomise")
    if request.method != "POST":
        return _randomise_page(request, participant, reasons_not_allocatable(participant))
    form = OnceForm(request.POST)
    if not form.is_valid():
        raise BadRequest
    try:
        actions.allocate(by=person(request), participant=participant, **form.cleaned_data)
    except ActionRefused as refusal:
        return _randomise_page(request, participant, refusal.reasons, status=409)
    return redirect("randomization:allocation", number=number)


def _randomise_page(
    request: HttpRequest, participant: Participant, reasons: Sequence[str], status: int = 200
) -> HttpResponse:
    page = {
        "participant": participant,
        "rows": _answers(participant),
        "reasons": reasons,
        "form": None if reasons else OnceForm(),
        "breadcrumbs": _crumbs(participant, _("Randomise")),
    }
    return render(request, "randomization/randomise.html", page, status=status)


def _answers(participant: Participant) -> Rows:
    """What is about to be sent, as it stands now."""
    consent, judged = valid_consent(participant), standing_eligibility(participant)
    eligible = judged is not None and judged.eligible
    wanting = open_forms_before_allocation(participant, current_definition())
    return [
        {"key": _("Participant"), "value": participant.number},
        {"key": _("Site"), "value": participant.site.name},
        {"key": _("Consent given on"), "value": date_format(consent.given_on) if consent else ""},
        {
            "key": _("Eligibility"),
            "value": _judgement(judged.decided_by, eligible) if judged else _("Not judged"),
            "kind": "done" if eligible else "late",
        },
        {
            "key": _("Forms before randomisation"),
            "value": _("Not complete") if wanting else _("Complete"),
            "kind": "late" if wanting else "done",
        },
    ]


def _judgement(by: str, eligible: bool) -> str:
    said = _("Eligible, judged by %(name)s") if eligible else _("Not eligible, judged by %(name)s")
    return said % {"name": by}


@permitted("allocation.view")
def allocation(request: HttpRequest, number: str) -> HttpResponse:
    """The confirmation of an allocation, to print; for those who may know the arm."""
    user, definition = person(request), current_definition()
    if user.sight(definition).blinded:
        raise PermissionDenied(_("Your role does not allow this."))
    rows = Allocation.objects.for_user(user).select_related("participant__site")
    found = get_object_or_404(rows, participant__number=number)
    user.check_may("allocation.view", site=found.participant.site)
    page = {
        "participant": found.participant,
        "rows": _confirmation(found, definition),
        "breadcrumbs": _crumbs(found.participant, _("Allocation")) if user.may("participants.view") else None,
    }
    return render(request, "randomization/allocation.html", page)


def _confirmation(found: Allocation, definition: StudyDefinition) -> Rows:
    strata = ", ".join(f"{factor}: {level}" for factor, level in found.levels.items())
    return [
        {"key": _("Participant"), "value": found.participant.number},
        {"key": _("Arm"), "value": definition.arm(found.arm).label(get_language() or "nl")},
        {"key": _("Randomised at"), "value": _moment(found.allocated_at)},
        {"key": _("Randomised by"), "value": found.allocated_by},
        {"key": _("Site"), "value": found.participant.site.name},
        {"key": _("Strata as randomised"), "value": strata},
    ]


def _moment(at: Any) -> str:
    return date_format(localtime(at), "Y-m-d H:i:s T")


@permitted("lists.view", "lists.activate")
def lists(request: HttpRequest) -> HttpResponse:
    """The lists: with their strata for those who may see them, without for who activates."""
    user = person(request)
    listed = RandomizationList.objects.select_related("made_by", "activated_by").order_by("-number")
    page = {
        "lists": [_list_view(user, one) for one in listed],
        "may_make": user.may("lists.make"),
    }
    return render(request, "randomization/lists.html", page)


def _list_view(user: User, listed: RandomizationList) -> dict[str, Any]:
    waits = listed.status == ListStatus.MADE and user.may("lists.activate") and listed.made_by_id != user.pk
    may_view = user.may("lists.view")
    return {
        "heading": _("List %(number)s") % {"number": listed.number},
        "rows": _about(listed),
        "strata": _strata(listed) if may_view else None,
        "strata_columns": _strata_columns(),
        "url": reverse("randomization:list", args=[listed.number]) if may_view else "",
        "activate_url": reverse("randomization:activate", args=[listed.number]) if waits else "",
    }


def _about(listed: RandomizationList) -> Rows:
    status, kind = STATUS_TAGS[ListStatus(listed.status)]
    rows: Rows = [
        {"key": _("Status"), "value": status, "kind": kind},
        {"key": _("Purpose"), "value": PURPOSE_LABELS[ListPurpose(listed.purpose)]},
        {"key": _("Commitment"), "value": listed.commitment},
        {"key": _("Made"), "value": f"{_moment(listed.made_at)}, {listed.made_by.actor_name}"},
    ]
    if listed.activated_by is not None:
        activated = f"{_moment(listed.activated_at)}, {listed.activated_by.actor_name}"
        rows.append({"key": _("Activated"), "value": activated})
    return rows


def _strata_columns() -> list[dict[str, Any]]:
    numbers = (_("Used"), _("Length"), _("Left"))
    return [{"label": _("Stratum")}, *({"label": label, "numeric": True} for label in numbers)]


def _strata(listed: RandomizationList) -> list[list[dict[str, Any]]]:
    return [
        [{"text": one.key}, *({"text": n, "numeric": True} for n in (one.used, one.length, one.length - one.used))]
        for one in listed.strata.all()
    ]


@permitted("lists.view")
def one_list(request: HttpRequest, number: int) -> HttpResponse:
    """The restricted page of a list: its design, and the manifest as it was published to the file."""
    listed = get_object_or_404(RandomizationList.objects.select_related("made_by", "activated_by"), number=number)
    shown = _list_view(person(request), listed)
    page = {
        **shown,
        "manifest": json.dumps(listed.manifest, indent=2, ensure_ascii=False, sort_keys=True),
        "breadcrumbs": _list_crumbs(str(shown["heading"])),
    }
    return render(request, "randomization/list.html", page)


@permitted("lists.make")
@signed_in_again
def make(request: HttpRequest) -> HttpResponse:
    """One thing a page: make and seal a list; nobody sees a row of it."""
    if request.method != "POST":
        return _make_page(request, ())
    try:
        listed = actions.make_list(by=person(request))
    except ActionRefused as refusal:
        return _make_page(request, refusal.reasons, status=409)
    except DesignRefused as refusal:
        return _make_page(request, [_(one.message) % one.values for one in refusal.findings], status=409)
    messages.success(request, _("The list is made and sealed. A second person activates it."))
    return redirect("randomization:list", number=listed.number)


def _make_page(request: HttpRequest, reasons: Sequence[str], status: int = 200) -> HttpResponse:
    version = current_version()
    design = version.definition.randomization
    rows: Rows = [{"key": _("Study version"), "value": version.label}]
    if design is not None:
        sizes = ", ".join(f"{size} ({weight}×)" for size, weight in sorted(design.block_sizes.items()))
        rows += [
            {"key": _("Block sizes and their weights"), "value": sizes},
            {"key": _("Stratification factors"), "value": ", ".join(factor.key for factor in design.factors)},
            {"key": _("Rows in each stratum"), "value": str(design.length_per_stratum)},
        ]
    page = {"rows": rows, "reasons": reasons, "form": ActForm(), "breadcrumbs": _list_crumbs(_("Make a list"))}
    return render(request, "randomization/make.html", page, status=status)


@permitted("lists.activate")
@signed_in_again
def activate(request: HttpRequest, number: int) -> HttpResponse:
    """One thing a page: a second person puts the list in force."""
    listed = get_object_or_404(RandomizationList.objects.select_related("made_by", "activated_by"), number=number)
    if request.method != "POST":
        return _activate_page(request, listed, _reasons_not_to_activate(listed, person(request)))
    try:
        actions.activate_list(by=person(request), listed=listed)
    except ActionRefused as refusal:
        return _activate_page(request, listed, refusal.reasons, status=409)
    messages.success(request, _("The list is in force."))
    return redirect("randomization:lists")


def _reasons_not_to_activate(listed: RandomizationList, user: User) -> Sequence[str]:
    try:
        check_second_person(listed, user)
    except ActionRefused as refusal:
        return refusal.reasons
    return ()


def _activate_page(
    request: HttpRequest, listed: RandomizationList, reasons: Sequence[str], status: int = 200
) -> HttpResponse:
    page = {
        "rows": _about(listed),
        "heading": _("Activate list %(number)s") % {"number": listed.number},
        "reasons": reasons,
        "form": None if reasons else ActForm(),
        "breadcrumbs": _list_crumbs(_("Activate")),
    }
    return render(request, "randomization/activate.html", page, status=status)


def _crumbs(participant: Participant, label: str) -> list[dict[str, str]]:
    return [
        {"label": _("Participants"), "url": reverse("participants:list")},
        {"label": participant.number, "url": reverse("participants:detail", args=[participant.number])},
        {"label": label},
    ]


def _list_crumbs(label: str) -> list[dict[str, str]]:
    return [{"label": _("Randomisation"), "url": reverse("randomization:lists")}, {"label": label}]
