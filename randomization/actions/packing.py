from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from audit.actions import action
from audit.acts import ActionRefused, record
from randomization import policies
from randomization.actions.keeping import sealing_key
from randomization.envelopes import envelope_name
from randomization.methods.lists import sealing
from randomization.models import Allocation, ListRow, RandomizationList, Stratum
from trialmgr.people.models import User


@dataclass(frozen=True)
class Envelope:
    """``levels``: of the stratum, by factor."""

    name: str
    levels: Mapping[str, str]
    arm: str


@action("envelopes.exported", permission="lists.make")
def export_envelopes(*, by: User, listed: RandomizationList, site: str = "") -> list[Envelope]:
    """What goes into the sealed envelopes of the list in force, by stratum; of one site only, where it is named.

    Only reserved places that nobody has yet are opened. Raises ActionRefused, PermissionDenied, SealBroken.
    """
    policies.check_unblinded(by)
    reasons = policies.reasons_not_in_force(listed)
    if reasons:
        raise ActionRefused(*reasons)
    strata = listed.strata.exclude(reserved_from=None).order_by("pk")
    envelopes = [one for stratum in strata if _is_at(stratum, listed, site) for one in _envelopes(listed, stratum)]
    if not envelopes:
        raise ActionRefused(_("There is no place kept for an envelope, or all of them have been used."))
    record(
        object_type="list",
        object_id=str(listed.number),
        site=site,
        new=", ".join(envelope.name for envelope in envelopes),
        restricted=True,
    )
    return envelopes


def _is_at(stratum: Stratum, listed: RandomizationList, site: str) -> bool:
    levels = policies.levels_in(stratum)
    return not site or any(levels[factor] == site for factor, source in listed.factors.items() if source == "site")


def _envelopes(listed: RandomizationList, stratum: Stratum) -> list[Envelope]:
    key, taken = sealing_key(), Allocation.objects.filter(row__stratum=stratum).values("row")
    places = (stratum.reserved_from, stratum.reserved_to)
    rows = ListRow.objects.filter(stratum=stratum, position__range=places).exclude(pk__in=taken).order_by("position")
    return [
        Envelope(
            name=envelope_name(listed, stratum, row.position),
            levels=policies.levels_in(stratum),
            arm=sealing.open_row(key, str(listed.number), stratum.key, row.position, bytes(row.sealed)),
        )
        for row in rows
    ]
