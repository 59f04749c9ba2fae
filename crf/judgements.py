"""What investigators judged of participants, and where the values as they stand say otherwise.

For many participants as for one: a fixed number of database queries.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from crf.models import EligibilityDecision, FormEntry, GateDecision, JudgementConfirmation
from trialmgr.participants.models import Participant
from trialmgr.participants.queries import criteria_for, definition_for
from trialmgr.protocol.casebook import Assessed, Place
from trialmgr.protocol.evaluation import Evaluation, Scope, truth_of
from trialmgr.protocol.judgements import (
    ELIGIBILITY,
    Contradiction,
    Judgement,
    about_phase,
    contradictions,
    eligibility_now,
    forms_read,
    phase_now,
)
from trialmgr.protocol.model import StudyDefinition
from trialmgr.studies.queries import current_definition, key_names, one_version, timeline, version_of_row


@dataclass(slots=True)
class Judgements:
    """Of one participant. ``eligibility``: the newest decision, whatever changed since; ``form``: what it judged."""

    participant: Participant
    eligibility: EligibilityDecision | None = None
    form: FormEntry | None = None
    phases: list[GateDecision] = field(default_factory=list)
    confirmed: set[str] = field(default_factory=set)
    stored: dict[Place, Evaluation] = field(default_factory=dict)
    contradictions: list[Contradiction] = field(default_factory=list)

    @property
    def judged(self) -> list[Judgement]:
        """As people gave them; who was let in without a rule rests on eligibility alone."""
        definition = definition_for(self.participant, None)
        phases = [
            Judgement(about_phase(one.phase), _as_decided(definition, one), (), one.inputs)
            for one in self.phases
            if one.rule
        ]
        one = self.eligibility
        given = [] if one is None else [Judgement(ELIGIBILITY, one.eligible, tuple(one.not_met), one.inputs)]
        return given + phases

    def now(self) -> dict[str, Judgement]:
        """What the rules come to on the values as they stand, of all that was judged."""
        stored = Assessed(self.stored, names=key_names())
        definition = definition_for(self.participant, None)
        found = [phase_now(definition, one.phase, one.rule, stored) for one in self.phases if one.rule]
        if self.eligibility is not None:
            found.append(self._eligibility_now(stored))
        return {one.about: one for one in found}

    def _eligibility_now(self, stored: Assessed) -> Judgement:
        row = self.form.study_version_id if self.form else self.participant.study_version_id
        definition = version_of_row(row).definition
        answers = self.form.data if self.form else {}
        return eligibility_now(definition, criteria_for(self.participant, definition), answers, stored)

    @property
    def standing_eligibility(self) -> EligibilityDecision | None:
        """The newest decision, if the form still says what was judged, and no value it read says otherwise."""
        one, form = self.eligibility, self.form
        stands = one is not None and form is not None and form.digest == one.digest
        contradicted = stands and any(each.judged.about == ELIGIBILITY for each in self.contradictions)
        return one if stands and not contradicted else None


def _as_decided(definition: StudyDefinition, decision: GateDecision) -> bool | None:
    """None where the rule had no outcome: the phase stayed closed because a value was missing."""
    if decision.opened or not decision.inputs:
        return decision.opened
    held = Scope(definition, None, lambda *path: decision.inputs.get(".".join(path)))
    return None if truth_of(decision.rule, held) is None else decision.opened


def judgements_of(participants: Iterable[Participant]) -> dict[int, Judgements]:
    """By key of the participant; four database queries for any number of them, each with its site."""
    with one_version():
        found = _read(participants)
        for one in found.values():
            one.contradictions = list(contradictions(one.judged, one.now(), one.confirmed))
    return found


def _read(participants: Iterable[Participant]) -> dict[int, Judgements]:
    found = {one.pk: Judgements(one) for one in participants}
    for decision in EligibilityDecision.objects.filter(participant__in=found).order_by("decided_at", "pk"):
        found[decision.participant_id].eligibility = decision
    for gate in GateDecision.objects.filter(participant__in=found).order_by("decided_at", "pk"):
        found[gate.participant_id].phases.append(gate)
    for confirmation in JudgementConfirmation.objects.filter(participant__in=found):
        found[confirmation.participant_id].confirmed.add(confirmation.digest)
    _take_values(found)
    return found


def _take_values(found: Mapping[int, Judgements]) -> None:
    """The forms that the judgements rest on, as they stand."""
    eligibility = {form.key for span in timeline().spans for form in span.version.definition.forms if form.eligibility}
    keys = eligibility | forms_read(_rules(found.values()))
    rows = FormEntry.objects.filter(visit__participant__in=found, form_key__in=sorted(keys), occurrence=1).standing()
    for entry in rows.select_related("visit").order_by():
        mine = found[entry.visit.participant_id]
        entry.visit.participant = mine.participant
        entry.study_version = version_of_row(entry.study_version_id)
        mine.stored[entry.place] = Evaluation(entry.data, entry.missing, entry.unasked, frozenset(), (), (), ())
        if entry.form_key in eligibility:
            mine.form = entry


def _rules(found: Collection[Judgements]) -> Iterator[str]:
    for span in timeline().spans:
        for version in span.version.definition.eligibility:
            yield from (criterion.rule for criterion in version.criteria if criterion.rule)
    yield from {gate.rule for one in found for gate in one.phases if gate.rule}


def contradictions_among(participants: Iterable[Participant]) -> list[tuple[Participant, Contradiction]]:
    """In the order of ``participants``."""
    return [(one.participant, each) for one in judgements_of(participants).values() for each in one.contradictions]


def judgement_label(about: str) -> str:
    """Eligibility, or the decision on a phase, as the study calls it."""
    phase = about.partition("/")[2]
    gates = {one.key: one.gate for one in current_definition().phases if one.gate}
    gate = gates.get(phase)
    return gate.label(get_language() or "nl") if gate else phase or _("Eligibility")


def judgement_url(participant: Participant, judgement: Judgement, page: str = "") -> str:
    """The page of a judgement; ``page``: "confirm_" for that on which it is confirmed."""
    if judgement.phase:
        return reverse(f"crf:{page}phase", args=[participant.number, judgement.phase])
    return reverse(f"crf:{page}eligibility", args=[participant.number])


def contradicted(found: Contradiction) -> str:
    """One sentence: what was judged, and what the values say now. The values are for who sees their forms."""
    said = _("%(judgement)s: judged “%(judged)s”, by the values as they stand “%(now)s”.")
    return said % {
        "judgement": judgement_label(found.judged.about),
        "judged": _outcome(found.judged),
        "now": _outcome(found.now),
    }


def _outcome(judgement: Judgement) -> str:
    if judgement.outcome is None:
        return _("not known: a value is missing")
    said = _("yes") if judgement.outcome else _("no")
    return f"{said} ({', '.join(judgement.not_met)})" if judgement.not_met else said
