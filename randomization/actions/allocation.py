from __future__ import annotations

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.acts import ActionRefused, action, record
from crf.actions import open_visits
from randomization import policies, sealing
from randomization.models import Allocation, ListRow, RandomizationList, Stratum
from trialmgr.participants.actions import enrol
from trialmgr.participants.models import Participant
from trialmgr.people.models import User
from trialmgr.studies.clock import today
from trialmgr.studies.queries import current_definition


@action("participant.randomised", permission="participants.randomise", site=lambda participant, **_k: participant.site)
def allocate(*, by: User, participant: Participant, idempotency_key: str) -> Allocation:
    """Give the participant the next row of their stratum: exactly one, in order, once.

    Asking again with the same key returns the same allocation. Raises ActionRefused with every reason; nothing is
    consumed then. The stratum's row is locked before anything is checked.
    """
    before: Allocation | None = Allocation.objects.filter(idempotency_key=idempotency_key).first()
    if before is not None:
        policies.check_asked_for(before, participant)
        record(object_type="participant", object_id=participant.number, **_place(participant), new="asked again")
        return before
    listed, stratum, levels = _locked_stratum(participant)
    participant = Participant.objects.select_for_update(of=("self",)).select_related("site").get(pk=participant.pk)
    policies.check_allocatable(participant)
    allocation = _take(listed, stratum, participant, levels, idempotency_key, by)
    definition = current_definition()
    phase = next(phase.key for phase in definition.phases if phase.opens == "allocation")
    on = today()
    participant = enrol(by=by, participant=participant, phase=phase, on=on)
    open_visits(participant=participant, phase=phase, arm=allocation.arm)
    _note_allocation(allocation)
    return allocation


def _locked_stratum(participant: Participant) -> tuple[RandomizationList, Stratum, dict[str, str]]:
    """The stratum's row, locked before anything is checked: two requests for one stratum go one after the other."""
    listed = policies.active_list()
    if listed is None:
        raise ActionRefused(*policies.reasons_not_allocatable(participant))
    levels = policies.levels_of(participant, listed)
    if not all(levels.values()):
        raise ActionRefused(*policies.reasons_not_allocatable(participant))
    stratum = Stratum.objects.select_for_update().filter(list=listed, key=policies.stratum_key(levels)).first()
    if stratum is None or stratum.used >= stratum.length:
        # Neutral on purpose: how many rows a stratum holds is for the unblinded statistician.
        raise ActionRefused(_("Randomisation is not possible now. The trial statistician has to extend the list."))
    return listed, stratum, levels


def _take(
    listed: RandomizationList,
    stratum: Stratum,
    participant: Participant,
    levels: dict[str, str],
    idempotency_key: str,
    by: User,
) -> Allocation:
    row = ListRow.objects.get(stratum=stratum, position=stratum.used + 1)
    key = sealing.load_key(settings.TRIALMGR_LIST_KEY)
    arm = sealing.open_row(key, str(listed.number), stratum.key, row.position, bytes(row.sealed))
    stratum.used = row.position
    stratum.save()
    allocation = Allocation(
        participant=participant,
        row=row,
        arm=arm,
        levels=levels,
        idempotency_key=idempotency_key,
        allocated_at=timezone.now(),
        allocated_by=by.actor_name,
    )
    allocation.save()
    return allocation


def _note_allocation(allocation: Allocation) -> None:
    """Two entries: everybody may read that there was an allocation; the arm stands in the restricted one."""
    participant = allocation.participant
    place = _place(participant)
    record(object_type="participant", object_id=participant.number, new="allocated", **place)
    record(
        object_type="allocation",
        object_id=participant.number,
        item="arm",
        new=allocation.arm,
        detail={"stratum": allocation.row.stratum.key, "position": allocation.row.position},
        restricted=True,
        **place,
    )


def _place(participant: Participant) -> dict[str, str]:
    return {"site": participant.site.code, "participant": participant.number}
