"""An amendment in a running casebook: what was begun keeps its version, what is begun anew takes the one of its day."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from audit.acts import ActionRefused
from crf.actions import (
    add_unscheduled_visit,
    freeze,
    mark_not_done,
    plan_added_visits,
    plan_migration,
    remove_entry,
    save_entry,
    set_visit_day,
    visits_to_plan,
)
from crf.faults import casebook_faults, unread_paths
from crf.models import FormEntry, Visit
from crf.policies import open_forms_before_allocation
from crf.queries import stretches
from tests import walk
from tests.amendments import amended, items, new_item, put_in_force
from tests.audit.recipes import the
from tests.commands.calling import called
from tests.crf.pages import form_url
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.participants.queries import version_for
from trialmgr.people.models import User
from trialmgr.people.permissions import Role
from trialmgr.protocol.model import StudyDefinition, Window
from trialmgr.studies.clock import today
from trialmgr.studies.models import StudyVersion

SignedIn = Callable[[User], Client]


def with_height(form: dict[str, Any]) -> dict[str, Any]:
    items(form).append(new_item("height_cm", unit="cm", required=False))
    return form


def of_version(number: int) -> StudyVersion:
    return StudyVersion.objects.get(number=number)


@pytest.fixture
def begun(cast: Cast) -> Visit:
    """A screening visit of long ago with every form complete, on the first version."""
    return walk.visit_of(walk.screened(cast), "screening")


@pytest.fixture
def second(begun: Visit, reset_trd: StudyDefinition) -> StudyVersion:
    """Vital signs ask for the height as well, from today on."""
    return put_in_force(amended(reset_trd, vital_signs=with_height))


@pytest.fixture
def today_visit(cast: Cast, begun: Visit) -> Visit:
    """A visit that takes place today, of the same participant, who has entered the trial since."""
    participant = begun.participant
    walk.enter_trial(cast, participant)
    coordinator = the(cast, Role.COORDINATOR)
    return add_unscheduled_visit(by=coordinator, participant=participant, key="unscheduled", on=today())


def coordinator(cast: Cast) -> User:
    return the(cast, Role.COORDINATOR)


class TestWhichVersion:
    def test_a_visit_of_before_follows_what_counted_then(self, begun: Visit, second: StudyVersion) -> None:
        assert version_for(begun.participant, begun.took_place_on).number == 1
        assert version_for(begun.participant, today()) == second
        assert version_for(begun.participant, None) == second

    def test_an_entry_is_finished_on_the_version_it_was_begun_under(
        self, cast: Cast, begun: Visit, second: StudyVersion
    ) -> None:
        entry = walk.fill(cast, begun, "vital_signs", given={"pulse": "61"}, reason="typing")
        assert (entry.study_version.number, entry.versions_seen) == (1, ["0.1.0"])
        assert "height_cm" not in {item.key for item in entry.form.items}

    def test_a_new_entry_at_a_visit_of_today_is_on_the_new_one(
        self, cast: Cast, today_visit: Visit, second: StudyVersion
    ) -> None:
        values = {"systolic": "120", "diastolic": "80", "pulse": "70", "weight_kg": "70", "height_cm": "180"}
        assert "vital_signs" in today_visit.definition.forms
        saved = save_entry(by=coordinator(cast), visit=today_visit, form_key="vital_signs", values=values)
        assert saved.entry.study_version == second
        assert saved.entry.data["height_cm"] == "180"

    def test_a_form_at_a_visit_of_before_is_begun_on_the_version_of_that_day(
        self, cast: Cast, reset_trd: StudyDefinition
    ) -> None:
        participant = walk.consented(cast)
        visit = walk.visit_of(participant, "screening")
        set_visit_day(by=coordinator(cast), visit=visit, on=participant.registered_on)
        put_in_force(amended(reset_trd, vital_signs=with_height))
        assert walk.fill(cast, visit, "vital_signs").study_version.number == 1

    def test_a_row_of_the_running_log_is_of_today(self, cast: Cast, begun: Visit, second: StudyVersion) -> None:
        log = walk.visit_of(begun.participant, "log")
        assert walk.fill(cast, log, "concomitant_medication").study_version == second

    def test_another_site_goes_on_as_it_was(self, cast: Cast, reset_trd: StudyDefinition) -> None:
        here, there = walk.registered(cast, "UMCG"), walk.registered(cast, "LUMC")
        put_in_force(amended(reset_trd, vital_signs=with_height), sites=["UMCG"])
        assert [version_for(one, None).number for one in (here, there)] == [2, 1]

    def test_a_form_that_was_not_done_keeps_its_version(self, cast: Cast, begun: Visit, second: StudyVersion) -> None:
        saved = mark_not_done(
            by=coordinator(cast), visit=begun, form_key="vital_signs", code="refused", reason="not done after all"
        )
        assert saved.entry.study_version.number == 1
        assert "height_cm" not in saved.entry.missing


class TestWhatAVersionDrops:
    @pytest.fixture
    def dropped(self, cast: Cast, begun: Visit, reset_trd: StudyDefinition) -> Visit:
        """Concomitant medication leaves the running log, and the study, after a row was entered."""
        log = walk.visit_of(begun.participant, "log")
        walk.fill(cast, log, "concomitant_medication")
        shorter = amended(reset_trd, concomitant_medication=lambda form: None)
        visits = tuple(
            visit.model_copy(
                update={
                    "forms": tuple(key for key in visit.forms if key != "concomitant_medication"),
                    "required_forms": tuple(key for key in visit.must_complete if key != "concomitant_medication"),
                }
            )
            for visit in shorter.visits
        )
        put_in_force(shorter.model_copy(update={"visits": visits}))
        return walk.visit_of(begun.participant, "log")

    def test_its_rows_are_still_read_and_corrected(self, cast: Cast, dropped: Visit, signed_in: SignedIn) -> None:
        client = signed_in(coordinator(cast))
        assert client.get(f"{form_url(dropped, 'concomitant_medication')}rows/1/").status_code == 200
        row = walk.fill(cast, dropped, "concomitant_medication", reason="typing")
        assert row.study_version.number == 1
        assert remove_entry(by=coordinator(cast), entry=row, reason="of somebody else").status == "removed"

    def test_the_casebook_still_has_its_line(self, cast: Cast, dropped: Visit, signed_in: SignedIn) -> None:
        page = signed_in(coordinator(cast)).get(f"/participants/{dropped.participant.number}/").content.decode()
        assert form_url(dropped, "concomitant_medication") in page

    def test_no_row_is_added(self, cast: Cast, dropped: Visit, signed_in: SignedIn) -> None:
        client = signed_in(coordinator(cast))
        answer = client.post(f"{form_url(dropped, 'concomitant_medication')}rows/new/", {"revision": "0"})
        assert answer.status_code == 422
        assert FormEntry.objects.filter(form_key="concomitant_medication").count() == 1

    def test_where_nothing_was_entered_there_is_no_such_page(
        self, cast: Cast, dropped: Visit, signed_in: SignedIn
    ) -> None:
        other = walk.visit_of(walk.consented(cast), "log")
        answer = signed_in(coordinator(cast)).get(form_url(other, "concomitant_medication"))
        assert answer.status_code == 404


class TestBlinding:
    def test_an_item_that_is_found_to_reveal_is_hidden_in_entries_of_before_too(
        self, cast: Cast, begun: Visit, reset_trd: StudyDefinition, signed_in: SignedIn
    ) -> None:
        rater = the(cast, Role.RATER)
        label = reset_trd.form("madrs").item("madrs_9").label("nl")
        assert label in signed_in(rater).get(form_url(begun, "madrs")).content.decode()

        def revealing(form: dict[str, Any]) -> dict[str, Any]:
            (item,) = (item for section in form["sections"] for item in section["items"] if item["key"] == "madrs_9")
            item["reveals_allocation"] = True
            return form

        put_in_force(amended(reset_trd, madrs=revealing))
        assert label not in signed_in(rater).get(form_url(begun, "madrs")).content.decode()


class TestPages:
    def test_an_old_entry_opens_on_its_version_and_a_new_one_on_the_new(
        self, cast: Cast, begun: Visit, today_visit: Visit, second: StudyVersion, signed_in: SignedIn
    ) -> None:
        client = signed_in(coordinator(cast))
        assert "item.height_cm" not in client.get(form_url(begun, "vital_signs")).content.decode()
        assert "item.height_cm" in client.get(form_url(today_visit, "vital_signs")).content.decode()

    def test_the_api_knows_the_items_of_the_row_it_is_asked_for(
        self, cast: Cast, begun: Visit, today_visit: Visit, second: StudyVersion, signed_in: SignedIn
    ) -> None:
        client = signed_in(coordinator(cast))
        body = {"values": {"height_cm": "180"}, "revision": 1, "reason": "typing"}
        old = client.patch(_api(begun), body, content_type="application/json")
        assert (old.status_code, "height_cm" in old.json()) == (400, True)
        new = client.patch(_api(today_visit), body | {"revision": 0}, content_type="application/json")
        assert new.status_code == 200, new.content

    def test_replacing_a_whole_entry_clears_the_items_of_its_own_version(
        self, cast: Cast, begun: Visit, second: StudyVersion, signed_in: SignedIn
    ) -> None:
        revision = FormEntry.objects.get(visit=begun, form_key="vital_signs").revision
        body = {"values": {"systolic": "120", "diastolic": "80"}, "revision": revision, "reason": "typing"}
        answer = signed_in(coordinator(cast)).put(_api(begun), body, content_type="application/json")
        assert answer.status_code == 200, answer.content


def _api(visit: Visit) -> str:
    return f"/api/v1/participants/{visit.participant.number}/visits/{visit.slug}/forms/vital_signs/rows/1/"


def test_a_form_required_since_is_not_wanting_before_randomisation(
    cast: Cast, begun: Visit, reset_trd: StudyDefinition
) -> None:
    """The screening visit of before cannot be asked for a form that it did not have."""
    before = open_forms_before_allocation(begun.participant, reset_trd)
    visits = tuple(
        visit.model_copy(update={"required_forms": (*visit.must_complete, "background")})
        if visit.key == "screening"
        else visit
        for visit in reset_trd.visits
    )
    second = put_in_force(reset_trd.model_copy(update={"version": "0.2.0", "visits": visits})).definition
    assert open_forms_before_allocation(begun.participant, second) == before
    fresh = walk.registered(cast)
    label = reset_trd.form("background").label("en")
    assert not any(label in line for line in before)
    assert any(label in line for line in open_forms_before_allocation(fresh, second))


class TestStretches:
    def test_one_version_covers_all(self, cast: Cast) -> None:
        (stretch,) = stretches()
        assert (stretch.sites, stretch.begins, stretch.ends, stretch.is_now) == (None, None, None, True)

    def test_sites_and_days_are_told_apart_without_a_gap(
        self, cast: Cast, begun: Visit, reset_trd: StudyDefinition
    ) -> None:
        day = today() + datetime.timedelta(days=5)
        put_in_force(amended(reset_trd, version="0.2.0"), sites=["UMCG"])
        put_in_force(amended(reset_trd, version="0.3.0"), sites=["UMCG", "LUMC"], effective_from=day)
        found = {
            (stretch.definition.version, stretch.begins, stretch.ends, stretch.is_now): stretch.sites
            for stretch in stretches()
        }
        assert found["0.1.0", None, today(), False] == ("UMCG",)
        assert found["0.2.0", today(), day, True] == ("UMCG",)
        assert found["0.1.0", None, day, True] == ("LUMC",)
        everywhere = Visit.objects.count()
        assert sum(Visit.objects.filter(stretch.of_visits).count() for stretch in stretches()) == everywhere


class TestAddedVisits:
    """A new version brings a visit in month 2, counted from randomisation or from the decision, and a second log."""

    @pytest.fixture
    def wider(self, reset_trd: StudyDefinition) -> StudyDefinition:
        week = reset_trd.visit("week_8")
        extra = week.model_copy(update={"key": "extra", "day": 400})
        past = week.model_copy(update={"key": "past", "day": 1, "window": Window()})
        log = reset_trd.visit("log").model_copy(update={"key": "second_log"})
        of_phase = extra.model_copy(update={"key": "of_phase", "phase": "follow_up", "anchor": "phase", "day": 390})
        of_arms = extra.model_copy(update={"key": "of_arms", "anchor": "phase", "day": 400})
        visits = (*reset_trd.visits, extra, past, log, of_phase, of_arms)
        return reset_trd.model_copy(update={"version": "0.2.0", "visits": visits})

    def test_who_is_in_the_phase_gets_what_has_not_passed(self, cast: Cast, wider: StudyDefinition) -> None:
        participant = walk.randomised(cast)
        walk.registered(cast, "LUMC")
        version, manager = put_in_force(wider, sites=["UMCG"]), the(cast, Role.DATA_MANAGER)
        told = {(visit.participant, visit.slug) for visit in visits_to_plan(by=manager, version=version)}
        assert told == {(participant, "second_log"), (participant, "extra"), (participant, "of_arms")}
        assert not Visit.objects.filter(key="extra").exists()
        plan_added_visits(by=manager, version=version, sites=["UMCG"], reason="amendment 1")
        assert participant.enrolled_on is not None
        planned = Visit.objects.get(key="extra")
        assert planned.target_on == participant.enrolled_on + datetime.timedelta(days=400)
        with pytest.raises(ActionRefused):
            plan_added_visits(by=manager, version=version, reason="again")

    def test_a_visit_that_counts_from_its_phase_counts_from_the_visit_of_its_decision(
        self, cast: Cast, wider: StudyDefinition
    ) -> None:
        participant = walk.in_follow_up(cast)
        version = put_in_force(wider)
        found = {visit.key: visit for visit in visits_to_plan(by=the(cast, Role.DATA_MANAGER), version=version)}
        gate = walk.visit_of(participant, "week_8").took_place_on
        assert gate is not None
        assert found["of_phase"].target_on == gate + datetime.timedelta(days=390)
        assert participant.enrolled_on is not None
        assert found["of_arms"].target_on == participant.enrolled_on + datetime.timedelta(days=400)

    def test_a_frozen_casebook_gets_none_and_a_reason_is_owed(self, cast: Cast, wider: StudyDefinition) -> None:
        manager = the(cast, Role.DATA_MANAGER)
        freeze(by=manager, participant=walk.registered(cast))
        version = put_in_force(wider)
        assert visits_to_plan(by=manager, version=version) == []
        with pytest.raises(ActionRefused):
            plan_added_visits(by=manager, version=version, reason=" ")

    def test_one_that_counts_from_the_first_phase_counts_from_registration(
        self, cast: Cast, reset_trd: StudyDefinition
    ) -> None:
        participant = walk.registered(cast)
        late = reset_trd.visit("screening").model_copy(update={"key": "late", "anchor": "phase", "day": 900})
        version = put_in_force(reset_trd.model_copy(update={"version": "2", "visits": (*reset_trd.visits, late)}))
        (visit,) = visits_to_plan(by=the(cast, Role.DATA_MANAGER), version=version)
        assert visit.target_on == participant.registered_on + datetime.timedelta(days=900)


def _heart_rate(replaces: list[str]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """The pulse is asked under another key, and its change since screening is worked out."""

    def changed(form: dict[str, Any]) -> dict[str, Any]:
        place = next(n for n, item in enumerate(items(form)) if item["key"] == "pulse")
        items(form)[place] |= {"key": "heart_rate", "replaces": replaces}
        slower = "screening.vital_signs.heart_rate - heart_rate"
        items(form).append(new_item("slower", derive=slower, required=False, range=None))
        return form

    return changed


class TestAPathIntoAnEntryOfAnotherVersion:
    def test_it_follows_the_key_that_the_item_had(
        self, signed_in: SignedIn, cast: Cast, begun: Visit, reset_trd: StudyDefinition
    ) -> None:
        baseline = self._baseline(cast, begun, amended(reset_trd, vital_signs=_heart_rate(["pulse"])))
        screening = FormEntry.objects.get(visit=begun, form_key="vital_signs")
        at_first = int(screening.data["pulse"])
        assert self._slower(baseline) == str(at_first - 60)
        by = the(cast, Role.COORDINATOR)
        save_entry(by=by, visit=begun, form_key="vital_signs", values={"pulse": "70"}, reason="misread")
        assert self._slower(baseline) == "10"
        assert list(unread_paths()) == []
        assert list(casebook_faults()) == []
        url = form_url(baseline.visit, "vital_signs")
        assert "counts as missing" not in signed_in(by).get(url).content.decode()
        moves = plan_migration(by=the(cast, Role.DATA_MANAGER), version=of_version(2), forms=["vital_signs"])
        assert [dict(move.outcome.moved) for move in moves if move.entry.pk == screening.pk] == [
            {"pulse": "heart_rate"}
        ]

    def test_without_one_it_is_missing_and_page_and_command_say_so(
        self, signed_in: SignedIn, cast: Cast, begun: Visit, reset_trd: StudyDefinition
    ) -> None:
        baseline = self._baseline(cast, begun, amended(reset_trd, vital_signs=_heart_rate([])))
        assert self._slower(baseline) is None
        by = the(cast, Role.COORDINATOR)
        client = signed_in(by)
        client.cookies["django_language"] = "en"
        page = client.get(form_url(baseline.visit, "vital_signs")).content.decode()
        assert "was entered under version 0.1.0, which has no “heart_rate”: it counts as missing here." in page
        assert "counts as missing" not in client.get(form_url(begun, "vital_signs")).content.decode()
        told = called("casebook", "verify").out
        assert "UMCG-001/screening/vital_signs/1 is of version 0.1.0, which has no such item: missing" in told

    @staticmethod
    def _baseline(cast: Cast, begun: Visit, newer: StudyDefinition) -> FormEntry:
        put_in_force(newer)
        visit = walk.visit_of(begun.participant, "baseline")
        by = the(cast, Role.COORDINATOR)
        set_visit_day(by=by, visit=visit, on=today(), reason="later than planned")
        return save_entry(by=by, visit=visit, form_key="vital_signs", values={"heart_rate": "60"}).entry

    @staticmethod
    def _slower(entry: FormEntry) -> str | None:
        value: str | None = FormEntry.objects.get(pk=entry.pk).data.get("slower")
        return value
