"""What a page is told while it is filled in: what saving would make of it, to whom may save, with nothing stored."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from audit.models import LedgerEntry
from crf.actions import freeze, register_participant, save_entry, set_visit_day
from crf.models import FormEntry, Visit
from tests import walk
from tests.amendments import amended, new_item, put_in_force
from tests.crf.pages import Reader, boxes, form_url
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.participants.actions import record_consent
from trialmgr.people.permissions import Role
from trialmgr.protocol.model import StudyDefinition
from trialmgr.studies.clock import today

SignedIn = Callable[..., Client]
SITE = "UMCG"


def with_rules(form: dict[str, Any]) -> dict[str, Any]:
    """Vital signs, and behind them questions and results that hang on them, on another form and on rows.

    Raters, who are blinded, enter it too; one result and one question are not for them.
    """
    hanging = [
        new_item("why_high", "text", ask_if="systolic > 140 or diastolic > 90", required=False),
        new_item("span", derive="systolic - diastolic", unit="mmHg"),
        new_item("wide", "yes_no", derive="span > 60"),
        new_item("why_wide", "text", ask_if="wide", required=False),
        new_item("cycle", "text", ask_if="screening.demographics.sex = 'f'", required=False),
        new_item("telling", derive="systolic * 2", reveals_allocation=True),
        new_item("why_telling", "text", ask_if="telling > 200", required=False, reveals_allocation=True),
    ]
    rows = [
        new_item("drug", "text"),
        new_item("dose", required=False),
        new_item("dose_high", "text", ask_if="dose >= 100 or wide", required=False),
        new_item("half", "decimal", decimals=1, derive="dose / 2", unit="mg"),
    ]
    group = {
        "key": "trials",
        "label": {"nl": "Behandelingen", "en": "Treatments"},
        "items": rows,
        "repeats": {"max": 3, "row": {"nl": "Behandeling", "en": "Treatment"}},
    }
    more = {"key": "more", "label": {"nl": "Meer", "en": "More"}, "items": hanging}
    after = [new_item("drugs", derive="count(trials)"), new_item("doses", derive="sum(trials.dose)")]
    last = {"key": "last", "label": {"nl": "Slot", "en": "Last"}, "items": after}
    entered_by = [*form["entered_by"], "rater"]
    return form | {"entered_by": entered_by, "sections": [*form["sections"], more, group, last]}


@pytest.fixture
def visit(cast: Cast, reset_trd: StudyDefinition) -> Visit:
    definition = amended(reset_trd, vital_signs=with_rules)
    put_in_force(definition)
    coordinator = cast.at(SITE, Role.COORDINATOR)
    participant = register_participant(by=coordinator, site=cast.sites[SITE], on=today())
    version = definition.consents[-1].key
    record_consent(by=coordinator, participant=participant, version=version, given_on=today())
    return set_visit_day(by=coordinator, visit=walk.visit_of(participant, "screening"), on=today())


@pytest.fixture
def url(visit: Visit) -> str:
    return form_url(visit, "vital_signs")


@pytest.fixture
def coordinator(signed_in: SignedIn, cast: Cast) -> Reader:
    return Reader(signed_in, cast, Role.COORDINATOR)


def live(url: str, row: int | str = 1) -> str:
    return f"{url}rows/{row}/live/"


def told(reader: Reader, address: str, typed: Mapping[str, str]) -> dict[str, Any]:
    """``asked`` and ``derived``, as the page's script gets them."""
    answer: dict[str, Any] = json.loads(reader.post(address, boxes(typed), 200))
    return answer


class TestWhatApplies:
    @pytest.mark.parametrize(
        ("typed", "asked"),
        [
            ({}, False),
            ({"systolic": "150"}, True),
            ({"systolic": "120"}, False),
            ({"systolic": "120", "diastolic": "95"}, True),
            ({"diastolic": "95"}, True),
            ({"systolic": "120", "diastolic": "80"}, False),
        ],
    )
    def test_is_judged_with_every_part_of_a_rule(
        self, coordinator: Reader, url: str, typed: dict[str, str], asked: bool
    ) -> None:
        assert told(coordinator, live(url), typed)["asked"]["why_high"] is asked

    @pytest.mark.parametrize("half", ["1", "15.", "-", "150 mm", "900", "x" * 5000])
    def test_counts_an_answer_that_would_be_refused_as_none(self, coordinator: Reader, url: str, half: str) -> None:
        answer = told(coordinator, live(url), {"systolic": half, "diastolic": "80"})
        assert answer["asked"]["why_high"] is False
        assert answer["derived"]["span"] == ""

    def test_follows_from_what_is_calculated(self, coordinator: Reader, url: str) -> None:
        assert told(coordinator, live(url), {"systolic": "150", "diastolic": "80"})["asked"]["why_wide"] is True

    def test_follows_from_another_form(self, coordinator: Reader, url: str, cast: Cast, visit: Visit) -> None:
        assert told(coordinator, live(url), {})["asked"]["cycle"] is False
        by = cast.at(SITE, Role.COORDINATOR)
        save_entry(by=by, visit=visit, form_key="demographics", values={"sex": "f"})
        assert told(coordinator, live(url), {})["asked"]["cycle"] is True

    def test_is_said_of_each_row_on_the_page_also_the_empty_one(self, coordinator: Reader, url: str) -> None:
        asked = told(coordinator, live(url), {"trials.1.drug": "lithium", "trials.1.dose": "150"})["asked"]
        assert (asked["trials.1.dose_high"], asked["trials.2.dose_high"]) == (True, False)
        wide = told(coordinator, live(url), {"systolic": "150", "diastolic": "80"})["asked"]
        assert wide["trials.1.dose_high"] is True

    def test_is_not_said_of_questions_without_a_rule(self, coordinator: Reader, url: str) -> None:
        assert "systolic" not in told(coordinator, live(url), {"systolic": "150"})["asked"]


class TestWhatIsCalculated:
    def test_comes_in_words_with_its_unit(self, coordinator: Reader, url: str) -> None:
        derived = told(coordinator, live(url), {"systolic": "150", "diastolic": "80"})["derived"]
        assert (derived["span"], derived["wide"]) == ("70 mmHg", "Yes")
        coordinator.client.cookies["django_language"] = "nl"
        assert told(coordinator, live(url), {"systolic": "150", "diastolic": "80"})["derived"]["wide"] == "Ja"

    def test_is_empty_while_an_answer_is_wanting(self, coordinator: Reader, url: str) -> None:
        assert told(coordinator, live(url), {"systolic": "150"})["derived"]["span"] == ""

    def test_reckons_in_rows_and_over_them(self, coordinator: Reader, url: str) -> None:
        rows = {"trials.1.dose": "150", "trials.1.drug": "a", "trials.2.drug": "b", "trials.2.dose": "75"}
        derived = told(coordinator, live(url), rows)["derived"]
        assert (derived["trials.1.half"], derived["trials.2.half"]) == ("75.0 mg", "37.5 mg")
        assert (derived["trials.3.half"], derived["drugs"], derived["doses"]) == ("", "2", "225")

    def test_takes_an_emptied_box_for_empty_whatever_is_saved(
        self, coordinator: Reader, url: str, cast: Cast, visit: Visit
    ) -> None:
        values = {"systolic": "150", "diastolic": "80"}
        save_entry(by=cast.at(SITE, Role.COORDINATOR), visit=visit, form_key="vital_signs", values=values)
        assert told(coordinator, live(url), {"systolic": "150", "diastolic": ""})["derived"]["span"] == ""

    def test_takes_a_reason_for_no_value(self, coordinator: Reader, url: str) -> None:
        sent = boxes({"systolic": "150"}) | {"missing.diastolic": "not_done"}
        assert json.loads(coordinator.post(live(url), sent, 200))["derived"]["span"] == ""


@pytest.mark.parametrize(
    "typed",
    [
        {"systolic": "150", "diastolic": "80", "why_high": "white coat", "why_wide": "so"},
        {"systolic": "120", "diastolic": "80", "why_high": "left in a hidden box"},
        {"diastolic": "60", "trials.1.drug": "lithium", "trials.1.dose": "100", "trials.1.dose_high": "so"},
        {"trials.1.drug": "lithium", "trials.2.drug": "quetiapine", "trials.2.dose": "12", "trials.2.dose_high": "so"},
    ],
)
def test_what_is_told_is_what_saving_makes_of_it(coordinator: Reader, url: str, typed: dict[str, str]) -> None:
    before = told(coordinator, live(url), typed)
    assert not FormEntry.objects.exists()
    coordinator.send(url, boxes(typed))
    saved = FormEntry.objects.get(form_key="vital_signs")
    assert told(coordinator, live(url), saved.data) == before
    reckoned = {key: words.split()[0].lower() for key, words in before["derived"].items() if words}
    assert {key: value for key, value in saved.data.items() if key in before["derived"]} == reckoned
    asked = {key for key in typed if before["asked"].get(key, True)}
    assert {key for key in saved.data if key not in before["derived"]} == asked


class TestNothingIsStored:
    def test_no_entry_no_file_and_no_line_in_the_trail(self, coordinator: Reader, url: str) -> None:
        lines = LedgerEntry.objects.count()
        with CaptureQueriesContext(connection) as asked:
            told(coordinator, live(url), {"systolic": "150", "diastolic": "80", "trials.1.drug": "lithium"})
        assert not FormEntry.objects.exists()
        assert LedgerEntry.objects.count() == lines
        written = [one["sql"] for one in asked if not one["sql"].startswith(("SELECT", "SAVEPOINT", "RELEASE"))]
        assert [sql for sql in written if "django_session" not in sql] == []

    def test_and_a_full_form_costs_as_many_queries_as_an_empty_one(self, coordinator: Reader, url: str) -> None:
        full = {"systolic": "150", "diastolic": "80", "pulse": "70", "weight_kg": "70"}
        full |= {f"trials.{row}.{item}": "100" for row in (1, 2, 3) for item in ("drug", "dose", "dose_high")}
        told(coordinator, live(url), {})
        counts = []
        for typed in ({}, full):
            with CaptureQueriesContext(connection) as asked:
                told(coordinator, live(url), typed)
            counts.append(len(asked))
        assert counts[0] == counts[1]


class TestThePage:
    def test_has_boxes_for_what_may_come_to_apply_and_says_where_to_ask(self, coordinator: Reader, url: str) -> None:
        page = coordinator.get(url)
        assert f'data-live-url="{live(url)}"' in page
        assert 'data-item="why_high" data-not-asked' in page
        assert 'name="item.why_high"' in page
        assert 'data-item="trials.1.dose_high" data-not-asked' in page

    def test_comes_back_with_what_follows_from_what_was_typed(self, coordinator: Reader, url: str) -> None:
        page = coordinator.post(url, boxes({"systolic": "150", "diastolic": "80", "pulse": "9999"}), 422)
        assert 'data-item="why_high" data-not-asked' not in page
        assert 'data-item="cycle" data-not-asked' in page
        assert ">70 mmHg</output>" in page


class TestRowsOfARepeatingForm:
    def test_are_judged_new_or_saved(self, signed_in: SignedIn, cast: Cast) -> None:
        participant = walk.randomised(cast)
        team = Reader(signed_in, cast, Role.TREATING_TEAM)
        url = form_url(walk.visit_of(participant, "log"), "adverse_event")
        assert f'data-live-url="{live(url, "new")}"' in team.get(f"{url}rows/new/")
        assert told(team, live(url, "new"), {"ae_ongoing": "no"})["asked"]["ae_end"] is True
        team.post(live(url), {}, 404)
        team.send(f"{url}rows/new/", boxes({"ae_ongoing": "yes"}))
        assert told(team, live(url), {"ae_ongoing": "no"})["asked"]["ae_end"] is True
        assert told(team, live(url), {})["asked"]["ae_end"] is False
        team.send(f"{url}rows/1/remove/", {"reason": "entered twice"})
        team.post(live(url), {}, 403)

    def test_are_not_found_on_a_form_of_one_row(self, coordinator: Reader, url: str) -> None:
        coordinator.post(live(url, "new"), {}, 404)
        coordinator.post(live(url, 2), {}, 404)


def test_a_blinded_person_is_told_nothing_of_what_reveals(signed_in: SignedIn, cast: Cast, url: str) -> None:
    typed = {"systolic": "150", "diastolic": "80"}
    unblinded = told(Reader(signed_in, cast, Role.COORDINATOR), live(url), typed)
    assert (unblinded["derived"]["telling"], unblinded["asked"]["why_telling"]) == ("300", True)
    rater = Reader(signed_in, cast, Role.RATER)
    for sent in (typed, typed | {"telling": "300", "why_telling": "guessed"}):
        answer = told(rater, live(url), sent)
        assert answer["derived"]["span"] == "70 mmHg"
        assert "telling" not in json.dumps(answer)


class TestWhoMayNotSave:
    @pytest.mark.parametrize("role", [Role.TREATING_TEAM, Role.MONITOR, Role.INSPECTOR])
    def test_is_told_nothing(self, signed_in: SignedIn, cast: Cast, url: str, role: Role) -> None:
        Reader(signed_in, cast, role).post(live(url), boxes({"systolic": "150"}), 403)

    def test_at_another_site_finds_nothing(self, signed_in: SignedIn, cast: Cast, url: str) -> None:
        Reader(signed_in, cast, Role.COORDINATOR, "LUMC").post(live(url), {}, 404)

    def test_in_a_frozen_casebook_reads_why(self, coordinator: Reader, cast: Cast, visit: Visit, url: str) -> None:
        freeze(by=cast.at("", Role.DATA_MANAGER), participant=visit.participant)
        assert "is frozen" in coordinator.post(live(url), {}, 403)

    def test_without_the_token_of_the_page_is_refused(self, cast: Cast, url: str) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(
            cast.at(SITE, Role.COORDINATOR), backend="allauth.account.auth_backends.AuthenticationBackend"
        )
        assert client.post(live(url), {}).status_code == 403

    def test_by_reading_is_refused_for_everybody(self, coordinator: Reader, url: str) -> None:
        coordinator.get(live(url), 405)


class TestDangers:
    @pytest.fixture
    def url(self, visit: Visit) -> str:
        """Of a form with a dangerous answer, and one of which only the unblinded know."""
        return form_url(visit, "vital_signs")

    @pytest.fixture
    def visit(self, cast: Cast, reset_trd: StudyDefinition) -> Visit:
        def dangerous(form: dict[str, Any]) -> dict[str, Any]:
            form = with_rules(form)
            told = {"nl": "Bel nu een arts.", "en": "Call a doctor now."}
            for item in [item for section in form["sections"] for item in section["items"]]:
                if item["key"] in ("pulse", "telling", "dose"):
                    item["danger"] = {"fires_if": f"{item['key']} > 200", "message": told}
            return form

        definition = amended(reset_trd, vital_signs=dangerous)
        put_in_force(definition)
        coordinator = cast.at(SITE, Role.COORDINATOR)
        participant = register_participant(by=coordinator, site=cast.sites[SITE], on=today())
        version = definition.consents[-1].key
        record_consent(by=coordinator, participant=participant, version=version, given_on=today())
        return set_visit_day(by=coordinator, visit=walk.visit_of(participant, "screening"), on=today())

    def test_are_told_at_once_also_in_rows(self, coordinator: Reader, url: str) -> None:
        assert told(coordinator, live(url), {"pulse": "200"})["dangers"] == {}
        found = told(coordinator, live(url), {"pulse": "201", "trials.2.drug": "x", "trials.2.dose": "300"})["dangers"]
        assert found == {
            "pulse": {"label": "Pulse", "message": "Call a doctor now."},
            "trials.2.dose": {"label": "Treatment 2: dose", "message": "Call a doctor now."},
        }

    def test_of_which_the_blinded_know_nothing_are_not_told_them(
        self, signed_in: SignedIn, coordinator: Reader, url: str, cast: Cast
    ) -> None:
        typed = {"systolic": "150"}
        assert "telling" in told(coordinator, live(url), typed)["dangers"]
        assert told(Reader(signed_in, cast, Role.RATER), live(url), typed)["dangers"] == {}

    def test_stand_on_the_page_without_a_script_and_ask_to_save(self, coordinator: Reader, url: str) -> None:
        assert '<div class="tm-danger" data-dangers role="alert" hidden>' in coordinator.get(url)
        page = coordinator.post(url, boxes({"pulse": "201", "systolic": "9999"}), 422)
        assert "<strong>Pulse</strong>: Call a doctor now." in page
        assert "<p data-danger-ask>" in page

    def test_that_are_saved_ask_nothing_more_and_refuse_nothing(
        self, coordinator: Reader, url: str, signed_in: SignedIn, cast: Cast
    ) -> None:
        page = coordinator.send(url, boxes({"pulse": "201"}))
        assert "Saved." in page
        assert "<strong>Pulse</strong>: Call a doctor now." in page
        assert "<p data-danger-ask hidden>" in page
        reading = Reader(signed_in, cast, Role.MONITOR).get(url)
        assert "<strong>Pulse</strong>: Call a doctor now." in reading
        assert "data-danger-ask" not in reading

    def test_in_a_draft_are_shown_with_it(self, coordinator: Reader, url: str) -> None:
        coordinator.post(f"{url}rows/1/draft/", boxes({"pulse": "201"}, draft_slot="a1"), 200)
        page = coordinator.get(url)
        assert "<strong>Pulse</strong>: Call a doctor now." in page
        assert "<p data-danger-ask>" in page
