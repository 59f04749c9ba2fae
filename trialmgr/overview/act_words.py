"""An act of the audit trail as people read it: who, what, where and why once, and its entries beneath."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any

from django.urls import reverse
from django.utils.dateparse import parse_date
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from audit.models import LedgerEntry
from audit.pages import ShownAct
from crf.trail import OF_VALUES, Words, said_in
from trialmgr.overview.act_labels import act_label
from trialmgr.participants.models import Participant
from trialmgr.participants.states import STATUS_LABELS
from trialmgr.people.models import User
from trialmgr.people.permissions import ROLE_LABELS, role_labels
from trialmgr.people.visibility import Sight
from trialmgr.protocol.model import StudyDefinition

KINDS = {
    "allocation": _("Allocation"),
    "audit_trail": _("Audit trail"),
    "calendar": _("Calendar file"),
    "code break": _("Code break"),
    "file": _("File"),
    "limit": _("Cap or hold"),
    "list": _("Randomisation list"),
    "release": _("Release"),
    "release_file": _("File of a release"),
    "site": _("Site"),
    "study": _("Study"),
    "study_version": _("Study version"),
    "user": _("Account"),
}
FIELDS = {
    "arm": _("Arm"),
    "casebook": _("Casebook"),
    "consent": _("Consent"),
    "contact": _("Contact details"),
    "envelope": _("Envelope"),
    "files": _("Files"),
    "freeze": _("Freeze"),
    "is_active": _("Account open"),
    "language": _("Language"),
    "password": _("Password"),
    "registered_on": _("Day of registration"),
    "role": _("Role"),
    "site": _("Site"),
    "status": _("Status"),
    "stratum": _("Stratum"),
    "token": _("API key"),
    "took_place_on": _("Day of the visit"),
    "unblinded": _("Unblinded"),
}
_ANSWERS = {"yes": _("Yes"), "no": _("No"), "not done": _("Not done")}
_FOLDED = frozenset({"missing_old", "missing_new", "meaning"})
"""Details that the values already tell."""


@dataclass(frozen=True, slots=True)
class Line:
    """One entry. ``act`` and ``reason`` are empty where they are those of the act."""

    number: int
    act: str
    where: str
    item: str
    old: str
    new: str
    notes: tuple[tuple[str, str], ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Block:
    """Entries next to one another; ``cause``: what they follow from."""

    cause: str
    is_consequence: bool
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class ToldAct:
    """``url``: of the participant's casebook, where this person may open it; ``more``: of the page with all entries."""

    number: int
    last: int
    at: datetime.datetime
    who: str
    roles: str
    on_behalf_of: str
    act: str
    also: tuple[str, ...]
    participant: str
    url: str
    where: tuple[str, ...]
    reason: str
    blocks: tuple[Block, ...]
    has_more: bool

    @property
    def entries(self) -> int:
        return sum(len(block.lines) for block in self.blocks)

    @property
    def elsewhere(self) -> int:
        return len(self.where) - 1

    @property
    def single(self) -> Line | None:
        """The only entry: what it says stands in the list itself."""
        return self.blocks[0].lines[0] if self.entries == 1 else None


def tell(acts: Sequence[ShownAct], user: User, definition: StudyDefinition, language: str) -> list[ToldAct]:
    """Each act in words, in as many questions to the database whatever their number."""
    entries = [entry for act in acts for entry in act.lines]
    numbers = {entry.participant for entry in entries if entry.participant}
    opened = Participant.every.for_user(user).filter(number__in=numbers).values_list("number", flat=True)
    teller = _Teller(Words(definition, language), user.sight(definition), frozenset(opened), said_in(entries, language))
    return [teller.act(act) for act in acts]


@dataclass(frozen=True)
class _Teller:
    words: Words
    sight: Sight
    opened: Collection[str]
    said: Mapping[str, str]

    def act(self, act: ShownAct) -> ToldAct:
        own = act.own or act.lines[0]
        labels = [act_label(entry.action) for entry in act.lines if entry.action != own.action]
        return ToldAct(
            number=act.number,
            last=act.lines[-1].seq,
            at=own.at,
            who=own.actor,
            roles="" if own.on_behalf_of else role_labels(own.roles),
            on_behalf_of=own.on_behalf_of,
            act=act_label(own.action),
            also=tuple(dict.fromkeys(labels)),
            participant=own.participant,
            url=reverse("participants:detail", args=[own.participant]) if own.participant in self.opened else "",
            where=tuple(dict.fromkeys(filter(None, map(self._where, act.lines)))),
            reason=own.reason,
            blocks=tuple(self._blocks(act.lines, own)),
            has_more=act.has_more,
        )

    def _blocks(self, lines: Sequence[LedgerEntry], own: LedgerEntry) -> list[Block]:
        return [
            Block(self.words.cause(first, self.sight) if cause else "", bool(cause), (self._line(first, own), *rest))
            for cause, block in groupby(lines, key=lambda entry: entry.cause)
            for first in [next(block)]
            for rest in [tuple(self._line(entry, own) for entry in block)]
        ]

    def _line(self, entry: LedgerEntry, own: LedgerEntry) -> Line:
        old, new = self._values(entry)
        return Line(
            number=entry.seq,
            act=act_label(entry.action) if entry.action != own.action else "",
            where=self._where(entry),
            item=self._item(entry),
            old=old,
            new=self.said.get(entry.new or "", new),
            notes=tuple(_notes(entry.detail)),
            reason=entry.reason if entry.reason != own.reason else "",
        )

    def _where(self, entry: LedgerEntry) -> str:
        """The visit and the form; else what the entry is about, where that is no participant."""
        if entry.visit or entry.form:
            return self.words.place(entry.visit, entry.form, entry.occurrence)
        if entry.participant and entry.object_id == entry.participant:
            return ""
        return f"{KINDS.get(entry.object_type, entry.object_type)} {self._named(entry)}"

    def _named(self, entry: LedgerEntry) -> str:
        return self._sites.get(entry.object_id, entry.object_id) if entry.object_type == "site" else entry.object_id

    def _item(self, entry: LedgerEntry) -> str:
        return str(FIELDS.get(entry.item) or self._phases.get(entry.item) or self.words.item(entry))

    def _values(self, entry: LedgerEntry) -> tuple[str, str]:
        if entry.object_type == "entry" or (entry.form and entry.action in OF_VALUES):
            return self.words.values(entry)
        return self._field(entry, entry.old), self._field(entry, entry.new)

    def _field(self, entry: LedgerEntry, value: str | None) -> str:
        """What is no answer on a form: a day, a status, a role, an arm."""
        text = value or ""
        named: Mapping[str, object] = self._named_values.get(entry.item, _ANSWERS)
        return str(named.get(text) or _day(text))

    @cached_property
    def _named_values(self) -> dict[str, Mapping[str, object]]:
        return {
            "arm": {arm.key: arm.label(self.words.language) for arm in self.words.definition.arms},
            "role": {role.value: label for role, label in ROLE_LABELS.items()},
            "site": self._sites,
            "status": {status.value: label for status, label in STATUS_LABELS.items()},
        }

    @cached_property
    def _sites(self) -> dict[str, str]:
        return {site.code: site.name for site in self.words.definition.sites}

    @cached_property
    def _phases(self) -> dict[str, str]:
        return {phase.key: phase.label(self.words.language) for phase in self.words.definition.phases}


def _day(text: str) -> str:
    """A day as people write it; any other text as it stands."""
    try:
        day = parse_date(text) if len(text) == len("2026-12-31") else None
    except ValueError:
        day = None
    return date_format(day, "DATE_FORMAT") if day else text


def _notes(detail: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name, str(value)) for name, value in detail.items() if name not in _FOLDED and value not in (None, "")]
