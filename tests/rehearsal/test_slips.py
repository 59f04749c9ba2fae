"""Invented participants go wrong in every way there is, and the trial comes to its lock by what people do about it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from audit.models import LedgerEntry
from audit.verification import verify
from crf.models import EntryStatus, FormEntry, GateDecision, JudgementConfirmation, ProtocolDeviation, Visit
from crf.policies import STOPPED_BEFORE, closed_as
from exports.open_points import open_points
from tests.sizes import size
from trialmgr.overview.rehearsal import trial
from trialmgr.overview.rehearsal.invention.profile import Profile, Rates, load_profile
from trialmgr.overview.rehearsal.likeness import fingerprint
from trialmgr.participants.models import Consent, Participant

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("demo")]
by_itself = pytest.mark.full  # every day they come all together, see the last test


def profile(**changes: Any) -> Profile:
    """That of RESET-TRD, with these changes and none of its own slips; everybody enters the trial."""
    usual = load_profile(Path(settings.TRIALMGR_STUDIES) / "reset_trd")
    none = Rates.model_validate(dict.fromkeys(Rates.model_fields, 0))
    slips = none.model_copy(update=changes.pop("slips", {}))
    always = {"screen_failure": 0.0, "drop_out": 0.0, "slips": slips}
    return usual.model_copy(update=always | changes)


def lived(monkeypatch: pytest.MonkeyPatch, participants: int, seed: int = 1, **changes: Any) -> Counter[str]:
    """A trial to its end, locked in all but name; how often each act was done."""
    monkeypatch.setattr(trial, "load_profile", lambda _folder: profile(**changes))
    trial.rehearse(participants=participants, seed=seed)
    assert [f"{point.participant} {point.kind} {point.message}" for point in open_points()] == []
    assert verify().is_whole
    return Counter(LedgerEntry.objects.values_list("action", flat=True))


def test_days_that_were_mistyped_are_corrected(monkeypatch: pytest.MonkeyPatch) -> None:
    done = lived(monkeypatch, 1, slips={"consent_day": 1.0, "visit_day": 0.5})
    assert done["consent.corrected"] == 1
    for consent in Consent.objects.select_related("participant"):
        assert consent.given_on == consent.participant.registered_on
    corrected = LedgerEntry.objects.filter(action="visit.day_set", old__startswith="20")
    assert len(corrected) > 3
    assert all(line.reason for line in corrected)


@by_itself
def test_forms_in_any_order_come_to_the_same_completeness(monkeypatch: pytest.MonkeyPatch) -> None:
    lived(monkeypatch, 2, slips={"odd_order": 1.0})
    entered = FormEntry.objects.filter(visit__key="screening").order_by("pk").values_list("form_key", flat=True)
    schedule = list(Visit.objects.filter(key="screening")[0].definition.forms)
    assert list(entered)[: len(schedule)] != schedule
    assert set(FormEntry.objects.standing().values_list("status", flat=True)) == {EntryStatus.COMPLETE.value}
    assert Participant.objects.filter(enrolled_on__isnull=False).count() == 2


@by_itself
def test_what_was_judged_on_is_corrected_and_the_judgement_confirmed(monkeypatch: pytest.MonkeyPatch) -> None:
    """All fall by about half, so that a few points more or less decide otherwise."""
    course = profile().course.model_copy(update={"left_responder": (0.5, 0), "left_other": (0.5, 0)})
    done = lived(monkeypatch, 5, course=course, slips={"corrected_late": 1.0})
    later = LedgerEntry.objects.filter(action="entry.saved", form="madrs", item="madrs_total", old__gt="")
    assert later.exists()
    assert done["judgement.confirmed"] == JudgementConfirmation.objects.count() > 0
    assert all(row.reason for row in JudgementConfirmation.objects.all())


@by_itself
def test_what_was_entered_in_error_is_taken_out_and_entered_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    done = lived(monkeypatch, 1, slips={"form_cleared": 0.3, "ending_undone": 1.0})
    assert done["entry.removed"] > 3
    assert not FormEntry.objects.filter(form_key="ids_sr", status=EntryStatus.REMOVED.value).exists()
    assert done["participant.ending_undone"] == 1
    assert Participant.objects.get().state.value in ("completed", "ended_early")


@by_itself
def test_a_visit_that_was_done_after_all_gets_its_day(monkeypatch: pytest.MonkeyPatch) -> None:
    done = lived(monkeypatch, 1, visit_not_done=0.5, slips={"not_done_undone": 1.0})
    assert done["visit.reopened"] > 3


@by_itself
def test_an_endpoint_that_was_missed_leaves_the_decision_to_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    lived(monkeypatch, 4, slips={"endpoint_missed": 1.0})
    visits = Visit.objects.filter(key="week_8")
    missed = {visit.participant_id for visit in visits if visit.is_not_done}
    unrated = set(
        FormEntry.objects.filter(visit__in=visits, form_key="madrs")
        .exclude(not_done="")
        .values_list("visit__participant", flat=True)
    )
    assert missed, "the visit did not take place"
    assert unrated, "it did, and nothing was rated"
    assert missed | unrated == set(Participant.objects.values_list("pk", flat=True))
    assert not GateDecision.objects.filter(opened=True).exists()
    told = LedgerEntry.objects.filter(action="gate.decided", item="follow_up")
    assert {line.reason for line in told} <= set(profile().texts.undecided)
    assert len(told) == 4


@by_itself
def test_a_treatment_that_stops_closes_its_sessions_and_the_ratings_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    lived(monkeypatch, 2, slips={"treatment_stopped": 1.0})
    assert FormEntry.objects.standing().filter(form_key="withdrawal").count() == 2
    closed = Visit.objects.filter(not_done_reason__in=closed_as(STOPPED_BEFORE))
    assert {visit.key.partition("_")[0] for visit in closed} == {"session"}
    assert Visit.objects.filter(key="week_8", took_place_on__isnull=False).count() == 2


@pytest.mark.parametrize("code", ["withdrew_consent", "died", *size([], ["lost_to_follow_up", "other"])])
def test_each_way_of_leaving_comes_to_the_lock(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    usual = profile()
    weights = usual.weights | {"eop_status": {code: 1.0}}
    done = lived(monkeypatch, 1, drop_out=1.0, weights=weights)
    entry = FormEntry.objects.standing().get(form_key="end_of_participation")
    assert entry.data["eop_status"] == code
    assert done["consent.withdrawn"] == (1 if code in usual.withdrawing else 0)


def test_every_deviation_has_its_reason_and_its_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    lived(monkeypatch, 1, visit_outside_window=0.5)
    found = ProtocolDeviation.objects.all()
    assert len(found) > 5
    assert all(row.reason and row.weight and row.judgement for row in found)


def test_all_of_it_together_is_the_same_again_with_the_same_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    rates = dict.fromkeys(Rates.model_fields, 0.2)
    lived(monkeypatch, 3, seed=3, slips=rates, drop_out=0.3, screen_failure=0.2)
    assert len(fingerprint()) == 64
