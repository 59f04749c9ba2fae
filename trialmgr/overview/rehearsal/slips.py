"""What goes wrong with one participant, and how people put it right: through the same acts, each with its reason."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from audit.acts import ActionRefused
from crf.actions import (
    DeviationAsked,
    confirm_judgement,
    explain_deviation,
    judge_deviation,
    reopen_visit,
    set_visit_day,
    undo_ending,
)
from crf.deviations import open_departures
from crf.judgements import judgements_of
from crf.models import ProtocolDeviation, Visit, Weight
from trialmgr.overview.rehearsal.invention.diary import Diary
from trialmgr.overview.rehearsal.invention.persona import Persona
from trialmgr.overview.rehearsal.invention.profile import Rates
from trialmgr.overview.rehearsal.stage import Stage
from trialmgr.participants.actions import correct_consent, record_consent
from trialmgr.participants.models import Participant
from trialmgr.participants.states import Status
from trialmgr.people.models import User

T = TypeVar("T")


@dataclass
class Slips:
    stage: Stage
    persona: Persona
    diary: Diary
    participant: Participant

    @property
    def rates(self) -> Rates:
        return self.persona.profile.slips

    def happens(self, slip: str, purpose: str = "") -> bool:
        """Whether this slip, a name of ``Rates``, is made here."""
        return self.persona.happens(f"slip/{slip}/{purpose}", getattr(self.rates, slip))

    def who_may(self, permission: str) -> User:
        return self.stage.cast.who_may(permission, self.participant.site.code)

    def says(self, what: str, purpose: object) -> str:
        texts: tuple[str, ...] = getattr(self.persona.profile.texts, what)
        return self.persona.stream(f"says/{what}/{purpose}").choice(texts)

    def explained(self, purpose: str, act: Callable[..., T]) -> T:
        """An act that says why, where it is asked to."""
        try:
            return act()
        except DeviationAsked:
            return act(reason=self.says("not_done", purpose))

    # Days

    def take_consent(self, version: str, on: datetime.date) -> None:
        """Recorded with its day, or with one that is corrected later."""
        slips = self.happens("consent_day")
        by, days = self.who_may("participants.consent"), self.persona.stream("slip/consent").randint(1, 9)
        given_on = on - datetime.timedelta(days=days) if slips else on
        consent = record_consent(by=by, participant=self.participant, version=version, given_on=given_on)
        if slips:
            reason = self.says("slip", "consent")
            right = partial(correct_consent, by=by, consent=consent, version=version, given_on=on, reason=reason)
            self.diary.later(days, right)

    def record_day(self, visit: Visit, on: datetime.date) -> None:
        """The day of a visit, or the day before, which is corrected later."""
        if not (self.happens("visit_day", visit.slug) and self._is_recorded(visit, on - datetime.timedelta(days=1))):
            self.explained(visit.slug, self._day(visit, on))
            return
        days = self.persona.stream(f"slip/day/{visit.slug}").randint(1, 12)
        self.diary.later(days, partial(self._correct_day, visit.pk, on))

    def _is_recorded(self, visit: Visit, on: datetime.date) -> bool:
        with contextlib.suppress(ActionRefused):
            self.explained(visit.slug, self._day(visit, on))
            return True
        return False

    def _correct_day(self, pk: int, on: datetime.date) -> None:
        """Left as it was where the right day goes with no other any more."""
        visit = Visit.objects.select_related("participant__site").get(pk=pk)
        reason = self.says("slip", visit.slug)
        with contextlib.suppress(ActionRefused):
            set_visit_day(by=self.who_may("visits.plan"), visit=visit, on=on, reason=reason)

    def _day(self, visit: Visit, on: datetime.date) -> Callable[..., Visit]:
        return partial(set_visit_day, by=self.who_may("visits.plan"), visit=visit, on=on)

    def reopen(self, visit: Visit) -> None:
        """It did take place after all, or is still to come."""
        reopen_visit(by=self.who_may("visits.plan"), visit=visit, reason=self.says("slip", visit.slug))

    def undo_ending(self) -> None:
        reason = self.says("slip", "ending")
        undo_ending(by=self.who_may("participants.reopen"), participant=self.participant, reason=reason)

    # What people judged

    def confirm(self) -> None:
        """Judgements on who entered the trial that the values contradict stand for a reason."""
        self.participant.refresh_from_db()
        if self.participant.enrolled_on is None or self.participant.state is Status.SCREENING:
            return
        for one in judgements_of([self.participant])[self.participant.pk].contradictions:
            about, reason = one.judged.about, self.says("confirmed", one.judged.about)
            confirm_judgement(
                by=self.who_may("participants.judge"), participant=self.participant, about=about, reason=reason
            )

    def account_for_days(self) -> None:
        """Days that a later correction made strange are explained, and every deviation is weighed."""
        self.participant.refresh_from_db()
        for one in open_departures([self.participant]):
            rule, about = one.finding.rule.value, one.finding.about
            reason = self.says("not_done", f"{one.visit.slug}/{rule}")
            explain_deviation(by=self.who_may("visits.plan"), visit=one.visit, rule=rule, about=about, reason=reason)
        weights = sorted(Weight, key=lambda weight: weight.value)
        for deviation in ProtocolDeviation.objects.filter(visit__participant=self.participant, weight="").order_by(
            "pk"
        ):
            purpose = f"{deviation.visit_id}/{deviation.rule}"
            weight = self.persona.stream(f"weight/{deviation.rule}/{deviation.about}").choice(weights).value
            judge_deviation(
                by=self.who_may("participants.judge"),
                deviation=deviation,
                weight=weight,
                reason=self.says("weighed", purpose),
            )
