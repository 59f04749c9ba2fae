"""Whose turn a query is: who answers it, who judges the answer, and which of theirs comes next."""

from __future__ import annotations

import enum

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from crf.models import QUERY_TRANSITIONS, Query, QueryQuerySet, QueryStatus, on_visit
from trialmgr.people.models import Membership, User
from trialmgr.people.permissions import PERMISSIONS, Role
from trialmgr.studies.queries import current_definition


class Turn(enum.StrEnum):
    SITE = "site"
    REVIEW = "review"


TURN_LABELS = {Turn.SITE: _("Site"), Turn.REVIEW: _("Monitor or data manager")}
TURNS = {QueryStatus.OPEN: Turn.SITE, QueryStatus.ANSWERED: Turn.REVIEW}
"""Of a closed query it is nobody's."""
STATUS_OF = {turn: status for status, turn in TURNS.items()}

# What a person does with a query -> (act, permission).
STEPS = {
    "answer": ("query.answered", "queries.answer"),
    "close": ("query.closed", "queries.close"),
    "reopen": ("query.reopened", "queries.close"),
}

_NONE = Q(pk__in=())


def steps(user: User, query: Query) -> list[str]:
    """What this person may do with the query in its state."""
    site = query.of_visit.participant.site
    return [
        name
        for name, (act, permission) in STEPS.items()
        if query.state in QUERY_TRANSITIONS[act][0] and user.may(permission, site=site)
    ]


def to_answer(user: User) -> QueryQuerySet:
    """Open queries on forms that this person enters, and on visits that this person plans."""
    definition = current_definition()
    sight = user.sight(definition)
    mine = _NONE
    for held in user.memberships_now:
        entered = [form.key for form in definition.forms if sight.form(form) and held.role in form.entered_by]
        here = Q(entry__form_key__in=entered) | Q(form_key__in=entered)
        if "visits.plan" in PERMISSIONS[Role(held.role)]:
            here |= Q(visit__isnull=False, form_key="")
        mine |= here & _at(held)
    return _standing(user, QueryStatus.OPEN).filter(mine)


def to_close(user: User) -> QueryQuerySet:
    """Answered queries, for whoever judges the answers."""
    return _standing(user, QueryStatus.ANSWERED).filter(_where(user, "queries.close"))


def waiting_for(user: User) -> QueryQuerySet:
    """All that is this person's own turn."""
    return to_answer(user) | to_close(user)


def next_query(user: User, after: Query) -> Query | None:
    """The one to go on with: the first raised after this one, else the oldest."""
    rows = waiting_for(user).exclude(pk=after.pk).order_by("raised_at", "pk")
    later = rows.filter(Q(raised_at__gt=after.raised_at) | Q(raised_at=after.raised_at, pk__gt=after.pk))
    return later.first() or rows.first()


def _standing(user: User, status: QueryStatus) -> QueryQuerySet:
    rows: QueryQuerySet = Query.objects.for_user(user).counted().filter(status=status.value)
    return rows


def _where(user: User, permission: str) -> Q:
    """Queries where this person holds the permission."""
    where = _NONE
    for held in user.memberships_now:
        if permission in PERMISSIONS[Role(held.role)]:
            where |= _at(held)
    return where


def _at(held: Membership) -> Q:
    """Queries where a role counts; of a role for the whole trial, all."""
    return on_visit(participant__site=held.site_id) if held.site_id is not None else Q(pk__isnull=False)
