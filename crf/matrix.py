"""The casebook on one screen: forms down, visits across, and in each cell a state that leads to the form.

A form that the study has at one visit only stands in a list beside the matrix; a visit that returns (the sessions of an
arm) is folded into one strip; running logs are a line of links. All of it within the sight of who reads.
"""

from __future__ import annotations

import datetime
import enum
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby
from operator import attrgetter

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from crf.casebook import Book, Tag, read_book, visit_tag
from crf.models import EntryStatus, FormEntry, Verification, Visit
from crf.monitoring import Plan, progress_words
from crf.places import CasebookPlace, spoken
from trialmgr.participants.queries import form_for
from trialmgr.protocol.model import Form, StudyDefinition, VisitDefinition
from trialmgr.protocol.monitoring import Progress
from trialmgr.studies.clock import today

MOST_AHEAD = 4
WIDE = 17
"""Columns up to which a wide screen has room for the names of visits as they are."""


class Show(enum.StrEnum):
    """Which cells are shown."""

    ALL = "all"
    MINE = "mine"
    OPEN = "open"
    UNVERIFIED = "unverified"


SHOW_LABELS: dict[Show, str | Promise] = {
    Show.ALL: gettext_lazy("All forms"),
    Show.MINE: gettext_lazy("Mine"),
    Show.OPEN: gettext_lazy("Open"),
    Show.UNVERIFIED: gettext_lazy("Not verified"),
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One form of one visit. ``shows``: under which switches it is seen. ``rows``: of a repeating form.

    ``verified``: how far, in words, where some of what is planned is verified and some is not.
    """

    form: str
    visit: str
    tag: Tag
    url: str
    queries: int
    is_frozen: bool
    shows: frozenset[Show]
    rows: int = 0
    verified: str = ""

    @property
    def name(self) -> str:
        return f"{self.form}, {self.visit}: {self.state}"

    @property
    def state(self) -> str:
        """In words, with all that the symbol leaves out."""
        said = [self.tag.text, *filter(None, [self.verified])]
        if self.queries:
            said.append(ngettext("%(n)s open query", "%(n)s open queries", self.queries) % {"n": self.queries})
        if self.is_frozen:
            said.append(_("Frozen"))
        return ", ".join(said)

    @property
    def kind(self) -> str:
        """A query outshines whatever else there is."""
        return "query" if self.queries else self.tag.kind


@dataclass(frozen=True, slots=True)
class Column:
    """One visit. ``short``: its label as far as a narrow head has room. ``remarks``: what is odd about its day.

    ``explained``: what was odd and has its reason.
    """

    visit: Visit
    label: str
    short: str
    url: str
    tag: Tag
    is_today: bool
    remarks: tuple[str, ...]
    explained: tuple[str, ...]
    cells: Mapping[str, Cell]

    @property
    def shown(self) -> list[Cell]:
        return list(self.cells.values())

    @property
    def done(self) -> int:
        return sum(cell.tag.kind in _DONE for cell in self.cells.values())

    @property
    def is_pressing(self) -> bool:
        """It is waited for, or one of its forms is."""
        return self.tag.kind in _PRESSING or any(cell.tag.kind in {*_PRESSING, "progress"} for cell in self.shown)

    @property
    def kind(self) -> str:
        """One symbol for the visit and its forms: what asks most for a look."""
        kinds = {self.tag.kind, *(cell.kind for cell in self.shown)}
        return next((kind for kind in ("query", "late", "progress", "due") if kind in kinds), self.tag.kind)


@dataclass(frozen=True, slots=True)
class Row:
    """One form: of each visit its cell, and whether that is today's; no cell where the visit does not hold the form,
    or the switch leaves it out."""

    label: str
    cells: tuple[tuple[Cell | None, bool], ...]


@dataclass(frozen=True, slots=True)
class Strip:
    """The occurrences of a visit that returns. ``held``: how many took place. ``total``: without those not done."""

    key: str
    label: str
    held: int
    total: int
    is_open: bool
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class Switch:
    show: Show
    label: str | Promise
    count: int
    is_on: bool


@dataclass(frozen=True)
class Matrix:
    """``phases``: each with the number of its columns. ``single``: forms of one visit. ``logs``: what runs on."""

    show: Show
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    strips: tuple[Strip, ...]
    single: tuple[tuple[str, tuple[Cell, ...]], ...]
    logs: tuple[Column, ...]
    switches: tuple[Switch, ...]
    phases: tuple[tuple[str, int], ...]
    late: int
    queries: int

    @property
    def is_wide(self) -> bool:
        return len(self.columns) > WIDE

    @cached_property
    def visits(self) -> list[Column]:
        """Every visit that is not folded away; of the strips those whose time it is, and the next one of each."""
        ahead = [next((one for one in strip.columns if one.tag.kind == "todo"), None) for strip in self.strips]
        return [*self.columns, *(one for one in self.folded if one.is_pressing or one in ahead)]

    @property
    def by_day(self) -> list[Column]:
        """What presses first, then what is to come, then what was, the newest first."""
        pressing = [one for one in self.visits if one.is_pressing]
        ahead = [one for one in self.visits if one.tag.kind == "todo" and not one.is_pressing]
        past = [one for one in self.visits if one.tag.kind != "todo" and not one.is_pressing]
        return [*_by_target(pressing), *_by_target(ahead), *reversed(_by_target(past))]

    @property
    def remarked(self) -> list[Column]:
        """Visits of which something is to be said."""
        return [one for one in (*self.columns, *self.folded) if one.remarks]

    @property
    def explained(self) -> list[tuple[Column, str]]:
        """Deviations that have their reason, with the visit of each."""
        return [(one, text) for one in (*self.columns, *self.folded) for text in one.explained]

    @property
    def folded(self) -> list[Column]:
        return [column for strip in self.strips for column in strip.columns]

    @property
    def ahead(self) -> list[Column]:
        """The next few visits, and those that are waited for."""
        waiting = [one for one in self.visits if one.tag.kind in {*_PRESSING, "todo"}]
        return _by_target(waiting)[:MOST_AHEAD]


def legend() -> list[Tag]:
    """What each symbol means."""
    return [
        Tag(_("complete"), "done"),
        Tag(_("verified"), "verified"),
        Tag(_("signed"), "signed"),
        Tag(_("begun"), "progress"),
        Tag(_("due now"), "due"),
        Tag(_("overdue"), "late"),
        Tag(_("query"), "query"),
        Tag(_("not due"), "todo"),
        Tag(_("not done"), "none"),
    ]


_PLANNED, _LEFT = attrgetter("planned"), attrgetter("left")
_DONE = {"done", "verified", "signed"}
_PRESSING = {"late", "due"}


def _by_target(columns: Iterable[Column]) -> list[Column]:
    return sorted(columns, key=lambda one: one.visit.took_place_on or one.visit.target_on or datetime.date.max)


def matrix(place: CasebookPlace, visits: Iterable[Visit], show: Show = Show.ALL, unfolded: str = "") -> Matrix:
    """``visits``: those within the person's sight, as planned. ``unfolded``: key of the visit whose strip is open."""
    return _Drawing(place, read_book(place, documents=True), _verified(place), show).matrix(visits, unfolded)


def _verified(place: CasebookPlace) -> Mapping[int, set[str]]:
    """The items of each entry that stand verified."""
    rows = Verification.objects.for_user(place.user).filter(entry__visit__participant=place.participant, stands=True)
    found: dict[int, set[str]] = defaultdict(set)
    for entry, item in rows.values_list("entry", "item"):
        found[entry].add(item)
    return found


@dataclass
class _Drawing:
    place: CasebookPlace
    book: Book
    verified: Mapping[int, set[str]]
    show: Show

    def matrix(self, visits: Iterable[Visit], unfolded: str) -> Matrix:
        phases = [phase.key for phase in self.place.definition.phases]
        ordered = sorted(visits, key=lambda visit: phases.index(visit.phase))
        whole = [column for column in map(self._column, ordered) if column.cells]
        logs = [one for one in whole if one.visit.definition.kind == "log"]
        seen = [one for one in whole if one.visit.definition.kind != "log"]
        folded = [one for one in seen if one.visit.definition.repeat]
        columns = _with_today([one for one in seen if not one.visit.definition.repeat])
        returning = _returning(self.place.definition)
        return Matrix(
            show=self.show,
            columns=tuple(columns),
            rows=tuple(self._rows(columns, returning)),
            strips=tuple(self._strips(folded, unfolded)),
            single=tuple(self._single(columns, returning)),
            logs=tuple(logs),
            switches=tuple(self._switches([cell for one in seen for cell in one.shown])),
            phases=tuple((label, len(list(each))) for label, each in groupby(columns, self._phase)),
            late=sum(one.tag.kind == "late" for one in seen),
            queries=sum(self.book.queries.values()),
        )

    def _phase(self, column: Column) -> str:
        return self.place.definition.phase(column.visit.phase).label(spoken())

    def _column(self, visit: Visit) -> Column:
        label = visit.label(spoken())
        departures = self.book.departures.get(visit.pk, ())
        remarks = [one.text for one in departures if one.is_open]
        queries = self.book.queries.get((visit.pk, ""), 0)
        if queries:
            remarks.append(ngettext("%(n)s open query", "%(n)s open queries", queries) % {"n": queries})
        if (visit.pk, "") in self.book.frozen:
            remarks.append(_("Frozen"))
        return Column(
            visit=visit,
            label=label,
            short=label.partition(",")[0],
            url=reverse("crf:visit", args=[self.place.participant.number, visit.slug]),
            tag=visit_tag(visit),
            is_today=False,
            remarks=tuple(remarks),
            explained=tuple(one.text for one in departures if not one.is_open),
            cells=dict(self._cells(visit, label)),
        )

    # --- cells ----------------------------------------------------------------------------------------------------

    def _cells(self, visit: Visit, label: str) -> Iterator[tuple[str, Cell]]:
        here = self.book.entries.get(visit.pk, [])
        # An entry of a form that a later version took from this visit keeps its place.
        for key in dict.fromkeys([*visit.definition.forms, *(entry.form_key for entry in here)]):
            if self.place.sees_form(key):
                yield key, self._cell(visit, label, key, [entry for entry in here if entry.form_key == key])

    def _cell(self, visit: Visit, label: str, key: str, entries: list[FormEntry]) -> Cell:
        form = self._form(key)
        tag = self._entered(form, entries) if entries else _unentered(visit, key)
        found = self._progress(entries)
        queries = self.book.queries.get((visit.pk, key), 0)
        address = [self.place.participant.number, visit.slug]
        to_form = bool(entries) or visit.took_place_on is not None or visit.definition.kind == "log"
        return Cell(
            form=form.label(spoken()),
            visit=label,
            tag=tag,
            url=reverse("crf:entry", args=[*address, key]) if to_form else reverse("crf:visit", args=address),
            queries=queries,
            is_frozen=(visit.pk, key) in self.book.frozen,
            shows=frozenset(self._shows(form, tag, entries, queries)),
            rows=len(entries) if form.repeating else 0,
            verified=progress_words(found) if found.done and found.left else "",
        )

    def _form(self, key: str) -> Form:
        if key not in self._forms:
            self._forms[key] = form_for(self.place.participant, self.place.definition, key)
        return self._forms[key]

    @cached_property
    def _forms(self) -> dict[str, Form]:
        return {}

    def _entered(self, form: Form, entries: list[FormEntry]) -> Tag:
        if any(entry.status == EntryStatus.INCOMPLETE for entry in entries):
            return Tag(_("Begun"), "progress")
        signed = all(entry.pk in self.book.signed for entry in entries)
        verified = self._progress(entries).is_done
        if signed:
            return Tag(_("Signed, verified") if verified else _("Signed"), "signed")
        if all(entry.not_done for entry in entries):
            return Tag(_("Not done"), "none")
        return Tag(_("Verified"), "verified") if verified else Tag(_("Complete"), "done")

    def _progress(self, entries: list[FormEntry]) -> Progress:
        """How far the answers of all rows are verified that this person meets and the plan wants verified."""
        number = self.place.participant.number
        each = [self._plan.progress(entry, self.verified.get(entry.pk, ()), number) for entry in entries]
        return Progress(*(tuple(key for one in each for key in keys(one)) for keys in (_PLANNED, _LEFT)))

    @cached_property
    def _plan(self) -> Plan:
        return Plan(self.place.definition, self.place.sight)

    def _shows(self, form: Form, tag: Tag, entries: list[FormEntry], queries: int) -> Iterator[Show]:
        yield Show.ALL
        if self._roles & set(form.entered_by):
            yield Show.MINE
        if queries or tag.kind in {*_PRESSING, "progress"}:
            yield Show.OPEN
        if self._progress(entries).left:
            yield Show.UNVERIFIED

    @cached_property
    def _roles(self) -> frozenset[str]:
        return frozenset(self.place.user.roles_at(self.place.participant.site))

    # --- parts of the page ----------------------------------------------------------------------------------------

    def _rows(self, columns: list[Column], returning: frozenset[str]) -> Iterator[Row]:
        for key in dict.fromkeys(key for column in columns for key in column.cells):
            cells = tuple((self._if_shown(column.cells.get(key)), column.is_today) for column in columns)
            if key in returning and any(cell for cell, _today in cells):
                yield Row(self._form(key).label(spoken()), cells)

    def _if_shown(self, cell: Cell | None) -> Cell | None:
        return cell if cell is not None and self.show in cell.shows else None

    def _single(self, columns: list[Column], returning: frozenset[str]) -> Iterator[tuple[str, tuple[Cell, ...]]]:
        for column in columns:
            cells = [self._if_shown(cell) for key, cell in column.cells.items() if key not in returning]
            shown = tuple(cell for cell in cells if cell is not None)
            if shown:
                yield column.label, shown

    def _strips(self, folded: list[Column], unfolded: str) -> Iterator[Strip]:
        by_key: dict[str, list[Column]] = defaultdict(list)
        for column in folded:
            by_key[column.visit.key].append(column)
        for key, each in by_key.items():
            chosen = [one for one in each if any(self.show in cell.shows for cell in one.shown)]
            yield Strip(
                key=key,
                label=each[0].visit.definition.label(spoken()),
                held=sum(one.visit.took_place_on is not None for one in each),
                total=sum(not one.visit.is_not_done for one in each),
                is_open=key == unfolded,
                columns=tuple(chosen),
            )

    def _switches(self, cells: list[Cell]) -> Iterator[Switch]:
        counted = Counter(show for cell in cells for show in cell.shows)
        for show, label in SHOW_LABELS.items():
            if show is not Show.MINE or counted[show]:
                yield Switch(show, label, counted[show], show is self.show)


def _unentered(visit: Visit, form: str) -> Tag:
    """What is owed of a form of which nothing stands: nothing where the visit can do without it."""
    if visit.is_not_done:
        return Tag(_("Not done"), "none")
    if visit.definition.kind == "log":
        return Tag(_("No rows"), "none")
    if visit.took_place_on is not None and form not in visit.definition.must_complete:
        return Tag(_("Not begun, not required"), "todo")
    if visit.took_place_on is not None:
        late = visit.latest_on is not None and visit.latest_on < today()
        return Tag(_("Not begun, overdue"), "late") if late else Tag(_("Not begun"), "due")
    tag = visit_tag(visit)
    return Tag(_("Not due yet"), "todo") if tag.kind == "todo" else tag


def _returning(definition: StudyDefinition) -> frozenset[str]:
    """Forms that the study has at more than one visit, those that return and running logs aside."""
    counted = Counter(form for visit in definition.visits if _has_column(visit) for form in visit.forms)
    return frozenset(form for form, times in counted.items() if times > 1)


def _has_column(visit: VisitDefinition) -> bool:
    return visit.kind != "log" and visit.repeat is None


def _with_today(columns: list[Column]) -> list[Column]:
    """Mark the visit that is waited for in its window or took place today; the nearest of several."""
    now = today()
    at_hand = [
        one for one in columns if one.visit.took_place_on == now or (one.is_pressing and _is_open(one.visit, now))
    ]
    if not at_hand:
        return columns
    nearest = min(at_hand, key=lambda one: abs((one.visit.target_on or now) - now))
    return [replace(one, is_today=one is nearest) for one in columns]


def _is_open(visit: Visit, day: datetime.date) -> bool:
    return visit.target_on is not None and visit.in_window(day)
