"""Breaking the code of one participant in an emergency. Source: ICH E6(R3) 2.8.4 and 4.1; ICH E2A III.D.

It works when the study is locked, when mail is down, and for a blinded person, who is unblinded from then on.
"""

from __future__ import annotations

import datetime

from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.actions import action
from audit.acts import record
from randomization.actions.allocations import place_of
from randomization.models import Allocation, CodeBreak, RandomizationList
from randomization.policies.code_breaks import check_breakable, check_not_noticed
from randomization.policies.frames import check_reason
from trialmgr.participants.models import Participant
from trialmgr.people.actions import note_unblinding
from trialmgr.people.emails import send_email
from trialmgr.people.models import User
from trialmgr.people.queries import unblinded_holders

SAME_EMERGENCY = datetime.timedelta(minutes=10)


@action(
    "code.broken",
    permission="allocation.break",
    site=lambda participant, **_k: participant.site,
    works_when_locked=True,
)
def break_code(*, by: User, participant: Participant, reason: str) -> Allocation:
    """The allocation, told to one person for one reason. The sponsor's unblinded roles get notice, without the arm."""
    check_reason(reason)
    allocation = check_breakable(participant)
    place = place_of(participant)
    if _was_just_broken(participant, by):
        record(object_type="code break", object_id=participant.number, new="asked again", restricted=True, **place)
        return allocation
    number = _next_number()
    CodeBreak(participant=participant, number=number, broken_at=timezone.now(), broken_by=by, reason=reason).save()
    record(object_type="code break", object_id=str(number), new="broken", restricted=True, **place)
    note_unblinding(by=by, reason=reason)
    people = unblinded_holders("breaks.view", participant.site)
    send_email([user for user in people if user != by], _BROKEN, _BROKEN_TEXT)
    return allocation


def _was_just_broken(participant: Participant, by: User) -> bool:
    """Sent twice: one emergency, one entry in the log."""
    since = timezone.now() - SAME_EMERGENCY
    return CodeBreak.objects.filter(participant=participant, broken_by=by, broken_at__gte=since).exists()


@action("code_break.noticed", permission="breaks.notice", works_when_locked=True)
def notice_code_break(*, by: User, broken: CodeBreak) -> CodeBreak:
    """The sponsor knows of it."""
    broken = CodeBreak.objects.select_for_update(of=("self",)).select_related("participant__site").get(pk=broken.pk)
    check_not_noticed(broken)
    broken.noticed_at, broken.noticed_by = timezone.now(), by
    broken.save()
    place = place_of(broken.participant)
    record(
        object_type="code break", object_id=str(broken.number), old="broken", new="noticed", restricted=True, **place
    )
    return broken


def _next_number() -> int:
    """One after the other: two emergencies at once wait for each other at the first list, which is always there."""
    RandomizationList.objects.select_for_update().order_by("pk").first()
    return (CodeBreak.objects.aggregate(newest=Max("number"))["newest"] or 0) + 1


_BROKEN = _("A code was broken")

_BROKEN_TEXT = _(
    "The code of a participant was broken in an emergency. Sign in and open the log of code breaks to read who did "
    "so, when and why, and to note that the sponsor knows."
)
