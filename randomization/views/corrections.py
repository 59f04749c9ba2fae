"""Corrections of a stratum, beside the level as randomised. No arm stands here: whoever corrects may be blinded."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from randomization import actions
from randomization.forms import CorrectionForm
from randomization.methods.definition import factor_label
from randomization.models import Allocation
from randomization.policies.allocations import levels_of
from randomization.policies.corrections import levels_corrected, levels_known
from randomization.queries.allocations import allocation_for
from randomization.queries.corrections import strata_that_differ
from randomization.views.frames import act_page, acted, after_act, crumbs
from trialmgr.people.forms import bound
from trialmgr.people.guards import permitted, person
from trialmgr.protocol.model import StudyDefinition
from trialmgr.studies.queries import current_definition


@permitted("allocation.correct")
def correct(request: HttpRequest, number: str) -> HttpResponse:
    """The true level of a factor that was wrong at the allocation."""
    user = person(request)
    allocation = allocation_for(user, number, permission="allocation.correct")
    definition, language = current_definition(), get_language() or "nl"
    labels = {factor: factor_label(definition, factor, language) for factor in allocation.levels}
    form = bound(CorrectionForm, request, levels=levels_known(allocation), labels=labels)
    if acted(request, form, lambda: actions.correct_stratum(by=user, allocation=allocation, **form.act())):
        messages.success(request, _("The correction is saved beside the level as randomised."))
        return redirect(after_act(user, number))
    standing = levels_corrected(allocation)
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


def strata_table(found: Allocation, definition: StudyDefinition, language: str) -> dict[str, Any]:
    """Each factor as randomised, as corrected, and as the casebook has it now."""
    corrected = {one.factor: one.corrected for one in found.corrections.order_by("corrected_at", "pk")}
    differs = {one.factor for one in strata_that_differ(Allocation.objects.filter(pk=found.pk))}
    now = levels_of(found.participant, found.row.stratum.list)
    labels = (_("Factor"), _("As randomised"), _("Corrected"), _("In the casebook now"))
    return {
        "columns": [{"label": label} for label in labels],
        "rows": [
            [
                {"text": factor_label(definition, factor, language)},
                {"text": level},
                {"text": corrected.get(factor)},
                _now(now[factor], factor in differs),
            ]
            for factor, level in found.levels.items()
        ],
    }


def _now(level: str, differs: bool) -> dict[str, Any]:
    shown = level or _("No value")
    return {"text": _("%(level)s: differs") % {"level": shown}, "kind": "late"} if differs else {"text": shown}
