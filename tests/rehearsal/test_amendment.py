"""An amendment in a rehearsed trial: what it touches is told, old entries stay, new ones follow, all are released."""

from __future__ import annotations

import csv
import datetime
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client

from crf.actions import add_unscheduled_visit, save_entry
from crf.models import FormEntry
from exports.actions import lock_study, make_release
from exports.policies import open_points
from tests.amendments import amended, items, new_item, proposer, put_in_force
from tests.audit.staging import lock_the_study
from tests.commands.calling import called
from tests.fewer_forms import DUE
from tests.rehearsal.amendment import FORM, ITEM, NEW, OLD, write_amendment
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.overview.rehearsal.trial import rehearse
from trialmgr.participants.models import Participant
from trialmgr.participants.states import Status
from trialmgr.people.models import User
from trialmgr.people.permissions import Role
from trialmgr.protocol.model import StudyDefinition
from trialmgr.studies.clock import today

SignedIn = Callable[[User], Client]


@pytest.fixture
def amendment(tmp_path: Path) -> Path:
    return write_amendment(tmp_path / "amendment")


@pytest.mark.usefixtures("demo")
def test_what_an_amendment_touches_is_told_and_old_entries_keep_their_version(
    cast: Cast, amendment: Path, signed_in: SignedIn, tmp_path: Path
) -> None:
    """The same in a whole trial: ``test_whole_trial``."""
    rehearse(participants=3, seed=1, ongoing=True)
    old = list(FormEntry.objects.standing().filter(form_key=FORM).order_by("pk"))
    _check_what_is_told(amendment, old)
    assert called("study", "publish", str(amendment), "--as", "data_manager", "--reason", "amendment 1").code == 0
    assert called("study", "approve", "2", "--as", "unblinded_statistician", "--json").code == 0
    new = _enter_today(cast)
    assert {entry.study_version.number for entry in FormEntry.objects.filter(pk__in=[e.pk for e in old])} == {1}
    _check_pages(cast, signed_in, old[-1], new)
    _check_release(_released(tmp_path), Counter({OLD: len(old), NEW: 1}))


def _check_what_is_told(amendment: Path, entries: list[FormEntry]) -> None:
    found = called("study", "diff", "1", str(amendment), "--as", "data_manager", "--json").answer
    assert {change["place"] for change in found["changes"]} == {
        "study",
        f"forms.{FORM}.{ITEM}",
        f"forms.{FORM}.checks.pulse_high",
        *(f"visits.{visit}" for visit in DUE),  # of the amendment all forms are due, as in what ships
    }
    assert sum(line["entries"] for line in found["impact"]["entries"]) == len(entries)
    assert {line["form"] for line in found["impact"]["entries"]} == {FORM}
    high = [entry for entry in entries if int(entry.data.get("pulse", "0")) > 80]
    assert len(found["impact"]["firing"]) == len(high) > 0


def _enter_today(cast: Cast) -> FormEntry:
    """At a visit that nobody planned, on the day of the amendment."""
    rows = Participant.objects.filter(
        status__in=[Status.SCREENING.value, Status.ON_STUDY.value], consents__isnull=False
    )
    participant = rows.select_related("site").order_by("number")[0]
    by = cast.at(participant.site.code, Role.COORDINATOR)
    visit = add_unscheduled_visit(by=by, participant=participant, key="unscheduled", on=today())
    values = {"systolic": "120", "diastolic": "80", "pulse": "70", "weight_kg": "70.0", ITEM: "180"}
    return save_entry(by=by, visit=visit, form_key=FORM, values=values).entry


def _check_pages(cast: Cast, signed_in: SignedIn, old: FormEntry, new: FormEntry) -> None:
    for entry, has_item in ((old, False), (new, True)):
        client = signed_in(cast.at(entry.visit.participant.site.code, Role.COORDINATOR))
        client.cookies["django_language"] = "en"
        place = f"/participants/{entry.visit.participant.number}/visits/{entry.visit.slug}/forms/{FORM}/"
        page = client.get(place)
        assert page.status_code == 200
        assert ("Height" in page.content.decode()) is has_item


def _released(tmp_path: Path) -> Path:
    """A running trial has open points, so it is locked by hand."""
    lock_the_study()
    make_release(by=proposer(), out=tmp_path / "release")
    return tmp_path / "release"


def _check_release(folder: Path, versions: Counter[str]) -> None:
    rows = _csv(folder / f"form_{FORM}.csv")
    standing = [row for row in rows if row["status"] != "removed"]
    assert Counter(row["version"] for row in standing) == versions
    assert {(row["version"], row[ITEM] != "") for row in standing} == {(OLD, False), (NEW, True)}
    told = {
        line["column"]: line["versions"] for line in _csv(folder / "codebook.csv") if line["file"] == f"form_{FORM}.csv"
    }
    assert (told[ITEM], told["systolic"]) == (NEW, f"{OLD}; {NEW}")
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    assert [version["label"] for version in manifest["study_versions"]] == [OLD, NEW]


def _csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
@pytest.mark.full  # every day ``test_whole_trial`` goes the same way
@pytest.mark.usefixtures("demo", "cast")
def test_a_trial_goes_on_over_an_amendment_to_its_end_and_is_locked(reset_trd: StudyDefinition, tmp_path: Path) -> None:
    """Half way an item goes and another comes; every casebook closes on its own versions, and nothing is open."""

    def change(form: dict[str, object]) -> dict[str, object]:
        items(form)[:] = [*(item for item in items(form) if item["key"] != "weight_kg"), new_item(ITEM, unit="cm")]
        return form

    first = datetime.date.fromisoformat(reset_trd.valid_from)
    half_way = first + datetime.timedelta(days=200)
    amendment = amended(reset_trd, version=NEW, vital_signs=change)
    put_in_force(amendment, effective_from=half_way, days_ago=(today() - first).days - 2)
    rehearse(participants=3, seed=3)
    assert open_points() == []
    entries = FormEntry.objects.filter(form_key=FORM).select_related("study_version", "visit")
    for entry in entries:
        assert entry.visit.took_place_on is not None
        assert entry.study_version.number == (2 if entry.visit.took_place_on >= half_way else 1)
    assert {entry.study_version.number for entry in entries} == {1, 2}
    lock_study(by=proposer(), reason="the end")
    make_release(by=proposer(), out=tmp_path / "release")
    rows = _csv(tmp_path / "release" / f"form_{FORM}.csv")
    assert {row["version"] for row in rows if row["weight_kg"]} == {OLD}
    assert {row["version"] for row in rows if row[ITEM]} == {NEW}
