"""What is noted of an allocation afterwards. No arm stands on these pages: whoever may act may be blinded."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from randomization import actions, policies
from randomization.forms import ActForm, CorrectionForm
from randomization.methods.definition import factor_label
from randomization.models import Allocation, RandomisedInError
from randomization.views.frames import act_page, acted, after_act, crumbs, moment
from trialmgr.participants.queries import participant_for
from trialmgr.people.forms import ReasonForm, bound
from trialmgr.people.guards import permitted, person, signed_in_again
from trialmgr.people.models import User
from trialmgr.studies.queries import current_definition


@permitted("allocation.correct")
def correct(request: HttpRequest, number: str) -> HttpResponse:
    """The true level of a factor that was wrong at the allocation."""
    user = person(request)
    allocation = _allocation(user, number, "allocation.correct")
    definition, language = current_definition(), get_language() or "nl"
    labels = {factor: factor_label(definition, factor, language) for factor in allocation.levels}
    form = bound(CorrectionForm, request, levels=policies.levels_known(allocation), labels=labels)
    if acted(request, form, lambda: actions.correct_stratum(by=user, allocation=allocation, **form.act())):
        messages.success(request, _("The correction is saved beside the level as randomised."))
        return redirect(after_act(user, number))
    standing = policies.levels_corrected(allocation)
    heading = _("Correct a stratum")
    return act_page(
        request,
        form,
        heading,
        caption=number,
        rows=[{"key": labels[factor], "value": level} for factor, level in standing.items()],
        warning=_("The allocation and its place in the list stay as they are; both levels are kept and exported."),
        submit=_("Save the correction"),
        back=after_act(user, number),
        breadcrumbs=crumbs(allocation.participant, heading),
    )


@permitted("allocation.flag")
def flag(request: HttpRequest, number: str) -> HttpResponse:
    """This participant should not have been randomised."""
    user = person(request)
    allocation = _allocation(user, number, "allocation.flag")
    form = bound(ReasonForm, request)
    if acted(request, form, lambda: actions.flag_in_error(by=user, allocation=allocation, **form.cleaned_data)):
        messages.success(request, _("The flag is saved. A second person countersigns it."))
        return redirect(after_act(user, number))
    heading = _("Randomised in error")
    return act_page(
        request,
        form,
        heading,
        caption=number,
        warning=_("The participant stays in the list and in the intention-to-treat set. A second person countersigns."),
        submit=_("Flag as randomised in error"),
        back=after_act(user, number),
        breadcrumbs=crumbs(allocation.participant, heading),
    )


@permitted("allocation.countersign")
@signed_in_again
def countersign(request: HttpRequest, number: str) -> HttpResponse:
    """The second signature under a flag."""
    user = person(request)
    allocation = _allocation(user, number, "allocation.countersign")
    flagged = get_object_or_404(RandomisedInError, allocation=allocation)
    form = bound(ActForm, request)
    if acted(request, form, lambda: actions.countersign_in_error(by=user, flag=flagged)):
        messages.success(request, _("The flag is countersigned."))
        return redirect(after_act(user, number))
    heading = _("Countersign: randomised in error")
    return act_page(
        request,
        form,
        heading,
        caption=number,
        rows=[
            {"key": _("Reason"), "value": flagged.reason},
            {"key": _("Flagged by"), "value": f"{moment(flagged.flagged_at)}, {flagged.flagged_by.actor_name}"},
        ],
        warning=_("You sign in again. Your signature says that you hold this to be so."),
        submit=_("Countersign"),
        back=after_act(user, number),
        breadcrumbs=crumbs(allocation.participant, heading),
    )


def _allocation(user: User, number: str, permission: str) -> Allocation:
    """404 where the participant is of another site, or has not been randomised."""
    participant = participant_for(user, number, permission=permission)
    rows = Allocation.objects.select_related("participant__site", "row__stratum__list")
    allocation: Allocation | None = rows.filter(participant=participant).first()
    if allocation is None:
        raise Http404
    return allocation
