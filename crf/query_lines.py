"""The list of queries: which are shown, in which order, and each in words."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.db.models import Case, F, IntegerField, OuterRef, Q, Subquery, Value, When
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce, Length
from django.utils.text import Truncator
from django.utils.timezone import localdate
from django.utils.translation import gettext as _

from crf.layout.boxes import item_label
from crf.layout.fields import shown_value
from crf.models import FormEntry, Query, QueryMessage, QueryQuerySet, QueryStatus, of_query
from crf.places import spoken
from crf.queries import query_at, unclosed_queries, with_definitions
from crf.turns import STATUS_OF, TURN_LABELS, TURNS, Turn, assigned_to, waiting_for, with_assignees
from trialmgr.people.models import User
from trialmgr.studies.clock import today
from trialmgr.studies.queries import current_definition

OLDEST_FIRST = "-age"
MINE = "mine"
CHECK, PERSON = "check", "person"
KINDS = {QueryStatus.OPEN: "query", QueryStatus.ANSWERED: "progress", QueryStatus.CLOSED: "done"}
MOST_LETTERS = 160

_FORM = Coalesce("entry__form_key", "form_key")


def filtered(user: User, wanted: Mapping[str, Any]) -> QueryQuerySet:
    """What this person sees and asks for; as nothing else is asked for, those that are not closed."""
    rows = Query.objects.for_user(user).counted() if wanted.get("status") else unclosed_queries(user)
    for name, condition in _CONDITIONS.items():
        if wanted.get(name):
            rows = rows.filter(condition(wanted[name]))
    if wanted.get("assigned"):
        rows = rows.filter(pk__in=assigned_to(user).values("pk"))
    if wanted.get("turn") == MINE:
        rows = rows.filter(pk__in=waiting_for(user).order_by().values("pk"))
    found: QueryQuerySet = rows
    return found


def _of_turn(turn: str) -> Q:
    return Q() if turn == MINE else Q(status=STATUS_OF[Turn(turn)].value)


def _of_site(code: str) -> Q:
    return Q(entry__visit__participant__site__code=code) | Q(visit__participant__site__code=code)


def _of_author(kind: str) -> Q:
    return Q(check_key="") if kind == PERSON else ~Q(check_key="")


def _older_than(days: int) -> Q:
    """Raised so many days ago, or more."""
    day = today() - datetime.timedelta(days=days)
    return Q(raised_at__date__lte=day)


_CONDITIONS: dict[str, Callable[[Any], Q]] = {
    "status": lambda status: Q(status=status),
    "site": _of_site,
    "turn": _of_turn,
    "author": _of_author,
    "form": lambda key: Q(entry__form_key=key) | Q(entry=None, form_key=key),
    "days": _older_than,
}


def in_order(rows: QueryQuerySet, sort: str) -> QueryQuerySet:
    """By one of ``SORTS``, with a minus the other way round; equals by age."""
    name = sort.removeprefix("-")
    if name not in SORTS:
        return in_order(rows, OLDEST_FIRST)
    rows = rows.alias(form_asked=_FORM)
    marks = {f"by_{number}": mark for number, mark in enumerate(SORTS[name](rows))}
    turned = sort.startswith("-") is not (name == "age")  # the older, the earlier it was raised
    ordered = [F(mark).desc(nulls_last=True) if turned else F(mark).asc(nulls_last=True) for mark in marks]
    found: QueryQuerySet = rows.alias(**marks).order_by(*ordered, "raised_at", "pk")
    return found


def _by_participant(_rows: QueryQuerySet) -> Iterable[Any]:
    number = of_query("participant__number")
    return of_query("participant__site__code"), Length(number), number


def _by_form(_rows: QueryQuerySet) -> Iterable[Any]:
    """By label; a visit as a whole first."""
    forms = sorted(current_definition().forms, key=lambda form: form.label(spoken()).casefold())
    ranks = [When(form_asked=form.key, then=Value(rank)) for rank, form in enumerate(forms, start=1)]
    return (_ranked(ranks),)


def _by_item(rows: QueryQuerySet) -> Iterable[Any]:
    """By label too: there are as many as the study has items, however many queries ask about them."""
    definition = current_definition()
    labels = {}
    for form, item in rows.order_by().values_list(_FORM, "item").distinct():
        known = item and definition.has_form(form) and definition.form(form).has_item(item)
        labels[form, item] = item_label(definition.form(form), item, spoken()) if known else item
    ordered = sorted(labels, key=lambda key: labels[key].casefold())
    ranks = [When(form_asked=form, item=item, then=Value(rank)) for rank, (form, item) in enumerate(ordered)]
    return (_ranked(ranks),)


def _ranked(ranks: list[When]) -> Case:
    return Case(*ranks, default=Value(0), output_field=IntegerField())


def _first_message(field: Any) -> Subquery:
    return Subquery(QueryMessage.objects.filter(query=OuterRef("pk")).order_by("at", "pk").values(said=field)[:1])


def _by_text(_rows: QueryQuerySet) -> Iterable[Any]:
    return (_first_message(Coalesce(KeyTextTransform(spoken(), "check_texts"), "text")),)


def _by_author(_rows: QueryQuerySet) -> Iterable[Any]:
    return (Case(When(check_key="", then=_first_message(F("by"))), default=Value(_("Edit check"))),)


def _by_turn(_rows: QueryQuerySet) -> Iterable[Any]:
    ranks = [When(status=status.value, then=Value(rank)) for rank, status in enumerate(QueryStatus)]
    return (_ranked(ranks),)


SORTS: dict[str, Callable[[QueryQuerySet], Iterable[Any]]] = {
    "participant": _by_participant,
    "form": _by_form,
    "item": _by_item,
    "text": _by_text,
    "author": _by_author,
    "age": lambda _rows: (F("raised_at"),),
    "turn": _by_turn,
    "assigned": lambda _rows: (F("assigned_to__first_name"), F("assigned_to__last_name")),
    "status": _by_turn,
}


def columns(sort: str) -> list[dict[str, Any]]:
    """Each with the order that a press on it asks for, and the one that stands. Values of different items have none."""
    labels = {
        "participant": _("Participant"),
        "form": _("Visit and form"),
        "item": _("Item"),
        "text": _("Query"),
        "author": _("Raised by"),
        "value": _("Value now"),
        "age": _("Days open"),
        "turn": _("Whose turn"),
        "assigned": _("Assigned to"),
        "status": _("Status"),
    }
    return [{"label": label, **(_sorting(name, sort) if name in SORTS else {})} for name, label in labels.items()]


def orders(sort: str) -> list[tuple[str, str]]:
    """Besides the oldest first: by each column, and as a press on a column asked."""
    labels = {column["sort"].removeprefix("-"): column["label"] for column in columns("") if "sort" in column}
    labels["age"] = _("Age, newest first")
    name = sort.removeprefix("-")
    turned = (
        {sort: _("%(column)s, descending") % {"column": labels[name]}} if sort not in labels and name in labels else {}
    )
    return [(key, label) for key, label in {**labels, **turned}.items() if key != OLDEST_FIRST]


def _sorting(name: str, sort: str) -> dict[str, Any]:
    stands = {name: "ascending", f"-{name}": "descending"}.get(sort, "")
    return {"sort": f"-{name}" if stands == "ascending" else name, "sorted": stands}


def lines(queries: list[Query]) -> list[list[dict[str, Any]]]:
    with_definitions(query.of_visit for query in queries)
    with_assignees(queries)
    labels = [column["label"] for column in columns("")]
    return [[cell | {"label": label} for cell, label in zip(_line(query), labels, strict=True)] for query in queries]


def _line(query: Query) -> list[dict[str, Any]]:
    visit, first = query.of_visit, query.messages.all()[0]
    number = visit.participant.number
    turn = TURNS.get(query.state)
    return [
        {"text": number},
        {"text": " · ".join(filter(None, [visit.label(spoken()), _form_of(query)]))},
        {"text": about(query)},
        {"text": Truncator(first.shown(spoken())).chars(MOST_LETTERS), "url": query_at(query), "about": number},
        {"text": _("Edit check") if query.check_key else first.by},
        {"text": value_of(query.entry, query.item) or None if query.entry else None},
        {"text": days_open(query), "numeric": True},
        {"text": TURN_LABELS[turn] if turn else None},
        {"text": query.assignee.actor_name if query.assignee else _("nobody")},
        {"text": query.get_status_display(), "kind": KINDS[query.state]},
    ]


def _form_of(query: Query) -> str:
    if query.entry is not None:
        return query.entry.form.label(spoken())
    return current_definition().form(query.form_key).label(spoken()) if query.form_key else ""


def about(query: Query) -> str:
    """What it is about, in words."""
    if query.entry is None:
        return _("The form as a whole") if query.form_key else _("The visit as a whole")
    form = query.entry.form
    return item_label(form, query.item, spoken()) if form.has_item(query.item) else query.item


def days_open(query: Query) -> int:
    """Until it was closed."""
    last = localdate(query.closed_at) if query.closed_at else today()
    return max((last - localdate(query.raised_at)).days, 0)  # a demo plays an earlier day than the server has


def value_of(entry: FormEntry, item: str) -> str:
    """What stands now, asked or not, or the reason why there is nothing; "" for neither."""
    form, definition = entry.form, entry.study_version.definition
    values, missing = entry.boxes
    reasons = {reason.code: reason.label(spoken()) for reason in definition.missing_reasons.items}
    code = missing.get(item, "")
    value = values.get(item, "") if form.has_item(item) else ""  # a later version may have dropped it
    return (shown_value(definition, form.item(item), value, spoken()) if value else "") or reasons.get(code, code)
