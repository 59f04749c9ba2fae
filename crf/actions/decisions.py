from __future__ import annotations

from collections.abc import Mapping

from django.utils import timezone
from django.utils.translation import gettext as _

from audit.actions import action, itself
from audit.acts import ActionRefused, record
from crf import policies
from crf.actions.participation import settle_visits
from crf.actions.signatures import sign_entry
from crf.actions.visits import open_visits, take_back_visits
from crf.loaded_casebook import LoadedCasebook
from crf.models import EligibilityDecision, EntryStatus, GateDecision, JudgementConfirmation
from trialmgr.participants.actions import close_phase, enrol, open_phase, undo_enrolment
from trialmgr.participants.models import Participant
from trialmgr.participants.queries import criteria_for, definition_for
from trialmgr.people.models import User
from trialmgr.protocol.judgements import eligibility_now, gate_outcome
from trialmgr.protocol.model import Gate, StudyDefinition
from trialmgr.studies.clock import today


@action(
    "eligibility.judged", permission="participants.judge", site=lambda participant, **_k: participant.site, makes=itself
)
def judge_eligibility(*, by: User, participant: Participant) -> EligibilityDecision:
    """The investigator's judgement, signed: the criteria's own rules and the answers on the eligibility form.

    Refused while the form is incomplete or a rule meets a missing value: a judgement is never made on a guess.
    """
    policies.lock_casebook(participant.pk)
    entry = policies.eligibility_entry(participant)
    if entry is None or entry.status != EntryStatus.COMPLETE:
        raise ActionRefused(_("The eligibility form is not complete: fill in what is missing first."))
    definition = entry.study_version.definition
    version = criteria_for(participant, definition)
    stored = LoadedCasebook(participant).values
    found = eligibility_now(definition, version, entry.data, stored)
    if found.outcome is None:
        raise ActionRefused(_("A value that a criterion needs is missing: complete the forms it reads first."))
    if not entry.signatures.filter(lapsed_at=None, role=by.role_names(participant.site)).exists():
        sign_entry(by=by, entry=entry, meaning="eligibility judged")
    decision = EligibilityDecision(
        participant=participant,
        criteria_version=version.version,
        eligible=found.outcome,
        not_met=list(found.not_met),
        inputs=dict(found.inputs),
        decided_at=timezone.now(),
        decided_by=by.actor_name,
        digest=entry.digest,
    )
    decision.save()
    detail = {"criteria": version.version, "not_met": list(found.not_met), "inputs": dict(found.inputs)}
    _note(participant, "eligibility", found.outcome, detail)
    return decision


@action(
    "judgement.confirmed",
    permission="participants.judge",
    site=lambda participant, **_k: participant.site,
    makes=itself,
)
def confirm_judgement(*, by: User, participant: Participant, about: str, reason: str) -> JudgementConfirmation:
    """A judgement stands though the values as they are now say otherwise. If they change again it is asked again."""
    if not reason.strip():
        raise ActionRefused(_("Give the reason."))
    participant.lock()
    found = policies.check_confirmable(participant, about)
    confirmation = JudgementConfirmation(
        participant=participant,
        judgement=about,
        digest=found.digest,
        reason=reason,
        confirmed_at=timezone.now(),
        confirmed_by=by.actor_name,
    )
    confirmation.save()
    detail = {"digest": found.digest, "now": found.now.outcome, "inputs": dict(found.now.inputs)}
    _note(participant, about, found.judged.outcome is True, detail)
    return confirmation


@action("gate.decided", permission="participants.gate", site=lambda participant, **_k: participant.site, makes=itself)
def decide_gate(*, by: User, participant: Participant, phase: str, reason: str = "") -> GateDecision:
    """Open a phase, or not, by its gate's rule on the data as they stand; refused while a value is missing.

    Where the value will not come (its visit was not done, or its form is complete without it) the phase stays closed,
    and ``reason`` says why that is right. Nothing is invented to open it.
    Where nothing is drawn by lot, the phase that opens by enrolment has no rule: the decision is to let somebody in.
    """
    participant.lock()
    definition = definition_for(participant, None)
    if any(one.key == phase and one.opens == "enrolment" for one in definition.phases):
        return _let_in(by, participant, definition)
    policies.check_gate_open(participant, phase)
    gate = _gate(definition, phase)
    stored = LoadedCasebook(participant)
    outcome = gate_outcome(definition, gate, stored)
    if outcome is None:
        _check_missed(participant, stored, reason)
    decision = _decided(by, participant, phase, bool(outcome), rule=gate.rule, inputs=stored.asked)
    if outcome:
        open_phase(by=by, participant=participant, phase=phase)
        open_visits(participant=participant, phase=phase, arm=policies.arm_of(participant), decided=True)
        settle_visits(participant)
    return decision


@action("gate.undone", permission="participants.gate", site=lambda participant, **_k: participant.site)
def undo_gate(*, by: User, participant: Participant, phase: str, reason: str) -> Participant:
    """A decision on a phase was taken in error: the visits that it planned go with it, and it can be decided again."""
    participant.lock()
    decision = GateDecision.objects.filter(participant=participant, phase=phase).first()
    if decision is None:
        raise ActionRefused(_("This decision has not been taken: there is nothing to take back."))
    decision.participant = participant
    policies.check_decision_taken_back(by, decision, reason)
    decision.taken_back_at, decision.taken_back_by = timezone.now(), by.actor_name
    decision.save()
    _note(participant, phase, old=decision.opened, detail={"decided_by": decision.decided_by})
    if decision.opened:
        take_back_visits(participant, phase)
        _go_back(participant, phase)
    return participant


def _go_back(participant: Participant, phase: str) -> None:
    """To the phase that had opened before this one."""
    definition = definition_for(participant, None)
    earlier = GateDecision.objects.filter(participant=participant, opened=True).last()
    if any(one.key == phase and one.opens == "enrolment" for one in definition.phases):
        undo_enrolment(participant, definition.phases[0].key)
    else:
        close_phase(participant, earlier.phase if earlier else definition.entry_phase.key)


def _check_missed(participant: Participant, stored: LoadedCasebook, reason: str) -> None:
    if not policies.is_gate_missed(participant, stored.asked):
        wanting = ", ".join(name for name, value in stored.asked.items() if value is None)
        raise ActionRefused(_("The rule cannot be decided yet; missing: %(names)s.") % {"names": wanting})
    if not reason.strip():
        raise ActionRefused(
            _("A value that the rule needs was not measured: give the reason why the phase does not open.")
        )


def _let_in(by: User, participant: Participant, definition: StudyDefinition) -> GateDecision:
    policies.check_enterable(participant, definition)
    phase = definition.entry_phase.key
    decision = _decided(by, participant, phase, True, rule="", inputs={})
    enrol(by=by, participant=participant, phase=phase, on=today())
    open_visits(participant=participant, phase=phase, decided=True)
    return decision


def _decided(
    by: User, participant: Participant, phase: str, outcome: bool, *, rule: str, inputs: dict[str, str | None]
) -> GateDecision:
    decision = GateDecision(
        participant=participant,
        phase=phase,
        opened=outcome,
        rule=rule,
        inputs=inputs,
        decided_at=timezone.now(),
        decided_by=by.actor_name,
    )
    decision.save()
    _note(participant, phase, outcome, {"rule": rule, "inputs": inputs})
    return decision


def _gate(definition: StudyDefinition, phase: str) -> Gate:
    gates = {one.key: one.gate for one in definition.phases if one.gate is not None}
    gate = gates.get(phase)
    if gate is None:
        raise ActionRefused(_("The phase “%(phase)s” has no decision.") % {"phase": phase})
    return gate


def _note(
    participant: Participant,
    item: str,
    outcome: bool | None = None,
    detail: Mapping[str, object] | None = None,
    *,
    old: bool | None = None,
) -> None:
    record(
        object_type="participant",
        object_id=participant.number,
        site=participant.site.code,
        participant=participant.number,
        item=item,
        old=_SAID[old],
        new=_SAID[outcome],
        detail=dict(detail or {}),
    )


_SAID = {True: "yes", False: "no", None: None}
