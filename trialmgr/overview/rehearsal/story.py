"""One participant's way through the trial, step by step, by the right person each time, through the pages' own actions.

A story is a generator of days: whoever runs it brings the trial to the day it names and asks for the next step. What
is still to be done waits as errands in order of their days, so a story cut at any day is a trial under way.
"""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterator, Mapping
from functools import partial

from django.db.models import QuerySet

from audit.acts import ActionRefused
from crf.actions import (
    add_unscheduled_visit,
    decide_gate,
    judge_eligibility,
    mark_visit_not_done,
    register_participant,
)
from crf.loaded_casebook import LoadedCasebook
from crf.models import EntryStatus, Visit
from crf.policies import eligibility_entry, standing_eligibility
from randomization.actions import allocate
from trialmgr.overview.rehearsal.invention.diary import Diary, Kind
from trialmgr.overview.rehearsal.invention.persona import Persona
from trialmgr.overview.rehearsal.paperwork import Paperwork
from trialmgr.overview.rehearsal.slips import Slips
from trialmgr.overview.rehearsal.stage import Stage
from trialmgr.participants.actions import save_contact, withdraw_consent
from trialmgr.participants.models import Consent, Participant
from trialmgr.participants.queries import criteria_for
from trialmgr.participants.states import ENDINGS, Status
from trialmgr.people.models import Site, User
from trialmgr.protocol.evaluation import Scope, truth_of
from trialmgr.protocol.model import Form, Phase, VisitDefinition

COMPLETED, NOT_OPENED, FAILED = "completed", "not_responder", "screen_failure"


class Story:
    """``life()`` is the story; ``participant`` stands once its first step is done."""

    paperwork: Paperwork
    participant: Participant
    slips: Slips

    def __init__(self, stage: Stage, number: int, site: Site, begin: datetime.date) -> None:
        self.stage, self.site = stage, site
        self.persona = Persona(stage.seed, number, stage.profile)
        self.diary = Diary(begin)
        self.opened: set[str] = set()  # phases that this participant has entered

    def life(self) -> Iterator[datetime.date]:
        yield self.diary.day
        self._enter()
        yield from self._be_screened()
        yield from self.diary.wait(self._drawn("allocated", 0, 3))
        self._reread()
        if self.participant.state is Status.SCREENING:
            self._judge()
        if self.participant.state is Status.SCREENING:
            self._be_let_in()
            yield from self._be_treated()
        yield from self.diary.until_none(*Kind)
        yield from self.diary.wait(7)
        self._account_for_visits()
        self.paperwork.close_casebook()

    def _who(self, permission: str) -> User:
        return self.stage.cast.who_may(permission, self.site.code)

    def _drawn(self, purpose: str, low: int, high: int) -> int:
        return self.persona.stream(purpose).randint(low, high)

    # The way in

    def _enter(self) -> None:
        by, on = self._who("participants.register"), self.diary.day
        self.participant = register_participant(by=by, site=self.site, on=on)
        self.paperwork = Paperwork(self.stage, self.persona, self.diary, self.participant)
        self.slips = self.paperwork.slips
        name = f"Proefpersoon {self.persona.number}"
        details = {"name": name, "email": f"{self.participant.number.lower()}@example.org"}
        save_contact(by=self._who("participants.contact"), participant=self.participant, details=details)
        version = [each for each in self.stage.definition.consents if each.valid_from <= on.isoformat()][-1:]
        consent = (version or [self.stage.definition.consents[0]])[0].key
        self.slips.take_consent(consent, on)

    def _be_screened(self) -> Iterator[datetime.date]:
        self._plan_visits(self.participant.phase)
        if self.persona.declines:
            on = self.diary.day + datetime.timedelta(days=self._drawn("declines on", 1, 8))
            self.diary.plan(on, Kind.EVENT, self._drop_out)
        yield from self.diary.until_none(Kind.VISIT)

    def _judge(self) -> None:
        """As soon as the eligibility form and all that its rules read are there; again where a correction says so."""
        entry = eligibility_entry(self.participant)
        if entry is None or entry.status != EntryStatus.COMPLETE or standing_eligibility(self.participant):
            return
        try:
            decision = judge_eligibility(by=self._who("participants.judge"), participant=self.participant)
        except ActionRefused:
            return
        if not decision.eligible:
            self._end(FAILED)

    def _criteria_answers(self) -> dict[str, str]:
        """Honest where a rule decides; one criterion stands in the way of a participant who is to fail."""
        version = criteria_for(self.participant, self.stage.definition)
        fails = self.persona.fails_screening and not self.persona.declines
        failing = self.persona.stream("criterion").choice(version.criteria).id if fails else ""
        scope = Scope(self.stage.definition, None, LoadedCasebook(self.participant))
        answers = {}
        for criterion in version.criteria:
            wished = (criterion.kind == "inclusion") is not (criterion.id == failing)
            found = truth_of(criterion.rule, scope) if criterion.rule and criterion.id != failing else None
            answers[criterion.id.lower()] = "yes" if (wished if found is None else found) else "no"
        return answers

    def _be_let_in(self) -> None:
        """Allocated to an arm; enrolled where nothing is drawn by lot."""
        if self.stage.definition.is_randomised:
            by, key = self._who("participants.randomise"), f"rehearsal-{self.stage.seed}-{self.persona.number}"
            allocate(by=by, participant=self.participant, idempotency_key=key)
        else:
            by, phase = self._who("participants.gate"), self.stage.definition.entry_phase.key
            decide_gate(by=by, participant=self.participant, phase=phase)
        self._reread()
        if self.persona.drops_out:
            longest = max(day for visit in self.stage.definition.visits for day in visit.occurrences())
            days = round(self.persona.stream("drop out on").triangular(3, longest, 30))
            self.diary.plan(self.diary.day + datetime.timedelta(days=days), Kind.EVENT, self._drop_out)

    # The way through

    def _be_treated(self) -> Iterator[datetime.date]:
        refused: set[str] = set()
        for phase in self.stage.definition.phases:
            if phase.opens == "registration" or self.opened & self.stage.definition.alternatives(phase.key):
                continue
            if phase.gate is not None:
                yield from self.diary.wait(self._drawn(f"gate/{phase.key}", 0, 5))
                if not self._decide(phase):
                    refused.add(phase.key)
            if phase.key not in refused:
                yield from self._live_through(phase)
            if not self.participant.is_active:
                return
            if phase.key in refused and not self._alternatives_left(phase.key, refused):
                self._end(NOT_OPENED)
                return
        self._end(COMPLETED)

    def _live_through(self, phase: Phase) -> Iterator[datetime.date]:
        self.opened.add(phase.key)
        self._plan_visits(phase.key)
        self._plan_events(phase)
        self._plan_stop(phase)
        yield from self.diary.until_none(Kind.VISIT)

    def _alternatives_left(self, phase: str, refused: set[str]) -> bool:
        """Whether another phase may still open at the same visit."""
        return bool(self.stage.definition.alternatives(phase) - refused)

    def _decide(self, phase: Phase) -> bool:
        """Whether the phase opens. A participant of whom the rule cannot be decided leaves."""
        if not self.participant.is_active:
            return False
        self._fill_what_decides(phase)
        act = partial(decide_gate, by=self._who("participants.gate"), participant=self.participant, phase=phase.key)
        for reason in ("", self.slips.says("undecided", phase.key)):
            with contextlib.suppress(ActionRefused):
                decision = act(reason=reason)
                self._reread()
                return decision.opened
        self._drop_out()
        return False

    def _fill_what_decides(self, phase: Phase) -> None:
        """Forms that the visit can do without but the gate reads, such as an offer."""
        key = phase.gate.visit if phase.gate else ""
        for visit in self._reread_visits().filter(key=key, took_place_on__isnull=False):
            held = set(visit.entries.values_list("form_key", flat=True))
            for form_key in visit.definition.forms:
                if form_key not in held and self._is_for_a_gate(visit, form_key):
                    self.paperwork.fill(visit, form_key)

    def _is_for_a_gate(self, visit: Visit, form_key: str) -> bool:
        owed = form_key in visit.definition.must_complete
        return not owed and (visit.key, form_key) in self.stage.decisive

    def _reread_visits(self) -> QuerySet[Visit]:
        return self.participant.visits.select_related("participant__site")

    def _visits(self, phase: str) -> list[Visit]:
        return list(self._reread_visits().filter(phase=phase).order_by("target_on", "pk"))

    def _visit_with(self, form_key: str) -> Visit:
        """A visit that holds a form, the running log before any other."""
        visits = [visit for visit in self._reread_visits().order_by("pk") if form_key in visit.definition.forms]
        found: Visit = min(visits, key=lambda visit: visit.definition.kind != "log")
        return found

    def _plan_visits(self, phase: str) -> None:
        for visit in self._visits(phase):
            if visit.definition.kind == "scheduled":
                self._plan_visit(visit)

    def _plan_visit(self, visit: Visit) -> None:
        drawn, profile = self.persona.stream(f"visit/{visit.slug}"), self.stage.profile
        early = visit.definition.before_allocation
        on = self._day_of(visit)
        recorded, delay = drawn.random(), drawn.randint(1, 4)
        if not early and recorded < profile.visit_recorded_later:
            delay *= 5 if recorded < profile.visit_recorded_later / 4 else 1
        else:
            delay = 0
        usual = self.stage.visit_is_decisive(visit.key) or drawn.random() >= profile.visit_not_done
        happens = early or (usual and self._endpoint_missed(visit) != "visit")
        act = partial(self._attend, visit, on) if happens else partial(self._say_missed, visit, on)
        self.diary.plan(on + datetime.timedelta(days=delay), Kind.VISIT, act)

    def _endpoint_missed(self, visit: Visit) -> str:
        """Of a visit at which a phase is decided: that it does not take place, or what the rule reads is not done."""
        if visit.key not in self.stage.gate_visits or not self.slips.happens("endpoint_missed", visit.key):
            return ""
        return self.persona.stream(f"endpoint/{visit.key}").choice(("visit", "form"))

    def _say_missed(self, visit: Visit, on: datetime.date) -> None:
        """Recorded as not done; now and then it turns out that it was done."""
        self._miss(visit)
        if self._endpoint_missed(visit) != "visit" and self.slips.happens("not_done_undone", visit.slug):
            days = self.persona.stream(f"undone/{visit.slug}").randint(1, 6)
            later = self.diary.day + datetime.timedelta(days=days)
            self.diary.plan(later, Kind.VISIT, partial(self._attend_after_all, visit, on))

    def _attend_after_all(self, visit: Visit, on: datetime.date) -> None:
        visit.refresh_from_db()
        if visit.not_done_reason in self.stage.profile.texts.not_done:
            self.slips.reopen(visit)
            self._attend(visit, on)

    def _day_of(self, visit: Visit) -> datetime.date:
        """Near the target, mostly within the window; never before the day the story has come to."""
        drawn, window = self.persona.stream(f"day/{visit.slug}"), visit.definition.window
        off = round(drawn.triangular(-min(window.before, 5), min(window.after, 5), 0))
        if drawn.random() < self.stage.profile.visit_outside_window and not visit.definition.before_allocation:
            off = window.after + drawn.randint(1, 4)
        return max((visit.target_on or self.diary.day) + datetime.timedelta(days=off), self.diary.day)

    def _attend(self, visit: Visit, on: datetime.date) -> None:
        visit.refresh_from_db()
        if visit.is_not_done:  # the treatment stopped before it
            return
        if self.participant.visits.filter(key=visit.key, took_place_on=on).exists():
            self._miss(visit)
            return
        self.slips.record_day(visit, on)
        self._fill_all(visit)
        if visit.definition.before_allocation:
            self._judge()

    def _fill_all(self, visit: Visit) -> None:
        keys, shuffled = list(visit.definition.forms), self.slips.happens("odd_order", visit.slug)
        if shuffled:
            self.persona.stream(f"order/{visit.slug}").shuffle(keys)
        for key in keys:
            form = self.stage.definition.form(key)
            if form.ends_participation is None and self._comes_about(visit, key):
                given = self._criteria_answers() if form.eligibility else None
                self.paperwork.fill(visit, key, given=given, missed=self._is_endpoint_missed(visit, key))
        if shuffled:
            self.paperwork.complete_visit(visit)

    def _is_endpoint_missed(self, visit: Visit, form_key: str) -> bool:
        return (visit.key, form_key) in self.stage.decisive and self._endpoint_missed(visit) == "form"

    def _comes_about(self, visit: Visit, form_key: str) -> bool:
        if form_key in visit.definition.must_complete:
            return True
        share = self.stage.profile.optional.get(form_key, 1.0)
        return not self._is_for_a_gate(visit, form_key) and self.persona.happens(f"{visit.slug}/{form_key}", share)

    def _miss(self, visit: Visit) -> None:
        visit.refresh_from_db()
        if visit.is_not_done:
            return
        reason = self.persona.stream(f"missed/{visit.slug}").choice(self.stage.profile.texts.not_done)
        mark_visit_not_done(by=self._who("visits.plan"), visit=visit, reason=reason)

    def _account_for_visits(self) -> None:
        """Of each planned visit that did not take place before the end somebody says why."""
        for visit in self.participant.visits.filter(took_place_on=None, not_done_reason="", latest_on__isnull=False):
            self._miss(visit)

    # What no schedule foresees

    def _plan_events(self, phase: Phase) -> None:
        """Adverse events, medicines, extra visits: so many in a hundred days, on days of their own."""
        days = [visit.target_on for visit in self._visits(phase.key) if visit.target_on]
        span = (max(days) - self.diary.day).days if days else 0
        profile = self.stage.profile
        for key in self._forms_of_the_log():
            self._scatter(f"{phase.key}/{key}", profile.rows.get(key, 1.0), span, partial(self._add_row, key))
        for visit in self.stage.definition.visits:
            if visit.kind == "unscheduled" and visit.phase in self.opened:
                rate = profile.unscheduled_visits.get(visit.key, profile.unscheduled)
                self._scatter(f"{phase.key}/{visit.key}", rate, span, partial(self._add_visit, visit))

    def _plan_stop(self, phase: Phase) -> None:
        """Of some who are treated the treatment stops; they stay for what is measured."""
        form = self.stage.stop_form
        days = [visit.target_on for visit in self._visits(phase.key) if form and visit.key in form.closes_visits]
        left = [day for day in days if day and day > self.diary.day]
        if form and left and self.slips.happens("treatment_stopped", phase.key):
            on = self.persona.stream(f"stopped/{phase.key}").choice(left)
            self.diary.plan(on, Kind.EVENT, partial(self._stop, form))

    def _stop(self, form: Form) -> None:
        visit = self._visit_with(form.key)
        if form.first_date and not visit.entries.filter(form_key=form.key).exists():
            self.paperwork.fill(visit, form.key, given={form.first_date.key: self.diary.day.isoformat()})

    def _forms_of_the_log(self) -> list[str]:
        """The repeating forms that stand open for this participant now."""
        logs = [visit for visit in self._reread_visits().order_by("pk") if visit.definition.kind == "log"]
        held = {key for visit in logs for key in visit.definition.forms}
        return [form.key for form in self.stage.definition.forms if form.repeating and form.key in held]

    def _scatter(self, purpose: str, rate: float, span: int, act: partial[None]) -> None:
        drawn = self.persona.stream(f"events/{purpose}")
        for _event in range(int(rate * span / 100 * 2 * drawn.random() + drawn.random())):
            on = self.diary.day + datetime.timedelta(days=drawn.randint(0, span))
            self.diary.plan(on, Kind.EVENT, act)

    def _add_row(self, form_key: str) -> None:
        self.paperwork.fill(self._visit_with(form_key), form_key, row=True)

    def _add_visit(self, definition: VisitDefinition) -> None:
        by, on = self._who("visits.plan"), self.diary.day
        add = partial(add_unscheduled_visit, by=by, participant=self.participant, key=definition.key, on=on)
        self._fill_all(self.slips.explained(f"{definition.key}/{on}", add))

    # The way out

    def _drop_out(self) -> None:
        code = self._code_of_drop_out()
        if code in self.stage.profile.withdrawing:
            by, texts = self._who("participants.consent"), self.stage.profile.texts.withdrawn
            consent = Consent.objects.filter(participant=self.participant).latest("given_on")
            withdraw_consent(by=by, consent=consent, on=self.diary.day, reason=self.persona.stream("why").choice(texts))
        self._end(code)

    def _code_of_drop_out(self) -> str:
        drawn, item = self.persona.stream("end code"), self._end_item()
        codes = [code for code in self._end_codes() if code not in ENDINGS]
        weights = self.stage.profile.weights.get(item, {})
        return drawn.choices(codes, [weights.get(code, 0 if weights else 1) for code in codes])[0]

    def _end_item(self) -> str:
        form = self.stage.end_form
        return (form.ends_participation if form else None) or ""

    def _end_codes(self) -> list[str]:
        form = self.stage.end_form
        codelist = form.item(self._end_item()).codelist if form else None
        return [entry.code for entry in self.stage.definition.codelist(codelist).items] if codelist else []

    def _end(self, code: str) -> None:
        """Participation ends today with the form that says how."""
        self.diary.cancel(Kind.VISIT, Kind.EVENT)
        form = self.stage.end_form
        if form is None:
            return
        given = {self._end_item(): code if code in self._end_codes() else COMPLETED}
        self.paperwork.fill(self._visit_with(form.key), form.key, given=given)
        self._reread()
        if self.slips.happens("ending_undone"):
            days = self.persona.stream("ending undone").randint(2, 12)
            self.diary.later(days, partial(self._end_anew, form, given))

    def _end_anew(self, form: Form, given: Mapping[str, str]) -> None:
        """The end was recorded for somebody else, on the wrong day: undone, and recorded as it was."""
        self.slips.undo_ending()
        self._reread()
        self.paperwork.fill(self._visit_with(form.key), form.key, given=given)
        self._reread()

    def _reread(self) -> None:
        self.participant.refresh_from_db()
