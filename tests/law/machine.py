"""Random sequences of acts on one participant; after each, what is stored is what the naive evaluator says."""

from __future__ import annotations

import datetime
import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from django.db import models, transaction
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from audit.acts import ActionRefused
from crf import actions as crf
from crf.models import EntryStatus, FormEntry, Freeze, Query, QueryStatus, Visit
from randomization.actions import allocate, ask_flag_withdrawal, flag_in_error, withdraw_flag
from randomization.models import Allocation
from tests.amendments import put_in_force
from tests.law import naive
from tests.law.stage import Stage
from trialmgr.participants.actions import correct_consent, record_consent, undo_withdrawal, withdraw_consent
from trialmgr.participants.models import Consent, Participant
from trialmgr.people.models import Site, User
from trialmgr.people.permissions import Role
from trialmgr.protocol.model import Form, Item, ItemType, StudyDefinition
from trialmgr.studies.clock import today
from trialmgr.studies.queries import current_definition

WHY = "law"
seeds = st.integers(0, 2**32 - 1)


def draws(seed: int | str) -> random.Random:
    return random.Random(seed)  # noqa: S311  invention, not secrecy


class Acts(RuleBasedStateMachine):
    """Every example begins with one of the prepared participants, in a transaction that is taken back."""

    stage: Stage
    done: Counter[str]
    refused: Counter[str]

    def __init__(self) -> None:
        super().__init__()
        self.undo = transaction.atomic()
        self.undo.__enter__()
        self.amended = False
        self.tried = False  # whether something may have changed since it was checked
        self.begun: Participant | None = None
        self.turns = 0

    @property
    def participant(self) -> Participant:
        assert self.begun is not None
        people = Participant.objects.select_related("site", "study_version").defer("study_version__document")
        found: Participant = people.get(pk=self.begun.pk)
        return found

    def teardown(self) -> None:
        try:
            if self.begun is not None and not self.amended:
                self.told_in_another_order()
        finally:
            transaction.set_rollback(True)
            self.undo.__exit__(None, None, None)

    # --- who, where

    def by(self, role: Role) -> User:
        return self.stage.cast.at(self.participant.site.code, role)

    def may(self, permission: str) -> User:
        return self.stage.cast.who_may(permission, self.participant.site.code)

    def do(self, name: str, act: Callable[[], object]) -> Any:
        """A refusal changes nothing: that too is held by the invariants."""
        self.tried = True
        try:
            with transaction.atomic():
                found = act()
        except ActionRefused as refusal:
            self.refused[f"{name}: {refusal.reasons[0]}"[:90]] += 1
            return None
        self.done[name] += 1
        return found

    def entries(self) -> list[FormEntry]:
        rows = FormEntry.objects.filter(visit__participant=self.begun).standing().order_by("pk")
        return list(rows.select_related("visit__participant__site", "study_version").defer("study_version__document"))

    def one(self, drawn: random.Random, rows: Sequence[Any]) -> Any:
        return drawn.choice(list(rows)) if rows else None

    def visits(self) -> list[Visit]:
        return list(self.participant.visits.select_related("participant__site").order_by("pk"))

    # --- acts

    @precondition(lambda self: self.begun is None)
    @rule(number=seeds)
    def begin(self, number: int) -> None:
        self.begun = draws(number).choice(self.stage.prepared)

    @precondition(lambda self: self.begun is not None)
    @rule(seed=seeds)
    def act(self, seed: int) -> None:
        """What is rare by itself, so that each kind is reached often: Hypothesis takes the first by name most often."""
        self.turns += 1
        drawn = draws(f"{self.stage.study} {seed} {self.turns}")
        if drawn.random() < 0.6 and Freeze.objects.filter(participant=self.begun, unfrozen_at=None).exists():
            chosen = self.freeze
        elif drawn.random() < 0.6 and not Consent.objects.filter(participant=self.begun).exists():
            chosen = self.consent
        else:
            chosen = drawn.choice([*[self.decide, self.take_back] * 8, *self.rare()])
        chosen(drawn.getrandbits(32))

    @precondition(lambda self: self.begun is not None)
    @rule(seed=seeds)
    def act_again(self, seed: int) -> None:
        self.act(seed)

    def rare(self) -> list[Callable[[int], None]]:
        often = [self.consent, self.freeze, self.verify, self.sign, self.query, self.amend, self.amend, self.add_visit]
        return [*often * 2, self.visit_not_done, self.remove_entry, self.form_not_done, self.give_a_reason, self.clear]

    @precondition(lambda self: self.begun is not None)
    @rule(seed=seeds)
    def save(self, seed: int) -> None:
        """A form that was not begun, or one that was, whole or in part."""
        drawn = draws(seed)
        open_now = [visit for visit in self.visits() if visit.took_place_on or visit.definition.kind == "log"]
        places = [(visit, key) for visit in open_now for key in visit.definition.forms]
        tied = [place for place in places if place[1] in self.stage.tied]
        place = self.one(drawn, tied if tied and drawn.random() < 0.6 else places)
        if place is not None:
            visit, key = place
            form = self.form(visit, key)
            if form.ends_participation and drawn.random() < 0.9:
                return
            values = self.stage.invented(self.participant, visit, form, seed)
            if drawn.random() < 0.4:
                values = {name: raw for name, raw in values.items() if drawn.random() < 0.6}
            self.do("save", lambda: self.enter(visit, form, values))

    @precondition(lambda self: self.begun is not None)
    @rule(seed=seeds)
    def save_another(self, seed: int) -> None:
        self.save(seed)

    @precondition(lambda self: self.begun is not None)
    @rule(seed=seeds)
    def correct(self, seed: int) -> None:
        drawn = draws(seed)
        entry = self.begun_entry(drawn)
        if entry is not None:
            form, definition = entry.form, entry.study_version.definition
            keys = [key for key in self.keys(entry, drawn) if not naive.derived(form.item(key))]
            chosen = drawn.sample(keys, min(len(keys), drawn.randint(1, 4)))
            values = {key: value_of(definition, form.item(key), drawn) for key in chosen}
            self.do("correct", lambda: self.enter(entry.visit, form, values, row=entry.occurrence))

    @precondition(lambda self: self.begun is not None)
    @rule(seed=seeds)
    def correct_upstream(self, seed: int) -> None:
        """What another form reads, or reads another: new values all through."""
        drawn = draws(seed)
        entry = self.one(drawn, [each for each in self.entries() if each.form_key in self.stage.read])
        if entry is not None:
            form, definition = entry.form, entry.study_version.definition
            keys = [key for key in self.keys(entry, drawn) if not naive.derived(form.item(key))]
            values = {key: value_of(definition, form.item(key), drawn) for key in keys}
            self.do("correct", lambda: self.enter(entry.visit, form, values, row=entry.occurrence))

    @precondition(lambda self: self.begun is not None)
    @rule(seed=seeds)
    def clear(self, seed: int) -> None:
        drawn = draws(seed)
        entry = self.begun_entry(drawn)
        keys = sorted(naive.book_of(self.participant).sheets[place(entry)].entered) if entry else []
        if entry is not None and keys:
            chosen = drawn.sample(keys, min(len(keys), drawn.randint(1, 3)))
            self.do(
                "clear", lambda: self.enter(entry.visit, entry.form, dict.fromkeys(chosen, ""), row=entry.occurrence)
            )

    @precondition(lambda self: self.begun is not None)
    @rule(seed=seeds)
    def give_a_reason(self, seed: int) -> None:
        """Why there is no value."""
        drawn = draws(seed)
        entry = self.begun_entry(drawn)
        if entry is not None:
            form = entry.form
            keys = [key for key in self.keys(entry, drawn) if not naive.derived(form.item(key))]
            keys = [key for key in keys if form.item(key).missing_allowed or drawn.random() < 0.1]
            codes = [each.code for each in entry.study_version.definition.missing_reasons.items]
            missing = {key: drawn.choice(codes) for key in drawn.sample(keys, min(len(keys), 2))}
            values = dict.fromkeys(missing, "")
            self.do("missing", lambda: self.enter(entry.visit, form, values, missing, row=entry.occurrence))

    @precondition(lambda self: self.begun is not None)
    @rule(seed=seeds)
    def form_not_done(self, seed: int) -> None:
        drawn = draws(seed)
        places = [(visit, key) for visit in self.visits() if visit.took_place_on for key in visit.definition.forms]
        found = self.one(drawn, places)
        if found is not None:
            visit, key = found
            form = self.form(visit, key)
            code = self.participant.study_version.definition.missing_reasons.items[0].code
            by = self.stage.cast.enterer(form, self.participant.site.code)
            act = lambda: crf.mark_not_done(by=by, visit=visit, form_key=key, code=code, reason=WHY)  # noqa: E731
            self.do("not done", act)

    @precondition(lambda self: self.begun is not None)
    @rule(seed=seeds)
    def add_row(self, seed: int) -> None:
        drawn = draws(seed)
        places = [(each, key) for each in self.visits() for key in each.definition.forms if key in self.stage.repeating]
        found = self.one(drawn, places)
        if found is not None:
            visit, key = found
            form = self.form(visit, key)
            values = self.stage.invented(self.participant, visit, form, seed)
            self.do("row added", lambda: self.enter(visit, form, values, row=None))

    @precondition(lambda self: self.begun is not None)
    @rule(seed=seeds)
    def remove_entry(self, seed: int) -> None:
        entry = self.one(draws(seed), [entry for entry in self.entries() if entry.form.repeating])
        if entry is not None:
            by = self.stage.cast.enterer(entry.form, self.participant.site.code)
            self.do("row removed", lambda: crf.remove_entry(by=by, entry=entry, reason=WHY))

    @precondition(lambda self: self.begun is not None)
    @rule(seed=seeds)
    def move_entry(self, seed: int) -> None:
        drawn = draws(seed)
        entry = self.begun_entry(drawn)
        if entry is not None:
            by = self.stage.cast.enterer(entry.form, self.participant.site.code)
            act = lambda: crf.move_entry(by=by, entry=entry, to=self.where_it_belongs(entry, drawn), reason=WHY)  # noqa: E731
            moved = self.do("moved", act)
            if moved is not None:
                check(moved.entry.participant)

    @precondition(lambda self: self.begun is not None)
    @rule(seed=seeds)
    def move_another(self, seed: int) -> None:
        self.move_entry(seed)

    def where_it_belongs(self, entry: FormEntry, drawn: random.Random) -> Visit:
        """Another visit that has the form and took place, or the same visit of somebody beside."""
        others = [each for each in self.visits() if entry.form_key in each.definition.forms and each != entry.visit]
        done = [each for each in others if each.took_place_on and not each.entries.filter(form_key=entry.form_key)]
        beside = self.stage.consented().visits.filter(participant__site=self.participant.site)  # as one person sees
        rows = beside.select_related("participant__site").filter(slug=entry.visit.slug)
        found: Visit = self.one(drawn, done or list(rows) or others or [entry.visit])
        if found.took_place_on is None and entry.visit.took_place_on is not None:
            crf.set_visit_day(by=self.may("visits.plan"), visit=found, on=entry.visit.took_place_on, reason=WHY)
        return found

    @precondition(lambda self: self.begun is not None)
    @rule(seed=seeds)
    def visit_takes_place(self, seed: int) -> None:
        drawn = draws(seed)
        planned = [visit for visit in self.visits() if visit.definition.kind != "log"]
        gates = [visit for visit in planned if visit.key in self.stage.gate_visits and not visit.took_place_on]
        visit = self.one(drawn, gates or planned)
        if visit is not None:
            day = (visit.target_on or self.participant.registered_on) + datetime.timedelta(days=drawn.randint(0, 2))
            self.do("visit day", lambda: crf.set_visit_day(by=self.may("visits.plan"), visit=visit, on=day, reason=WHY))

    @precondition(lambda self: self.begun is not None)
    @rule(seed=seeds)
    def visit_not_done(self, seed: int) -> None:
        visit = self.one(draws(seed), [each for each in self.visits() if each.definition.kind == "scheduled"])
        if visit is not None:
            by = self.may("visits.plan")
            self.do("visit not done", lambda: crf.mark_visit_not_done(by=by, visit=visit, reason=WHY))

    @precondition(lambda self: self.begun is not None)
    @rule(seed=seeds)
    def add_visit(self, seed: int) -> None:
        keys = [each.key for each in current_definition().visits if each.kind == "unscheduled"]
        key, on = draws(seed).choice(keys), self.participant.registered_on + datetime.timedelta(days=40 + seed % 60)
        by, who = self.may("visits.plan"), self.participant
        self.do("visit added", lambda: crf.add_unscheduled_visit(by=by, participant=who, key=key, on=on))

    @precondition(lambda self: self.begun is not None)
    @rule(seed=seeds)
    def consent(self, seed: int) -> None:
        drawn, who = draws(seed), self.participant
        standing = Consent.objects.filter(participant=who, withdrawn_on=None).first()
        by = self.may("participants.consent")
        if standing is None:
            version, on = drawn.choice(current_definition().consents).key, who.registered_on
            self.do("consent", lambda: record_consent(by=by, participant=who, version=version, given_on=on))
        else:
            on = today() - datetime.timedelta(days=drawn.choice([0, 0, 0, 60]))
            self.do("withdrawal", lambda: withdraw_consent(by=by, consent=standing, on=on, reason=WHY))

    @precondition(lambda self: self.begun is not None)
    @rule(seed=seeds)
    def undo_withdrawal(self, seed: int) -> None:
        rows = Consent.objects.filter(participant=self.participant, withdrawn_on__isnull=False).order_by("pk")
        consent, by = self.one(draws(seed), list(rows)), self.may("participants.consent")
        if consent is not None:
            self.do("withdrawal undone", lambda: undo_withdrawal(by=by, consent=consent, reason=WHY))

    @precondition(lambda self: self.begun is not None)
    @rule(seed=seeds)
    def change_site(self, seed: int) -> None:
        who, by = self.participant, self.by(Role.DATA_MANAGER)
        site = draws(seed).choice([each for each in self.stage.cast.sites.values() if each != who.site] or [who.site])
        if seed % 2:
            self.do("site changed", lambda: crf.move_participant(by=by, participant=who, site=site, reason=WHY))

    @precondition(lambda self: self.begun is not None)
    @rule(seed=seeds)
    def decide(self, seed: int) -> None:
        drawn, who = draws(seed), self.participant
        if drawn.random() < 0.2:
            act = lambda: crf.judge_eligibility(by=self.may("participants.judge"), participant=who)  # noqa: E731
            self.do("judged", act)
        elif who.enrolled_on is None and current_definition().is_randomised:
            key, by = f"law {who.pk} {seed}", self.may("participants.randomise")
            self.do("decided", lambda: allocate(by=by, participant=who, idempotency_key=key))
        else:
            later = [each for each in current_definition().phases if each.opens != "registration"]
            fitting = [each for each in later if (each.gate is None) is (who.enrolled_on is None)]
            phase = drawn.choice(fitting if drawn.random() < 0.9 else later).key
            by = self.may("participants.gate")
            self.do("decided", lambda: crf.decide_gate(by=by, participant=who, phase=phase, reason=WHY))

    @precondition(lambda self: self.begun is not None)
    @rule(seed=seeds)
    def undo_decision(self, seed: int) -> None:
        who = self.participant
        decision = self.one(draws(seed), list(who.gate_decisions.order_by("pk")))
        if decision is not None:
            self.do("decision undone", lambda: self.undone(who, decision.phase))

    def undone(self, who: Participant, phase: str) -> None:
        """With all that stands at the visits that it planned, as far as that can be taken back."""
        for entry in self.entries():
            if entry.visit.phase == phase:
                crf.remove_entry(by=self.stage.cast.enterer(entry.form, who.site.code), entry=entry, reason=WHY)
        for visit in self.visits():
            if visit.phase == phase and (visit.took_place_on or visit.is_not_done):
                crf.reopen_visit(by=self.may("visits.plan"), visit=visit, reason=WHY)
        crf.undo_gate(by=self.may("participants.gate"), participant=who, phase=phase, reason=WHY)

    @precondition(lambda self: self.begun is not None)
    @rule(seed=seeds)
    def void(self, seed: int) -> None:
        """Of somebody registered beside; the one of this example is still to be used."""
        by, site, on = self.may("participants.void"), self.participant.site, self.participant.registered_on
        self.do("voided", lambda: crf.void_registration(by=by, participant=self.beside(site, on), reason=WHY))

    @precondition(lambda self: self.begun is not None and self.begun.enrolled_on is not None)
    @rule(seed=seeds)
    def flag(self, seed: int) -> None:
        """Flagged as randomised in error, and that taken back."""
        allocation = Allocation.objects.filter(participant=self.participant).first()
        if allocation is not None:
            self.do("flag withdrawn", lambda: self.flagged_and_withdrawn(allocation))

    def flagged_and_withdrawn(self, allocation: Allocation) -> None:
        by = self.by(Role.COORDINATOR)
        flag = flag_in_error(by=by, allocation=allocation, reason=WHY)
        flag = ask_flag_withdrawal(by=by, flag=flag, reason=WHY)
        withdraw_flag(by=self.by(Role.INVESTIGATOR), flag=flag)

    def beside(self, site: Site, on: datetime.date) -> Participant:
        made: Participant = crf.register_participant(by=self.by(Role.COORDINATOR), site=site, on=on)
        return made

    @precondition(lambda self: self.begun is not None)
    @rule(seed=seeds)
    def sign(self, seed: int) -> None:
        entry = self.one(draws(seed), [each for each in self.entries() if each.status == EntryStatus.COMPLETE])
        if entry is not None:
            self.do("signed", lambda: crf.sign_entry(by=self.by(Role.INVESTIGATOR), entry=entry, meaning=WHY))

    @precondition(lambda self: self.begun is not None)
    @rule(seed=seeds)
    def verify(self, seed: int) -> None:
        drawn = draws(seed)
        entry = self.begun_entry(drawn)
        items = sorted({*entry.data, *entry.missing}) if entry else []
        if entry is not None and items:
            some = drawn.sample(items, min(len(items), 3))
            self.do("verified", lambda: crf.verify_items(by=self.by(Role.MONITOR), entry=entry, items=some))

    @precondition(lambda self: self.begun is not None)
    @rule(seed=seeds)
    def query(self, seed: int) -> None:
        drawn = draws(seed)
        asked = list(Query.objects.filter(entry__visit__participant=self.participant).order_by("pk"))
        query = self.one(drawn, asked)
        if query is not None:
            act, by = drawn.choice(
                [
                    (crf.answer_query, self.may("queries.answer")),
                    (crf.close_query, self.by(Role.MONITOR)),
                    (crf.reopen_query, self.by(Role.MONITOR)),
                ]
            )
            self.do("query", lambda: act(by=by, query=query, text=WHY))

    @precondition(lambda self: self.begun is not None)
    @rule(seed=seeds)
    def freeze(self, seed: int) -> None:
        who, by = self.participant, self.by(Role.DATA_MANAGER)
        if Freeze.objects.filter(participant=who, unfrozen_at=None).exists():
            self.do("unfrozen", lambda: crf.unfreeze(by=by, participant=who, reason=WHY))
        elif seed % 3 == 0:
            self.do("frozen", lambda: crf.freeze(by=by, participant=who))

    @precondition(lambda self: self.begun is not None and not self.amended)
    @rule(seed=seeds)
    def amend(self, seed: int) -> None:
        """A version with a question more on every form and another expected range; what stands moves to it."""
        if self.amended or seed % 2:
            return
        self.amended = True
        version = put_in_force(self.stage.next_version, effective_from=today())
        by = self.by(Role.DATA_MANAGER)
        self.do("amended", lambda: crf.migrate_entries(by=by, version=version, reason=WHY))

    @precondition(lambda self: self.begun is not None)
    @rule(seed=seeds)
    def take_back(self, seed: int) -> None:
        """A consent, an ending, what was recorded of a visit, or a form was recorded in error."""
        drawn = draws(seed)
        if not self.participant.is_active and drawn.random() < 0.5:
            self.end_or_not(drawn)
        else:
            drawn.choice([self.correct_consent, *[self.end_or_not, self.reopen, self.take_out] * 2])(drawn)

    def correct_consent(self, drawn: random.Random) -> None:
        consent = self.one(drawn, list(Consent.objects.filter(participant=self.participant).order_by("pk")))
        if consent is not None:
            on = consent.given_on + datetime.timedelta(days=drawn.choice([-2, -1, 1, 2]))
            by, version = self.may("participants.consent"), drawn.choice(current_definition().consents).key
            act = lambda: correct_consent(by=by, consent=consent, version=version, given_on=on, reason=WHY)  # noqa: E731
            self.do("consent corrected", act)

    def end_or_not(self, drawn: random.Random) -> None:
        who = self.participant
        if not who.is_active:
            by = self.may("participants.reopen")
            self.do("ending undone", lambda: crf.undo_ending(by=by, participant=who, reason=WHY))
            return
        places = [(visit, key) for visit in self.visits() for key in visit.definition.forms if key in self.stage.ending]
        visit, key = drawn.choice(places)
        form = self.form(visit, key)
        values = self.stage.invented(who, visit, form, drawn.randint(0, 99))
        self.do("save", lambda: self.enter(visit, form, values))

    def reopen(self, drawn: random.Random) -> None:
        begun = {visit for visit, _form, _row in map(place, self.entries())}
        known = [each for each in self.visits() if each.took_place_on or each.is_not_done]
        visit = self.one(drawn, [each for each in known if each.slug not in begun] or known)
        if visit is not None:
            by = self.may("visits.plan")
            self.do("visit reopened", lambda: crf.reopen_visit(by=by, visit=visit, reason=WHY))

    def take_out(self, drawn: random.Random) -> None:
        entry = self.begun_entry(drawn)
        if entry is not None:
            by = self.stage.cast.enterer(entry.form, self.participant.site.code)
            self.do("taken out", lambda: crf.remove_entry(by=by, entry=entry, reason=WHY))

    # --- what an act needs

    def form(self, visit: Visit, key: str) -> Form:
        return self.stage.form(self.participant, visit, key)

    def begun_entry(self, drawn: random.Random) -> FormEntry | None:
        rows = self.entries()
        tied = [entry for entry in rows if entry.form_key in self.stage.tied]
        found: FormEntry | None = self.one(drawn, tied if tied and drawn.random() < 0.5 else rows)
        return found

    def keys(self, entry: FormEntry, drawn: random.Random) -> list[str]:
        """Where an answer may stand, in groups in one of the first three rows."""
        keys: list[str] = []
        for section in entry.form.sections:
            names = [item.key for item in section.items if item.type is not ItemType.FILE]
            row = drawn.randint(1, 3)
            keys += names if section.repeats is None else [section.row_key(row, name) for name in names]
        return keys

    def enter(
        self,
        visit: Visit,
        form: Form,
        values: dict[str, str],
        missing: dict[str, str] | None = None,
        row: int | None = 1,
    ) -> FormEntry:
        by = self.stage.cast.enterer(form, self.participant.site.code)
        return crf.save_entry(
            by=by, visit=visit, form_key=form.key, values=values, missing=missing, occurrence=row, reason=WHY
        ).entry

    # --- the law

    @precondition(lambda self: self.tried)
    @invariant()
    def stored_is_right(self) -> None:
        self.tried = False
        check(self.participant)

    def told_in_another_order(self) -> None:
        """The same final answers, given to a fresh participant in another order, come to the same."""
        first = self.participant
        truths = naive.truths(first)
        second = self.stage.fresh(first)
        slugs = {visit.slug: visit for visit in second.visits.select_related("participant__site")}
        book = naive.book_of(first)
        asking = {where for where, truth in truths.items() if hard(book.sheets[where], truth)}
        order = sorted(book.sheets)
        draws(str(order)).shuffle(order)
        order.sort(key=lambda where: where not in asking)
        renumbered: dict[naive.Where, int] = {}
        for where in order:
            sheet, form = book.sheets[where], self.form(slugs[where[0]], where[1])
            by = self.stage.cast.enterer(form, second.site.code)
            row = 1 + sum(each[:2] == where[:2] for each in renumbered)
            renumbered[where] = row
            if sheet.not_done:
                crf.mark_not_done(by=by, visit=slugs[where[0]], form_key=form.key, code=sheet.not_done)
                continue
            crf.save_entry(
                by=by,
                visit=slugs[where[0]],
                form_key=form.key,
                values=sheet.entered,
                missing=sheet.reasons,
                occurrence=row if row == 1 else None,
                reason=WHY,
            )
        check(second)
        again = naive.truths(second)
        for where, row in renumbered.items():
            assert again[(*where[:2], row)] == truths[where], where
        if renumbered:
            self.done["another order"] += 1


def place(entry: FormEntry) -> naive.Where:
    return entry.visit.slug, entry.form_key, entry.occurrence


def hard(sheet: naive.Sheet, truth: naive.Truth) -> bool:
    """Whether a check that refuses fires, which it can only for what was entered later elsewhere."""
    keys = {each.key for each in sheet.checks if each.severity == "hard"}
    return any(key in keys for key, _item in truth.firing)


def check(participant: Participant) -> None:
    """What is stored is what the naive evaluator says; queries, signatures and verifications go with it."""
    truths = naive.truths(participant)
    rows = FormEntry.objects.filter(visit__participant=participant).standing()
    rows = rows.select_related("visit__participant", "study_version").defer("study_version__document")
    entries = {place(entry): entry for entry in rows}
    related = ("queries__messages", "signatures", "verifications")
    models.prefetch_related_objects(list(entries.values()), *related)
    for where, entry in entries.items():
        truth = truths[where]
        assert (entry.data, entry.missing, entry.unasked) == (truth.data, truth.missing, truth.unasked), where
        assert (entry.status == EntryStatus.COMPLETE) is truth.complete, (where, entry.status)
        check_queries(entry, truth)
        assert all(each.digest == entry.digest for each in entry.signatures.all() if each.lapsed_at is None), where
        standing = [each for each in entry.verifications.all() if each.stands]
        assert all(each.digest == entry.item_digest(each.item) for each in standing), where


def check_queries(entry: FormEntry, truth: naive.Truth) -> None:
    """One stands open for each check that fires, unless a person closed it; none for one that does not."""
    newest: dict[tuple[str, str], Query] = {}
    for query in sorted(entry.queries.all(), key=lambda each: each.number):
        if query.check_key:
            newest[(query.check_key, query.item)] = query
    still_open = {key for key, query in newest.items() if query.state is not QueryStatus.CLOSED}
    by_people = {key for key, query in newest.items() if not last_said(query)}
    reopened = {key for key, query in newest.items() if not last_said(query) and key in still_open}
    assert still_open - reopened <= truth.firing, (place(entry), still_open - truth.firing)
    unasked = truth.firing - still_open - by_people
    assert not unasked, (place(entry), unasked)


def last_said(query: Query) -> Any:
    """The texts of the check that spoke last; empty where it was a person."""
    return max(query.messages.all(), key=lambda each: each.pk).check_texts


def value_of(definition: StudyDefinition, item: Item, drawn: random.Random) -> str:
    """Any value that the item takes; mostly usual ones, sometimes such as a check asks about."""
    low = int(item.range.min) if item.range and item.range.min is not None else 0
    high = int(item.range.max) if item.range and item.range.max is not None else low + 100
    if item.type in (ItemType.INTEGER, ItemType.SCALE, ItemType.DECIMAL):
        return str(drawn.randint(low, high))
    if item.type in (ItemType.DATE, ItemType.PARTIAL_DATE):
        day = today() - datetime.timedelta(days=drawn.randint(0, 500))
        return day.isoformat()[: 10 if item.type is ItemType.DATE else drawn.choice([4, 7, 10])]
    if item.type is ItemType.TIME:
        return f"{drawn.randint(0, 23):02d}:{drawn.randint(0, 59):02d}"
    if item.type is ItemType.YES_NO:
        return drawn.choice(["yes", "no"])
    if item.type in (ItemType.CHOICE, ItemType.MULTI_CHOICE):
        return drawn.choice(definition.codelist(item.codelist or "").items).code
    return drawn.choice(["text", "another text"])
