"""Allocations: randomising a participant, and the page of an allocation for those who may know the arm."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from audit.acts import ActionRefused
from crf.policies import open_forms_before_allocation, standing_eligibility
from randomization import actions
from randomization.forms import OnceForm
from randomization.models import Allocation, RandomisedInError
from randomization.papers.confirmations import confirmed, proofs
from randomization.policies.allocations import reasons_not_allocatable
from randomization.policies.flags import can_countersign, can_withdraw
from randomization.queries.allocations import allocation_seen
from randomization.views.corrections import strata_table
from randomization.views.envelopes import opened
from randomization.views.flags import flag_of, flagged
from randomization.views.frames import Rows, after_act, crumbs
from trialmgr.participants.models import Participant
from trialmgr.participants.queries import participant_for, valid_consent
from trialmgr.people.guards import permitted, person, signed_in_again
from trialmgr.people.models import User
from trialmgr.protocol.model import Language
from trialmgr.studies.queries import current_definition


@permitted("participants.randomise")
@signed_in_again
def randomise(request: HttpRequest, number: str) -> HttpResponse:
    """Check your answers, sign in again, randomise; or every reason why it cannot be done now."""
    user = person(request)
    participant = participant_for(user, number, permission="participants.randomise")
    if request.method != "POST":
        return _randomise_page(request, participant, reasons_not_allocatable(participant, user))
    form = OnceForm(request.POST)
    if not form.is_valid():
        raise BadRequest
    try:
        actions.allocate(by=user, participant=participant, **form.cleaned_data)
    except ActionRefused as refusal:
        return _randomise_page(request, participant, refusal.reasons, status=409)
    messages.success(request, _("The participant is randomised."))
    return redirect(after_act(user, number))


def _randomise_page(
    request: HttpRequest, participant: Participant, reasons: Sequence[str], status: int = 200
) -> HttpResponse:
    page = {
        "participant": participant,
        "rows": _answers(participant),
        "reasons": reasons,
        "form": None if reasons else OnceForm(),
        "breadcrumbs": crumbs(participant, _("Randomise")),
    }
    return render(request, "randomization/allocations/randomise.html", page, status=status)


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
    """The confirmation of an allocation; for those who may know the arm."""
    user, definition = person(request), current_definition()
    language: Language = "en" if get_language() == "en" else "nl"
    found = allocation_seen(user, number)
    page = {
        "participant": found.participant,
        "rows": [*confirmed(found, definition, language), *opened(found), *flagged(found)],
        "strata": strata_table(found, definition, language),
        "acts": list(_acts_on(user, found)),
        "proofs": proofs(found),
        "breadcrumbs": crumbs(found.participant, _("Allocation")) if user.may("participants.view") else None,
    }
    return render(request, "randomization/allocations/one.html", page)


def _acts_on(user: User, found: Allocation) -> Iterator[dict[str, str]]:
    """What this person may note of the allocation as it stands."""
    number, site, flag = found.participant.number, found.participant.site, flag_of(found)
    if found.levels and user.may("allocation.correct", site=site):
        yield {"label": _("Correct a stratum"), "url": reverse("randomization:correct", args=[number])}
    yield from _acts_on_flag(user, found, flag)


def _acts_on_flag(user: User, found: Allocation, flag: RandomisedInError | None) -> Iterator[dict[str, str]]:
    number, site = found.participant.number, found.participant.site
    if (flag is None or flag.withdrawal_asked_at) and user.may("allocation.flag", site=site):
        yield {"label": _("Flag as randomised in error"), "url": reverse("randomization:flag", args=[number])}
    elif user.may("allocation.flag", site=site):
        yield {"label": _("Withdraw the flag"), "url": reverse("randomization:ask_flag_withdrawal", args=[number])}
    if flag is not None and can_countersign(flag, user) and user.may("allocation.countersign", site=site):
        yield {"label": _("Countersign"), "url": reverse("randomization:countersign", args=[number])}
    if flag is not None and can_withdraw(flag, user) and user.may("allocation.countersign", site=site):
        yield {"label": _("Countersign the withdrawal"), "url": reverse("randomization:withdraw_flag", args=[number])}
