"""What people judged, held against the values as they stand. Pure.

The machine changes no judgement: it says where the values that one read say otherwise now. That is gone when somebody
judges again, or confirms the judgement against just these values; when they change once more, it is back.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from trialmgr.protocol.casebook import Assessed
from trialmgr.protocol.evaluation import Lookup, Scope, read, truth_of
from trialmgr.protocol.expressions import parse
from trialmgr.protocol.model import (
    Criterion,
    EligibilityVersion,
    Form,
    Gate,
    Item,
    ItemType,
    Section,
    StudyDefinition,
    Text,
)

ELIGIBILITY = "eligibility"


def about_phase(phase: str) -> str:
    """How a judgement about a phase is named: no key of a phase has a stroke, so none is taken for eligibility."""
    return f"phase/{phase}"


@dataclass(frozen=True, slots=True)
class Judgement:
    """``about``: eligibility, or a phase. ``outcome``: None where a value is missing. ``inputs``: values by path."""

    about: str
    outcome: bool | None
    not_met: tuple[str, ...]
    inputs: Mapping[str, str | None]

    @property
    def phase(self) -> str:
        """Key of the phase; "" where it is about eligibility."""
        return self.about.partition("/")[2]

    @property
    def said(self) -> tuple[bool | None, tuple[str, ...]]:
        return self.outcome, self.not_met


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A judgement as a person gave it, and what its rules come to now."""

    judged: Judgement
    now: Judgement

    @property
    def changed(self) -> dict[str, tuple[str | None, str | None]]:
        """By path, each value that is another now: as it was judged, as it stands. Nothing where none was recorded."""
        then = self.judged.inputs
        paths = (path for path in self.now.inputs if then and then.get(path) != self.now.inputs[path])
        return {path: (then.get(path), self.now.inputs[path]) for path in paths}

    @property
    def digest(self) -> str:
        """Hex SHA-256 over the judgement and the values that say otherwise."""
        content = [self.judged.about, self.judged.said, self.now.said, dict(self.now.inputs)]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def contradictions(
    judged: Iterable[Judgement], now: Mapping[str, Judgement], confirmed: Collection[str]
) -> Iterator[Contradiction]:
    """Judgements that say otherwise than ``now``, but for those confirmed against just these values (by digest)."""
    for one in judged:
        found = Contradiction(one, now[one.about])
        if one.said != found.now.said and found.digest not in confirmed:
            yield found


def eligibility_now(
    definition: StudyDefinition, version: EligibilityVersion, answers: Mapping[str, str], stored: Assessed
) -> Judgement:
    """``answers``: those on the eligibility form; what the rules read elsewhere comes from ``stored``."""
    read = Assessed(stored.entries, names=stored.names)
    eligible, not_met = judge(definition, version, answers, read)
    form = eligibility_form(definition, version).key
    visit = next(visit.key for visit in definition.visits if form in visit.forms)
    own = {f"{visit}.{form}.{one.id.lower()}": answers.get(one.id.lower()) for one in version.criteria}
    return Judgement(ELIGIBILITY, eligible, not_met, own | read.asked)


def phase_now(definition: StudyDefinition, phase: str, rule: str, stored: Assessed) -> Judgement:
    """``rule``: that by which it was decided."""
    read = Assessed(stored.entries, names=stored.names)
    return Judgement(about_phase(phase), truth_of(rule, Scope(definition, None, read)), (), read.asked)


def forms_read(rules: Iterable[str]) -> frozenset[str]:
    """Keys of the forms that these rules read."""
    return frozenset(path[1] for rule in rules for path in parse(rule).references if len(path) > 1)


def eligibility_form(definition: StudyDefinition, version: EligibilityVersion) -> Form:
    """The form flagged ``eligibility`` with one yes/no item for each criterion in front of its own sections."""
    form = next(form for form in definition.forms if form.eligibility)
    sections = [section for kind in ("inclusion", "exclusion") for section in _criteria_section(version, kind)]
    return form.model_copy(update={"sections": (*sections, *form.sections)})


def judge(
    definition: StudyDefinition, version: EligibilityVersion, values: Mapping[str, str], lookup: Lookup
) -> tuple[bool | None, tuple[str, ...]]:
    """Whether the participant is eligible, and the ids of the criteria not met; None when an answer is wanting.

    An inclusion criterion needs yes (and its rule true), an exclusion criterion no (and its rule not true).
    """
    scope = _scope_of_entry(definition, eligibility_form(definition, version), values, lookup)
    verdicts = {criterion.id: _fulfilled(criterion, scope) for criterion in version.criteria}
    failed = tuple(key for key, verdict in verdicts.items() if verdict is False)
    if failed:
        return False, failed
    return (None if None in verdicts.values() else True), ()


def gate_outcome(definition: StudyDefinition, gate: Gate, lookup: Lookup) -> bool | None:
    """The decision of a gate on the stored data; None when something it needs is missing."""
    return truth_of(gate.rule, Scope(definition, None, lookup))


def _scope_of_entry(definition: StudyDefinition, form: Form, values: Mapping[str, str], lookup: Lookup) -> Scope:
    known = {key: read(definition, form.item(key), raw) for key, raw in values.items() if form.has_item(key)}
    return Scope(definition, form, lookup, known)


def _fulfilled(criterion: Criterion, scope: Scope) -> bool | None:
    wanted = criterion.kind == "inclusion"
    answer = scope((criterion.id.lower(),))
    rule = truth_of(criterion.rule, scope) if criterion.rule else wanted
    verdicts = {None if part is None else part is wanted for part in (answer, rule)}
    return False if False in verdicts else None if None in verdicts else True


_CRITERIA_LABELS = {
    "inclusion": Text(nl="Inclusiecriteria", en="Inclusion criteria"),
    "exclusion": Text(nl="Exclusiecriteria", en="Exclusion criteria"),
}


def _criteria_section(version: EligibilityVersion, kind: str) -> Iterator[Section]:
    items = tuple(_criterion_item(criterion) for criterion in version.criteria if criterion.kind == kind)
    if items:
        yield Section(key=f"criteria_{kind}", label=_CRITERIA_LABELS[kind], items=items)


def _criterion_item(criterion: Criterion) -> Item:
    return Item(
        key=criterion.id.lower(),
        type=ItemType.YES_NO,
        label=criterion.text,
        missing_allowed=False,
        confirm_with_protocol=criterion.confirm_with_protocol,
    )
