"""Duties on the way into the trial: consent, eligibility, randomisation, the decision on a phase, and the end."""

from __future__ import annotations

from django.db.models import BooleanField, Exists, ExpressionWrapper, OuterRef, Q
from django.urls import reverse
from django.utils.translation import gettext as _

from crf.judgements import contradicted as contradicted_by
from crf.judgements import contradictions_among, judgement_label, judgement_url
from crf.models import EntryStatus, FormEntry, Freeze, GateDecision, Visit
from crf.policies import reasons_not_enterable
from crf.queries import Stretch, stretches
from randomization.queries.allocations import ready_to_randomise
from trialmgr.overview.duties.tasks import Band, Desk, Duty, Link, Task, said_of, within
from trialmgr.participants.models import Consent, Participant, ParticipantQuerySet, by_number
from trialmgr.participants.states import ACTIVE, Status
from trialmgr.protocol.model import Gate
from trialmgr.studies.queries import current_definition

_OF_PARTICIPANT = {"participant": OuterRef("pk")}
_WITHDREW = Q(Exists(Consent.objects.filter(**_OF_PARTICIPANT))) & ~Q(
    Exists(Consent.objects.filter(**_OF_PARTICIPANT, withdrawn_on=None))
)


def consent(desk: Desk) -> Duty:
    rows = desk.participants("participants.consent").filter(status=Status.SCREENING.value)
    # Nobody who withdrew is asked again.
    rows = rows.exclude(Exists(Consent.objects.filter(**_OF_PARTICIPANT)))
    tasks = [
        Task(
            participant=participant.number,
            link=Link(_("Record consent"), reverse("participants:consent", args=[participant.number])),
            status=_("No consent"),
            kind="late",
            since=participant.registered_on,
            when=said_of(participant.registered_on, _("registered on %(day)s")),
            turn=desk.turn_with("participants.consent"),
        )
        for participant in rows.order_by("registered_on", *by_number())[: desk.limit]
    ]
    return Duty("consent", _("Consent to record"), rows.count(), tasks)


def eligibility(desk: Desk) -> Duty:
    where = desk.sites_with("participants.judge")
    waiting = [
        each.participant
        for each in (desk.screening if where else [])
        if each.to_be_judged and (None in where or each.participant.site in where)
    ]
    tasks = [
        Task(
            participant=participant.number,
            link=Link(_("Judge eligibility"), reverse("crf:eligibility", args=[participant.number])),
            status=_("To be judged"),
            kind="due",
            since=participant.registered_on,
            when=said_of(participant.registered_on, _("registered on %(day)s")),
            turn=desk.turn_with("participants.judge"),
        )
        for participant in waiting[: desk.limit]
    ]
    return Duty("eligibility", _("Eligibility to judge"), len(waiting), tasks)


def enrol(desk: Desk) -> Duty:
    """Where nothing is drawn by lot: those who may enter the trial."""
    where = desk.sites_with("participants.gate") if not desk.definition.is_randomised else frozenset()
    waiting = [
        each.participant
        for each in (desk.screening if where else [])
        if (None in where or each.participant.site in where)
        and not reasons_not_enterable(each.participant, desk.definition)
    ]
    tasks = [
        Task(
            participant=participant.number,
            link=Link(_("Enrol"), reverse("crf:phase", args=[participant.number, desk.definition.entry_phase.key])),
            status=_("Ready"),
            kind="due",
            since=participant.registered_on,
            when=said_of(participant.registered_on, _("registered on %(day)s")),
            turn=desk.turn_with("participants.gate"),
        )
        for participant in waiting[: desk.limit]
    ]
    return Duty("enrol", _("Ready to enrol"), len(waiting), tasks)


def randomise(desk: Desk) -> Duty:
    where = desk.sites_with("participants.randomise") if desk.definition.is_randomised else frozenset()
    ready = ready_to_randomise(desk.screening) if where else []
    waiting = [each for each in ready if None in where or each.site in where]
    tasks = [
        Task(
            participant=participant.number,
            link=Link(_("Randomise"), reverse("randomization:randomise", args=[participant.number])),
            status=_("Ready"),
            kind="due",
            since=participant.registered_on,
            when=said_of(participant.registered_on, _("registered on %(day)s")),
            turn=desk.turn_with("participants.randomise"),
        )
        for participant in waiting[: desk.limit]
    ]
    return Duty("randomise", _("Ready to randomise"), len(waiting), tasks)


def decisions(desk: Desk) -> Duty:
    """Participants for whom the decision on a phase is owed: the visit it rests on is complete, or was not done."""
    tasks, count = [], 0
    for phase in desk.definition.phases:
        if phase.gate is not None:
            rows = to_be_decided(desk.participants("participants.gate"), phase.key, phase.gate, desk)
            count += rows.count()
            tasks += [
                Task(
                    participant=participant.number,
                    link=Link(
                        phase.gate.label(desk.language), reverse("crf:phase", args=[participant.number, phase.key])
                    ),
                    status=_("To be decided"),
                    kind="due",
                    since=participant.enrolled_on,
                    when=_entered_on(participant),
                    turn=desk.turn_with("participants.gate"),
                )
                for participant in rows.order_by("enrolled_on", *by_number())[: desk.limit]
            ]
    return Duty("decisions", _("Decisions to take"), count, tasks)


def contradicted(desk: Desk) -> Duty:
    """Judgements on those in the trial that the values contradict; in screening eligibility is to be judged again."""
    rows = desk.participants("participants.judge").filter(enrolled_on__isnull=False)
    found = contradictions_among(rows.select_related("site").order_by("enrolled_on", "number"))
    tasks = [
        Task(
            participant=participant.number,
            place=judgement_label(one.judged.about),
            said=contradicted_by(one),
            link=Link(_("Judge again or confirm"), judgement_url(participant, one.judged)),
            status=_("Contradicted"),
            kind="late",
            when=_entered_on(participant),
            turn=desk.turn_with("participants.judge"),
        )
        for participant, one in found[: desk.limit]
    ]
    return Duty("contradicted", _("Judgements that the values contradict"), len(found), tasks)


def _entered_on(participant: Participant) -> str:
    if participant.enrolled_on is None:
        return ""
    randomised = current_definition().is_randomised
    return said_of(participant.enrolled_on, _("randomised on %(day)s") if randomised else _("enrolled on %(day)s"))


def to_be_decided(rows: ParticipantQuerySet, phase: str, gate: Gate, desk: Desk) -> ParticipantQuerySet:
    rows = rows.filter(status=Status.ON_STUDY.value)
    settled = Q(phase=phase) | Q(phase__in=desk.definition.alternatives(phase), opened=True)
    rows = rows.exclude(Exists(GateDecision.objects.filter(settled, **_OF_PARTICIPANT)))
    for earlier in _asked_before(desk, phase):
        rows = rows.filter(Exists(GateDecision.objects.filter(**_OF_PARTICIPANT, phase=earlier)))
    ready = Q(Exists(Visit.objects.filter(**_OF_PARTICIPANT, key=gate.visit).exclude(not_done_reason="")))
    for stretch in stretches():
        ready |= _is_complete(stretch, gate.visit)
    return rows.filter(ready)


def _is_complete(stretch: Stretch, visit: str) -> Q:
    """Participants whose visit follows this version and has every form that it requires."""
    found = Q(Exists(Visit.objects.filter(stretch.of_visits, participant=OuterRef("pk"), key=visit)))
    for form in stretch.visit(visit).must_complete:
        complete = FormEntry.objects.filter(
            visit__participant=OuterRef("pk"),
            visit__key=visit,
            form_key=form,
            status=EntryStatus.COMPLETE.value,
        )
        found &= Q(Exists(complete))
    return found


def _asked_before(desk: Desk, phase: str) -> list[str]:
    """Of phases that are alternatives the first is decided first."""
    keys = [one.key for one in desk.definition.phases]
    return [key for key in keys[: keys.index(phase)] if key in desk.definition.alternatives(phase)]


def ending(desk: Desk) -> Duty:
    """Participants with nothing planned any more, found not eligible, or who withdrew, whose end is not recorded."""
    rows = _at_the_end(desk)
    shown = rows.annotate(withdrew=ExpressionWrapper(_WITHDREW, BooleanField()))
    tasks = [
        Task(
            participant=participant.number,
            link=Link(_("Record the end of participation"), _end_url(desk, participant)),
            status=_("Consent withdrawn") if participant.withdrew else _near_the_end(participant),
            kind="due",
            when=_entered_on(participant),
            turn=desk.turn_on(*_ending_forms(desk)),
            band=Band.WAITING,
        )
        for participant in shown.order_by("registered_on", *by_number())[: desk.limit]
    ]
    return Duty("ending", _("Participation to end"), rows.count(), tasks)


def _near_the_end(participant: Participant) -> str:
    return _("Not eligible") if participant.state is Status.SCREENING else _("All visits done")


def _end_url(desk: Desk, participant: Participant) -> str:
    ends = _ending_forms(desk)
    places = ((visit.key, form) for visit in desk.definition.visits for form in visit.forms if form in ends)
    return reverse("crf:entry", args=[participant.number, *next(places)])


def _ending_forms(desk: Desk) -> set[str]:
    return {form.key for form in desk.definition.forms if form.ends_participation is not None}


def _at_the_end(desk: Desk) -> ParticipantQuerySet:
    keys = _ending_forms(desk)
    places = [within(sites, "site") for sites, forms in desk.entered if forms & keys]
    rows: ParticipantQuerySet = Participant.objects.for_user(desk.user)
    if not places:
        return rows.none()
    planned = Visit.objects.filter(**_OF_PARTICIPANT, target_on__isnull=False, took_place_on=None, not_done_reason="")
    refused = [each.participant.pk for each in desk.screening if each.judged is not None and not each.judged.eligible]
    undecided = [
        to_be_decided(rows, phase.key, phase.gate, desk).values("pk")
        for phase in desk.definition.phases
        if phase.gate is not None
    ]
    rows = rows.filter(_any(places)).exclude(Exists(Freeze.objects.over_casebook()))
    done = Q(pk__in=refused) | Q(~Exists(planned), status=Status.ON_STUDY.value)
    for waiting in undecided:
        done &= ~Q(pk__in=waiting)
    return rows.filter(done | (_WITHDREW & Q(status__in=ACTIVE)))


def _any(conditions: list[Q]) -> Q:
    found = Q(pk__in=[])
    for condition in conditions:
        found |= condition
    return found
