"""Queries beside what they are about: what was said, the value and how it came to be, and what a person may do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from django.db.models import prefetch_related_objects
from django.urls import reverse
from django.utils.translation import gettext as _

from crf.layout.boxes import item_label
from crf.layout.threads import AskView, ChangeView, MessageView, PastView, ThreadView
from crf.models import FormEntry, Query, QueryMessage
from crf.places import FormPlace, VisitPlace, spoken
from crf.queries import query_key, query_url
from crf.query_lines import KINDS, about, days_open, value_of
from crf.trail import OF_VALUES, Words, trail_of
from crf.turns import TURN_LABELS, TURNS, steps, takers, waiting_for, with_assignees

NEWEST_CHANGES = 3
WHOLE = "*"
"""Asked for in the place of an item: the form, or the visit, as a whole."""
ASK = "ask"


class Named(NamedTuple):
    """What the address of a page asks for: a box to raise a query in, and a query that may be closed by now."""

    ask: str = ""
    query: str = ""
    form_query: str = ""

    def holds(self, query: Query) -> bool:
        is_of_form = query.entry_id is None and query.form_key != ""
        return str(query.number) == (self.form_query if is_of_form else self.query)


NOTHING = Named()


def named(address: Mapping[str, str]) -> Named:
    return Named(*(address.get(name, "") for name in Named._fields))


def threads_of(place: VisitPlace, queries: Sequence[Query]) -> list[ThreadView]:
    """Those on one entry, on one form as a whole or on one visit, in as many statements for many as for one."""
    if not queries:
        return []
    prefetch_related_objects(queries, "messages")
    with_assignees(queries)
    offered = takers(queries) if place.may("queries.assign") else None
    waiting = set(waiting_for(place.user).order_by("raised_at", "pk").values_list("pk", flat=True)[:2])
    entry = next((query.entry for query in queries if query.entry), None)
    asked = {query.item for query in queries if query.entry}
    pasts = past_of(place, entry, asked) if entry and isinstance(place, FormPlace) else {}
    threads = [_thread(place, query, pasts.get(query.item, PastView()), waiting) for query in queries]
    if offered is None:
        return threads
    choices = [tuple((user.username, user.actor_name) for user in offered.get(query.pk, ())) for query in queries]
    return [replace(thread, takers=names or None) for thread, names in zip(threads, choices, strict=True)]


def _thread(place: VisitPlace, query: Query, past: PastView, waiting: set[int]) -> ThreadView:
    turn = TURNS.get(query.state)
    return ThreadView(
        key=query_key(query),
        about=about(query),
        url=query_url(query),
        past=past,
        number=query.number,
        status=query.get_status_display(),
        kind=KINDS[query.state],
        turn=str(TURN_LABELS[turn]) if turn else "",
        days=days_open(query),
        messages=tuple(_said(message) for message in query.messages.all()),
        acts=tuple(steps(place.user, query)),
        has_next=bool(waiting - {query.pk}),
        assignee=query.assignee.actor_name if query.assignee else "",
    )


def _said(message: QueryMessage) -> MessageView:
    by = _("Edit check, when %(name)s saved the form") % {"name": message.by} if message.check_texts else message.by
    return MessageView(by, message.at, message.shown(spoken()))


def ask_about(place: FormPlace, entry: FormEntry, item: str) -> AskView:
    """The box in which a query about an item is raised, with the value and how it came to be."""
    url = place.row_url("raise_query", entry.occurrence, item)
    past = past_of(place, entry, {item})[item]
    return AskView(key=ASK, about=item_label(place.form, item, spoken()), url=url, past=past)


def ask_about_form(place: FormPlace) -> AskView:
    keys = [place.participant.number, place.visit.slug, place.form.key]
    return AskView(key=ASK, about=_("The form as a whole"), url=reverse("crf:raise_form_query", args=keys))


def ask_about_visit(place: VisitPlace) -> AskView:
    keys = [place.participant.number, place.visit.slug]
    return AskView(key=ASK, about=_("The visit as a whole"), url=reverse("crf:raise_visit_query", args=keys))


def past_of(place: FormPlace, entry: FormEntry, items: Collection[str]) -> dict[str, PastView]:
    """By item, what this person may read of it."""
    row, found = entry.occurrence, defaultdict[str, list[ChangeView]](list)
    words = Words(place.definition, spoken(), {place.form.key: place.form})
    lines = trail_of(place, row).filter(item__in=items, action__in=OF_VALUES)
    for line in lines.order_by("-seq"):
        old, new = words.values(line)
        found[line.item].append(ChangeView(line.at, line.actor, old, new, line.reason))
    return {
        item: PastView(
            value=value_of(entry, item),
            changes=tuple(found[item][:NEWEST_CHANGES]),
            history_url=place.row_url("item_history", row, item) if place.form.has_item(item) else "",
        )
        for item in items
    }
