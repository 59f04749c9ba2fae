from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from audit.acts import ActionRefused
from trialmgr.participants import actions
from trialmgr.participants.forms import ConsentCorrectionForm, ConsentForm, ContactForm, WithdrawalForm
from trialmgr.participants.models import Consent, ContactDetails, Participant
from trialmgr.participants.policies import same_person
from trialmgr.participants.queries import participant_for
from trialmgr.people.forms import ReasonForm, acted, bound, status_of
from trialmgr.people.guards import permitted, person
from trialmgr.protocol.model import StudyDefinition
from trialmgr.studies.queries import current_definition


@permitted("participants.view")
def consent(request: HttpRequest, number: str) -> HttpResponse:
    """The consents of a participant, and a form to record one."""
    participant, user = participant_for(person(request), number), person(request)
    definition = current_definition()
    form = bound(ConsentForm, request, versions=_versions(definition))
    if request.method == "POST":
        user.check_may("participants.consent", site=participant.site)
        if acted(request, form, actions.record_consent, by=user, participant=participant):
            messages.success(request, _("Consent is recorded."))
            return redirect("participants:detail", number=number)  # where what comes next stands on top
    may = user.may("participants.consent", site=participant.site)
    context = _frame(participant, _("Consent"), form=form if may else None)
    context |= {"columns": _consent_columns(), "rows": _rows(participant, definition, may)}
    return render(request, "participants/consents/consent.html", context, status=status_of(form))


@permitted("participants.consent")
def withdraw(request: HttpRequest, number: str, version: str) -> HttpResponse:
    participant = participant_for(person(request), number, permission="participants.consent")
    given = get_object_or_404(Consent, participant=participant, version=version, withdrawn_on=None)
    form = bound(WithdrawalForm, request)
    if acted(request, form, actions.withdraw_consent, by=person(request), consent=given):
        messages.success(request, _("The withdrawal of consent is recorded."))
        return redirect("participants:consent", number=number)
    context = _frame(participant, _("Withdraw consent"), form=form, given=given)
    return render(request, "participants/consents/withdraw.html", context, status=status_of(form))


@permitted("participants.consent")
def undo_withdrawal(request: HttpRequest, number: str, version: str) -> HttpResponse:
    participant = participant_for(person(request), number, permission="participants.consent")
    given = get_object_or_404(Consent, participant=participant, version=version)
    form = bound(ReasonForm, request)
    if acted(request, form, actions.undo_withdrawal, by=person(request), consent=given):
        messages.success(request, _("The withdrawal of consent is taken back."))
        return redirect("participants:consent", number=number)
    context = _frame(participant, _("Take back the withdrawal of consent"), form=form)
    return render(request, "participants/consents/undo_withdrawal.html", context, status=status_of(form))


@permitted("participants.consent")
def correct(request: HttpRequest, number: str, version: str) -> HttpResponse:
    participant = participant_for(person(request), number, permission="participants.consent")
    given = get_object_or_404(Consent, participant=participant, version=version)
    stands = {"version": given.version, "given_on": given.given_on}
    form = bound(ConsentCorrectionForm, request, versions=_versions(current_definition()), initial=stands)
    if acted(request, form, actions.correct_consent, by=person(request), consent=given):
        messages.success(request, _("The consent is corrected."))
        return redirect("participants:consent", number=number)
    context = _frame(participant, _("Correct consent"), form=form)
    return render(request, "participants/consents/correct.html", context, status=status_of(form))


@permitted("participants.contact")
def contact(request: HttpRequest, number: str) -> HttpResponse:
    """Contact details in clear, for the own site; each reading stands in the audit trail."""
    user = person(request)
    participant = participant_for(user, number, permission="participants.contact")
    if request.method == "POST":
        form = ContactForm(request.POST)
        if form.is_valid() and _saved(request, participant, form):
            return redirect("participants:detail", number=number)
        asks_other_person = form.met_same_person
    else:
        form = ContactForm(initial=actions.read_contact(by=user, participant=participant))
        asks_other_person = bool(same_person(participant))
    if not asks_other_person:
        del form.fields["other_person"]
    kept = ContactDetails.objects.filter(participant=participant).exists()
    context = _frame(participant, _("Contact details"), form=form, kept=kept)
    return render(request, "participants/contact/contact.html", context, status=status_of(form))


@permitted("participants.contact")
def erase_contact(request: HttpRequest, number: str) -> HttpResponse:
    participant = participant_for(person(request), number, permission="participants.contact")
    if not ContactDetails.objects.filter(participant=participant).exists():
        raise Http404
    form = bound(ReasonForm, request)
    if request.method == "POST" and form.is_valid():
        actions.erase_contact(by=person(request), participant=participant, reason=form.cleaned_data["reason"])
        messages.success(request, _("The contact details are erased."))
        return redirect("participants:detail", number=number)
    context = _frame(participant, _("Erase contact details"), form=form)
    return render(request, "participants/contact/erase.html", context, status=status_of(form))


def _saved(request: HttpRequest, participant: Participant, form: ContactForm) -> bool:
    try:
        other_person = form.cleaned_data["other_person"]
        actions.save_contact(
            by=person(request), participant=participant, details=form.details(), other_person=other_person
        )
    except ActionRefused as refusal:
        form.refuse(refusal)
        return False
    messages.success(request, _("The contact details are saved."))
    return True


def _versions(definition: StudyDefinition) -> list[tuple[str, str]]:
    language = get_language() or "nl"
    return [(version.key, version.label(language)) for version in reversed(definition.consents)]


def _consent_columns() -> list[dict[str, str]]:
    labels = (_("Version"), _("Given on"), _("Taken by"), _("Withdrawn on"), _("What you can do"))
    return [{"label": label} for label in labels]


def _rows(participant: Participant, definition: StudyDefinition, may: bool) -> list[list[dict[str, Any]]]:
    labels = dict(_versions(definition))
    consents = participant.consents.all()
    return [_row(participant, given, labels.get(given.version, given.version), may) for given in consents]


def _row(participant: Participant, given: Consent, label: str, may: bool) -> list[dict[str, Any]]:
    cells: list[dict[str, Any]] = [
        {"text": label},
        {"text": date_format(given.given_on, "j F Y")},
        {"text": given.taken_by},
        _withdrawal(participant, given, label, may),
    ]
    url = reverse("participants:correct_consent", args=[participant.number, given.version])
    return [*cells, {"text": _("Correct"), "url": url, "about": label} if may else {"text": None}]


def _withdrawal(participant: Participant, given: Consent, label: str, may: bool) -> dict[str, Any]:
    if given.withdrawn_on:
        day = date_format(given.withdrawn_on, "j F Y")
        undo = reverse("participants:undo_withdrawal", args=[participant.number, given.version])
        return {"text": _("%(day)s: take back") % {"day": day}, "url": undo, "about": label} if may else {"text": day}
    url = reverse("participants:withdraw", args=[participant.number, given.version])
    return {"text": _("Record withdrawal"), "url": url, "about": label} if may else {"text": None}


def _frame(participant: Participant, heading: str, **context: Any) -> dict[str, Any]:
    back = reverse("participants:detail", args=[participant.number])
    crumbs = [
        {"label": _("Participants"), "url": reverse("participants:list")},
        {"label": participant.number, "url": back},
        {"label": heading},
    ]
    return {"participant": participant, "heading": heading, "breadcrumbs": crumbs, "back": back, **context}
