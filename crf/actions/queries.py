from __future__ import annotations

from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.actions import action, itself
from audit.acts import ActionRefused
from crf.actions.trail import item_reveals, note_entry
from crf.models import QUERY_TRANSITIONS, FormEntry, Query, QueryMessage, QueryStatus
from crf.policies import check_query_transition, check_unchanged, lock_casebook
from trialmgr.people.models import Site, User
from trialmgr.protocol.model import Form, Text


def _site(query: Query, **_kwargs: object) -> Site:
    return query.entry.visit.participant.site


@action("query.raised", permission="queries.raise", site=lambda entry, **_k: entry.visit.participant.site, makes=itself)
def raise_query(*, by: User, entry: FormEntry, item: str, text: str) -> Query:
    """A question about one item, by a monitor or data manager."""
    _check_text(text)
    check_unchanged(entry)
    if not entry.form.has_item(item):
        raise ActionRefused(_("There is no item “%(item)s” on this form.") % {"item": item})
    last = entry.queries.aggregate(last=Max("number"))["last"] or 0
    query = opened(entry, entry.form, item, last + 1)
    query.save()
    said(query, "query.raised", by, text).save()
    return query


@action("query.answered", permission="queries.answer", site=_site, makes=itself)
def answer_query(*, by: User, query: Query, text: str) -> Query:
    return _move(query, "query.answered", by, text)


@action("query.closed", permission="queries.close", site=_site, makes=itself)
def close_query(*, by: User, query: Query, text: str) -> Query:
    return _move(query, "query.closed", by, text)


@action("query.reopened", permission="queries.close", site=_site, makes=itself)
def reopen_query(*, by: User, query: Query, text: str) -> Query:
    return _move(query, "query.reopened", by, text)


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
    note_entry(
        query.entry,
        action=transition,
        item=query.item,
        new=written,
        detail={"query": query.number, "check": query.check_key},
        restricted=query.reveals_allocation,
        cause=cause,
    )
    return QueryMessage(query=query, at=timezone.now(), by=by.actor_name, text=written, check_texts=texts)


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
    lock_casebook(query.entry.visit.participant_id)
    query.refresh_from_db(fields=["status", "closed_at"])
