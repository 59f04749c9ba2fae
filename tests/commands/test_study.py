from __future__ import annotations

import datetime
import shutil
from pathlib import Path

import pytest
from django.conf import settings

from crf.models import FormEntry
from tests import walk
from tests.audit.recipes import vital_signs
from tests.commands.calling import called
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.studies.clock import today
from trialmgr.studies.models import StudyVersion
from trialmgr.studies.queries import NoStudyPublished

STUDY = Path(settings.TRIALMGR_STUDIES) / "reset_trd"
WEIGHT = """\
      - key: height_cm
        type: integer
        label: {nl: Lengte, en: Height}
        unit: cm
        required: false
      - key: double_pulse
        type: integer
        label: {nl: Dubbele polsslag, en: Twice the pulse}
        derive: pulse * 2
        examples:
          - {given: {pulse: 60}, gives: "120"}
checks:
  - key: pulse_high
    severity: soft
    fires_if: pulse > 1
    items: [pulse]
    message: {nl: De polsslag is hoog., en: The pulse is high.}
"""


@pytest.fixture
def amended(tmp_path: Path) -> Path:
    """The study with another version number, one question more and a check that always fires."""
    folder = tmp_path / "study"
    shutil.copytree(STUDY, folder)
    file = folder / "study.yaml"
    text = file.read_text("utf-8")
    line = next(line for line in text.splitlines() if line.startswith("version:"))
    file.write_text(text.replace(line, "version: 9.9.9"), "utf-8")
    form = folder / "forms" / "vital_signs.yaml"
    form.write_text(form.read_text("utf-8").replace("checks:\n", WEIGHT, 1), "utf-8")
    return folder


def published(folder: Path) -> None:
    assert called("study", "publish", str(folder), "--as", "data_manager", "--reason", "amendment 9").code == 0


def approved(folder: Path) -> None:
    published(folder)
    assert called("study", "approve", "2", "--as", "unblinded_statistician").code == 0


class TestCheck:
    def test_a_sound_study_is_found_by_its_name(self) -> None:
        found = called("study", "check", "reset_trd", "--json")
        assert found.code == 0
        assert found.answer["failures"] == []
        assert found.answer["examples"] > 100

    def test_people_read_what_is_to_be_confirmed(self) -> None:
        found = called("study", "check", str(STUDY))
        assert found.code == 0
        assert "to be confirmed with the protocol" in found.out

    def test_a_broken_study_is_refused_with_file_and_line(self, amended: Path) -> None:
        (amended / "codelists.yaml").write_text("codelists: [", "utf-8")
        found = called("study", "check", str(amended))
        assert found.code == 1
        assert "codelists.yaml" in found.err

    def test_a_folder_that_is_not_there_is_wrong_usage(self) -> None:
        assert called("study", "check", "no_such_study").code == 2


class TestPublishAndApprove:
    def test_an_amendment_is_proposed_by_one_and_approved_by_another(self, cast: Cast, amended: Path) -> None:
        found = called("study", "publish", str(amended), "--as", "data_manager", "--reason", "amendment 9", "--json")
        assert (found.code, found.answer["number"]) == (0, 2)
        assert StudyVersion.objects.get(number=2).reason == "amendment 9"
        assert called("study", "show", "--json").answer["number"] == 1
        alone = called("study", "approve", "2", "--as", "data_manager")
        assert (alone.code, "Somebody else" in alone.err) == (1, True)
        both = called("study", "approve", "2", "--as", "unblinded_statistician")
        assert both.out == f"Version 2 (9.9.9) is in force at every site from {today()}.\n"
        shown = called("study", "show", "--json").answer
        assert (shown["number"], shown["approved_by"]) == (2, "Unblinded statistician Trial")

    def test_it_takes_effect_per_site_on_the_days_that_are_named(self, cast: Cast, amended: Path) -> None:
        published(amended)
        day = today() + datetime.timedelta(days=7)
        approve = ("study", "approve", "2", "--as", "unblinded_statistician", "--json")
        first = called(*approve, "--sites", "UMCG,LUMC", "--from", day.isoformat())
        assert first.answer["in_force"] == [
            {"site": "LUMC", "from": day.isoformat()},
            {"site": "UMCG", "from": day.isoformat()},
        ]
        activate = ("study", "activate", "2", "--as", "unblinded_statistician", "--sites", "PSYQ")
        assert called(*activate, "--from", day.isoformat()).out.count("from") == 3

    def test_what_waits_and_what_counts_is_listed(self, cast: Cast, amended: Path) -> None:
        published(amended)
        lines = called("study", "versions").out.splitlines()
        assert lines[0].startswith("1  0.1.0  proposed by Data manager Trial: at every site from ")
        assert lines[1] == "2  9.9.9  proposed by Data manager Trial: waits for approval by a second person"
        assert [each["number"] for each in called("study", "versions", "--json").answer["versions"]] == [1, 2]

    def test_wrong_numbers_and_days_are_wrong_usage(self, cast: Cast, amended: Path) -> None:
        assert called("study", "approve", "7", "--as", "unblinded_statistician").code == 2
        published(amended)
        activate = ("study", "activate", "2", "--as", "unblinded_statistician")
        assert called(*activate, "--from", "2099-01-01").code == 2

    def test_a_day_that_is_none_says_how_to_write_it(self, capsys: pytest.CaptureFixture[str]) -> None:
        approve = ("study", "approve", "1", "--as", "nobody", "--from", "soon")
        with pytest.raises(Exception, match="write it as 2026-05-31"):
            called(*approve)

    def test_a_study_whose_examples_fail_is_not_published(self, cast: Cast, amended: Path) -> None:
        file = amended / "forms" / "madrs.yaml"
        text = file.read_text("utf-8")
        assert "gives: 60" in text
        file.write_text(text.replace("gives: 60", "gives: 59"), "utf-8")
        found = called("study", "publish", str(amended), "--as", "data_manager")
        assert found.code == 1
        assert "expected 59, found 60" in found.out
        assert StudyVersion.objects.count() == 1

    def test_what_is_in_force_is_shown(self, cast: Cast) -> None:
        found = called("study", "show")
        assert (found.code, "in force: at every site from" in found.out) == (0, True)

    def test_nothing_in_force_says_what_to_do(self, monkeypatch: pytest.MonkeyPatch, db: None) -> None:
        monkeypatch.setattr("trialmgr.studies.queries._read", _none)
        found = called("study", "show")
        assert found.code == 1
        assert "study publish DIR" in found.err


def _none() -> StudyVersion:
    raise NoStudyPublished


class TestDiff:
    def test_two_folders_are_compared_in_the_language_asked_for(self, amended: Path) -> None:
        found = called("study", "diff", "reset_trd", str(amended), "--language", "nl")
        assert found.code == 0
        assert "+ Formulier vital_signs: Item height_cm “Lengte” is nieuw.\n" in found.out
        assert "Invoer" not in found.out

    def test_the_same_folder_changes_nothing(self) -> None:
        assert called("study", "diff", "reset_trd", "reset_trd").out == "Nothing changes.\n"

    def test_what_is_forbidden_is_marked_and_fails(self, amended: Path) -> None:
        form = amended / "forms" / "vital_signs.yaml"
        form.write_text(form.read_text("utf-8").replace("unit: kg", "unit: g"), "utf-8")
        found = called("study", "diff", "reset_trd", str(amended))
        assert found.code == 1
        assert (
            "! Form vital_signs: Item weight_kg “Weight”: the unit changes from “kg” to “g”. Not allowed" in found.out
        )

    def test_with_a_person_it_says_which_entries_it_touches(self, cast: Cast, amended: Path) -> None:
        entry = vital_signs(cast)
        walk.visited(cast, entry.visit.participant, "screening")
        found = called("study", "diff", "1", str(amended), "--as", "data_manager")
        assert "  vital_signs UMCG: 1\n" in found.out
        place = f"  {entry.visit.participant.number} screening vital_signs: The pulse is high.\n"
        assert place in found.out
        told = called("study", "diff", "1", str(amended), "--as", "data_manager", "--json").answer
        assert [line["participant"] for line in told["impact"]["firing"]] == [entry.visit.participant.number]

    def test_visits_and_derived_values_are_told_too(self, cast: Cast, amended: Path) -> None:
        entry = vital_signs(cast)
        number, pulse = entry.visit.participant.number, int(entry.data["pulse"])
        study = amended / "study.yaml"
        lines = study.read_text("utf-8").splitlines(keepends=True)
        at = next(n for n, line in enumerate(lines) if line.strip() == "- key: baseline")
        label = next(n for n in range(at, at + 12) if lines[n].strip().startswith("label:"))
        lines[label] = "    label: {nl: Nulmeting, en: Base}\n"
        study.write_text("".join(lines), "utf-8")
        found = called("study", "diff", "1", str(amended), "--as", "data_manager")
        assert "  baseline UMCG: 1\n" in found.out
        assert f"  {number} screening vital_signs: double_pulse – → {2 * pulse}\n" in found.out


class TestTry:
    def test_a_rule_is_tried_on_what_stands(self, cast: Cast) -> None:
        entry = vital_signs(cast)
        found = called("study", "try", "pulse > 1", "--form", "vital_signs", "--as", "data_manager")
        number = entry.visit.participant.number
        assert found.out.splitlines()[1:] == [
            "1 entries",
            "true: 1",
            f"  {number} screening vital_signs",
            "false: 0",
            "unknown: 0",
        ]
        told = called("study", "try", "pulse < 1", "--form", "vital_signs", "--as", "data_manager", "--json").answer
        assert (told["true"], told["false"], told["unknown"], told["fires_on"]) == (0, 1, 0, [])

    def test_a_check_of_a_folder_is_tried(self, cast: Cast, amended: Path) -> None:
        vital_signs(cast)
        check = ("--check", "vital_signs.pulse_high", "--of", str(amended))
        assert called("study", "try", *check, "--as", "data_manager", "--json").answer["true"] == 1

    def test_a_wrong_rule_is_refused_with_the_mend(self, cast: Cast) -> None:
        found = called("study", "try", "puls > 1", "--form", "vital_signs", "--as", "data_manager")
        assert (found.code, "did you mean `pulse`" in found.err) == (1, True)

    def test_half_a_question_is_wrong_usage(self, cast: Cast) -> None:
        assert called("study", "try", "pulse > 1", "--as", "data_manager").code == 2

    def test_who_sees_no_entries_tries_nothing(self, cast: Cast) -> None:
        found = called("study", "try", "pulse > 1", "--form", "vital_signs", "--as", "unblinded_statistician")
        assert found.code == 1


class TestMigrate:
    def test_a_dry_run_tells_and_the_migration_does(self, cast: Cast, amended: Path) -> None:
        entry = vital_signs(cast)
        approved(amended)
        own = ("study", "migrate", "2", "--form", "vital_signs", "--site", "UMCG", "--as", "data_manager")
        dry = called(*own, "--dry-run")
        assert dry.out.splitlines() == [
            "1 of 1 entries would move to version 2 (9.9.9).",
            f"{entry.visit.participant.number} screening vital_signs: moves (was on 0.1.0)",
            "    kept: 4",
            f"    comes out otherwise: double_pulse – → {2 * int(entry.data['pulse'])}",
            "    would ask: The pulse is high.",
        ]
        assert FormEntry.objects.get(pk=entry.pk).study_version.number == 1
        walk.fill(cast, entry.visit, "demographics")
        other = called("study", "migrate", "2", "--form", "demographics", "--dry-run", "--as", "data_manager").out
        assert ("moves" in other, "otherwise" in other) == (True, False)
        done = called(*own, "--reason", "amendment 9", "--json").answer
        assert [line["moves"] for line in done["entries"]] == [True]
        assert FormEntry.objects.get(pk=entry.pk).study_version.number == 2

    def test_what_stays_says_why(self, cast: Cast, amended: Path) -> None:
        vital_signs(cast)
        form = amended / "forms" / "vital_signs.yaml"
        text = form.read_text("utf-8").replace(
            "- key: weight_kg\n        type: decimal", "- key: mass_kg\n        type: decimal"
        )
        form.write_text(text.replace("required: false", "required: true"), "utf-8")
        approved(amended)
        own = ("study", "migrate", "2", "--form", "vital_signs", "--as", "data_manager")
        dry = called(*own, "--dry-run")
        assert "    stays: Values would be lost, map them to a new item: weight_kg.\n" in dry.out
        assert "    new and empty: mass_kg, height_cm\n" in dry.out
        refused = called(*own, "--reason", "amendment 9")
        assert (refused.code, "No entry can move" in refused.err) == (1, True)
        moved = called(*own, "--reason", "amendment 9", "--map", "vital_signs.weight_kg=mass_kg")
        assert "    moved: weight_kg → mass_kg\n" in moved.out

    def test_a_mapping_that_is_none_says_how_to_write_it(self) -> None:
        with pytest.raises(Exception, match="old_item=new_item"):
            called("study", "migrate", "2", "--as", "data_manager", "--map", "weight=mass")


class TestPlanVisits:
    def test_a_dry_run_tells_and_the_act_plans(self, cast: Cast, amended: Path) -> None:
        participant = walk.registered(cast)
        study = amended / "study.yaml"
        text = study.read_text("utf-8")
        at = text.index("  - key: log\n")
        end = text.find("\n  - key: ", at + 1)
        copy = text[at : end if end > 0 else len(text)].replace("key: log", "key: second_log")
        study.write_text(f"{text[:at]}{copy}\n{text[at:]}", "utf-8")
        approved(amended)
        own = ("study", "plan-visits", "2", "--site", "UMCG", "--as", "data_manager")
        assert called(*own, "--dry-run").out.splitlines() == [
            "1 visits would be planned.",
            f"  {participant.number} second_log",
        ]
        done = called(*own, "--reason", "amendment 9", "--json").answer
        assert done["visits"] == [{"participant": participant.number, "visit": "second_log", "target_on": ""}]


class TestPreview:
    def test_every_form_is_a_page_in_both_languages(self, tmp_path: Path) -> None:
        found = called("study", "preview", "reset_trd", "--out", str(tmp_path / "pages"), "--json")
        assert found.code == 0
        pages = {Path(page).name for page in found.answer["pages"]}
        assert {"index.html", "madrs.nl.html", "madrs.en.html", "eligibility.nl.html"} <= pages
        english = (tmp_path / "pages" / "madrs.en.html").read_text("utf-8")
        assert "Pessimistic thoughts" in english
        assert "nothing on this page is saved" in english
        assert "Pessimistische" in (tmp_path / "pages" / "madrs.nl.html").read_text("utf-8")
        assert 'href="madrs.nl.html"' in english
        checks = (tmp_path / "pages" / "vital_signs.en.html").read_text("utf-8")
        assert "Refuses:</strong> The diastolic" in checks or "Refuses: The diastolic" in checks
        assert (tmp_path / "pages" / "trialmgr.css").stat().st_size > 1000
        assert (tmp_path / "pages" / "trialmgr.js").exists()

    def test_a_broken_folder_is_refused(self, amended: Path, tmp_path: Path) -> None:
        (amended / "study.yaml").write_text("[", "utf-8")
        assert called("study", "preview", str(amended), "--out", str(tmp_path / "pages")).code == 1


def test_the_schemas_for_editors_are_written(tmp_path: Path) -> None:
    found = called("study", "schema", "--out", str(tmp_path / "schemas"), "--json")
    assert found.code == 0
    assert "study.schema.json" in {Path(path).name for path in found.answer["schemas"]}
