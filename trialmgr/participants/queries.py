from __future__ import annotations

from django.shortcuts import get_object_or_404

from trialmgr.participants.models import Participant
from trialmgr.people.models import User


def participant_for(user: User, number: str, *, permission: str | None = None) -> Participant:
    """A participant of the user's sites, or 404; 403 where the user lacks ``permission`` at that site."""
    participant: Participant = get_object_or_404(
        Participant.objects.for_user(user).select_related("site"), number=number
    )
    if permission is not None:
        user.check_may(permission, site=participant.site)
    return participant
