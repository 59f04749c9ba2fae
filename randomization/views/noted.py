"""What was noted of an allocation afterwards, as its page shows it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from randomization.corrections import strata_that_differ
from randomization.methods.definition import factor_label
from randomization.models import Allocation, EnvelopeUse, RandomisedInError
from randomization.policies import can_countersign, levels_of
from randomization.views.frames import moment
from trialmgr.people.models import User
from trialmgr.protocol.model import StudyDefinition


def noted(found: Allocation) -> Iterator[dict[str, Any]]:
    """An envelope, and a flag with its second signature."""
    envelope = EnvelopeUse.objects.filter(allocation=found).first()
    if envelope is not None:
        opened = {"at": moment(envelope.opened_at), "who": envelope.opened_by, "reason": envelope.reason}
        yield {"key": _("From a sealed envelope"), "value": _("Opened %(at)s by %(who)s: %(reason)s") % opened}
    flag = flag_of(found)
    if flag is not None:
        flagged = {"at": moment(flag.flagged_at), "who": flag.flagged_by.actor_name, "reason": flag.reason}
        yield {"key": _("Randomised in error"), "value": _("Flagged %(at)s by %(who)s: %(reason)s") % flagged}
        yield {"key": _("Second signature"), **_second_signature(flag)}


def flag_of(found: Allocation) -> RandomisedInError | None:
    flags = RandomisedInError.objects.filter(allocation=found)
    return flags.select_related("flagged_by", "countersigned_by").first()


def _second_signature(flag: RandomisedInError) -> dict[str, Any]:
    if flag.countersigned_by is None:
        return {"value": _("Waits for a second person"), "kind": "due"}
    return {"value": f"{moment(flag.countersigned_at)}, {flag.countersigned_by.actor_name}"}


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


def acts_on(user: User, found: Allocation) -> Iterator[dict[str, str]]:
    """What this person may note of the allocation as it stands."""
    number, site, flag = found.participant.number, found.participant.site, flag_of(found)
    if found.levels and user.may("allocation.correct", site=site):
        yield {"label": _("Correct a stratum"), "url": reverse("randomization:correct", args=[number])}
    if flag is None and user.may("allocation.flag", site=site):
        yield {"label": _("Flag as randomised in error"), "url": reverse("randomization:flag", args=[number])}
    if flag is not None and can_countersign(flag, user) and user.may("allocation.countersign", site=site):
        yield {"label": _("Countersign"), "url": reverse("randomization:countersign", args=[number])}
