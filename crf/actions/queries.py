from __future__ import annotations

import datetime

from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.actions import action
from audit.acts import ActionRefused
from crf.actions.trail import item_reveals, note_entry
from crf.models import QUERY_TRANSITIONS, FormEntry, Query, QueryMessage
from crf.policies import check_query_transition, check_unchanged
from trialmgr.people.models import Site, User
from trialmgr.protocol.model import Form, Text


def _site(query: Query, **_kwargs: object) -> Site:
    return query.entry.visit.participant.site


@action("query.raised", permission="queries.raise", site=lambda entry, **_k: entry.visit.participant.site)
def raise_query(*, by: User, entry: FormEntry, item: str, text: str) -> Query:
    """A question about one item, by a monitor or data manager."""
    _check_text(text)
    check_unchanged(entry)
    if not entry.form.has_item(item):
        raise ActionRefused(_("There is no item “%(item)s” on this form.") % {"item": item})
    return open_query(entry, entry.form, item, text, by)


@action("query.answered", permission="queries.answer", site=_site)
def answer_query(*, by: User, query: Query, text: str) -> Query:
    return _move(query, "query.answered", by, text)


@action("query.closed", permission="queries.close", site=_site)
def close_query(*, by: User, query: Query, text: str) -> Query:
    _check_text(text)
    _lock(query)
    check_query_transition(query, "query.closed")
    return close(query, by, text, timezone.now())


@action("query.reopened", permission="queries.close", site=_site)
def reopen_query(*, by: User, query: Query, text: str) -> Query:
    return _move(query, "query.reopened", by, text)


def open_query(entry: FormEntry, form: Form, item: str, text: str | Text, by: User, check_key: str = "") -> Query:
    """Within an act: the next query of the entry, with its first message."""
    last = entry.queries.aggregate(last=Max("number"))["last"] or 0
    query = Query(
        entry=entry,
        number=last + 1,
        item=item,
        check_key=check_key,
        reveals_allocation=item_reveals(entry, form, item),
        raised_at=timezone.now(),
    )
    query.save()
    _say(query, "query.raised", by, text)
    return query


def close(query: Query, by: User, text: str | Text, at: datetime.datetime) -> Query:
    query.closed_at = at
    query.status = QUERY_TRANSITIONS["query.closed"][1].value
    query.save()
    _say(query, "query.closed", by, text)
    return query


def _move(query: Query, transition: str, by: User, text: str) -> Query:
    _check_text(text)
    _lock(query)
    check_query_transition(query, transition)
    query.closed_at = None
    query.status = QUERY_TRANSITIONS[transition][1].value
    query.save()
    _say(query, transition, by, text)
    return query


def _say(query: Query, action_name: str, by: User, said: str | Text) -> None:
    """``said``: what a person wrote, or what an edit check says in both languages."""
    text, texts = (said, {}) if isinstance(said, str) else (f"{said.nl} / {said.en}", {"nl": said.nl, "en": said.en})
    QueryMessage(query=query, at=timezone.now(), by=by.actor_name, text=text, check_texts=texts).save()
    note_entry(
        query.entry,
        action=action_name,
        item=query.item,
        new=text,
        detail={"query": query.number, "check": query.check_key},
        restricted=query.reveals_allocation,
    )


def _check_text(text: str) -> None:
    if not text.strip():
        raise ActionRefused(_("Write what you want to say."))


def _lock(query: Query) -> None:
    """The query as it stands now, held until the act ends."""
    query.refresh_from_db(from_queryset=Query.objects.select_for_update(of=("self",)))
