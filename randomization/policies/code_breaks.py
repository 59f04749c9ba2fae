"""Code breaks: is there a code to break, and does the sponsor know already?"""

from __future__ import annotations

from django.utils.translation import gettext as _

from audit.acts import ActionRefused
from randomization.models import Allocation, CodeBreak
from trialmgr.participants.models import Participant


def check_breakable(participant: Participant) -> Allocation:
    allocation: Allocation | None = (
        Allocation.objects.filter(participant=participant).select_related("participant__site").first()
    )
    if allocation is None:
        raise ActionRefused(_("The participant has not been randomised: there is no code to break."))
    return allocation


def check_not_noticed(broken: CodeBreak) -> None:
    if broken.noticed_at is not None:
        raise ActionRefused(_("This code break has been acknowledged already."))
