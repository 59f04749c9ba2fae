"""The flow of participants, counted as it stands now. Source: CONSORT 2025, flow diagram.

One grouped statement counts everybody who entered the trial, so that its numbers add up whoever saves meanwhile. By arm
for whoever sees the allocation; for others one column, of what nobody is kept from: what an arm's visit or a form that
reveals says is left out there, also as a total.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, Subquery, TextField, Value
from django.db.models.fields.json import KT
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from crf.models import EligibilityDecision, EntryStatus, FormEntry
from randomization.models import Allocation, RandomisedInError
from trialmgr.overview.recruitment import in_reach
from trialmgr.participants.models import ParticipantQuerySet
from trialmgr.participants.states import Status
from trialmgr.people.models import User
from trialmgr.people.visibility import Sight
from trialmgr.protocol.integrity import arm_named
from trialmgr.protocol.model import Item, StudyDefinition

YES = "yes"


@dataclass(frozen=True, slots=True)
class Line:
    """A number in a box. ``inner``: part of the line above."""

    label: str
    count: int
    inner: bool = False


@dataclass(frozen=True, slots=True)
class Box:
    """``count``: of the box as a whole; None where its lines alone have numbers."""

    title: str
    count: int | None
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True)
class Flow:
    """``beside``: who did not go on from ``assessed`` to ``entered``. ``columns``: one an arm, or one for all.

    ``overlapping``: somebody stands under several criteria. ``lacking``: others see more than these numbers.
    """

    assessed: Box
    beside: tuple[Box, ...]
    entered: Box
    columns: tuple[tuple[Box, ...], ...]
    is_randomised: bool
    overlapping: bool
    lacking: bool

    @property
    def boxes(self) -> tuple[Box, ...]:
        """All of them, in the order of reading."""
        return (self.assessed, *self.beside, self.entered, *(box for column in self.columns for box in column))


@dataclass(frozen=True, slots=True)
class _Group:
    """So many participants of whom all this is the same; None is what was not read, or is not there.

    ``stopped`` and ``ended``: code of the reason, "" where none was given.
    """

    number: int
    status: str
    arm: str | None = None
    received: bool | None = None
    stopped: str | None = None
    ended: str | None = None
    analysed: bool | None = None


def flow(user: User, definition: StudyDefinition, language: str) -> Flow:
    reader = _Reader(user, definition, language)
    groups, judgements = reader.groups(), _judgements(in_reach(user))
    entered, screening = _sum(groups), in_reach(user).filter(status=Status.SCREENING.value).count()
    excluded, overlapping = _excluded(judgements, reader)
    return Flow(
        assessed=Box(_("Assessed for eligibility"), len(judgements) + screening + entered),
        beside=(excluded, Box(_("Still in screening"), screening)),
        entered=Box(reader.entered, entered, reader.in_error()),
        columns=tuple(_column(reader, title, own) for title, own in reader.columns(groups)),
        is_randomised=reader.is_randomised,
        overlapping=overlapping,
        lacking=reader.sight.blinded,
    )


# --- before the trial is entered --------------------------------------------------------------------------------------


def _judgements(rows: ParticipantQuerySet) -> list[tuple[bool | None, list[str] | None]]:
    """Of each screen failure the newest decision, if there is one: eligible or not, and the criteria not met."""
    newest = EligibilityDecision.objects.filter(participant=OuterRef("pk")).order_by("-decided_at", "-pk")
    failures = rows.filter(status=Status.SCREEN_FAILURE.value).order_by()
    said = (Subquery(newest.values(field)[:1]) for field in ("eligible", "not_met"))
    return list(failures.values_list(*said))


def _excluded(judgements: list[tuple[bool | None, list[str] | None]], reader: _Reader) -> tuple[Box, bool]:
    """And whether somebody stands under several criteria."""
    refused = [not_met or [] for eligible, not_met in judgements if eligible is False]
    criteria = Counter(key for not_met in refused for key in not_met)
    lines = [
        Line(_("Not eligible"), len(refused)),
        *(Line(reader.criterion(key), count, inner=True) for key, count in _largest(criteria)),
        Line(_("Not judged ineligible, but did not go on"), len(judgements) - len(refused)),
    ]
    return Box(_("Excluded"), len(judgements), tuple(lines)), any(len(not_met) > 1 for not_met in refused)


def _largest(counted: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counted.items(), key=lambda each: (-each[1], each[0]))


# --- afterwards -------------------------------------------------------------------------------------------------------


class _Reader:
    """What one person may count, and in which words."""

    def __init__(self, user: User, definition: StudyDefinition, language: str) -> None:
        self.user, self.definition, self.language = user, definition, language
        self.sight: Sight = user.sight(definition)
        self.is_randomised = definition.is_randomised
        self.by_arm = self.is_randomised and user.may("allocation.view") and not self.sight.blinded
        flow = definition.flow
        received = [self._seen(each) for each in flow.received] if flow else []
        # Of some places alone it would be a number of something else.
        self.received = [place for place in received if place] if all(received) else []
        self.stopped = self._seen(flow.discontinued) if flow and flow.discontinued else None
        self.analysed = self._seen(flow.analysed) if flow else None
        self.ended = self._ending()

    @property
    def entered(self) -> str:
        return _("Randomised") if self.is_randomised else _("Enrolled")

    def _seen(self, reference: str) -> tuple[str, ...] | None:
        """Visit, form and item, where this person meets all of them."""
        visit, form, *item = names = tuple(reference.split("."))
        sees = self.sight.visit(self.definition.visit(visit)) and self.sight.form(self.definition.form(form))
        return names if sees and all(self.sight.item(self.definition.form(form).item(key)) for key in item) else None

    def _ending(self) -> tuple[str, ...] | None:
        ends = (form for form in self.definition.forms if form.ends_participation and self.sight.form(form))
        return next((("", form.key, form.ends_participation or "") for form in ends), None)

    def groups(self) -> list[_Group]:
        """Everybody who entered the trial, in as few groups as tell them apart."""
        read = self._expressions()
        rows = in_reach(self.user).filter(enrolled_on__isnull=False).order_by().annotate(**read)
        counted = rows.values("status", *read).annotate(number=Count("pk"))
        return [_Group(**{name.removeprefix("is_"): value for name, value in row.items()}) for row in counted]

    def _expressions(self) -> dict[str, Any]:
        """Each under a name that no field of a participant has."""
        read: dict[str, Any] = {}
        if self.by_arm:
            own = Allocation.objects.for_user(self.user).filter(participant=OuterRef("pk"))
            read["is_arm"] = Subquery(own.values("arm")[:1])
        if self.received:
            read["is_received"] = Exists(self._entries().filter(reduce(or_, map(self._given, self.received))))
        if self.stopped:
            read["is_stopped"] = self._reason(self.stopped, Q(visit__key=self.stopped[0]))
        if self.ended:
            read["is_ended"] = self._reason(self.ended, Q())
        if self.analysed:
            visit, form = self.analysed
            done = Q(visit__key=visit, form_key=form, status=EntryStatus.COMPLETE.value, not_done="")
            read["is_analysed"] = Exists(self._entries().filter(done))
        return read

    def _entries(self) -> Any:
        """Standing entries of the participant at hand, as far as this person may meet them."""
        rows = FormEntry.objects.standing().at_sites_of(self.user).in_sight(self.sight)
        return rows.order_by("pk").filter(visit__participant=OuterRef("pk"))

    def _given(self, place: tuple[str, ...]) -> Q:
        visit, form, _item = place
        keys = self._keys(place)
        return Q(visit__key=visit, form_key=form) & reduce(or_, (Q(**{f"data__{key}": YES}) for key in keys))

    def _reason(self, place: tuple[str, ...], where: Q) -> Subquery:
        written = Coalesce(*(KT(f"data__{key}") for key in self._keys(place)), Value(""), output_field=TextField())
        entries = self._entries().filter(where, form_key=place[1])
        return Subquery(entries.annotate(reason=written).values("reason")[:1])

    def _item(self, place: tuple[str, ...]) -> Item:
        return self.definition.form(place[1]).item(place[2])

    def _keys(self, place: tuple[str, ...]) -> tuple[str, ...]:
        """Of the item, here and in earlier versions."""
        item = self._item(place)
        return (item.key, *item.replaces)

    def columns(self, groups: list[_Group]) -> Iterator[tuple[str, list[_Group]]]:
        if self.by_arm:
            for arm in self.definition.arms:
                title = _("Allocated to %(arm)s") % {"arm": arm.label(self.language)}
                yield title, [group for group in groups if group.arm == arm.key]
        else:
            title = _("Allocated, all arms together") if self.is_randomised else _("Enrolled")
            yield title, groups

    def in_error(self) -> tuple[Line, ...]:
        """Whoever was randomised in error stays where the allocation put them, and is counted as all others are."""
        own = {"allocation__participant__in": in_reach(self.user)}
        number = RandomisedInError.objects.for_user(self.user).filter(**own).count() if self.by_arm else 0
        return (Line(_("of whom flagged as randomised in error"), number, inner=True),) if number else ()

    def criterion(self, key: str) -> str:
        """A criterion with its text, in the newest version; for the blinded without a text that names an arm."""
        versions = self.definition.eligibility
        texts = {one.id: one.text(self.language) for version in versions for one in version.criteria}
        text = texts.get(key, "")
        return key if self.sight.blinded and arm_named(self.definition, text) else f"{key} {text}".strip()

    def code(self, place: tuple[str, ...] | None, code: str | None) -> str:
        """The reason behind a code, in words."""
        if not code or place is None:
            return _("no reason recorded")
        codelist = self.definition.codelist(self._item(place).codelist or "")
        return codelist.label(code, self.language) if code in codelist.codes else code


def _sum(groups: list[_Group], holds: Callable[[_Group], object] = bool) -> int:
    return sum(group.number for group in groups if holds(group))


def _by_reason(groups: list[_Group], holds: Callable[[_Group], bool], word: Callable[[_Group], str]) -> list[Line]:
    """The reasons of those of whom it holds, most often given first."""
    counted: Counter[str] = Counter()
    for group in groups:
        if holds(group):
            counted[word(group)] += group.number
    return [Line(label, count, inner=True) for label, count in _largest(counted)]


def _column(reader: _Reader, title: str, groups: list[_Group]) -> tuple[Box, ...]:
    boxes = [
        Box(title, _sum(groups), tuple(_treated(reader, groups))),
        Box(_("Follow-up"), None, tuple(_followed(reader, groups))),
    ]
    if reader.analysed:
        boxes.append(Box(_("Analysis"), None, tuple(_analysed(groups))))
    return tuple(boxes)


def _treated(reader: _Reader, groups: list[_Group]) -> Iterator[Line]:
    if not reader.received:
        return

    def why(group: _Group) -> str:
        if group.stopped is not None:
            return reader.code(reader.stopped, group.stopped)
        if group.status == Status.ON_STUDY:
            return _("none recorded so far")
        return reader.code(reader.ended, group.ended)

    received = _("Received the allocated treatment") if reader.is_randomised else _("Received the treatment")
    yield Line(received, _sum(groups, lambda group: group.received))
    yield Line(_("Did not receive it"), _sum(groups, lambda group: not group.received))
    yield from _by_reason(groups, lambda group: not group.received, why)


def _followed(reader: _Reader, groups: list[_Group]) -> Iterator[Line]:
    """Whoever never received the treatment did not discontinue it."""

    def stopped(group: _Group) -> bool:
        return group.stopped is not None and group.received is not False

    def left(group: _Group) -> bool:
        return group.status == Status.ENDED_EARLY

    yield Line(_("Follow-up ended early"), _sum(groups, left))
    if reader.ended:
        yield from _by_reason(groups, left, lambda group: reader.code(reader.ended, group.ended))
    if reader.stopped:
        yield Line(_("Discontinued the treatment"), _sum(groups, stopped))
        yield from _by_reason(groups, stopped, lambda group: reader.code(reader.stopped, group.stopped))
    yield Line(_("Completed"), _sum(groups, lambda group: group.status == Status.COMPLETED))
    yield Line(_("In the trial"), _sum(groups, lambda group: group.status == Status.ON_STUDY))


def _analysed(groups: list[_Group]) -> Iterator[Line]:
    def waits(group: _Group) -> bool:
        return group.status == Status.ON_STUDY

    yield Line(_("With the primary outcome"), _sum(groups, lambda group: group.analysed))
    yield Line(_("Without it, participation is over"), _sum(groups, lambda one: not one.analysed and not waits(one)))
    yield Line(_("Not recorded so far"), _sum(groups, lambda group: not group.analysed and waits(group)))
