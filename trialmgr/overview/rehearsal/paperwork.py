"""The paperwork of one participant: forms filled, completed and corrected, queries, verification, signatures."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import cast

from crf.actions import (
    EntryRefused,
    Saved,
    answer_query,
    close_query,
    freeze,
    mark_not_done,
    raise_query,
    remove_entry,
    save_entry,
    sign_entry,
    verify_items,
)
from crf.loaded_casebook import LoadedCasebook
from crf.models import EntryQuerySet, EntryStatus, FormEntry, Query, QueryStatus, Visit
from trialmgr.overview.rehearsal.invention.answers import ATTEMPTS, Answers, Inventor, Occasion, Overlaid
from trialmgr.overview.rehearsal.invention.diary import Diary
from trialmgr.overview.rehearsal.invention.persona import Persona
from trialmgr.overview.rehearsal.slips import Slips
from trialmgr.overview.rehearsal.stage import Stage
from trialmgr.participants.models import Participant
from trialmgr.participants.queries import criteria_for, definition_for, form_for
from trialmgr.people.models import User
from trialmgr.people.permissions import Role
from trialmgr.protocol.evaluation import SOFT_RANGE, Scope, evaluate_entry, truth_of
from trialmgr.protocol.expressions import parse
from trialmgr.protocol.model import Criterion, Form, ItemType, StudyDefinition

_NUMBERS = (ItemType.INTEGER, ItemType.DECIMAL)


def _places_read(rule: str) -> set[tuple[str, str]]:
    return {(path[0], path[1]) for path in parse(rule).references if len(path) > 1}


def _numbers(entry: FormEntry) -> list[str]:
    """The numbers that people entered on a form that stands."""
    entered = [item for item in entry.form.items if item.key in entry.data and not item.is_derived]
    return [item.key for item in entered if item.type in _NUMBERS] if entry.status != EntryStatus.REMOVED else []


@dataclass
class Paperwork:
    stage: Stage
    persona: Persona
    diary: Diary
    participant: Participant
    _filled: Counter[str] = field(default_factory=Counter)
    _followed: set[int] = field(default_factory=set)

    @cached_property
    def slips(self) -> Slips:
        return Slips(self.stage, self.persona, self.diary, self.participant)

    @property
    def site(self) -> str:
        return self.participant.site.code

    def who_may(self, permission: str) -> User:
        return self.stage.cast.who_may(permission, self.site)

    def fill(
        self,
        visit: Visit,
        form_key: str,
        *,
        given: Mapping[str, str] | None = None,
        row: bool = False,
        missed: bool = False,
    ) -> FormEntry:
        """Fill in a form as people do, mostly at once and whole; what is to follow is planned.

        ``row``: a new row. ``missed``: it was not done.
        """
        definition = definition_for(self.participant, visit.took_place_on)
        form = form_for(self.participant, definition, form_key)
        self._filled[f"{visit.slug}/{form_key}"] += 1
        purpose = f"{visit.slug}/{form_key}/{self._filled[f'{visit.slug}/{form_key}']}"
        decisive = given is not None or (visit.key, form_key) in self.stage.decisive
        if missed or (not decisive and self._is_passed_over(form, purpose)):
            return self._mark_not_done(visit, form, definition)
        occasion = self._occasion(visit, purpose, complete=decisive)
        answers = self._suiting(definition, form, occasion, given)
        values = dict(answers.values)
        if not decisive and not visit.definition.before_allocation:
            self._hold_back(form, values, purpose)
        by = self._enterer(form)
        saved = save_entry(
            by=by,
            visit=visit,
            form_key=form_key,
            values=values,
            missing=answers.missing,
            occurrence=None if row else 1,
        )
        self._plan_paperwork(saved, form, purpose, decisive)
        return saved.entry

    def _suiting(
        self, definition: StudyDefinition, form: Form, occasion: Occasion, given: Mapping[str, str] | None
    ) -> Answers:
        """Answers; of who is to enter the trial, where they can be drawn, such as keep nobody out by a rule."""
        inventor, stored = Inventor(definition, self.persona), LoadedCasebook(self.participant)
        rules = () if self.persona.fails_screening or form.eligibility else self._rules_on(definition, form, occasion)
        answers = inventor.fill(form, occasion, stored, given)
        for attempt in range(1, ATTEMPTS if rules else 1):
            found = evaluate_entry(definition, form, answers.values, answers.missing, stored, occasion.visit)
            here = Overlaid(stored, (occasion.visit or "", form.key), found.values)
            scope = Scope(definition, None, here)
            if all(truth_of(one.rule or "", scope) is not (one.kind == "exclusion") for one in rules):
                break
            again = replace(occasion, purpose=f"{occasion.purpose}/again/{attempt}")
            answers = inventor.fill(form, again, stored, given)
        return answers

    def _rules_on(self, definition: StudyDefinition, form: Form, occasion: Occasion) -> tuple[Criterion, ...]:
        """The criteria in force whose rules read this form at this visit."""
        version = criteria_for(self.participant, definition)
        place = (occasion.visit or "", form.key)
        return tuple(one for one in version.criteria if one.rule and place in _places_read(one.rule))

    def complete_visit(self, visit: Visit) -> None:
        """Forms of which a question came up while the others were entered."""
        for entry in self._entries().filter(visit=visit, status=EntryStatus.INCOMPLETE.value).order_by("pk"):
            self._complete(entry.pk)

    def close_casebook(self) -> None:
        """The last work on a participant who has ended: nothing incomplete, unsigned or open, then frozen."""
        self.slips.account_for_days()
        self.slips.confirm()
        for entry in self._entries().filter(status=EntryStatus.INCOMPLETE.value):
            self._complete(entry.pk)
        signed = [form.key for form in self.stage.definition.forms if form.signed_by]
        for entry in self._entries().filter(form_key__in=signed):
            self._sign(entry.pk)
        for query in Query.objects.filter(entry__visit__participant=self.participant).exclude(status="closed"):
            self._close(query.pk)
        freeze(by=self.who_may("entries.freeze"), participant=self.participant)

    def _inventor_of(self, entry: FormEntry) -> Inventor:
        return Inventor(entry.study_version.definition, self.persona)

    def _enterer(self, form: Form) -> User:
        return self.stage.cast.enterer(form, self.site)

    def _occasion(self, visit: Visit, purpose: str, *, complete: bool) -> Occasion:
        day = visit.took_place_on or min(self.diary.day, self.participant.ended_on or self.diary.day)
        enrolled = self.participant.enrolled_on
        since = (day - enrolled).days if enrolled else None
        return Occasion(purpose, day, visit.ordinal, since, complete, visit.slug)

    def _is_passed_over(self, form: Form, purpose: str) -> bool:
        may_be = all(item.missing_allowed for item in form.items if item.required and not item.is_derived)
        return may_be and self.persona.happens(f"not done/{purpose}", self.persona.profile.form_not_done)

    def _mark_not_done(self, visit: Visit, form: Form, definition: StudyDefinition) -> FormEntry:
        code = definition.missing_reasons.items[0].code
        return mark_not_done(by=self._enterer(form), visit=visit, form_key=form.key, code=code).entry

    def _hold_back(self, form: Form, values: dict[str, str], purpose: str) -> None:
        """Now and then one answer follows later."""
        if self.persona.happens(f"later/{purpose}", self.persona.profile.form_completed_later):
            wanted = [key for key in values if form.item(key).required]
            values.pop(self.persona.stream(f"held back/{purpose}").choice(wanted))

    def _plan_paperwork(self, saved: Saved, form: Form, purpose: str, decisive: bool) -> None:
        profile, entry, drawn = self.persona.profile, saved.entry, self.persona.stream(f"paper/{purpose}")
        self._follow_queries(saved)
        if entry.status == EntryStatus.INCOMPLETE:
            self.diary.later(drawn.randint(2, 15), partial(self._complete, entry.pk))
        if not decisive and drawn.random() < profile.form_corrected:
            self.diary.later(drawn.randint(3, 30), partial(self._correct, entry.pk, purpose))
        if drawn.random() < profile.form_questioned:
            self.diary.later(drawn.randint(7, 40), partial(self._question, entry.pk, purpose))
        if form.repeating and drawn.random() < profile.row_removed:
            self.diary.later(drawn.randint(2, 20), partial(self._remove, entry.pk))
        if (
            decisive
            and not (form.eligibility or form.ends_participation)
            and self.slips.happens("corrected_late", purpose)
        ):
            self.diary.later(drawn.randint(20, 90), partial(self._correct_late, entry.pk, purpose))
        if self._may_be_cleared(form, entry.visit, decisive) and self.slips.happens("form_cleared", purpose):
            self.diary.later(drawn.randint(1, 25), partial(self._clear, entry.pk))
        if form.signed_by and not form.eligibility:
            self.diary.later(drawn.randint(1, 10), partial(self._sign, entry.pk))
        if decisive:
            self.diary.later(drawn.randint(14, 45), partial(self._verify, entry.pk))

    def _entries(self) -> EntryQuerySet:
        return FormEntry.objects.filter(visit__participant=self.participant).standing()

    def _entry(self, pk: int) -> FormEntry:
        rows = FormEntry.objects.select_related("visit__participant__site", "study_version")
        entry: FormEntry = rows.defer("study_version__document").get(pk=pk)
        return entry

    def _query(self, pk: int) -> Query:
        related = ("entry__visit__participant__site", "entry__study_version")
        query: Query = Query.objects.select_related(*related).defer("entry__study_version__document").get(pk=pk)
        return query

    def _says(self, what: str, purpose: object) -> str:
        texts: tuple[str, ...] = getattr(self.persona.profile.texts, what)
        return self.persona.stream(f"says/{what}/{purpose}").choice(texts)

    def _change(self, entry: FormEntry, values: Mapping[str, str], reason: str) -> None:
        by = self._enterer(entry.form)
        saved = save_entry(
            by=by,
            visit=entry.visit,
            form_key=entry.form_key,
            values=values,
            occurrence=entry.occurrence,
            reason=reason,
            revision=entry.revision,
        )
        self._follow_queries(saved)

    def _complete(self, pk: int) -> None:
        entry = self._entry(pk)
        if entry.status == EntryStatus.INCOMPLETE:
            occasion = self._occasion(entry.visit, f"{entry.name}/completed", complete=True)
            answers = self._inventor_of(entry).fill(entry.form, occasion, LoadedCasebook(self.participant), entry.data)
            self._change(entry, answers.values, self._says("completion", entry.name))

    def _correct(self, pk: int, purpose: str) -> None:
        entry = self._entry(pk)
        if numbers := _numbers(entry):
            self._correct_item(entry, self.persona.stream(f"corrected/{purpose}").choice(numbers))

    def _correct_late(self, pk: int, purpose: str) -> None:
        """A value that somebody judged on was quite another; who judged looks again some days later."""
        entry = self._entry(pk)
        if numbers := _numbers(entry):
            self._correct_item(entry, self.persona.stream(f"late/{purpose}").choice(numbers), surprising=True)
        self.diary.later(self.persona.stream(f"confirmed/{purpose}").randint(1, 20), self.slips.confirm)

    def _may_be_cleared(self, form: Form, visit: Visit, decisive: bool) -> bool:
        return not (decisive or form.repeating or form.ends_participation or visit.definition.before_allocation)

    def _clear(self, pk: int) -> None:
        """Entered at the wrong place: taken out, and filled in from the right paper."""
        entry = self._entry(pk)
        if entry.status != EntryStatus.REMOVED:
            remove_entry(by=self._enterer(entry.form), entry=entry, reason=self._says("slip", entry.name))
            self.fill(entry.visit, entry.form_key)

    def _correct_item(self, entry: FormEntry, key: str, *, surprising: bool = False) -> None:
        """Another value in place of the first; left as it was where a hard check refuses it."""
        occasion = self._occasion(entry.visit, f"{entry.name}/{entry.revision}", complete=True)
        lookup, item = LoadedCasebook(self.participant), entry.form.item(key)
        inventor = self._inventor_of(entry)
        value = inventor.other(entry.form, item, occasion, lookup, entry.data, surprising=surprising)
        if value != entry.data[key]:
            with contextlib.suppress(EntryRefused):
                self._change(entry, {key: value}, self._says("correction", entry.name))

    def _remove(self, pk: int) -> None:
        entry = self._entry(pk)
        remove_entry(by=self._enterer(entry.form), entry=entry, reason=self._says("removed", entry.name))

    def _question(self, pk: int, purpose: str) -> None:
        entry = self._entry(pk)
        if entry.data and entry.status != EntryStatus.REMOVED:
            item = self.persona.stream(f"questioned/{purpose}").choice(sorted(entry.data))
            text = self._says("question", purpose)
            query = raise_query(by=self.who_may("queries.raise"), entry=entry, item=item, text=text)
            self._follow(query)

    def _follow_queries(self, saved: Saved) -> None:
        """Whatever a soft check has just opened will be answered in some days."""
        if saved.evaluation.warnings:
            for query in saved.entry.queries.filter(status=QueryStatus.OPEN.value):
                self._follow(query)

    def _follow(self, query: Query) -> None:
        if query.pk not in self._followed:
            self._followed.add(query.pk)
            days = self.persona.stream(f"answered/{query.name}/{query.number}").randint(1, 12)
            self.diary.later(days, partial(self._answer, query.pk))

    def _answer(self, pk: int) -> None:
        """Some doubted values are corrected, and the query closes itself; the others are explained."""
        query = self._query(pk)
        drawn = self.persona.stream(f"answer/{query.name}/{query.number}")
        if self._may_correct(query) and drawn.random() < 0.5:
            self._correct_item(_entry_of(query), query.item)
            query = self._query(pk)
        if query.state is QueryStatus.OPEN:
            text = self._says("answer", query.name)
            answer_query(by=self._enterer(_entry_of(query).form), query=query, text=text)
        self.diary.later(drawn.randint(1, 14), partial(self._close, pk))

    def _may_correct(self, query: Query) -> bool:
        entry = _entry_of(query)
        decisive = (entry.visit.key, entry.form_key) in self.stage.decisive
        return query.check_key == SOFT_RANGE and entry.status != EntryStatus.REMOVED and not decisive

    def _close(self, pk: int) -> None:
        query = self._query(pk)
        if query.state is not QueryStatus.CLOSED:
            text = self._says("close", query.name)
            close_query(by=self.who_may("queries.close"), query=query, text=text)

    def _verify(self, pk: int) -> None:
        entry = self._entry(pk)
        read = self.stage.decisive.get((entry.visit.key, entry.form_key)) or frozenset(entry.data)
        items = [key for key in entry.data if key in read]
        if items:
            verify_items(by=self.who_may("entries.verify"), entry=entry, items=items)

    def _sign(self, pk: int) -> None:
        entry = self._entry(pk)
        signer = entry.form.signed_by
        complete = entry.status == EntryStatus.COMPLETE
        if signer and complete and not entry.signatures.filter(lapsed_at=None).exists():
            meaning = self._says("signature", entry.form_key)
            sign_entry(by=self.stage.cast.at(self.site, Role(signer)), entry=entry, meaning=meaning)


def _entry_of(query: Query) -> FormEntry:
    """A rehearsal asks about what was entered."""
    return cast(FormEntry, query.entry)
