"""Typed model of a study definition (schema version 1).

Source: the shape follows CDISC ODM 1.3.2 (study event, form, item group, item, code list), with the parts a
trial needs and ODM lacks: phases with gates, arms, visit windows, eligibility versions, blinding of roles.

All objects are frozen. A definition that passed ``loader.load_study`` holds every cross reference it makes.
Expressions are kept as text; ``expressions.parse`` turns them into trees, ``evaluation`` runs them.
"""

from __future__ import annotations

import enum
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field

Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Language = Literal["nl", "en"]
_ROW_KEY = re.compile(r"([a-z][a-z0-9_]{0,39})\.([1-9][0-9]{0,3})\.([a-z][a-z0-9_]{0,39})")

FARTHEST_DAY = 36_500
MOST_OCCURRENCES = 500
Day = Annotated[int, Field(ge=-FARTHEST_DAY, le=FARTHEST_DAY)]


MOST_ROWS = 99
MOST_ANSWERS = 12
"""More than these are not shown side by side."""


def later(default: Any = None, **limits: Any) -> Any:
    """A key that came after the first definitions were published: while it has its default it is not written down.

    So the canonical JSON, and with it the identity, of a definition that does without the key stays what it was.
    """
    return Field(default=default, exclude_if=lambda value: bool(value == default), **limits)


class Part(BaseModel):
    """Base of every piece of the definition: frozen, and a key that is not known is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", ignored_types=(cached_property,), serialize_by_alias=True)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy without what the original had worked out from its parts and remembered."""
        copy = super().model_copy(update=update, deep=deep)
        for remembered in set(copy.__dict__) - set(type(self).model_fields):
            del copy.__dict__[remembered]
        return copy


class Text(Part):
    """A text in both languages; ``text("nl")`` gives one of them."""

    nl: str
    en: str

    def __call__(self, language: str) -> str:
        return self.nl if language == "nl" else self.en


class Arm(Part):
    key: Key
    label: Text
    ratio: int = Field(default=1, ge=1, le=100)
    confirm_with_protocol: bool = False


class SiteDefinition(Part):
    """``target`` and ``begins``: how many participants the site is to bring in, and from which day, by plan."""

    code: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{1,7}$")]
    name: str
    target: int | None = later(ge=1)
    begins: str | None = later()  # ISO date
    confirm_with_protocol: bool = False


class RecruitmentPlan(Part):
    """The day on which, by plan, recruitment is complete at every site."""

    ends: str  # ISO date
    confirm_with_protocol: bool = False


class Flow(Part):
    """What the flow diagram counts after the trial was entered. Source: CONSORT 2025, flow diagram.

    ``received``: yes/no items, as visit.form.item, of which a yes says that somebody received the treatment of the arm.
    ``discontinued``: the item, written alike, that says why a treatment was stopped. ``analysed``: visit.form of the
    form that, once complete, holds the primary outcome.
    """

    received: tuple[str, ...] = ()
    discontinued: str | None = None
    analysed: str
    confirm_with_protocol: bool = False


class RoleDefinition(Part):
    """What a role may see. Who may *do* what is fixed in ``people.permissions``.

    ``blinded``: meets no trace of the allocation. ``sees``: every form, or only those the role itself enters.
    """

    key: Key
    label: Text
    blinded: bool
    sees: Literal["all", "entered", "nothing"] = "all"
    confirm_with_protocol: bool = False


class ConsentVersion(Part):
    key: Key
    label: Text
    valid_from: str  # ISO date
    confirm_with_protocol: bool = False


class Example(Part):
    """Values in, outcome out; run by ``study check``. Keys are items or references such as ``baseline.madrs.total``."""

    given: dict[str, str | None]
    gives: str | bool | None


class Criterion(Part):
    """One eligibility criterion. ``rule``, where given, must be true for the criterion to be *met*.

    For an exclusion criterion ``met`` means that the exclusion applies.
    """

    id: Annotated[str, Field(pattern=r"^[IE][0-9]{1,2}$")]
    kind: Literal["inclusion", "exclusion"]
    text: Text
    rule: str | None = None
    examples: tuple[Example, ...] = ()
    confirm_with_protocol: bool = False


class EligibilityVersion(Part):
    version: str
    valid_from: str  # ISO date
    criteria: tuple[Criterion, ...] = Field(min_length=1)
    confirm_with_protocol: bool = False


class Gate(Part):
    """The decision that opens a phase: ``rule`` is evaluated on the participant's stored data.

    ``visit``: the visit that must be complete first. True opens the phase, false ends the planned schedule,
    unknown (something is missing) refuses the decision.
    """

    visit: Key
    rule: str
    label: Text
    if_true: Text
    if_false: Text
    examples: tuple[Example, ...] = ()
    confirm_with_protocol: bool = False


class Phase(Part):
    """A stretch of the trial. ``opens``: with registration, on entering the trial, or by a gate.

    The trial is entered by allocation; by enrolment where the study has no arms and nothing is drawn by lot.
    """

    key: Key
    label: Text
    opens: Literal["registration", "allocation", "enrolment", "gate"]
    gate: Gate | None = None

    @property
    def gate_visit(self) -> str | None:
        return self.gate.visit if self.gate else None


class Window(Part):
    before: int = Field(default=0, ge=0, le=FARTHEST_DAY)
    after: int = Field(default=0, ge=0, le=FARTHEST_DAY)


class Repeat(Part):
    """A visit that returns, by the days of each occurrence or by a rhythm; both count from the visit's ``day``.

    ``days``: offsets one by one. ``every`` and ``times``: so many occurrences, so many days apart, the first one
    ``from`` days after ``day``.
    """

    days: tuple[Day, ...] = ()
    every: int | None = later(ge=1, le=FARTHEST_DAY)
    times: int | None = later(ge=1, le=MOST_OCCURRENCES)
    start: Day = later(0, alias="from")

    @property
    def offsets(self) -> tuple[int, ...]:
        """Days after the visit's ``day``, one per occurrence."""
        if self.every is None or self.times is None:
            return self.days
        return tuple(self.start + self.every * number for number in range(self.times))


class VisitDefinition(Part):
    """A study event.

    ``kind``: scheduled (has a target day), log (open all the time; holds repeating forms such as adverse events),
    unscheduled (opened by a person when something happens). ``anchor``: which date ``day`` counts from; ``phase`` is
    the day on which the visit's phase opened for the participant.
    ``arms``: only for these arms; such a visit reveals the allocation. ``forms`` in order of display;
    ``required_forms`` are those that must be complete (all of ``forms`` when left out).
    """

    key: Key
    label: Text
    phase: Key
    kind: Literal["scheduled", "log", "unscheduled"] = "scheduled"
    anchor: Literal["registration", "allocation", "enrolment", "phase"] = "registration"
    day: Day = 0
    window: Window = Window()
    repeat: Repeat | None = None
    arms: tuple[Key, ...] = ()
    forms: tuple[Key, ...]
    required_forms: tuple[Key, ...] | None = None
    before_allocation: bool = False  # must be complete before a participant can be randomised
    oldest: int | None = later(ge=0, le=FARTHEST_DAY)  # days before the trial is entered
    confirm_with_protocol: bool = False

    @property
    def reveals_allocation(self) -> bool:
        return bool(self.arms)

    @property
    def must_complete(self) -> tuple[str, ...]:
        return self.forms if self.required_forms is None else self.required_forms

    def slug(self, ordinal: int) -> str:
        """Name of one occurrence: the key, with the ordinal where the visit returns (``session-3``)."""
        return f"{self.key}-{ordinal}" if self.repeat or ordinal > 1 else self.key

    def occurrences(self) -> tuple[int, ...]:
        """Day offsets from the anchor, one per occurrence; the place in the tuple plus one is the ordinal."""
        return tuple(self.day + offset for offset in self.repeat.offsets) if self.repeat else (self.day,)


class CodeListItem(Part):
    code: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.\-]{1,40}$")]
    label: Text


class CodeList(Part):
    key: Key
    items: tuple[CodeListItem, ...] = Field(min_length=1)

    @cached_property
    def codes(self) -> frozenset[str]:
        return frozenset(item.code for item in self.items)

    def label(self, code: str, language: str) -> str:
        return next(item.label(language) for item in self.items if item.code == code)


class ItemType(enum.StrEnum):
    INTEGER = "integer"
    DECIMAL = "decimal"
    TEXT = "text"
    LONG_TEXT = "long_text"
    DATE = "date"
    PARTIAL_DATE = "partial_date"
    TIME = "time"
    CHOICE = "choice"
    MULTI_CHOICE = "multi_choice"
    YES_NO = "yes_no"
    SCALE = "scale"  # a whole number between two ends that are put into words
    FILE = "file"  # the mark of a file that is kept elsewhere


class Range(Part):
    min: Decimal | None = None
    max: Decimal | None = None


class Anchors(Part):
    """The words at both ends of a scale."""

    min: Text
    max: Text


class Score(Part):
    """A scoring function of ``scoring.FUNCTIONS`` and the items it reads, in the function's own order.

    ``version``: the one that the study was written for; another one in the program is then a fault.
    """

    function: str
    version: str | None = later()
    items: tuple[Key, ...]


Extent = Literal["all", "critical", "share", "none"]


class VerificationPlan(Part):
    """Which answers a monitor holds against their source: every one, the critical ones, or none.

    ``share``: of so many in a hundred participants, drawn by ``protocol.monitoring``, every answer, and of the others
    the critical ones.
    """

    extent: Extent
    share: int | None = later(ge=1, le=99)
    confirm_with_protocol: bool = later(False)


class Danger(Part):
    """When an answer is dangerous, and what whoever meets it does at once.

    ``fires_if`` reads the item itself and what stands before it; it is judged while the form is filled in.
    """

    fires_if: str
    message: Text
    examples: tuple[Example, ...] = ()
    confirm_with_protocol: bool = False


class Item(Part):
    """One question, or one derived value (``derive`` or ``score``), which no person enters.

    ``range`` refuses, ``soft_range`` asks (a query opens). ``ask_if``: the item applies only when true; an item
    that does not apply is skipped, not missing. ``missing_allowed``: a reason may stand in place of a value.
    ``danger``: when the answer is dangerous, which is shown at once. ``critical``: it matters to the safety of
    participants or to the outcome, so that a plan of verification may single it out. ``anchors``: of a scale.
    ``accepts`` (endings such as pdf) and ``max_megabytes``: of a file. ``observed``: a date on which something was
    seen, so it lies not after the day of saving, nor after death. ``replaces``: keys under which earlier versions asked
    the same, newest first; a rule that reads an entry of such a version finds its answer there.
    """

    key: Key
    type: ItemType
    label: Text
    hint: Text | None = None
    unit: str | None = None
    range: Range | None = None
    soft_range: Range | None = None
    decimals: int | None = Field(default=None, ge=0, le=6)
    max_length: int | None = Field(default=None, ge=1, le=10000)
    codelist: Key | None = None
    required: bool = True
    missing_allowed: bool = True
    anchors: Anchors | None = later()
    accepts: tuple[Annotated[str, Field(pattern=r"^[a-z0-9]{1,8}$")], ...] = later(())
    max_megabytes: int | None = later(ge=1, le=100)
    observed: bool = later(False)
    replaces: tuple[Key, ...] = later(())
    danger: Danger | None = later()
    critical: bool = later(False)
    ask_if: str | None = None
    derive: str | None = None
    score: Score | None = None
    examples: tuple[Example, ...] = ()
    variable: str | None = None  # SDTM or CDASH variable
    reveals_allocation: bool = False
    confirm_with_protocol: bool = False

    @property
    def is_derived(self) -> bool:
        return self.derive is not None or self.score is not None

    @property
    def steps(self) -> tuple[str, ...]:
        """Every whole number that a person may answer, where they are few; none otherwise."""
        ends = self.range or Range()
        if (
            self.is_derived
            or self.type not in (ItemType.INTEGER, ItemType.SCALE)
            or ends.min is None
            or ends.max is None
        ):
            return ()
        numbers = range(int(ends.min), int(ends.max) + 1)
        return tuple(map(str, numbers)) if len(numbers) <= MOST_ANSWERS else ()


class Rows(Part):
    """How often the questions of a section may be answered on one form; ``row`` names one row, as "Treatment"."""

    min: int = Field(default=0, ge=0, le=MOST_ROWS)
    max: int = Field(ge=1, le=MOST_ROWS)
    row: Text


class Line(Part):
    """One line of a table of measurements, such as "30 minutes": an item for each column."""

    label: Text
    items: tuple[Key, ...] = Field(min_length=1)


class Section(Part):
    """Questions that stand together; with ``repeats``, a group of questions that has rows.

    A value in a row is kept under ``section.row.item``, the row counted from 1 and never used again. ``layout``: in a
    ``scale`` a few short answers of a question stand side by side; in a ``table`` the items that ``lines`` name stand
    under ``columns``. All else stands a line a question. It says nothing of the values.
    """

    key: Key
    label: Text
    repeats: Rows | None = later()
    layout: Literal["scale", "table"] | None = later()
    columns: tuple[Text, ...] = later(())
    lines: tuple[Line, ...] = later(())
    items: tuple[Item, ...] = Field(min_length=1)

    def row_key(self, row: int, item_key: str) -> str:
        """The key under which the value of an item in this row is kept."""
        return f"{self.key}.{row}.{item_key}"

    def rows(self, keys: Iterable[str]) -> tuple[int, ...]:
        """The rows that these keys of values name, in order."""
        named = (RowKey.read(key) for key in keys)
        return tuple(sorted({row.row for row in named if row is not None and row.section == self.key}))


class RowKey(NamedTuple):
    """The three parts of a key such as ``trials.2.drug``: its section, its row (from 1) and its item."""

    section: str
    row: int
    item: str

    @classmethod
    def read(cls, key: str) -> RowKey | None:
        """None for a key that is not of this shape."""
        found = _ROW_KEY.fullmatch(key)
        return cls(found[1], int(found[2]), found[3]) if found else None


class Check(Part):
    """An edit check. ``fires_if`` true: a hard check refuses the entry, a soft one opens a query on ``items``."""

    key: Key
    severity: Literal["hard", "soft"]
    fires_if: str
    items: tuple[Key, ...] = Field(min_length=1)
    message: Text
    examples: tuple[Example, ...] = ()
    confirm_with_protocol: bool = False


class Form(Part):
    """A case report form.

    ``entered_by``: role keys that may enter it. ``reveals_allocation``: no blinded role meets it at all.
    ``repeating``: holds many rows (adverse events). ``eligibility``: its items come from the criteria in force.
    ``ends_participation``: the item whose code says how the participant ended; see ``EndStatus``. ``closes_visits``:
    visits that do not take place any more from the first date on the form; the participant goes on. ``verification``:
    the form's own plan, instead of that of the study.
    """

    key: Key
    label: Text
    entered_by: tuple[Key, ...] = Field(min_length=1)
    domain: str | None = None  # SDTM domain
    instrument: str | None = None
    citation: str | None = None
    licence_status: Literal["own", "free", "licensed"] = "own"
    recall_period: Text | None = None
    reveals_allocation: bool = False
    repeating: bool = False
    signed_by: Key | None = None  # role whose signature the form needs before the study can be locked
    eligibility: bool = False
    ends_participation: Key | None = None
    closes_visits: tuple[Key, ...] = later(())
    verification: VerificationPlan | None = later()
    sections: tuple[Section, ...] = Field(min_length=1)
    checks: tuple[Check, ...] = ()
    confirm_with_protocol: bool = False

    @cached_property
    def items(self) -> tuple[Item, ...]:
        """Every item, those of groups included (once, not a row)."""
        return tuple(item for section in self.sections for item in section.items)

    @property
    def first_date(self) -> Item | None:
        """The date from which the form counts, where it ends participation or closes visits."""
        return next((item for item in self.plain_items if item.type is ItemType.DATE), None)

    @cached_property
    def takes_files(self) -> bool:
        return any(item.type is ItemType.FILE for item in self.items)

    @cached_property
    def observes_days(self) -> bool:
        """It has a day on which something was seen to happen: see ``Item.observed``."""
        return any(item.observed for item in self.items)

    @property
    def ends_something(self) -> bool:
        """Participation, or a treatment."""
        return self.ends_participation is not None or bool(self.closes_visits)

    @cached_property
    def plain_items(self) -> tuple[Item, ...]:
        """The items outside groups: their values are kept under their own key."""
        return tuple(item for section in self.sections if section.repeats is None for item in section.items)

    @cached_property
    def first_keys(self) -> tuple[str, ...]:
        """Keys of the values that an empty form begins with: plain items, and the rows that every group owes."""
        keys: list[str] = []
        for section in self.sections:
            if section.repeats is None:
                keys += [item.key for item in section.items]
            for row in range(1, 1 + (section.repeats.min if section.repeats else 0)):
                keys += [section.row_key(row, item.key) for item in section.items]
        return tuple(keys)

    @cached_property
    def rules(self) -> tuple[str, ...]:
        """Every expression of the form, as text."""
        of_items = (rule for item in self.items for rule in (item.ask_if, item.derive) if rule is not None)
        dangers = (item.danger.fires_if for item in self.items if item.danger is not None)
        return (*of_items, *dangers, *(check.fires_if for check in self.checks))

    @cached_property
    def groups(self) -> dict[str, Section]:
        """Sections with rows, by key."""
        return {section.key: section for section in self.sections if section.repeats is not None}

    @cached_property
    def _by_key(self) -> dict[str, Item]:
        return {item.key: item for item in self.items}

    @cached_property
    def _group_by_item(self) -> dict[str, Section]:
        return {item.key: section for section in self.groups.values() for item in section.items}

    def item(self, key: str) -> Item:
        """The item of a key such as ``weight`` or, in a row, ``trials.2.drug``; KeyError when there is none."""
        found = self._by_key.get(key) or self._in_row(key)
        if found is None:
            raise KeyError(key)
        return found

    def has_item(self, key: str) -> bool:
        return key in self._by_key or self._in_row(key) is not None

    def holds(self, key: str) -> bool:
        """Whether a value may be kept under this key: an item outside groups, or an item of a row."""
        return key not in self._group_by_item and self.has_item(key)

    def group_of(self, item_key: str) -> Section | None:
        """The section with rows in which the item stands, by its own key or by one with a row."""
        row = RowKey.read(item_key)
        return self._group_by_item.get(row.item if row else item_key)

    def group_of_check(self, check: Check) -> Section | None:
        """The section with rows in which all items of a check stand: such a check is judged row by row."""
        groups = {group.key: group for key in check.items if (group := self.group_of(key))}
        in_one = len(groups) == 1 and all(self.group_of(key) for key in check.items)
        return next(iter(groups.values())) if in_one else None

    def _in_row(self, key: str) -> Item | None:
        row = RowKey.read(key)
        group = self._group_by_item.get(row.item) if row else None
        return self._by_key[row.item] if row and group and group.key == row.section else None


class StratificationFactor(Part):
    """``site`` is the participant's site; another factor names the item that holds its level."""

    key: Key
    source: Literal["site"] | str


Probability = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,3}/[1-9][0-9]{0,3}$")]


class RandomizationDesign(Part):
    """The restricted part: who enrols never sees it. docs/randomization.md says what each method needs.

    Block sizes map to integer weights; ``weights`` gives the factors of minimisation theirs, 1 where left out.
    """

    method: Literal[
        "permuted_blocks",
        "complete",
        "big_stick",
        "block_urn",
        "biased_coin",
        "biased_coin_with_tolerance",
        "urn",
        "asymptotic_maximal",
        "minimisation",
    ]
    factors: tuple[StratificationFactor, ...]
    block_sizes: dict[int, int] = later({})
    mti: int | None = later(ge=1, le=30)  # maximum tolerated imbalance
    p: Probability | None = later()  # of the arm that is behind or preferred
    lam: int | None = later(ge=1, le=1000)  # lambda: balanced sets in a block urn
    a: int | None = later(ge=0, le=1000)  # balls of each arm at first
    b: int | None = later(ge=1, le=1000)  # balls added of every other arm
    measure: Literal["range", "variance"] | None = later()
    weights: dict[Key, Annotated[int, Field(ge=1, le=1000)]] = later({})
    envelopes: int = later(0, ge=0, le=1000)  # places kept at the end of each stratum for sealed envelopes
    length_per_stratum: int = Field(ge=1, le=100_000)
    supply_lead_weeks: int = later(6, ge=1, le=52)  # from the word that a stratum runs low until more rows are in force
    confirm_with_protocol: bool = False


class Exemption(Part):
    """A rule of chronology that does not count at these visits (all, when left out), and why."""

    rule: Literal[
        "after_death",
        "after_withdrawal",
        "after_end",
        "before_consent",
        "before_phase",
        "after_allocation",
        "out_of_order",
        "outside_window",
        "same_day",
    ]
    visits: tuple[Key, ...] = ()
    reason: Text


class StudyDefinition(Part):
    schema_version: Literal[1]
    id: Key
    version: str
    short_title: str
    title: Text
    public_title: Text  # names no arm: what blinded roles and participants may read
    registration: str
    sponsor: str
    target_participants: int = Field(ge=1)
    valid_from: str  # ISO date
    changes: Text | None = later()  # what this version changes, in words, for people
    arms: tuple[Arm, ...]
    sites: tuple[SiteDefinition, ...] = Field(min_length=1)
    roles: tuple[RoleDefinition, ...] = Field(min_length=1)
    consents: tuple[ConsentVersion, ...] = Field(min_length=1)
    eligibility: tuple[EligibilityVersion, ...] = Field(min_length=1)
    phases: tuple[Phase, ...] = Field(min_length=1)
    visits: tuple[VisitDefinition, ...] = Field(min_length=1)
    missing_reasons: CodeList
    codelists: tuple[CodeList, ...] = ()
    forms: tuple[Form, ...] = Field(min_length=1)
    exemptions: tuple[Exemption, ...] = later(())
    verification: VerificationPlan | None = later()  # every answer, where nothing is said
    recruitment: RecruitmentPlan | None = later()
    flow: Flow | None = later()
    randomization: RandomizationDesign | None = None

    @cached_property
    def _forms(self) -> dict[str, Form]:
        return {form.key: form for form in self.forms}

    @cached_property
    def _visits(self) -> dict[str, VisitDefinition]:
        return {visit.key: visit for visit in self.visits}

    @cached_property
    def _codelists(self) -> dict[str, CodeList]:
        return {codelist.key: codelist for codelist in self.codelists}

    @cached_property
    def moved(self) -> Mapping[tuple[str, str], str]:
        """(form, key of an item in an earlier version) -> its key here, of every item that replaces another."""
        return {(form.key, old): item.key for form in self.forms for item in form.items for old in item.replaces}

    def form(self, key: str) -> Form:
        return self._forms[key]

    def visit(self, key: str) -> VisitDefinition:
        return self._visits[key]

    def codelist(self, key: str) -> CodeList:
        return self._codelists[key]

    def has_form(self, key: str) -> bool:
        return key in self._forms

    def has_visit(self, key: str) -> bool:
        return key in self._visits

    def exempts(self, rule: str, visit: str) -> bool:
        """Whether a rule of chronology does not count at the visit of this key."""
        return any(one.rule == rule and (not one.visits or visit in one.visits) for one in self.exemptions)

    @property
    def is_randomised(self) -> bool:
        """Whether participants are allocated to arms; a registry or a care path has none."""
        return bool(self.arms)

    @property
    def entry_phase(self) -> Phase:
        """The phase that opens when the trial is entered."""
        return next(phase for phase in self.phases if phase.opens in ("allocation", "enrolment"))

    def phase(self, key: str) -> Phase:
        return next(phase for phase in self.phases if phase.key == key)

    def alternatives(self, phase: str) -> frozenset[str]:
        """Other phases whose gate stands at the same visit: of those one opens at most."""
        gates = {one.key: one.gate.visit for one in self.phases if one.gate is not None}
        return frozenset(key for key, visit in gates.items() if key != phase and visit == gates.get(phase))

    def arm(self, key: str) -> Arm:
        return next(arm for arm in self.arms if arm.key == key)

    def role(self, key: str) -> RoleDefinition:
        return next(role for role in self.roles if role.key == key)

    def visits_of(self, *, phase: str, arm: str | None) -> Iterator[VisitDefinition]:
        """Visits of a phase for one arm, in the definition's order."""
        for visit in self.visits:
            if visit.phase == phase and (not visit.arms or arm in visit.arms):
                yield visit

    def eligibility_on(self, date: str) -> EligibilityVersion:
        """The criteria in force on an ISO date: the latest version that began on or before it, else the first."""
        begun = [version for version in self.eligibility if version.valid_from <= date]
        return max(begun, key=lambda version: version.valid_from) if begun else self.eligibility[0]

    def canonical_json(self) -> str:
        """One fixed spelling: sorted keys, no spaces, UTF-8. Its SHA-256 is the definition's identity."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.canonical_json().encode()).hexdigest()

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Self:
        """Read back what ``canonical_json`` wrote."""
        return cls.model_validate(document)
