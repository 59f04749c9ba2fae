"""What is read of one participant's casebook for drawing it: a visit with its forms, and the next step."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from crf.deviations import Departure, departures
from crf.due import Due, Step, When, when
from crf.models import ENTRY_STATUS_LABELS, EntryStatus, FormEntry, Freeze, Signature, Visit, of_query
from crf.places import CasebookPlace, spoken
from crf.queries import entries_by_visit, unclosed_queries
from trialmgr.participants.models import Participant
from trialmgr.people.models import User
from trialmgr.protocol.model import StudyDefinition
from trialmgr.studies.clock import today


@dataclass(frozen=True, slots=True)
class Tag:
    """A status: a word, and the shape that goes with it."""

    text: str
    kind: str


@dataclass(frozen=True, slots=True)
class FormLine:
    """``is_due``: this person enters it, the visit asks for it, and it is not complete."""

    key: str
    label: str
    url: str
    tag: Tag
    queries: int
    entered_by_reader: bool
    is_due: bool
    is_frozen: bool


@dataclass(frozen=True, slots=True)
class VisitLine:
    visit: Visit
    label: str
    url: str
    tag: Tag
    forms: tuple[FormLine, ...]
    departures: tuple[Departure, ...]
    queries: int
    is_frozen: bool

    @property
    def outside_window(self) -> bool:
        """It took place on a day that the window does not hold."""
        return self.visit.took_place_on is not None and not self.visit.in_window(self.visit.took_place_on)


@dataclass(frozen=True, slots=True)
class DueLine:
    """The next step in words, and whether its time has come. ``url`` is empty for who may not take it.

    ``window``: until or from which day, "" for what has no window.
    """

    text: str
    url: str
    when: Tag
    window: str


@dataclass(frozen=True, slots=True)
class Book:
    """What was read of one participant, for drawing. ``queries``, ``frozen``: by visit and form, "" for the visit."""

    place: CasebookPlace
    entries: Mapping[int, list[FormEntry]]
    signed: frozenset[int]
    queries: Mapping[tuple[int, str], int]
    departures: Mapping[int, list[Departure]]
    frozen: frozenset[tuple[int | None, str]]


def visit_line(place: CasebookPlace, visit: Visit) -> VisitLine:
    return _line(read_book(place), visit)


def form_lines(place: CasebookPlace, visit: Visit) -> tuple[FormLine, ...]:
    """The forms of one visit alone, for the page of one of them."""
    return tuple(_form_lines(read_book(place, departures={}), visit))


def due_line(user: User, definition: StudyDefinition, participant: Participant, due: Due | None) -> DueLine | None:
    if due is None:
        return None
    permission = _PERMISSIONS[due.step]
    may = user.may(permission, site=participant.site)
    url = _due_url(definition, participant, due) if may else ""
    return DueLine(_due_text(definition, due), url, when_tag(due.when), _window(due))


def _window(due: Due) -> str:
    """The end of a window that has opened, the beginning of one that has not."""
    first, last = (due.visit.earliest_on, due.visit.latest_on) if due.visit else (None, None)
    if due.when in (When.NEXT, When.LATER) and first:
        return _("from %(day)s") % {"day": date_format(first, "SHORT_DATE_FORMAT")}
    return _("until %(day)s") % {"day": date_format(last, "SHORT_DATE_FORMAT")} if last else ""


def when_tag(when: When) -> Tag:
    """In its window, or when that opens."""
    texts = {When.LATE: _("Overdue"), When.NOW: _("Due now"), When.NEXT: _("Next"), When.LATER: _("Later")}
    kinds = {When.LATE: "late", When.NOW: "due", When.NEXT: "todo", When.LATER: "todo"}
    return Tag(texts[when], kinds[when])


_PERMISSIONS = {
    Step.CONSENT: "participants.consent",
    Step.VISIT: "entries.view",
    Step.FORM: "entries.view",
    Step.JUDGE: "participants.judge",
    Step.RANDOMISE: "participants.randomise",
    Step.GATE: "participants.gate",
    Step.END: "participants.end",
}


def read_book(
    place: CasebookPlace, *, departures: Mapping[int, list[Departure]] | None = None, documents: bool = False
) -> Book:
    """``documents``: with what was entered, not just its state."""
    participant = place.participant
    signatures = Signature.objects.for_user(place.user).filter(entry__visit__participant=participant, lapsed_at=None)
    queries = unclosed_queries(place.user).about(participant=participant)
    places = queries.values_list(of_query("pk"), Coalesce("entry__form_key", "form_key"))
    frozen = Freeze.objects.standing().filter(visit__participant=participant)
    return Book(
        place=place,
        entries=entries_by_visit(place.user, participant, documents=documents),
        signed=frozenset(signatures.values_list("entry_id", flat=True)),
        queries=Counter(places),
        departures=departures_in_sight(place) if departures is None else departures,
        frozen=frozenset(frozen.values_list("visit_id", "form_key")),
    )


def departures_in_sight(place: CasebookPlace) -> dict[int, list[Departure]]:
    """By visit, the days that do not go together, as far as this person may know."""
    found: dict[int, list[Departure]] = defaultdict(list)
    for one in departures([place.participant]):
        if not (place.sight.blinded and one.reveals):
            found[one.visit.pk].append(one)
    return found


def _line(book: Book, visit: Visit) -> VisitLine:
    number = book.place.participant.number
    return VisitLine(
        visit=visit,
        label=visit.label(spoken()),
        url=reverse("crf:visit", args=[number, visit.slug]),
        tag=visit_tag(visit),
        forms=tuple(_form_lines(book, visit)),
        departures=tuple(book.departures.get(visit.pk, ())),
        queries=book.queries.get((visit.pk, ""), 0),
        is_frozen=(visit.pk, "") in book.frozen,
    )


def visit_tag(visit: Visit) -> Tag:
    if visit.definition.kind == "log":
        return Tag(_("Open"), "info")
    if visit.is_not_done:
        return Tag(_("Not done"), "none")
    if visit.took_place_on is not None:
        return Tag(_("Took place"), "done")
    return _planned_tag(visit)


def _planned_tag(visit: Visit) -> Tag:
    """Nothing is due any more of whose participation has ended."""
    if not visit.participant.is_active:
        return Tag(_("Not expected any more"), "none")
    return when_tag(when(visit.earliest_on, visit.latest_on, today()))


def _form_lines(book: Book, visit: Visit) -> Iterator[FormLine]:
    place = book.place
    roles = place.user.roles_at(place.participant.site)
    here = book.entries.get(visit.pk, [])
    # An entry of a form that a later version took from this visit keeps its line.
    for key in dict.fromkeys([*visit.definition.forms, *(entry.form_key for entry in here)]):
        if not place.sees_form(key):
            continue
        form = place.definition.form(key)
        entries = [entry for entry in here if entry.form_key == key]
        is_entered = bool(roles & set(form.entered_by))
        is_frozen = (visit.pk, key) in book.frozen
        yield FormLine(
            key=key,
            label=form.label(spoken()),
            url=reverse("crf:entry", args=[place.participant.number, visit.slug, key]),
            tag=_rows_tag(entries) if form.repeating else _form_tag(book, visit, entries),
            queries=book.queries.get((visit.pk, key), 0),
            entered_by_reader=is_entered,
            is_due=is_entered and not is_frozen and _is_due(visit, key, entries),
            is_frozen=is_frozen,
        )


def _is_due(visit: Visit, form: str, entries: list[FormEntry]) -> bool:
    complete = bool(entries) and all(entry.status == EntryStatus.COMPLETE for entry in entries)
    wanted = visit.definition.kind != "log" and form in visit.definition.must_complete
    return wanted and not visit.is_not_done and not complete


def _rows_tag(entries: list[FormEntry]) -> Tag:
    if not entries:
        return Tag(_("No rows"), "none")
    complete = all(entry.status == EntryStatus.COMPLETE for entry in entries)
    return Tag(_("Rows: %(n)s") % {"n": len(entries)}, "done" if complete else "progress")


def _form_tag(book: Book, visit: Visit, entries: list[FormEntry]) -> Tag:
    if not entries:
        return Tag(_("Not done"), "none") if visit.is_not_done else Tag(_("Not started"), "todo")
    return entry_tag(entries[0], signed=entries[0].pk in book.signed)


def entry_tag(entry: FormEntry, *, signed: bool) -> Tag:
    if signed:
        return Tag(_("Signed"), "signed")
    kinds = {EntryStatus.INCOMPLETE: "progress", EntryStatus.COMPLETE: "done", EntryStatus.REMOVED: "stop"}
    status = EntryStatus(entry.status)
    return Tag(str(ENTRY_STATUS_LABELS[status]), kinds[status])


def _due_text(definition: StudyDefinition, due: Due) -> str:
    language = spoken()
    if due.visit is not None:
        visit = definition.visit(due.visit.key)
        label = f"{visit.label(language)} {due.visit.ordinal}" if visit.repeat else visit.label(language)
        return f"{label}: {definition.form(due.form).label(language)}" if due.form else label
    texts = {
        Step.CONSENT: _("Record consent"),
        Step.JUDGE: _("Judge eligibility"),
        Step.RANDOMISE: _("Randomise"),
        Step.END: _("Complete the end of participation"),
    }
    gates = {phase.key: phase.gate.label(language) for phase in definition.phases if phase.gate}
    return gates.get(due.phase, _("Enrol")) if due.step is Step.GATE else texts[due.step]


def _due_url(definition: StudyDefinition, participant: Participant, due: Due) -> str:
    number = participant.number
    if due.visit is not None:
        visit = definition.visit(due.visit.key)
        slug = due.visit.key if due.visit.ordinal == 1 and not visit.repeat else f"{due.visit.key}-{due.visit.ordinal}"
        page = ["crf:entry", number, slug, due.form] if due.form else ["crf:visit", number, slug]
        return reverse(page[0], args=page[1:])
    match due.step:
        case Step.CONSENT:
            return reverse("participants:consent", args=[number])
        case Step.JUDGE:
            return reverse("crf:eligibility", args=[number])
        case Step.RANDOMISE:
            return randomise_url(participant)
        case Step.GATE:
            return reverse("crf:phase", args=[number, due.phase])
        case _:
            return _end_url(definition, number)


def randomise_url(participant: Participant) -> str:
    """A page of a later room, named by its address because this room does not know that one."""
    return reverse("participants:detail", args=[participant.number]) + "randomise/"


def _end_url(definition: StudyDefinition, number: str) -> str:
    """The first form that ends participation, at the visit that holds it."""
    ending = {form.key for form in definition.forms if form.ends_participation}
    places = [(visit.key, form) for visit in definition.visits for form in visit.forms if form in ending]
    return reverse("crf:entry", args=[number, *places[0]]) if places else ""
