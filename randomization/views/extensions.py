"""Extensions: made, and put in force by a second person."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from audit.acts import reasons_against
from randomization import actions
from randomization.forms import ActForm, ExtendForm
from randomization.models import ListExtension, RandomizationList
from randomization.policies.extensions import check_second_person_extends
from randomization.views.frames import Rows, act_page, acted, list_crumbs, moment, spoken
from trialmgr.people.forms import bound
from trialmgr.people.guards import permitted, person, signed_in_again


@permitted("lists.make")
@signed_in_again
def extend(request: HttpRequest, number: int) -> HttpResponse:
    """More rows, and the strata that are new in the study definition; nobody sees a row of it."""
    user, listed = person(request), get_object_or_404(RandomizationList, number=number)
    form = bound(ExtendForm, request)
    if acted(request, form, spoken(lambda: actions.extend_list(by=user, listed=listed, **form.act()))):
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
        reasons=reasons_against(check_second_person_extends, found, found.list, user),
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
