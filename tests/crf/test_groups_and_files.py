"""A form with a repeating group, a scale and a file, from the page to the entry and back."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from audit.acts import ActionRefused
from audit.models import LedgerEntry
from crf.actions import EntryRefused, register_participant, save_entry, set_visit_day, store_file, verify_items
from crf.layout.boxes import item_label, laid_out
from crf.loaded_casebook import LoadedCasebook
from crf.models import FormEntry, StoredFile, Visit
from exports.dataset import write_dataset
from exports.tables.plans import form_tables
from tests.amendments import amended, new_item, put_in_force
from tests.api_caller import Caller
from tests.audit.staging import lock_the_study
from tests.crf.pages import Reader, boxes, form_url
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.participants.actions import record_consent
from trialmgr.people.permissions import Role
from trialmgr.protocol.loader import load_study
from trialmgr.protocol.model import Form, StudyDefinition
from trialmgr.studies.clock import today

SignedIn = Callable[..., Client]
SITE = "UMCG"
PDF = b"%PDF-1.7 a letter"


def text(words: str) -> dict[str, str]:
    return {"nl": words, "en": words}


def with_everything(form: dict[str, Any]) -> dict[str, Any]:
    """Vital signs, and behind them a scale, a long scale, a file and up to three rows of treatments."""
    ends = {"min": text("none"), "max": text("worst")}
    single = [
        new_item("pain", "scale", range={"min": 0, "max": 10}, anchors=ends, required=False),
        new_item("health", "scale", range={"min": 0, "max": 100}, anchors=ends, required=False),
        new_item("letter", "file", accepts=["pdf"], max_megabytes=1, required=False),
        new_item("letter_count", derive="count(trials)", required=False),
    ]
    rows = [
        new_item("drug", "text"),
        new_item("weeks", range={"min": 1, "max": 200}, required=False),
        new_item("stopped", "yes_no", required=False),
        new_item("why", "text", ask_if="stopped", required=False),
        new_item("proof", "file", required=False),
    ]
    more = [
        {
            "key": "trials",
            "label": text("Earlier treatments"),
            "items": rows,
            "repeats": {"max": 3, "row": text("Treatment")},
        },
        {"key": "more", "label": text("More"), "items": single},
    ]
    return form | {"sections": [*form["sections"], *more]}


@pytest.fixture
def study(cast: Cast, reset_trd: StudyDefinition) -> StudyDefinition:
    definition = amended(reset_trd, vital_signs=with_everything)
    put_in_force(definition)
    return definition


@pytest.fixture
def visit(cast: Cast, study: StudyDefinition) -> Visit:
    coordinator = cast.at(SITE, Role.COORDINATOR)
    person = register_participant(by=coordinator, site=cast.sites[SITE], on=today())
    version = study.consents[-1].key
    record_consent(by=coordinator, participant=person, version=version, given_on=today())
    visit = Visit.objects.get(participant=person, key="screening")
    return set_visit_day(by=coordinator, visit=visit, on=today())


@pytest.fixture
def url(visit: Visit) -> str:
    return form_url(visit, "vital_signs")


@pytest.fixture
def coordinator(signed_in: SignedIn, cast: Cast) -> Reader:
    return Reader(signed_in, cast, Role.COORDINATOR)


def saved() -> FormEntry:
    return FormEntry.objects.get(form_key="vital_signs")


class TestARowThatWasCleared:
    """Its number is never used again, or an old question would stand at something new."""

    def test_the_page_offers_the_number_after_the_highest_ever_used(self, coordinator: Reader, url: str) -> None:
        coordinator.send(url, boxes({"trials.1.drug": "lithium", "trials.2.drug": "quetiapine"}))
        cleared = {"trials.1.drug": "lithium", "trials.2.drug": ""}
        coordinator.send(url, boxes(cleared, revision=1, reason_choice="typing"))
        page = coordinator.get(url)
        assert "item.trials.2.drug" not in page
        assert "item.trials.3.drug" in page

    def test_it_is_refused_wherever_it_comes_from(self, cast: Cast, coordinator: Reader, url: str) -> None:
        coordinator.send(url, boxes({"trials.1.drug": "lithium", "trials.2.drug": "quetiapine"}))
        address = f"{url.removeprefix('/')}rows/1/"
        caller = Caller(cast.at(SITE, Role.COORDINATOR))
        sent = {"missing": {}, "reason": "typing error"}
        assert caller.patch(address, sent | {"values": {"trials.1.drug": ""}, "revision": 1})[0] == 200
        status, answer = caller.patch(address, sent | {"values": {"trials.1.drug": "gout"}, "revision": 2})
        assert (status, "Row 1 was used before: enter it as row 3." in str(answer)) == (422, True)
        assert caller.patch(address, sent | {"values": {"trials.3.drug": "gout"}, "revision": 2})[0] == 200
        assert sorted(saved().entered.values) == ["trials.2.drug", "trials.3.drug"]


class TestARepeatingGroup:
    def test_offers_one_empty_row_and_one_more_on_request(self, coordinator: Reader, url: str) -> None:
        page = coordinator.get(url)
        assert "Earlier treatments: Treatment 1" in page
        assert "item.trials.2.drug" not in page
        asked = coordinator.post(url, boxes({"trials.1.drug": "lithium"}) | {"add_row": "yes"}, 200)
        assert "lithium" in asked
        assert "item.trials.2.drug" in asked
        assert not FormEntry.objects.exists()

    def test_keeps_a_row_and_asks_for_no_more_than_that_row(self, coordinator: Reader, url: str) -> None:
        coordinator.send(url, boxes({"trials.1.drug": "lithium", "trials.1.weeks": "6", "trials.2.drug": ""}))
        assert saved().data == {"trials.1.drug": "lithium", "trials.1.weeks": "6", "letter_count": "1"}
        assert "item.trials.2.drug" in coordinator.get(url)

    def test_names_the_row_in_the_audit_trail_and_beside_its_error(self, coordinator: Reader, url: str) -> None:
        refused = coordinator.post(url, boxes({"trials.1.drug": "lithium", "trials.1.weeks": "900"}), 422)
        assert 'href="#item-trials.1.weeks"' in refused
        coordinator.send(url, boxes({"trials.1.drug": "lithium"}))
        assert LedgerEntry.objects.filter(item="trials.1.drug", new="lithium").count() == 1
        assert "Treatment 1: drug" in coordinator.get(f"{url}rows/1/history/trials.1.drug/")

    def test_hides_in_the_browser_what_is_asked_in_the_same_row_only(self, coordinator: Reader, url: str) -> None:
        assert 'data-show-when-name="item.trials.1.stopped"' in coordinator.get(url)

    def test_owes_a_reason_when_a_row_is_emptied(self, coordinator: Reader, url: str) -> None:
        coordinator.send(url, boxes({"trials.1.drug": "lithium"}))
        emptied = boxes({"trials.1.drug": ""}, revision=1)
        coordinator.post(url, emptied, 422)
        coordinator.send(url, emptied | {"reason_choice": "typing"})
        assert saved().data == {"letter_count": "0"}

    def test_has_no_room_for_a_fourth_row(self, coordinator: Reader, url: str) -> None:
        three = {f"trials.{row}.drug": "x" for row in (1, 2, 3)}
        coordinator.send(url, boxes(three))
        assert "item.trials.4.drug" not in coordinator.get(url)
        coordinator.post(url, boxes(three | {"trials.4.drug": "x"}, revision=1), 422)

    def test_is_queried_and_verified_by_the_item_of_one_row(
        self, signed_in: SignedIn, cast: Cast, coordinator: Reader, url: str
    ) -> None:
        coordinator.send(url, boxes({"trials.1.drug": "lithium", "trials.2.drug": "quetiapine"}))
        monitor = Reader(signed_in, cast, Role.MONITOR)
        monitor.send(f"{url}rows/1/queries/raise/trials.2.drug/", {"text": "which dose?"})
        assert "Treatment 2: drug" in monitor.get(f"{url}rows/1/queries/1/")
        entry = saved()
        verify_items(by=cast.at(SITE, Role.MONITOR), entry=entry, items=["trials.2.drug"])
        assert [row.item for row in entry.verifications.all()] == ["trials.2.drug"]
        beside = coordinator.get(f"{url}?query=1")
        assert beside.index('name="item.trials.2.drug"') < beside.index('id="query-1"') < beside.index("trials.2.weeks")
        coordinator.send(url, boxes({"trials.1.drug": "lithium"}, 1, reason_choice="typing"))
        gone = coordinator.get(f"{url}?query=1")
        assert 'name="item.trials.2.drug"' not in gone
        assert gone.index('id="query-1"') < gone.index('name="item.trials.1.drug"')

    def test_is_written_and_cleared_over_the_api(self, cast: Cast, visit: Visit) -> None:
        api = Caller(cast.at(SITE, Role.COORDINATOR))
        address = f"participants/{visit.participant.number}/visits/screening/forms/vital_signs/rows/1/"
        assert (
            api.put(
                address, {"values": {"trials.1.drug": "lithium", "trials.2.drug": "x"}, "missing": {}, "revision": 0}
            )[0]
            == 200
        )
        wrong = {"values": {"drug": "lithium"}, "missing": {}, "revision": 1}
        assert api.put(address, wrong)[0] == 400
        sent = {"values": {"trials.2.drug": "x"}, "missing": {}, "revision": 1, "reason": "typing error"}
        status, answer = api.put(address, sent)
        assert status == 200, answer
        assert answer["entry"]["values"] == {"trials.2.drug": "x", "letter_count": "1"}

    def test_has_a_table_of_its_own_in_a_release(self, study: StudyDefinition) -> None:
        found = {table.name: table for table in form_tables([study])}
        assert "drug" not in found["form_vital_signs.csv"].header
        assert found["form_vital_signs__trials.csv"].header[8:11] == ("group_row", "drug", "drug__missing")


class TestAScale:
    def test_is_radios_with_words_at_both_ends_or_a_number_with_its_ends_said(
        self, coordinator: Reader, url: str
    ) -> None:
        page = coordinator.get(url)
        assert "0: none" in page
        assert "10: worst" in page
        assert "0: none; 100: worst" in page
        coordinator.send(url, boxes({"pain": "7", "health": "55"}))
        assert (saved().data["pain"], saved().data["health"]) == ("7", "55")
        coordinator.post(url, boxes({"pain": "11"}, revision=1, reason_choice="typing"), 422)


class TestAFile:
    def test_is_kept_encrypted_and_given_back_as_it_came(self, coordinator: Reader, url: str, visit: Visit) -> None:
        coordinator.send(url, {"item.letter": SimpleUploadedFile("Brief van huisarts.pdf", PDF), "revision": "0"})
        digest = hashlib.sha256(PDF).hexdigest()
        assert saved().data["letter"] == f"sha256:{digest}/Brief van huisarts.pdf"
        assert PDF not in bytes(StoredFile.objects.get().sealed)
        answer = coordinator.client.get(f"{url}rows/1/files/letter/")
        assert answer.content == PDF
        assert answer["Content-Disposition"].startswith("attachment;")
        assert "Brief van huisarts.pdf" in coordinator.get(url)

    def test_stays_when_the_form_is_refused_for_something_else(self, coordinator: Reader, url: str) -> None:
        sent = {"item.letter": SimpleUploadedFile("brief.pdf", PDF), "item.pain": "99", "revision": "0"}
        page = coordinator.post(url, sent, 422)
        mark = f"sha256:{hashlib.sha256(PDF).hexdigest()}/brief.pdf"
        assert f'value="{mark}"' in page
        coordinator.send(url, boxes({"letter": mark}))
        assert saved().data["letter"] == mark

    @pytest.mark.parametrize(
        ("name", "content", "said"),
        [("a.exe", b"x", "pdf"), ("a.pdf", b"x" * 1_000_001, "1 megabytes"), ("a.pdf", b"", "empty")],
    )
    def test_is_refused_with_the_reason(
        self, coordinator: Reader, url: str, name: str, content: bytes, said: str
    ) -> None:
        page = coordinator.post(url, {"item.letter": SimpleUploadedFile(name, content), "revision": "0"}, 422)
        assert said in page
        assert not StoredFile.objects.exists()

    def test_can_be_taken_out_again(self, coordinator: Reader, url: str) -> None:
        coordinator.send(url, {"item.letter": SimpleUploadedFile("brief.pdf", PDF), "revision": "0"})
        mark = saved().data["letter"]
        without = boxes({"letter": mark}, revision=1, reason_choice="typing") | {"clear.letter": "yes"}
        coordinator.send(url, without)
        assert "letter" not in saved().data
        coordinator.get(f"{url}rows/1/files/letter/", 404)
        coordinator.get(f"{url}rows/1/files/nothing/", 404)

    def test_is_not_taken_for_an_item_that_asks_for_none(self, coordinator: Reader, url: str) -> None:
        coordinator.post(url, {"item.pain": SimpleUploadedFile("a.pdf", PDF), "revision": "0"}, 400)
        coordinator.post(url, {"item.no_such": SimpleUploadedFile("a.pdf", PDF), "revision": "0"}, 400)

    def test_of_another_participant_cannot_be_named(self, cast: Cast, visit: Visit) -> None:
        by = cast.at(SITE, Role.COORDINATOR)
        mark = f"sha256:{hashlib.sha256(PDF).hexdigest()}/brief.pdf"
        with pytest.raises(EntryRefused, match="not kept here"):
            save_entry(by=by, visit=visit, form_key="vital_signs", values={"letter": mark})

    def test_is_kept_once_however_often_it_is_brought(self, cast: Cast, visit: Visit, study: StudyDefinition) -> None:
        by, form = cast.at(SITE, Role.COORDINATOR), study.form("vital_signs")
        for item in ("letter", "trials.1.proof"):
            store_file(by=by, visit=visit, form=form, item=item, name="brief.pdf", content=PDF)
        assert StoredFile.objects.count() == 1
        with pytest.raises(ActionRefused, match="10 megabytes"):
            store_file(by=by, visit=visit, form=form, item="trials.1.proof", name="a.bin", content=bytes(10_000_001))


@given(st.sets(st.integers(1, 3)), st.booleans())
def test_every_row_that_stands_is_laid_out_and_at_most_one_more(rows: set[int], spare: bool) -> None:
    form = _form()
    laid = laid_out(form, [f"trials.{row}.drug" for row in rows], spare=spare)
    shown = [item.key for item in laid.items if item.key.endswith(".drug")]
    expected = sorted(rows) + ([max(rows, default=0) + 1] if spare and len(rows) < 3 else [])
    assert shown == [f"trials.{row}.drug" for row in expected]
    assert item_label(form, "systolic", "en") == form.item("systolic").label.en


@cache
def _form() -> Form:
    definition = load_study(Path(settings.TRIALMGR_STUDIES) / "reset_trd")
    return amended(definition, vital_signs=with_everything).form("vital_signs")


def test_a_release_holds_the_rows_and_the_files(coordinator: Reader, url: str, visit: Visit, tmp_path: Path) -> None:
    sent = boxes({"trials.1.drug": "lithium", "trials.2.drug": "quetiapine"})
    coordinator.send(url, sent | {"item.letter": SimpleUploadedFile("Brief.PDF", PDF)})
    write_dataset(tmp_path, lock_the_study(), with_allocation=True)
    rows = (tmp_path / "form_vital_signs__trials.csv").read_text("utf-8-sig").splitlines()
    assert [row.split(",")[8:10] for row in rows] == [["group_row", "drug"], ["1", "lithium"], ["2", "quetiapine"]]
    assert (tmp_path / f"file_{hashlib.sha256(PDF).hexdigest()}.pdf").read_bytes() == PDF
    assert str(StoredFile.objects.get()).startswith(visit.participant.number)


def test_rows_are_counted_from_another_form(coordinator: Reader, url: str, visit: Visit) -> None:
    coordinator.send(url, boxes({"trials.1.drug": "lithium"}))
    stored = LoadedCasebook(visit.participant)
    assert set(stored.keys("screening", "vital_signs") or ()) == {"trials.1.drug", "letter_count"}
    assert stored.keys("baseline", "vital_signs") is None


def test_a_file_comes_and_goes_over_the_api(cast: Cast, visit: Visit) -> None:
    api = Caller(cast.at(SITE, Role.COORDINATOR))
    row = f"participants/{visit.participant.number}/visits/screening/forms/vital_signs/rows/1/"
    sent = {"name": "brief.pdf", "content": base64.b64encode(PDF).decode()}
    status, kept = api.post(f"{row}files/letter/", sent)
    assert status == 201
    assert api.put(row, {"values": {"letter": kept["mark"]}, "missing": {}, "revision": 0})[0] == 200
    assert api.get(f"{row}files/letter/") == (200, sent)
    assert api.post(f"{row}files/letter/", sent | {"content": "%"})[0] == 400
    assert api.post(f"{row}files/pain/", sent)[0] == 400
