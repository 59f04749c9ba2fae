"""Supply: who is told, and when, that a stratum runs low or is used up."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from audit.actions import action
from audit.acts import record
from audit.models import LedgerEntry
from randomization.models import RandomizationList, Stratum
from randomization.policies.allocations import Aim
from randomization.policies.lists import is_minimised
from randomization.queries.supply import forecasts_of
from trialmgr.participants.models import Participant
from trialmgr.people.emails import send_email
from trialmgr.people.models import User
from trialmgr.people.queries import unblinded_holders

RUNS_LOW = "stratum.runs_low"


def announce_if_low(listed: RandomizationList, stratum: Stratum) -> None:
    """Inside an allocation, which holds the stratum's row: one entry and one e-mail for each length of a stratum.

    The entry is restricted and of no site: who enrols at a site never reads it.
    """
    if is_minimised(listed):
        return
    (found,) = forecasts_of(listed, listed.strata.filter(pk=stratum.pk))
    if not found.is_low or _was_announced(listed, stratum):
        return
    record(
        action=RUNS_LOW,
        object_type="list",
        object_id=str(listed.number),
        item=stratum.key,
        new=str(stratum.length),
        detail={"left": found.supply.left, "lasts_until": str(found.lasts_until)},
        restricted=True,
    )
    send_email(unblinded_holders("lists.view"), _RUNS_LOW, _RUNS_LOW_TEXT)


def _was_announced(listed: RandomizationList, stratum: Stratum) -> bool:
    entries = LedgerEntry.objects.filter(action=RUNS_LOW, object_id=str(listed.number), item=stratum.key)
    return entries.filter(new=str(stratum.length)).exists()


def was_told(participant: Participant, listed: RandomizationList) -> bool:
    """One e-mail for each participant who waits, however often the page is sent."""
    told = LedgerEntry.objects.filter(action="stratum.used_up", object_id=str(listed.number))
    return told.filter(participant=participant.number).exists()


@action("stratum.used_up", permission="participants.randomise", site=lambda participant, **_k: participant.site)
def tell_used_up(*, by: User, participant: Participant, aim: Aim) -> None:
    record(
        object_type="list",
        object_id=str(aim.listed.number),
        item="stratum",
        new="used up",
        detail={"stratum": aim.stratum_key},
        restricted=True,
        site=participant.site.code,
        participant=participant.number,
    )
    send_email(unblinded_holders("lists.make"), _USED_UP, _USED_UP_TEXT)


_RUNS_LOW = _("A stratum of the randomisation list runs low")

_RUNS_LOW_TEXT = _(
    "At the pace of recruitment a stratum will soon have no place left. "
    "Sign in and open the page about randomisation to see which stratum it is and until when it lasts."
)

_USED_UP = _("A stratum is used up")

_USED_UP_TEXT = _(
    "Somebody waits to be randomised and the randomisation list has no place left for them. "
    "Sign in and open the page about randomisation to see which stratum it is, and extend the list."
)
