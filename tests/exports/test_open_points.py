"""Everything that stands in the way of a lock is found, and found cheaply."""

from __future__ import annotations

import datetime
from dataclasses import replace
from unittest.mock import patch

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.translation import override

from audit.acts import ActionRefused
from crf.actions import raise_query, save_entry, set_visit_day
from crf.models import FormEntry
from exports.open_points import (
    COUNTED,
    Kind,
    OpenPoint,
    casebooks,
    counts_for,
    figures_for,
    in_reading_order,
    open_points,
    points_for,
    summaries,
)
from exports.policies import can_lock, check_lockable
from tests import walk
from tests.amendments import amended, put_in_force
from tests.audit.recipes import drafted
from tests.exports.closed_trial import close_all, close_queries, data_manager, ended, first_session
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.actions import end_role
from trialmgr.people.models import SYSTEM, User
from trialmgr.people.permissions import Role
from trialmgr.protocol.model import StudyDefinition
from trialmgr.studies.clock import today
from trialmgr.studies.queries import current_definition


def found(kind: Kind) -> list[OpenPoint]:
    return [point for point in open_points() if point.kind is kind]


def places(kind: Kind) -> list[str]:
    return [f"{point.participant} {point.where}".strip() for point in found(kind)]


def test_nothing_is_open_in_a_trial_that_is_done(cast: Cast) -> None:
    close_all(cast)
    assert open_points() == []
    assert can_lock()
    check_lockable()


def test_a_query_is_open_until_it_is_closed(cast: Cast) -> None:
    treated, _failed = close_all(cast)
    entry = FormEntry.objects.get(visit__participant=treated, form_key="demographics")
    raise_query(by=data_manager(cast), entry=entry, item="sex", text="Is this right?")
    with override("en"):
        (point,) = open_points()
    assert (point.kind, point.where) == (Kind.QUERY, "screening/demographics")
    assert point.message == "Screening, Demographics, Query 1"
    assert not can_lock()
    close_queries(cast)
    assert open_points() == []


def test_a_participant_who_has_not_ended_is_open(cast: Cast) -> None:
    walk.registered(cast)
    assert places(Kind.PARTICIPANT_ACTIVE) == ["UMCG-001"]


def test_a_visit_past_its_latest_day_is_open_until_it_is_done_or_not_done(cast: Cast) -> None:
    participant = walk.randomised(cast)
    assert "UMCG-001 week_1" in places(Kind.VISIT_UNRESOLVED)
    walk.visited(cast, participant, "week_1")
    assert "UMCG-001 week_1" not in places(Kind.VISIT_UNRESOLVED)
    ended(cast, participant, "other")
    assert places(Kind.VISIT_UNRESOLVED) == []


def test_on_its_latest_day_a_visit_is_not_open_yet(cast: Cast) -> None:
    visit = walk.visit_of(walk.randomised(cast), "week_1")
    assert visit.latest_on is not None
    noon = timezone.make_aware(datetime.datetime.combine(visit.latest_on, datetime.time(12)))
    for days, is_open in ((0, False), (1, True)):
        with time_machine.travel(noon + datetime.timedelta(days=days), tick=False):
            assert ("UMCG-001 week_1" in places(Kind.VISIT_UNRESOLVED)) is is_open


def test_a_required_form_that_was_not_started_at_a_visit_that_took_place_is_open(cast: Cast) -> None:
    participant = walk.randomised(cast)
    visit = walk.visit_of(participant, "week_1")
    assert places(Kind.FORM_ABSENT) == []
    set_visit_day(by=cast.at(walk.SITE, Role.COORDINATOR), visit=visit, on=today(), reason="abroad")
    forms = ("madrs", "ids_sr", "cgi", "cssrs_since")
    assert places(Kind.FORM_ABSENT) == [f"UMCG-001 week_1/{form}" for form in forms]


def test_the_end_form_is_owed_by_whoever_has_ended(cast: Cast) -> None:
    _treated, failed = close_all(cast)
    # Told by another way than the form, as an import may do.
    FormEntry.objects.filter(visit__participant=failed, form_key="end_of_participation")._raw_delete(using="default")
    assert places(Kind.FORM_ABSENT) == ["LUMC-001 log/end_of_participation"]


def test_what_an_amendment_dropped_is_open_as_long_as_it_stands_in_a_casebook(
    cast: Cast, reset_trd: StudyDefinition
) -> None:
    """An unsigned form and an owed one, at a visit that the newest version knows no more."""
    participant = walk.randomised(cast)
    visit = walk.visit_of(participant, "week_1")
    set_visit_day(by=cast.at(walk.SITE, Role.COORDINATOR), visit=visit, on=today(), reason="abroad")
    walk.fill(cast, walk.visit_of(participant, "log"), "serious_adverse_event")
    before = (places(Kind.FORM_ABSENT), places(Kind.SIGNATURE_WANTING))
    assert before == (
        [f"UMCG-001 week_1/{form}" for form in ("madrs", "ids_sr", "cgi", "cssrs_since")],
        ["UMCG-001 log/serious_adverse_event"],
    )
    shorter = amended(reset_trd, serious_adverse_event=lambda form: None)
    put_in_force(without(shorter, visit="week_1", form="serious_adverse_event"))
    assert (places(Kind.FORM_ABSENT), places(Kind.SIGNATURE_WANTING)) == before


def without(definition: StudyDefinition, *, visit: str, form: str) -> StudyDefinition:
    """That visit is dropped, and that form leaves every other."""
    visits = tuple(
        one.model_copy(
            update={
                "forms": tuple(key for key in one.forms if key != form),
                "required_forms": tuple(key for key in one.must_complete if key != form),
            }
        )
        for one in definition.visits
        if one.key != visit
    )
    return definition.model_copy(update={"visits": visits})


def test_an_incomplete_form_is_open_whether_required_or_not(cast: Cast) -> None:
    treated, _failed = close_all(cast)
    log = walk.visit_of(treated, "log")
    coordinator = cast.at(walk.SITE, Role.COORDINATOR)
    save_entry(by=coordinator, visit=log, form_key="adverse_event", values={"ae_term": "fall"}, occurrence=None)
    assert places(Kind.ENTRY_INCOMPLETE) == ["UMCG-001 log/adverse_event/2"]


def test_a_form_changed_after_the_signature_is_unsigned_and_its_judgement_lapsed(cast: Cast) -> None:
    treated, failed = close_all(cast)
    for participant in (treated, failed):
        visit = walk.visit_of(participant, "screening")
        day = visit.took_place_on.replace(day=1) if visit.took_place_on else None
        save_entry(
            by=cast.at(participant.site.code, Role.INVESTIGATOR),
            visit=visit,
            form_key="eligibility",
            values={"judged_on": str(day)},
            reason="wrong day",
        )
    assert places(Kind.SIGNATURE_WANTING) == ["LUMC-001 screening/eligibility", "UMCG-001 screening/eligibility"]
    assert places(Kind.ELIGIBILITY_LAPSED) == ["UMCG-001"], "of a screen failure no judgement is used any more"


def test_typed_answers_that_are_not_saved_are_open_by_site_without_a_value(cast: Cast) -> None:
    draft = drafted(cast)
    (point,) = found(Kind.DRAFT_UNSAVED)
    assert (point.participant, point.where) == (draft.visit.participant.number, "screening/vital_signs")
    assert point.message == "Screening, Vital signs, typed by Coordinator UMCG"
    with override("en"):
        said = [line for line in summaries(open_points()) if "typed answers" in line]
    assert said == ["1 form holds typed answers that are not saved. UMCG: 1"]
    end_role(by=SYSTEM, membership=draft.author.memberships.get(), reason="left")
    assert found(Kind.DRAFT_UNSAVED) == []


def test_the_refusal_sums_up_by_kind(cast: Cast) -> None:
    walk.registered(cast)
    walk.registered(cast)
    with override("en"), pytest.raises(ActionRefused) as refused:
        check_lockable()
    assert "2 participants have not ended." in refused.value.reasons
    assert len(refused.value.reasons) == len({point.kind for point in open_points()})


def test_every_kind_has_a_sentence() -> None:
    with override("en"):
        lines = summaries(OpenPoint(kind, "UMCG-001", "") for kind in Kind)
    assert len(lines) == len(Kind)
    assert all(line.startswith("1 ") for line in lines)


def test_labels_follow_the_language_and_the_ordinal(cast: Cast) -> None:
    walk.randomised(cast, arm="ect")
    with override("nl"):
        messages = [point.message for point in found(Kind.VISIT_UNRESOLVED)]
    assert "ECT-behandeling 1" in messages


def test_a_blinded_person_learns_of_no_open_point_that_reveals_the_arm(cast: Cast) -> None:
    participant = walk.randomised(cast)
    rater: User = cast.at(walk.SITE, Role.RATER)
    seen = {point.where for point in points_for(rater)}
    assert first_session(participant) not in seen
    assert first_session(participant) in {point.where for point in points_for(data_manager(cast))}
    assert "week_1" in seen


def test_the_number_of_queries_does_not_grow_with_participants(cast: Cast) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            open_points()
        return len(captured)

    walk.randomised(cast)
    few = queries()
    walk.randomised(cast)
    walk.registered(cast, "AUMC")
    assert queries() == few <= 36


def test_the_pages_of_open_points_ask_no_more_for_more_participants(cast: Cast) -> None:
    manager = data_manager(cast)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            counts_for(manager)
            for kind, figure in COUNTED.items():
                list(casebooks().counted(kind, in_reading_order(kind, figures_for(manager).rows(figure))[:50]))
        return len(captured)

    walk.randomised(cast)
    assert queries()  # what is read of a person once
    few = queries()
    walk.randomised(cast, "AUMC")
    assert queries() == few


def test_what_is_counted_for_a_blinded_reader_does_not_reveal_the_arm(cast: Cast) -> None:
    """As a study may have it: somebody who reads open points and is blinded."""
    walk.randomised(cast)
    manager = data_manager(cast)
    seeing = sum(counts_for(manager)[Kind.VISIT_UNRESOLVED].values())
    sight = replace(manager.sight(current_definition()), blinded=True)
    with patch.object(User, "sight", lambda _self, _definition: sight):
        assert 0 < sum(counts_for(manager)[Kind.VISIT_UNRESOLVED].values()) == seeing - 16
