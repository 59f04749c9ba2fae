"""A release holds what the database holds, the same bytes each time, and nothing of the arm where it must not."""

from __future__ import annotations

import datetime
import json
import os
import re
from pathlib import Path
from typing import Any

import pandas
import pytest
from django.core.exceptions import PermissionDenied
from django.utils.translation import override
from openpyxl import load_workbook

from audit.acts import ActionRefused
from audit.acts.cells import restore
from audit.ledger import entry_hash
from audit.models import LedgerEntry
from crf.actions import (
    judge_eligibility,
    raise_query_on_form,
    raise_query_on_visit,
    remove_entry,
    set_visit_day,
)
from crf.models import FormEntry, Query, QueryMessage, Signature, Visit
from exports import actions
from exports.actions import hand_out, lock_study, make_release, unlock_study
from exports.models import Release, ReleaseFile
from exports.open_points import Kind, open_points
from exports.queries import as_text
from exports.tables.verification import verify_release
from randomization.actions import correct_stratum, countersign_in_error, flag_in_error
from randomization.models import Allocation
from tests import walk
from tests.exports.closed_trial import FORMULA, close_all, close_queries, data_manager, ended, first_session, locked
from tests.walk import SITE
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.participants.models import Consent, Participant
from trialmgr.people.permissions import Role
from trialmgr.protocol.model import RowKey
from trialmgr.studies.models import StudyLock

ordered_by_the_database = pytest.mark.on_both  # rows come in another order, and the bytes must not differ


@pytest.fixture
def lock(cast: Cast) -> StudyLock:
    return locked(cast)


def read(folder: Path, name: str) -> Any:
    """The table as an analyst meets it, every cell a text."""
    return pandas.read_csv(folder / name, dtype=str, keep_default_na=False)


def manifest(folder: Path) -> Any:
    return json.loads((folder / "manifest.json").read_text())


@ordered_by_the_database
def test_every_table_has_the_rows_of_the_database(cast: Cast, lock: StudyLock, tmp_path: Path) -> None:
    out = tmp_path / "out"
    make_release(by=data_manager(cast), out=out)
    counts = {
        "participants.csv": Participant.objects.count(),
        "allocation.csv": Allocation.objects.count(),
        "consents.csv": Consent.objects.count(),
        "visits.csv": Visit.objects.count(),
        "queries.csv": Query.objects.count(),
        "query_messages.csv": QueryMessage.objects.count(),
        "signatures.csv": Signature.objects.count(),
        "audit_trail.csv": lock.ledger_seq,
    }
    for form in FormEntry.objects.values_list("form_key", flat=True):
        counts[f"form_{form}.csv"] = FormEntry.objects.filter(form_key=form).count()
    read_back = {path.name: len(read(out, path.name)) for path in out.glob("*.csv")}
    assert read_back.items() >= counts.items()
    assert {name: file["rows"] for file in manifest(out)["files"] if (name := file["name"]) in counts} == counts


@ordered_by_the_database
def test_every_value_of_every_entry_is_in_its_table(cast: Cast, lock: StudyLock, tmp_path: Path) -> None:
    make_release(by=data_manager(cast), out=tmp_path / "out")
    found = 0
    for entry in FormEntry.objects.select_related("visit__participant"):
        frame = read(tmp_path / "out", f"form_{entry.form_key}.csv")
        number, slug, row = entry.visit.participant.number, entry.visit.slug, str(entry.occurrence)
        (line,) = frame[(frame.participant == number) & (frame.visit == slug) & (frame.row == row)].to_dict("records")
        assert line["visit_day"] == as_text(entry.visit.took_place_on)
        plain = {key: value for key, value in entry.data.items() if RowKey.read(key) is None}
        assert {key: restore(line[key]) for key in plain} == plain
        assert {key: line[f"{key}__missing"] for key in entry.missing} == entry.missing
        assert in_rows(tmp_path / "out", entry) == {key: entry.data[key] for key in entry.data.keys() - plain.keys()}
        found += len(entry.data)
    assert found > 100


def in_rows(folder: Path, entry: FormEntry) -> dict[str, str]:
    """The values of an entry that stand in tables of their own, one row of a group each."""
    found: dict[str, str] = {}
    for group in entry.form.groups.values():
        frame = read(folder, f"form_{entry.form_key}__{group.key}.csv")
        own = frame[(frame.participant == entry.visit.participant.number) & (frame.visit == entry.visit.slug)]
        for line in own.to_dict("records"):
            cells = {group.row_key(int(line["group_row"]), item.key): line[item.key] for item in group.items}
            found |= {key: restore(value) for key, value in cells.items() if value}
    return found


def test_participants_and_allocation_stand_apart(cast: Cast, lock: StudyLock, tmp_path: Path) -> None:
    make_release(by=data_manager(cast), out=tmp_path / "out")
    failed, treated = read(tmp_path / "out", "participants.csv").to_dict("records")
    allocation = Allocation.objects.get()
    assert (failed["status"], failed["eligible"], failed["criteria_not_met"]) == ("screen_failure", "no", "I5")
    assert (treated["status"], treated["eligible"], treated["follow_up_opened"]) == ("completed", "yes", "no")
    assert allocation.arm not in treated.values()
    (row,) = read(tmp_path / "out", "allocation.csv").to_dict("records")
    assert (row["arm"], row["stratum_site"], row["position"]) == (allocation.arm, "UMCG", "1")


def test_a_text_like_a_formula_is_made_harmless_and_can_be_restored(
    cast: Cast, lock: StudyLock, tmp_path: Path
) -> None:
    make_release(by=data_manager(cast), out=tmp_path / "out")
    (term,) = read(tmp_path / "out", "form_adverse_event.csv").ae_term
    assert term == f"'{FORMULA}"
    assert restore(term) == FORMULA
    sheet = load_workbook(tmp_path / "out/workbook.xlsx")["form_adverse_event"]
    assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)


def test_the_workbook_holds_the_same_tables(cast: Cast, lock: StudyLock, tmp_path: Path) -> None:
    out = tmp_path / "out"
    make_release(by=data_manager(cast), out=out)
    book = load_workbook(out / "workbook.xlsx", read_only=True)
    sheets = {name: list(book[name].iter_rows(values_only=True)) for name in book.sheetnames}
    book.close()
    tables = {path.stem: read(out, path.name) for path in out.glob("*.csv")}
    assert sheets.keys() == tables.keys()
    for name, rows in sheets.items():
        assert (list(rows[0]), len(rows) - 1) == (list(tables[name].columns), len(tables[name]))
    total = sheets["form_madrs"][0].index("madrs_total")
    assert {type(row[total]) for row in sheets["form_madrs"][1:]} == {int}


@ordered_by_the_database
def test_the_chain_of_the_audit_trail_can_be_proved_from_the_file(cast: Cast, lock: StudyLock, tmp_path: Path) -> None:
    make_release(by=data_manager(cast), out=tmp_path / "out")
    previous = "0" * 64
    for row in read(tmp_path / "out", "audit_trail.csv").map(restore).to_dict("records"):
        stored = LedgerEntry.objects.get(seq=row["seq"])
        rebuilt = LedgerEntry(
            **{name: row[name] for name in ("act", "actor_id", "actor", "roles", "action", "object_type", "object_id")},
            **{name: row[name] for name in ("site", "participant", "visit", "form", "item", "reason", "salt")},
            **{name: row[name] for name in ("cause", "on_behalf_of", "means", "seal")},
            format=int(row["format"]),
            seq=int(row["seq"]),
            at=stored.at,
            occurrence=row["row"],
            restricted=row["restricted"] == "yes",
            detail=json.loads(row["detail"]),
            old=row["old"] if stored.old is not None else None,
            new=row["new"] if stored.new is not None else None,
        )
        assert row["at"] == stored.at.isoformat()
        assert entry_hash(rebuilt, previous) == row["hash"]
        previous = row["hash"]
    assert previous == lock.ledger_hash


@ordered_by_the_database
@pytest.mark.parametrize("with_allocation", [True, False])
def test_a_second_release_of_the_same_lock_is_the_same_byte_for_byte(
    cast: Cast, lock: StudyLock, tmp_path: Path, with_allocation: bool
) -> None:
    one = make_release(by=data_manager(cast), out=tmp_path / "one", with_allocation=with_allocation)
    with override("en"):
        two = make_release(by=data_manager(cast), out=tmp_path / "two", with_allocation=with_allocation)
    first = {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()}
    assert first == {path.name: path.read_bytes() for path in (tmp_path / "two").iterdir()}
    assert len(first) > 15
    assert (one.number, two.number) == (1, 2)
    assert one.manifest_sha256 == two.manifest_sha256


def test_a_release_proves_itself_and_its_record_agrees(cast: Cast, lock: StudyLock, tmp_path: Path) -> None:
    out = tmp_path / "out"
    release = make_release(by=data_manager(cast), out=out)
    assert verify_release(out) == []
    assert (str(release), str(release.files.first())) == ("release 1", "README.txt")
    kept = {file.name: (file.sha256, file.size) for file in release.files.all()}
    assert kept.keys() == {path.name for path in out.iterdir()}
    assert kept["manifest.json"][0] == release.manifest_sha256
    said = manifest(out)
    assert {file["name"]: (file["sha256"], file["bytes"]) for file in said["files"]}.items() <= kept.items()
    assert said["lock"]["ledger_hash"] == lock.ledger_hash
    assert said["software"]["trialmgr"]


def test_the_audit_trail_tells_who_took_out_what(cast: Cast, lock: StudyLock, tmp_path: Path) -> None:
    release = make_release(by=data_manager(cast), out=tmp_path / "out")
    lines = LedgerEntry.objects.filter(action="release.made")
    whole = lines.get(object_type="release")
    assert (whole.object_id, whole.new) == ("1", release.manifest_sha256)
    assert whole.detail["rows"] > lock.ledger_seq
    files = {line.object_id: line for line in lines.filter(object_type="release_file")}
    assert files.keys() == {f"1/{file.name}" for file in ReleaseFile.objects.all()}
    assert files["1/form_madrs.csv"].detail["rows"] == FormEntry.objects.filter(form_key="madrs").count()
    open_part = set(LedgerEntry.objects.all().open_part().values_list("object_id", flat=True))
    assert "1/form_session_ect.csv" not in open_part
    assert "1/form_madrs.csv" in open_part


def test_a_release_without_the_allocation_bears_no_trace_of_it(cast: Cast, lock: StudyLock, tmp_path: Path) -> None:
    out = tmp_path / "out"
    make_release(by=data_manager(cast), out=out, with_allocation=False)
    assert verify_release(out) == []
    trace = re.compile(r"session_|\barm\b|adverse_event", re.IGNORECASE)
    found = {path.name for path in out.glob("*.csv") if trace.search(path.read_text())}
    assert found == set()
    # Texts of the study may name both treatments (a criterion does); no row about a participant names either.
    rows = [path.read_text() for path in out.glob("*.csv") if path.name not in {"codebook.csv", "code_lists.csv"}]
    assert not any(re.search(r"esketamin|\bect\b", text, re.I) for text in rows)
    assert manifest(out)["allocation"] == "left out"
    assert "esketamin" not in (out / "README.txt").read_text().lower()


def test_lines_of_a_blinded_audit_trail_are_numbered_without_gaps(cast: Cast, lock: StudyLock, tmp_path: Path) -> None:
    make_release(by=data_manager(cast), out=tmp_path / "out", with_allocation=False)
    trail = read(tmp_path / "out", "audit_trail.csv")
    assert list(trail.line) == [str(number) for number in range(1, len(trail) + 1)]
    open_part = LedgerEntry.objects.filter(seq__lte=lock.ledger_seq, restricted=False)
    assert len(trail) == open_part.count() < lock.ledger_seq


def test_deviations_have_a_file_that_says_whether_they_still_stand(cast: Cast, tmp_path: Path) -> None:
    treated, _failed = close_all(cast)
    week_8, session = walk.visit_of(treated, "week_8"), walk.visit_of(treated, first_session(treated))
    coordinator, team = cast.at(SITE, Role.COORDINATOR), cast.at(SITE, Role.TREATING_TEAM)
    assert week_8.earliest_on is not None
    assert session.latest_on is not None
    for days in (1, 2):
        on = week_8.earliest_on - datetime.timedelta(days=days)
        set_visit_day(by=coordinator, visit=week_8, on=on, reason="on holiday")
    set_visit_day(by=team, visit=session, on=session.latest_on + datetime.timedelta(days=1), reason="on holiday")
    close_queries(cast)
    lock_study(by=data_manager(cast), reason="all data are in")
    make_release(by=data_manager(cast), out=tmp_path / "whole")
    make_release(by=data_manager(cast), out=tmp_path / "blind", with_allocation=False)
    whole, blind = (read(tmp_path / name, "deviations.csv") for name in ("whole", "blind"))
    outside = whole[whole["rule"] == "outside_window"]
    assert outside[["visit", "stands", "reason"]].values.tolist() == [
        [session.slug, "yes", "on holiday"],
        ["week_8", "yes", "on holiday"],
        ["week_8", "no", "on holiday"],
    ]
    assert all("lies outside its window" in text for text in outside["text_en"])
    assert set(blind["visit"]) == {"week_8"}
    assert {"deviations.csv"} <= {file["name"] for file in manifest(tmp_path / "blind")["files"]}


def test_queries_on_forms_and_visits_stand_beside_the_others_as_far_as_they_may(cast: Cast, tmp_path: Path) -> None:
    treated, _failed = close_all(cast)
    monitor, session = cast.at("", Role.MONITOR), walk.visit_of(treated, first_session(treated))
    log, screening = walk.visit_of(treated, "log"), walk.visit_of(treated, "screening")
    raise_query_on_visit(by=monitor, visit=screening, text="When was it?")
    raise_query_on_visit(by=monitor, visit=session, text="When was it?")
    raise_query_on_form(by=monitor, visit=log, form_key="adverse_event", text="No fall in May?")
    close_queries(cast)
    lock_study(by=data_manager(cast), reason="all data are in")
    make_release(by=data_manager(cast), out=tmp_path / "whole")
    make_release(by=data_manager(cast), out=tmp_path / "blind", with_allocation=False)
    on_visits = read(tmp_path / "whole", "queries.csv").query("item == ''")
    assert on_visits[["visit", "form", "row"]].values.tolist() == [
        ["screening", "", ""],
        [session.slug, "", ""],
        ["log", "adverse_event", ""],
    ]
    blind = read(tmp_path / "blind", "queries.csv").query("item == ''")
    assert blind[["visit", "form", "row"]].values.tolist() == [["screening", "", ""]]
    said = read(tmp_path / "blind", "query_messages.csv").query("form == ''")
    assert said["text"].tolist() == ["When was it?", "checked"]


def test_a_removed_row_is_there_and_says_so(cast: Cast, tmp_path: Path) -> None:
    treated, _failed = close_all(cast)
    entry = FormEntry.objects.get(visit__participant=treated, form_key="adverse_event")
    remove_entry(by=cast.at(SITE, Role.INVESTIGATOR), entry=entry, reason="entered twice")
    lock_study(by=data_manager(cast), reason="done")
    make_release(by=data_manager(cast), out=tmp_path / "out")
    assert list(read(tmp_path / "out", "form_adverse_event.csv").status) == ["removed"]
    assert "status removed" in (tmp_path / "out/README.txt").read_text()


def test_a_long_audit_trail_is_left_to_its_csv_file(
    cast: Cast, lock: StudyLock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exports.dataset.MOST_AUDIT_ROWS", 10)
    make_release(by=data_manager(cast), out=tmp_path / "out")
    sheet = load_workbook(tmp_path / "out/workbook.xlsx")["audit_trail"]
    assert sheet["A2"].value.startswith(f"{lock.ledger_seq} rows: more than this sheet holds")


def test_progress_is_told_file_by_file(cast: Cast, lock: StudyLock, tmp_path: Path) -> None:
    told: list[tuple[int, int, str]] = []
    make_release(by=data_manager(cast), out=tmp_path / "out", watch=lambda *step: told.append(step))
    assert [done for done, _whole, _name in told] == list(range(1, told[0][1] + 1))
    assert told[-1][2] == "README.txt"


def test_without_a_lock_no_release_is_made(cast: Cast, tmp_path: Path) -> None:
    with override("en"), pytest.raises(ActionRefused, match="not locked"):
        make_release(by=data_manager(cast), out=tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_only_who_may_make_releases_makes_one(cast: Cast, lock: StudyLock, tmp_path: Path) -> None:
    with pytest.raises(PermissionDenied):
        make_release(by=cast.at("", Role.UNBLINDED_STATISTICIAN), out=tmp_path / "out")


def test_a_blinded_person_makes_no_release_with_the_allocation(
    cast: Cast, lock: StudyLock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blinded = cast.at("", Role.STATISTICIAN)
    monkeypatch.setattr(type(blinded), "check_may", lambda *_args, **_kwargs: None)
    with override("en"), pytest.raises(PermissionDenied, match="blinded"):
        make_release(by=blinded, out=tmp_path / "out")
    assert make_release(by=blinded, out=tmp_path / "out", with_allocation=False).number == 1


def test_nothing_is_overwritten(cast: Cast, lock: StudyLock, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine.txt").write_text("mine")
    (tmp_path / "a_file").write_text("mine")
    (tmp_path / "empty").mkdir()
    for name in ("full", "a_file"):
        with override("en"), pytest.raises(ActionRefused, match="exists and is not an empty folder"):
            make_release(by=data_manager(cast), out=tmp_path / name)
    make_release(by=data_manager(cast), out=tmp_path / "empty")
    assert verify_release(tmp_path / "empty") == []


def test_a_folder_that_cannot_be_made_is_told_in_words(cast: Cast, lock: StudyLock, tmp_path: Path) -> None:
    (tmp_path / "a_file").write_text("no folder")
    with override("en"), pytest.raises(ActionRefused, match="cannot be written in"):
        make_release(by=data_manager(cast), out=tmp_path / "a_file" / "out")


def test_a_full_disk_is_told_in_words_and_leaves_nothing(
    cast: Cast, lock: StudyLock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: object, **_kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(actions, "write_dataset", full)
    with override("en"), pytest.raises(ActionRefused, match="No space left on device"):
        make_release(by=data_manager(cast), out=tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_release_that_cannot_be_recorded_is_taken_away_again(
    cast: Cast, lock: StudyLock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_act: object) -> None:
        raise RuntimeError("no ledger")

    monkeypatch.setattr("audit.ledger.append", broken)
    with pytest.raises(RuntimeError):
        make_release(by=data_manager(cast), out=tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
    assert not Release.objects.exists()


def test_a_study_unlocked_meanwhile_gives_no_release(cast: Cast, lock: StudyLock, tmp_path: Path) -> None:
    def unlock(_done: int, _whole: int, name: str) -> None:
        if name == "README.txt":
            unlock_study(by=data_manager(cast), reason="a late value")

    with override("en"), pytest.raises(ActionRefused, match="unlocked in the meantime"):
        make_release(by=data_manager(cast), out=tmp_path / "out", watch=unlock)
    assert list(tmp_path.iterdir()) == []


def test_a_release_without_a_folder_of_its_own_is_kept_for_the_pages(cast: Cast, lock: StudyLock, kept: Path) -> None:
    release = make_release(by=data_manager(cast))
    assert verify_release(kept / str(release.number)) == []


def test_a_file_is_handed_out_only_as_it_was_made(cast: Cast, lock: StudyLock, kept: Path) -> None:
    release = make_release(by=data_manager(cast))
    file = release.files.get(name="visits.csv")
    statistician = cast.at("", Role.UNBLINDED_STATISTICIAN)
    assert hand_out(by=statistician, file=file) == kept / "1/visits.csv"
    line = LedgerEntry.objects.get(action="release.downloaded")
    assert (line.object_id, line.new, line.actor) == ("1/visits.csv", file.sha256, statistician.actor_name)
    os.chmod(kept / "1/visits.csv", 0o600)
    (kept / "1/visits.csv").write_text("other")
    with override("en"), pytest.raises(ActionRefused, match="was changed"):
        hand_out(by=statistician, file=file)
    (kept / "1/visits.csv").unlink()
    with override("en"), pytest.raises(ActionRefused, match="not kept here"):
        hand_out(by=statistician, file=file)


def test_what_was_noted_of_an_allocation_stands_beside_it_and_the_participant_stays_in(
    cast: Cast, tmp_path: Path
) -> None:
    close_all(cast)
    allocation = Allocation.objects.select_related("participant__site").get()
    coordinator, number = cast.at(SITE, Role.COORDINATOR), allocation.participant.number
    correct_stratum(by=coordinator, allocation=allocation, factor="site", corrected="LUMC", reason="typed wrongly")
    flag = flag_in_error(by=coordinator, allocation=allocation, reason="had not consented")
    waiting = [point for point in open_points() if point.kind is Kind.ALLOCATION_UNSETTLED]
    assert [point.participant for point in waiting] == [number]
    with pytest.raises(ActionRefused):
        lock_study(by=data_manager(cast), reason="too early")
    countersign_in_error(by=cast.at(SITE, Role.INVESTIGATOR), flag=flag)
    lock_study(by=data_manager(cast), reason="the last visit is in")
    make_release(by=data_manager(cast), out=tmp_path / "out")
    (row,) = read(tmp_path / "out", "allocation.csv").to_dict("records")
    assert (row["stratum_site"], row["corrected_site"]) == ("UMCG", "LUMC")
    assert (row["in_error"], row["in_error_reason"]) == ("yes", "had not consented")
    assert row["in_error_countersigned_at"] > row["in_error_flagged_at"]
    assert row["envelope_opened_at"] == ""
    people = {each["participant"]: each for each in read(tmp_path / "out", "participants.csv").to_dict("records")}
    assert people[number]["in_error"] == "yes"
    assert {each["in_error"] for each in people.values()} == {"yes", ""}


@ordered_by_the_database
def test_number_1000_of_a_site_comes_after_999(cast: Cast, tmp_path: Path) -> None:
    walk.number_next(999)
    close_all(cast)
    failed = walk.screened(cast, walk.SITE, madrs=10)
    judge_eligibility(by=cast.at(walk.SITE, Role.INVESTIGATOR), participant=failed)
    ended(cast, failed, "screen_failure")
    close_queries(cast)
    lock_study(by=data_manager(cast), reason="all data are in")
    make_release(by=data_manager(cast), out=tmp_path / "out")
    for name, column in (("participants", "participant"), ("consents", "participant"), ("visits", "participant")):
        met = dict.fromkeys(read(tmp_path / "out", f"{name}.csv")[column])
        assert list(met) == ["LUMC-001", "UMCG-999", "UMCG-1000"], name
