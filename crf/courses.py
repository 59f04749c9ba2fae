"""The course of a participant's scores, with treatments and events, as far as who reads it may see them."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from crf.layout.charts import Chart, OnDay, course_chart
from crf.models import FormEntry, Visit
from crf.places import CasebookPlace, spoken
from trialmgr.protocol.casebook import called
from trialmgr.protocol.courses import Scored, levels, scores
from trialmgr.protocol.model import Form, ItemType
from trialmgr.studies.queries import key_names

# Source: SDTM 2.0, domains of treatments given (exposure, procedures) and of adverse and clinical events.
TREATMENTS = frozenset({"EX", "EC", "PR"})
EVENTS = frozenset({"AE", "CE"})


@dataclass(frozen=True, slots=True)
class Value:
    """The score at one visit. ``change``: in words, against the value that a level counts from."""

    visit: str
    day: datetime.date
    text: str
    change: str


@dataclass(frozen=True, slots=True)
class Happening:
    """A treatment or an event: a mark under the chart and a line under its numbers."""

    kind: str
    label: str
    day: datetime.date


@dataclass(frozen=True, slots=True)
class Option:
    key: str
    label: str
    is_on: bool


@dataclass(frozen=True, slots=True)
class Course:
    """``summary``: first and last value. ``counted``: from which day. ``options``: the scores that have values."""

    label: str
    summary: str
    chart: Chart
    values: tuple[Value, ...]
    treatments: tuple[Happening, ...]
    events: tuple[Happening, ...]
    counted: str
    levels: tuple[str, ...]
    options: tuple[Option, ...]


def course(place: CasebookPlace, visits: Iterable[Visit], chosen: str = "") -> Course | None:
    """Of the score ``form.item``, else of the first one with values; None where this person sees none.

    ``visits``: those within the person's sight.
    """
    drawing = _Reading(place, visits)
    with_values = [one for one in _in_sight(place) if drawing.of(one)]
    if not with_values:
        return None
    scored = next((one for one in with_values if one.key == chosen), with_values[0])
    return drawing.course(scored, with_values)


def _in_sight(place: CasebookPlace) -> list[Scored]:
    return [one for one in scores(place.definition) if place.sees_form(one.form.key) and place.sight.item(one.item)]


class _Reading:
    """What a course is made of, read once: the visits that took place, and the entries of their forms."""

    def __init__(self, place: CasebookPlace, visits: Iterable[Visit]) -> None:
        self.place = place
        self.visits = {one.pk: one for one in visits}
        self.forms = {form.key: form for form in place.definition.forms if place.sees_form(form.key)}
        self.entries = self._read()
        self.names = key_names()

    def _read(self) -> list[FormEntry]:
        wanted = {one.form.key for one in scores(self.place.definition)}
        wanted |= {form.key for form in self.forms.values() if form.domain in TREATMENTS | EVENTS}
        rows = FormEntry.objects.for_user(self.place.user).standing().filter(visit__in=self.visits, form_key__in=wanted)
        return list(rows.order_by("pk").defer("missing", "unasked", "rows_used"))

    def of(self, scored: Scored) -> list[tuple[Visit, datetime.date, Decimal]]:
        """The values of a score in order of their days."""
        found = []
        for entry in self.entries:
            visit = self.visits[entry.visit_id]
            keys = called(self.names, scored.form.key, scored.item.key)
            raw = next((entry.data[key] for key in keys if key in entry.data), None)
            if entry.form_key == scored.form.key and raw is not None and visit.took_place_on is not None:
                found.append((visit, visit.took_place_on, Decimal(raw)))
        return sorted(found, key=lambda one: (one[1], one[0].pk))

    def course(self, scored: Scored, with_values: list[Scored]) -> Course:
        values = self.of(scored)
        by_visit = {visit.slug: value for visit, _day, value in values}
        heights = [
            (height, _number(height))
            for level in levels(self.place.definition, scored)
            if (height := level.height(by_visit.get(level.visit))) is not None
        ]
        counted = next((level.visit for level in levels(self.place.definition, scored) if level.visit in by_visit), "")
        base = by_visit.get(counted)
        zero = self.place.participant.enrolled_on or self.place.participant.registered_on
        marks = [*self._treatments(), *self._events(), *self._entered()]
        drawn = [
            OnDay((day - zero).days, f"{visit.label(spoken())}: {_number(value)}", value)
            for visit, day, value in values
        ]
        chart = course_chart(drawn, [OnDay((one.day - zero).days, one.label, kind=one.kind) for one in marks], heights)
        return Course(
            label=_label(scored),
            summary=_summary(values[0][2] if base is None else base, [value for _visit, _day, value in values]),
            chart=chart,
            values=tuple(
                Value(visit.label(spoken()), day, _number(value), "" if visit.slug == counted else _change(base, value))
                for visit, day, value in values
            ),
            treatments=tuple(self._treatments()),
            events=tuple(self._events()),
            counted=self._counted(),
            levels=tuple(text for _height, text in heights),
            options=tuple(Option(one.key, _label(one), one is scored) for one in with_values),
        )

    # --- what happened beside it ----------------------------------------------------------------------------------

    def _treatments(self) -> Iterator[Happening]:
        """Visits that took place and hold a form on a treatment given."""
        for visit in self.visits.values():
            given = any(self.forms[key].domain in TREATMENTS for key in visit.definition.forms if key in self.forms)
            if given and visit.took_place_on is not None:
                yield Happening("treatment", visit.label(spoken()), visit.took_place_on)

    def _events(self) -> Iterator[Happening]:
        """Rows about events, on the first day that they name."""
        found = [
            Happening("event", self.forms[entry.form_key].label(spoken()), day)
            for entry in self.entries
            if self.forms[entry.form_key].domain in EVENTS
            if (day := _first_day(self.forms[entry.form_key], entry.data)) is not None
        ]
        yield from sorted(found, key=lambda one: one.day)

    def _entered(self) -> Iterator[Happening]:
        if self.place.participant.enrolled_on:
            yield Happening("entered", self._counted(), self.place.participant.enrolled_on)

    def _counted(self) -> str:
        if not self.place.participant.enrolled_on:
            return _("Days since registration")
        return _("Days since randomisation") if self.place.definition.is_randomised else _("Days since enrolment")


def _label(scored: Scored) -> str:
    """A score that does not name its form is named with it."""
    form, item = (part.label(spoken()) for part in (scored.form, scored.item))
    return item if form.partition(",")[0] in item else f"{form}: {item}"


def _first_day(form: Form, data: Mapping[str, str]) -> datetime.date | None:
    """The first date of the form of which the day is known."""
    dates = (data.get(item.key, "") for item in form.plain_items if item.type in (ItemType.DATE, ItemType.PARTIAL_DATE))
    return next((datetime.date.fromisoformat(day) for day in dates if len(day) == 10), None)


def _number(value: Decimal) -> str:
    return number_format(value.normalize() if value else Decimal(0), use_l10n=True)


def _summary(first: Decimal, values: Sequence[Decimal]) -> str:
    if len(values) == 1:
        return _number(values[0])
    said = _("%(first)s to %(last)s") % {"first": _number(first), "last": _number(values[-1])}
    change = _change(first, values[-1])
    return f"{said}, {change}" if change else said


def _change(first: Decimal | None, value: Decimal) -> str:
    """In percent of the first value, where that is a number to take a part of."""
    if first is None or first <= 0:
        return ""
    percent = ((first - value) * 100 / first).quantize(Decimal(1))
    if percent == 0:
        return _("no change")
    said = _("a rise of %(n)s %%") if percent < 0 else _("a fall of %(n)s %%")
    return said % {"n": abs(percent)}
