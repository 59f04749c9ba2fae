"""A study with its cast, and participants prepared once, from whom every example of the machine begins."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone

from crf.actions import decide_gate, judge_eligibility, register_participant, save_entry, set_visit_day
from crf.loaded_casebook import LoadedCasebook
from crf.models import Visit
from randomization.actions import allocate
from tests.fewer_forms import of_this_size
from tests.walk import _on
from trialmgr.overview.rehearsal.cast import Cast, set_up
from trialmgr.overview.rehearsal.invention.answers import Inventor, Occasion
from trialmgr.overview.rehearsal.invention.persona import Persona
from trialmgr.overview.rehearsal.invention.profile import Profile, load_profile
from trialmgr.participants.actions import record_consent
from trialmgr.participants.models import Participant
from trialmgr.participants.queries import criteria_for, definition_for, form_for
from trialmgr.people.permissions import Role
from trialmgr.protocol.casebook import sources
from trialmgr.protocol.evaluation import Scope, truth_of
from trialmgr.protocol.loader import load_study
from trialmgr.protocol.model import Form, StudyDefinition
from trialmgr.studies.queries import version_of_row

DAYS_AGO = 200


@dataclass
class Stage:
    study: str
    definition: StudyDefinition
    cast: Cast
    site: str
    prepared: list[Participant] = field(default_factory=list)

    @classmethod
    def of(cls, study: str) -> Stage:
        definition = of_this_size() if study == "reset_trd" else load_study(Path(settings.TRIALMGR_STUDIES) / study)
        cast = set_up(definition, password=None, seed=None)
        stage = cls(study, definition, cast, definition.sites[0].code)
        ready = [stage.screened(), stage.at_gates()]
        stage.prepared = [stage.registered(), stage.consented(), stage.entered(), *ready * 2]
        return stage

    # --- which forms are tied to one another

    @cached_property
    def read(self) -> frozenset[str]:
        return frozenset(source.form for form in self.definition.forms for source in sources(form))

    @cached_property
    def tied(self) -> frozenset[str]:
        return self.read | {form.key for form in self.definition.forms if sources(form)}

    @cached_property
    def repeating(self) -> frozenset[str]:
        return frozenset(form.key for form in self.definition.forms if form.repeating)

    @cached_property
    def ending(self) -> frozenset[str]:
        return frozenset(form.key for form in self.definition.forms if form.ends_participation)

    @cached_property
    def gate_visits(self) -> frozenset[str]:
        return frozenset(phase.gate.visit for phase in self.definition.phases if phase.gate)

    @cached_property
    def profile(self) -> Profile:
        return load_profile(Path(settings.TRIALMGR_STUDIES) / self.study)

    @cached_property
    def next_version(self) -> StudyDefinition:
        document: dict[str, Any] = self.definition.model_dump(mode="json") | {"version": "9.9.9"}
        for form in document["forms"]:
            if not form["eligibility"]:
                items = form["sections"][0]["items"]
                more = {"key": f"law_{form['key']}"[:40], "type": "integer", "label": {"nl": "meer", "en": "more"}}
                for item in items:
                    if item["type"] == "integer" and not item["derive"] and not item["score"]:
                        item["soft_range"] = {"min": "2", "max": "3"}
                if form["sections"][0].get("repeats") is None:
                    items.append(more)
        return StudyDefinition.from_json(document)

    # --- answers

    def form(self, participant: Participant, visit: Visit, key: str) -> Form:
        begun = visit.entries.filter(form_key=key).order_by("pk").values_list("study_version", flat=True).first()
        definition = version_of_row(begun).definition if begun else definition_for(participant, visit.took_place_on)
        return form_for(participant, definition if definition.has_form(key) else self.definition, key)

    def invented(self, participant: Participant, visit: Visit, form: Form, seed: int) -> dict[str, str]:
        """Answers as people give them; the criteria answered so that somebody can take part."""
        day = visit.took_place_on or participant.registered_on
        persona = Persona(seed, 1, self.profile)
        occasion = Occasion(str(seed), day, visit.ordinal, None, True, visit.slug)
        definition = definition_for(participant, visit.took_place_on)
        given = self._criteria(participant) if form.eligibility else None
        lookup = LoadedCasebook(participant)
        return Inventor(definition, persona).fill(form, occasion, lookup, given).values

    def _criteria(self, participant: Participant) -> dict[str, str]:
        scope = Scope(self.definition, None, LoadedCasebook(participant))
        answers = {}
        for criterion in criteria_for(participant, self.definition).criteria:
            found = truth_of(criterion.rule, scope) if criterion.rule else None
            wished = criterion.kind == "inclusion" if found is None else found
            answers[criterion.id.lower()] = "yes" if wished else "no"
        return answers

    # --- participants

    def registered(self) -> Participant:
        begin = timezone.localdate() - datetime.timedelta(days=DAYS_AGO)
        with _on(begin):
            by = self.cast.at(self.site, Role.COORDINATOR)
            return register_participant(by=by, site=self.cast.sites[self.site], on=begin)

    def consented(self) -> Participant:
        participant = self.registered()
        with _on(participant.registered_on):
            version = self.definition.consents[0].key
            by = self.cast.who_may("participants.consent", self.site)
            record_consent(by=by, participant=participant, version=version, given_on=participant.registered_on)
        return participant

    def at_gates(self) -> Participant:
        """In the trial, and all that the decisions on its phases rest on is entered."""
        participant = self.entered()
        for visit in participant.visits.select_related("participant__site").filter(key__in=self.gate_visits):
            self._visited(participant, visit, visit.target_on or participant.registered_on, seed=0)
        return participant

    def screened(self) -> Participant:
        """Judged eligible; people are invented until one is."""
        for seed in range(100):
            participant = self.consented()
            if self._screened(participant, seed):
                break
        return participant

    def entered(self) -> Participant:
        """In the trial."""
        participant = self.screened()
        with _on(participant.registered_on + datetime.timedelta(days=10)):
            phase = self.definition.entry_phase.key
            if self.definition.is_randomised:
                by = self.cast.who_may("participants.randomise", self.site)
                allocate(by=by, participant=participant, idempotency_key=f"law {participant.pk}")
            else:
                by = self.cast.who_may("participants.gate", self.site)
                decide_gate(by=by, participant=participant, phase=phase)
        participant.refresh_from_db()
        return participant

    def _screened(self, participant: Participant, seed: int) -> bool:
        for number, defined in enumerate(each for each in self.definition.visits if each.before_allocation):
            visit = participant.visits.select_related("participant__site").get(key=defined.key)
            day = participant.registered_on + datetime.timedelta(days=3 * number)
            self._visited(participant, visit, max(day, visit.earliest_on or day), seed)
        with _on(participant.registered_on + datetime.timedelta(days=9)):
            by = self.cast.who_may("participants.judge", self.site)
            return judge_eligibility(by=by, participant=participant).eligible

    def _visited(self, participant: Participant, visit: Visit, day: datetime.date, seed: int) -> None:
        by = self.cast.who_may("visits.plan", self.site)
        with _on(day):
            set_visit_day(by=by, visit=visit, on=day)
            for key in visit.definition.forms:
                form = self.form(participant, visit, key)
                values = self.invented(participant, visit, form, seed)
                save_entry(by=self.cast.enterer(form, self.site), visit=visit, form_key=key, values=values)

    def fresh(self, first: Participant) -> Participant:
        """Registered on the same day, with the same visits on the same days, and nothing entered."""
        participant = self.consented()
        models.QuerySet(Visit).filter(participant=participant).exclude(entries__isnull=False).update(
            slug=models.F("pk")
        )
        known = {(visit.key, visit.ordinal): visit.pk for visit in participant.visits.all()}
        for visit in first.visits.all():
            visit.pk = known.get((visit.key, visit.ordinal))
            visit.participant = participant
            models.Model.save_base(visit)
        return participant
