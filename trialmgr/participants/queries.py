from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from itertools import combinations

from django.shortcuts import get_object_or_404

from trialmgr.participants.models import DifferentPerson, IdentityMark, Participant, ParticipantQuerySet
from trialmgr.participants.states import Status
from trialmgr.people.models import User


def participant_for(user: User, number: str, *, permission: str | None = None) -> Participant:
    """A participant of the user's sites, or 404; 403 where the user lacks ``permission`` at that site."""
    participant: Participant = get_object_or_404(Participant.every.for_user(user).select_related("site"), number=number)
    if permission is not None:
        user.check_may(permission, site=participant.site)
    return participant


def participants_for(user: User, status: object = "") -> ParticipantQuerySet:
    """Those of the user's sites; voided registrations only for who asks for that status."""
    rows = Participant.every if status == Status.VOIDED else Participant.objects
    found: ParticipantQuerySet = rows.for_user(user)
    return found


def seen_twice(participants: Collection[Participant]) -> set[int]:
    """The keys of those for whom ``policies.same_person`` finds somebody, in two database queries."""
    own = IdentityMark.objects.filter(participant__in=participants)
    alike = IdentityMark.objects.filter(mark__in=own.values("mark"))
    by_mark: dict[str, set[int]] = defaultdict(set)
    for mark, pk, status in alike.values_list("mark", "participant", "participant__status"):
        by_mark[mark] |= set() if status in (Status.SCREEN_FAILURE, Status.VOIDED) else {pk}
    apart = {frozenset(pair) for pair in DifferentPerson.objects.values_list("participant", "other")}
    pairs = (pair for holders in by_mark.values() for pair in combinations(sorted(holders), 2))
    return {pk for pair in pairs if frozenset(pair) not in apart for pk in pair}
