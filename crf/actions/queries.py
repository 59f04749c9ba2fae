from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from django.db.models import Max, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.actions import action, itself
from audit.acts import ActionRefused
from audit.many import Many, each
from crf.actions.trail import item_reveals, note_query
from crf.models import QUERY_TRANSITIONS, FormEntry, Query, QueryMessage, QueryStatus, Visit
from crf.policies import (
    check_assignable,
    check_form_awaited,
    check_query_transition,
    check_unchanged,
    lock_casebook,
    lock_visit,
)
from trialmgr.people.models import Site, User
from trialmgr.protocol.model import Form, Text
from trialmgr.studies.queries import current_definition


def _site(query: Query, **_kwargs: object) -> Site:
    return query.of_visit.participant.site


@action("query.raised", permission="queries.raise", site=lambda entry, **_k: entry.visit.participant.site, makes=itself)
def raise_query(*, by: User, entry: FormEntry, item: str, text: str) -> Query:
    """A question about one item, asked now or not, by a monitor or data manager.

    An item out of sight is refused in the same words as one that does not exist.
    """
    _check_text(text)
    check_unchanged(entry)
    form = entry.form
    if not form.has_item(item) or not by.sight(current_definition()).item(form.item(item)):
        raise ActionRefused(_("There is no item “%(item)s” on this form.") % {"item": item})
    return _raise(opened(entry, form, item, _next_number(entry.queries.all())), by, text)


@action(
    "query.raised_on_form", permission="queries.raise", site=lambda visit, **_k: visit.participant.site, makes=itself
)
def raise_query_on_form(*, by: User, visit: Visit, form_key: str, text: str) -> Query:
    """A question about a form that was not entered, or about rows that a form with rows does not have."""
    _check_text(text)
    lock_visit(visit)
    form = check_form_awaited(visit, form_key)
    reveals = visit.reveals_allocation or form.reveals_allocation
    number = _next_number(visit.queries.filter(form_key=form_key))
    query = Query(visit=visit, form_key=form_key, number=number, reveals_allocation=reveals, raised_at=timezone.now())
    return _raise(query, by, text)


@action(
    "query.raised_on_visit", permission="queries.raise", site=lambda visit, **_k: visit.participant.site, makes=itself
)
def raise_query_on_visit(*, by: User, visit: Visit, text: str) -> Query:
    """A question about a visit as a whole: its day, or why it did not take place."""
    _check_text(text)
    lock_visit(visit)
    number = _next_number(visit.queries.filter(form_key=""))
    query = Query(visit=visit, number=number, reveals_allocation=visit.reveals_allocation, raised_at=timezone.now())
    return _raise(query, by, text)


@action("query.answered", permission="queries.answer", site=_site, makes=itself)
def answer_query(*, by: User, query: Query, text: str) -> Query:
    return _move(query, "query.answered", by, text)


@action("query.closed", permission="queries.close", site=_site, makes=itself)
def close_query(*, by: User, query: Query, text: str) -> Query:
    return _move(query, "query.closed", by, text)


@action("queries.closed", permission="queries.close", makes=lambda done: done.made[0])
def close_queries(*, by: User, chosen: Iterable[tuple[str, Query]], text: str) -> Many[Query]:
    """Each with what it is called, and with the same message; what is refused is named and left out."""
    ordered = sorted(chosen, key=lambda one: one[1].of_visit.participant_id)
    return each((name, partial(close_query, by=by, query=query, text=text)) for name, query in ordered)


@action("query.reopened", permission="queries.close", site=_site, makes=itself)
def reopen_query(*, by: User, query: Query, text: str) -> Query:
    return _move(query, "query.reopened", by, text)


@action("query.assigned", permission="queries.assign", site=_site, makes=itself)
def assign_query(*, by: User, query: Query, to: User | None) -> Query:
    """Somebody is to deal with it; ``to``: None for nobody in particular."""
    _lock(query)
    check_assignable(query, to)
    old, query.assigned_to = query.assigned_to, to
    query.save()
    names = {"old": old.username if old else None, "new": to.username if to else None}
    detail = {"query": query.number, "check": query.check_key}
    note_query(query, action="query.assigned", detail=detail, **names)
    return query


def opened(entry: FormEntry, form: Form, item: str, number: int, check_key: str = "") -> Query:
    """A query that is not stored yet."""
    return Query(
        entry=entry,
        number=number,
        item=item,
        check_key=check_key,
        reveals_allocation=item_reveals(entry, form, item),
        raised_at=timezone.now(),
    )


def moved(query: Query, transition: str) -> Query:
    """The query in its new state, which is not stored yet."""
    query.status = QUERY_TRANSITIONS[transition][1].value
    query.closed_at = timezone.now() if query.state is QueryStatus.CLOSED else None
    return query


def said(query: Query, transition: str, by: User, text: str | Text, cause: str = "") -> QueryMessage:
    """A message that is not stored yet, and its line in the ledger.

    ``text``: a person's, or a check's in both languages; then ``by`` is whose act made it speak.
    """
    texts = {} if isinstance(text, str) else {"nl": text.nl, "en": text.en}
    written = text if isinstance(text, str) else f"{text.nl} / {text.en}"
    detail = {"query": query.number, "check": query.check_key}
    note_query(query, action=transition, new=written, detail=detail, cause=cause)
    return QueryMessage(query=query, at=timezone.now(), by=by.actor_name, text=written, check_texts=texts)


def _raise(query: Query, by: User, text: str) -> Query:
    query.save()
    said(query, "query.raised", by, text).save()
    return query


def _next_number(beside: QuerySet[Query]) -> int:
    return (beside.aggregate(last=Max("number"))["last"] or 0) + 1


def _move(query: Query, transition: str, by: User, text: str) -> Query:
    _check_text(text)
    _lock(query)
    check_query_transition(query, transition)
    moved(query, transition).save()
    said(query, transition, by, text).save()
    return query


def _check_text(text: str) -> None:
    if not text.strip():
        raise ActionRefused(_("Write what you want to say."))


def _lock(query: Query) -> None:
    """The query as it stands now; its casebook is held until the act ends."""
    lock_casebook(query.of_visit.participant_id)
    query.refresh_from_db(fields=["status", "closed_at", "assigned_to"])
