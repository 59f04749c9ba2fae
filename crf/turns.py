"""Whose turn a query is: who answers it, who judges the answer, to whom it is assigned, and which comes next."""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import Case, IntegerField, Q, Value, When
from django.utils.translation import gettext_lazy as _

from crf.models import QUERY_TRANSITIONS, Query, QueryQuerySet, QueryStatus, on_visit
from trialmgr.people.models import Membership, User
from trialmgr.people.permissions import PERMISSIONS, Role
from trialmgr.people.queries import holders_of, with_roles
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

_ASKED = {status: STEPS[step][1] for status, step in ((QueryStatus.OPEN, "answer"), (QueryStatus.ANSWERED, "close"))}

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
    """Open queries on forms that this person enters, on visits that this person plans, and those assigned to them."""
    definition = current_definition()
    sight = user.sight(definition)
    mine = _NONE
    for held in user.memberships_now:
        entered = [form.key for form in definition.forms if sight.form(form) and held.role in form.entered_by]
        here = Q(entry__form_key__in=entered) | Q(form_key__in=entered)
        if "visits.plan" in PERMISSIONS[Role(held.role)]:
            here |= Q(visit__isnull=False, form_key="")
        mine |= here & _at(held)
    return _standing(user, QueryStatus.OPEN).filter(mine | Q(pk__in=assigned_to(user).values("pk")))


def to_close(user: User) -> QueryQuerySet:
    """Answered queries, for whoever judges the answers."""
    return _standing(user, QueryStatus.ANSWERED).filter(_where(user, "queries.close"))


def waiting_for(user: User) -> QueryQuerySet:
    """All that is this person's own turn."""
    return to_answer(user) | to_close(user)


def own_first(user: User, rows: QueryQuerySet) -> QueryQuerySet:
    """Those assigned to this person, those assigned to nobody, the others; the oldest of each first."""
    ranks = [When(assigned_to=user, then=Value(0)), When(assigned_to=None, then=Value(1))]
    found: QueryQuerySet = rows.annotate(whose=Case(*ranks, default=Value(2), output_field=IntegerField()))
    return found.order_by("whose", "raised_at", "pk")


def next_query(user: User, after: Query) -> Query | None:
    """The one to go on with: as ``own_first`` has it, of each the first raised after this one, else the oldest."""
    rows = own_first(user, waiting_for(user).exclude(pk=after.pk))
    first: Any = rows.first()
    if first is None:
        return None
    later = Q(raised_at__gt=after.raised_at) | Q(raised_at=after.raised_at, pk__gt=after.pk)
    found: Query = rows.filter(later, whose=first.whose).first() or first
    return found


def in_turn(user: User) -> QueryQuerySet:
    """Queries that this person sees and may deal with as they stand now."""
    mine = _NONE
    for status, permission in _ASKED.items():
        mine |= Q(status=status.value) & _where(user, permission)
    rows: QueryQuerySet = Query.objects.for_user(user).counted().filter(mine)
    return rows


def assigned_to(user: User) -> QueryQuerySet:
    """Those that this person is to deal with, as far as they still can."""
    return in_turn(user).filter(assigned_to=user).order_by()


def takers(queries: Sequence[Query]) -> dict[int, list[User]]:
    """By query, whom it may be assigned to: those whose turn it is and who see it, in a fixed number of statements."""
    sites = {None, *(query.of_visit.participant.site_id for query in queries)}
    holders = with_roles(holders_of(*_ASKED.values()))
    people = [one for one in holders if any(held.site_id in sites for held in one.memberships_now)]
    known = {person.pk: person for person in people}
    found: dict[int, list[User]] = defaultdict(list)
    for query, person in _pairs([in_turn(person) for person in people], people, queries):
        found[query].append(known[person])
    return {query: sorted(users, key=lambda user: user.actor_name) for query, users in found.items()}


def with_assignees(queries: Iterable[Query]) -> list[Query]:
    """Each knows who is to deal with it: nobody, where the person to whom it was assigned no longer can."""
    found = list(queries)
    named = {query.assigned_to_id for query in found if query.assigned_to_id}
    people = with_roles(User.objects.filter(pk__in=named)) if named else []
    known = {person.pk: person for person in people}
    rows = [in_turn(person).filter(assigned_to=person) for person in people]
    standing = {query: known[person] for query, person in _pairs(rows, people, found)}
    for query in found:
        query.assignee = standing.get(query.pk)
    return found


def _pairs(rows: Sequence[QueryQuerySet], people: Sequence[User], queries: Iterable[Query]) -> list[tuple[int, int]]:
    """Of these queries and people, which query is among the rows of which person; asked at once for all."""
    keys = [query.pk for query in queries]
    if not rows or not keys:
        return []
    each = [
        found.filter(pk__in=keys).order_by().annotate(person=Value(person.pk)).values_list("pk", "person")
        for found, person in zip(rows, people, strict=True)
    ]
    return list(each[0].union(*each[1:], all=True))


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
