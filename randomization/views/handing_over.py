"""Lists made longer, imported from elsewhere, and put into envelopes."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from audit.acts import ActionRefused, reasons_against
from randomization import actions, policies
from randomization.actions.packing import Envelope
from randomization.envelope_paper import envelope_paper
from randomization.forms import ActForm, ExtendForm, ImportForm, PackForm
from randomization.methods.findings import DesignRefused
from randomization.models import ListExtension, RandomizationList
from randomization.views.frames import Rows, act_page, acted, list_crumbs, moment
from trialmgr.people.forms import bound
from trialmgr.people.guards import permitted, person, signed_in_again, signed_in_again_first
from trialmgr.people.models import User
from trialmgr.studies.queries import current_definition


@permitted("lists.make")
@signed_in_again
def extend(request: HttpRequest, number: int) -> HttpResponse:
    """More rows, and the strata that are new in the study definition; nobody sees a row of it."""
    user, listed = person(request), get_object_or_404(RandomizationList, number=number)
    form = bound(ExtendForm, request)
    if acted(request, form, _spoken(lambda: actions.extend_list(by=user, listed=listed, **form.act()))):
        messages.success(request, _("The extension is made and sealed. A second person activates it."))
        return redirect("randomization:list", number=number)
    heading = _("Extend list %(number)s") % {"number": number}
    return act_page(
        request,
        form,
        heading,
        warning=_("Every row that the list has stays as it is. A list can be made longer, never shorter."),
        submit=_("Extend the list"),
        back=reverse("randomization:list", args=[number]),
        breadcrumbs=list_crumbs(heading),
    )


@permitted("lists.activate")
@signed_in_again
def activate_extension(request: HttpRequest, number: int, extension: int) -> HttpResponse:
    """A second person lets the added rows be used."""
    user = person(request)
    found = get_object_or_404(
        ListExtension.objects.select_related("list", "made_by"), list__number=number, number=extension
    )
    form = bound(ActForm, request)
    if acted(request, form, lambda: actions.activate_extension(by=user, extension=found)):
        messages.success(request, _("The extension is in force."))
        return redirect("randomization:lists")
    heading = _("Activate extension %(extension)s of list %(number)s") % {"extension": extension, "number": number}
    return act_page(
        request,
        form,
        heading,
        rows=_about(found),
        reasons=reasons_against(policies.check_second_person_extends, found, found.list, user),
        refused=_("This extension cannot be activated by you now"),
        submit=_("Activate the extension"),
        back=reverse("randomization:lists"),
        breadcrumbs=list_crumbs(heading),
    )


def _about(extension: ListExtension) -> Rows:
    return [
        {"key": _("Made"), "value": f"{moment(extension.made_at)}, {extension.made_by.actor_name}"},
        {"key": _("Reason"), "value": extension.reason},
    ]


@permitted("lists.make")
@signed_in_again_first
def bring(request: HttpRequest) -> HttpResponse:
    """The list of an independent statistician: checked, sealed, and its file kept nowhere."""
    user = person(request)
    form = bound(ImportForm, request, files=request.FILES or None)
    act = _spoken(lambda: actions.import_list(by=user, **form.cleaned_data))
    if acted(request, form, act):
        messages.success(request, _("The list is sealed. A second person activates it."))
        return redirect("randomization:lists")
    heading = _("Import a list")
    return act_page(
        request,
        form,
        heading,
        warning=_(
            "The file is read and not kept. Whoever made it keeps it: with it the list can be checked at the end."
        ),
        submit=_("Import the list"),
        back=reverse("randomization:lists"),
        breadcrumbs=list_crumbs(heading),
    )


@permitted("lists.make")
@signed_in_again
def envelopes(request: HttpRequest, number: int) -> HttpResponse:
    """The paper for the sealed envelopes, to print; it is made for this answer and kept nowhere."""
    user = person(request)
    policies.check_unblinded(user)
    listed = get_object_or_404(RandomizationList, number=number)
    sites = [(site.code, site.name) for site in current_definition().sites]
    form, packed = bound(PackForm, request, sites=sites), list[Envelope]()
    if acted(request, form, lambda: packed.extend(_packed(user, listed, form))):
        return _paper(listed, packed)
    heading = _("Envelopes of list %(number)s") % {"number": number}
    return act_page(
        request,
        form,
        heading,
        warning=_("This paper shows allocations: print it where nobody else sees it, and destroy the file afterwards."),
        submit=_("Make the paper"),
        back=reverse("randomization:list", args=[number]),
        breadcrumbs=list_crumbs(heading),
    )


def _packed(user: User, listed: RandomizationList, form: PackForm) -> list[Envelope]:
    return actions.export_envelopes(by=user, listed=listed, site=form.cleaned_data["site"])


def _paper(listed: RandomizationList, packed: list[Envelope]) -> HttpResponse:
    paper = envelope_paper(
        packed, listed=listed, definition=current_definition(), at=timezone.now(), language=get_language() or "nl"
    )
    answer = HttpResponse(paper, content_type="application/pdf")
    answer["Content-Disposition"] = f'attachment; filename="envelopes-{listed.number}.pdf"'
    answer["Cache-Control"] = "no-store"
    return answer


def _spoken(act: Callable[[], object]) -> Callable[[], None]:
    """The act, its refusals by the mathematics of the list in the language of the page."""

    def run() -> None:
        try:
            act()
        except DesignRefused as refusal:
            raise ActionRefused(*(_(one.message) % one.values for one in refusal.findings)) from refusal

    return run
