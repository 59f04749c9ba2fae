"""The list behind a figure as a page shows it: columns, orders, and a row for each thing."""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.db.models.functions import Length
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crf.figures import Figure, Figures, Rows, age, is_of_participants, is_of_queries, is_of_visits
from crf.layout.boxes import item_label
from crf.models import FormEntry, Query, Verification, Visit, of_query, on_visit
from crf.monitoring import progress_words
from crf.places import spoken
from crf.queries import query_at, with_definitions
from trialmgr.participants.models import Participant, by_number
from trialmgr.protocol.monitoring import Progress
from trialmgr.studies.queries import one_version

Cells = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Column:
    """``order``: how rows are put in order of it; () for a column that gives none."""

    key: str
    label: str | Promise
    order: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """One thing. ``token`` names it as it was when it was looked at, ``name`` in words; ``site``: key of its site.

    ``left``: of an entry, the answers that are still to be verified.
    """

    row: Any
    name: str
    token: str
    site: int
    cells: Cells
    left: tuple[str, ...] = ()


_PARTICIPANT = gettext_lazy("Participant")
_VISIT = gettext_lazy("Visit")
_NUMBER = of_query("participant__number")
_BY_NUMBER = (of_query("participant__site__code"), Length(_NUMBER), _NUMBER)


def columns(figure: Figure) -> tuple[Column, ...]:
    """The first one with an order is that in which the list comes."""
    if is_of_participants(figure):
        return _OF_PARTICIPANTS
    if is_of_visits(figure):
        return _OF_VISITS
    return _OF_QUERIES if is_of_queries(figure) else _OF_ENTRIES


_OF_PARTICIPANTS = (
    Column("participant", _PARTICIPANT, by_number()),
    Column("status", gettext_lazy("Status"), ("status",)),
    Column("registered", gettext_lazy("Registered"), ("registered_on",)),
    Column("entered", gettext_lazy("Randomised"), ("enrolled_on",)),
)
_OF_VISITS = (
    Column("participant", _PARTICIPANT, (*by_number("participant__"), "target_on")),
    Column("visit", _VISIT, ("target_on",)),
    Column("until", gettext_lazy("Until"), ("latest_on",)),
    Column("day", gettext_lazy("Took place"), ("took_place_on",)),
    Column("forms", gettext_lazy("Forms not begun")),
)
_OF_ENTRIES = (
    Column("participant", _PARTICIPANT, (*by_number("visit__participant__"), "visit__target_on")),
    Column("visit", _VISIT, ("visit__target_on",)),
    Column("form", gettext_lazy("Form"), ("form_key",)),
    Column("day", gettext_lazy("Took place"), ("visit__took_place_on",)),
    Column("verified", gettext_lazy("Verified of planned")),
)
_OF_QUERIES = (
    Column("age", gettext_lazy("Age"), ("raised_at",)),
    Column("participant", _PARTICIPANT, _BY_NUMBER),
    Column("visit", _VISIT, (of_query("target_on"),)),
    Column("form", gettext_lazy("Form")),
    Column("item", gettext_lazy("Item")),
    Column("asked", gettext_lazy("What was said last")),
)


def in_order(figure: Figure, rows: Rows, wanted: str) -> tuple[Rows, str]:
    """``wanted``: key of a column, with ``-`` for the other way round. Also gives the order that was taken."""
    orders = {column.key: column.order for column in columns(figure) if column.order}
    key = wanted.removeprefix("-")
    if key not in orders:
        wanted = key = next(iter(orders))
    ordered = rows.order_by(*orders[key], "pk")
    return (ordered.reverse() if wanted.startswith("-") else ordered), wanted


def lines(figures: Figures, figure: Figure, rows: Rows) -> list[Line]:
    """Of some rows of the list, in a number of statements that does not grow with them."""
    with one_version():
        if is_of_participants(figure):
            return [_participant_line(row) for row in rows.select_related("site")]
        if is_of_visits(figure):
            return _visit_lines(figures, rows)
        return _query_lines(figures, rows) if is_of_queries(figure) else _entry_lines(figures, rows)


def _participant_line(row: Participant) -> Line:
    cells: Cells = [
        {"text": row.number, "url": reverse("participants:detail", args=[row.number])},
        {"text": row.get_status_display()},
        {"text": _day(row.registered_on)},
        {"text": _day(row.enrolled_on)},
    ]
    return Line(row, row.number, row.number, row.site_id, cells)


def _day(day: datetime.date | None) -> str | None:
    return date_format(day, "SHORT_DATE_FORMAT") if day else None


def _participant_cell(number: str) -> dict[str, Any]:
    return {"text": number, "url": reverse("participants:detail", args=[number])}


def _visit_cell(visit: Visit) -> dict[str, Any]:
    number = visit.participant.number
    return {"text": visit.label(spoken()), "url": reverse("crf:visit", args=[number, visit.slug]), "about": number}


def _visit_lines(figures: Figures, rows: Rows) -> list[Line]:
    visits = list(rows.select_related("participant__site"))
    with_definitions(visits)
    begun: dict[int, set[str]] = defaultdict(set)
    for visit, form in FormEntry.objects.standing().filter(visit__in=visits).values_list("visit", "form_key"):
        begun[visit].add(form)
    return [_visit_line(figures, visit, begun[visit.pk]) for visit in visits]


def _visit_line(figures: Figures, visit: Visit, begun: set[str]) -> Line:
    seen = (key for key in visit.definition.must_complete if key in figures.plan.sight.forms)
    owed = [figures.definition.form(key).label(spoken()) for key in seen if key not in begun]
    cells = [
        _participant_cell(visit.participant.number),
        _visit_cell(visit),
        {"text": _day(visit.latest_on)},
        {"text": _day(visit.took_place_on)},
        {"text": ", ".join(owed)},
    ]
    return Line(visit, str(visit), str(visit), visit.participant.site_id, cells)


def _entry_lines(figures: Figures, rows: Rows) -> list[Line]:
    entries = list(rows.select_related("visit__participant__site").defer("unasked", "rows_used", "versions_seen"))
    with_definitions(entry.visit for entry in entries)
    verified: dict[int, set[str]] = defaultdict(set)
    standing = Verification.objects.filter(entry__in=entries, stands=True)
    for entry, item in standing.values_list("entry", "item"):
        verified[entry].add(item)
    return [_entry_line(figures, entry, verified[entry.pk]) for entry in entries]


def _entry_line(figures: Figures, entry: FormEntry, verified: set[str]) -> Line:
    visit, number = entry.visit, entry.visit.participant.number
    form = figures.definition.form(entry.form_key)
    label, found = form.label(spoken()), figures.plan.progress(entry, verified, number)
    if form.repeating:
        url = reverse("crf:row", args=[number, visit.slug, form.key, entry.occurrence])
        label = f"{label} {entry.occurrence}"
    else:
        url = reverse("crf:entry", args=[number, visit.slug, form.key])
    cells = [
        _participant_cell(number),
        _visit_cell(visit),
        {"text": label, "url": url, "about": f"{number} {visit.label(spoken())}"},
        {"text": _day(visit.took_place_on)},
        _progress_cell(found),
    ]
    name = f"{number}, {visit.label(spoken())}, {label}"
    token = f"{entry.name}:{figures.plan.mark(entry)}"
    return Line(entry, name, token, visit.participant.site_id, cells, found.left)


def _progress_cell(found: Progress) -> dict[str, Any]:
    if not found.planned:
        return {"text": None}
    text = progress_words(found)
    return {"text": text, "kind": "verified"} if found.is_done else {"text": text}


def _query_lines(figures: Figures, rows: Rows) -> list[Line]:
    related = ("entry__visit__participant__site", "entry__study_version", "visit__participant__site")
    read = rows.select_related(*related).defer("entry__study_version__document").prefetch_related("messages")
    queries: list[Query] = list(read)
    with_definitions(query.of_visit for query in queries)
    return [_query_line(figures, query) for query in queries]


def _item(query: Query) -> str | None:
    if query.entry is None:
        return None
    form = query.entry.form
    return item_label(form, query.item, spoken()) if form.has_item(query.item) else query.item


def _query_line(figures: Figures, query: Query) -> Line:
    visit, said = query.of_visit, list(query.messages.all())
    number, last = visit.participant.number, said[-1]
    form = figures.definition.form(query.of_form).label(spoken()) if query.of_form else _("The visit as a whole")
    days = age(query.raised_at)
    cells = [
        {"text": _("%(n)s d") % {"n": days}, "numeric": True},
        _participant_cell(number),
        _visit_cell(visit),
        {"text": form},
        {"text": _item(query)},
        {"text": f"{last.by}: {last.shown(spoken())}", "url": query_at(query)},
    ]
    name = ", ".join(filter(None, (number, visit.label(spoken()), form, _("Query %(n)s") % {"n": query.number})))
    token = f"{query.name}/{query.number}:{query.status}-{len(said)}"
    return Line(query, name, token, visit.participant.site_id, cells)


def chosen_lines(figures: Figures, figure: Figure, tokens: Collection[str]) -> tuple[list[Line], list[str]]:
    """What these tokens name, and the names of what is no longer there as it was looked at."""
    numbers = {token.partition("/")[0] for token in tokens}
    of_these = {"participant__number__in": numbers}
    at = on_visit(**of_these) if is_of_queries(figure) else Q(visit__participant__number__in=numbers)
    rows, _order = in_order(figure, figures.rows(figure).filter(at), "")
    found = {line.token: line for line in lines(figures, figure, rows)}
    gone = [token.rpartition(":")[0] for token in tokens if token not in found]
    return [line for token, line in found.items() if token in set(tokens)], gone
