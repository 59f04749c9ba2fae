"""Flags: randomised in error, with a second signature. No arm stands here: whoever flags may be blinded."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from randomization import actions
from randomization.forms import ActForm
from randomization.models import Allocation, RandomisedInError
from randomization.queries.allocations import allocation_for
from randomization.views.frames import Rows, act_page, acted, after_act, crumbs, moment
from trialmgr.people.forms import ReasonForm, bound
from trialmgr.people.guards import permitted, person, signed_in_again


@permitted("allocation.flag")
def flag(request: HttpRequest, number: str) -> HttpResponse:
    """This participant should not have been randomised."""
    user = person(request)
    allocation = allocation_for(user, number, permission="allocation.flag")
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
        rows=[*flagged(allocation), *_way_to_withdraw(allocation)],
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
    allocation = allocation_for(user, number, permission="allocation.countersign")
    standing = get_object_or_404(RandomisedInError, allocation=allocation)
    form = bound(ActForm, request)
    if acted(request, form, lambda: actions.countersign_in_error(by=user, flag=standing)):
        messages.success(request, _("The flag is countersigned."))
        return redirect(after_act(user, number))
    heading = _("Countersign: randomised in error")
    return act_page(
        request,
        form,
        heading,
        caption=number,
        rows=[
            {"key": _("Reason"), "value": standing.reason},
            {"key": _("Flagged by"), "value": f"{moment(standing.flagged_at)}, {standing.flagged_by.actor_name}"},
        ],
        warning=_("You sign in again. Your signature says that you hold this to be so."),
        submit=_("Countersign"),
        back=after_act(user, number),
        breadcrumbs=crumbs(allocation.participant, heading),
    )


@permitted("allocation.flag")
def ask_withdrawal(request: HttpRequest, number: str) -> HttpResponse:
    """The flag was itself an error."""
    user = person(request)
    allocation = allocation_for(user, number, permission="allocation.flag")
    standing = get_object_or_404(RandomisedInError, allocation=allocation)
    form = bound(ReasonForm, request)
    if acted(request, form, lambda: actions.ask_flag_withdrawal(by=user, flag=standing, **form.cleaned_data)):
        messages.success(request, _("The withdrawal of the flag waits for a second person."))
        return redirect(after_act(user, number))
    heading = _("Withdraw the flag “randomised in error”")
    return act_page(
        request,
        form,
        heading,
        caption=number,
        rows=flagged(allocation),
        warning=_("The flag stands until a second person countersigns. The allocation stays as it is."),
        submit=_("Ask to withdraw the flag"),
        back=after_act(user, number),
        breadcrumbs=crumbs(allocation.participant, heading),
    )


@permitted("allocation.countersign")
@signed_in_again
def withdraw(request: HttpRequest, number: str) -> HttpResponse:
    """The second signature under the withdrawal of a flag."""
    user = person(request)
    allocation = allocation_for(user, number, permission="allocation.countersign")
    standing = get_object_or_404(RandomisedInError, allocation=allocation)
    form = bound(ActForm, request)
    if acted(request, form, lambda: actions.withdraw_flag(by=user, flag=standing)):
        messages.success(request, _("The flag is withdrawn."))
        return redirect(after_act(user, number))
    heading = _("Countersign: withdraw the flag")
    return act_page(
        request,
        form,
        heading,
        caption=number,
        rows=flagged(allocation),
        warning=_("You sign in again. Your signature says that you hold this to be so."),
        submit=_("Countersign"),
        back=after_act(user, number),
        breadcrumbs=crumbs(allocation.participant, heading),
    )


def _way_to_withdraw(found: Allocation) -> Rows:
    """For who flags blinded, and so never opens the page of the allocation."""
    if not RandomisedInError.objects.filter(allocation=found, withdrawal_asked_at=None).exists():
        return []
    url = reverse("randomization:ask_flag_withdrawal", args=[found.participant.number])
    said = _("Two people withdraw it, as two people set it.")
    return [{"key": _("If the flag is an error"), "value": said, "url": url, "action": _("Withdraw the flag")}]


def flagged(found: Allocation) -> Rows:
    """A flag with its second signature, as the page of the allocation shows it."""
    standing = flag_of(found)
    if standing is None:
        return []
    about = {"at": moment(standing.flagged_at), "who": standing.flagged_by.actor_name, "reason": standing.reason}
    return [
        {"key": _("Randomised in error"), "value": _("Flagged %(at)s by %(who)s: %(reason)s") % about},
        {"key": _("Second signature"), **_second_signature(standing)},
        *_withdrawal(standing),
    ]


def flag_of(found: Allocation) -> RandomisedInError | None:
    flags = RandomisedInError.objects.filter(allocation=found)
    return flags.select_related("flagged_by", "countersigned_by", "withdrawal_asked_by").first()


def _withdrawal(flag: RandomisedInError) -> Rows:
    if flag.withdrawal_asked_by is None:
        return []
    who = flag.withdrawal_asked_by.actor_name
    about = {"at": moment(flag.withdrawal_asked_at), "who": who, "reason": flag.withdrawal_reason}
    said = _("Asked %(at)s by %(who)s, waits for a second person: %(reason)s") % about
    return [{"key": _("Withdrawal of the flag"), "value": said, "kind": "due"}]


def _second_signature(flag: RandomisedInError) -> dict[str, Any]:
    if flag.countersigned_by is None:
        return {"value": _("Waits for a second person"), "kind": "due"}
    return {"value": f"{moment(flag.countersigned_at)}, {flag.countersigned_by.actor_name}"}
