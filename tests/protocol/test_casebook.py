"""What a casebook comes to: one right value at any moment, whatever was entered before what."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol import small_study
from tests.protocol.small_study import BODY, STUDY, shipped
from trialmgr.protocol.casebook import Casebook, Entered, Place, assess, called, followers, key_names, sources, unread
from trialmgr.protocol.expressions import parse
from trialmgr.protocol.model import StudyDefinition

# ``body`` and ``mood`` read each other, their items do not; each visit reads the one before it.
MOOD = """\
key: mood
label: {nl: Stemming, en: Mood}
entered_by: [rater]
sections:
  - key: main
    label: {nl: Stemming, en: Mood}
    items:
      - {key: points, type: integer, label: {nl: Punten, en: Points}}
      - {key: double, type: integer, label: {nl: Dubbel, en: Double}, derive: points * 2}
      - {key: light, type: yes_no, label: {nl: Licht, en: Light}, derive: start.body.bmi < 20}
      - {key: why, type: text, label: {nl: Waarom, en: Why}, ask_if: start.body.bmi < 20}
      - {key: fall, type: integer, label: {nl: Daling, en: Fall}, derive: previous.mood.points - points}
      - {key: falls, type: integer, label: {nl: Dalingen, en: Falls}, derive: previous.mood.fall + fall}
checks:
  - key: worse
    severity: soft
    fires_if: points > previous.mood.double
    items: [points]
    message: {nl: Klopt dit, en: Is this right}
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> StudyDefinition:
    body = BODY.replace(
        "      - {key: heavy,",
        "      - {key: glum, type: yes_no, label: {nl: Somber, en: Glum}, derive: start.mood.double > 10}\n"
        "      - {key: heavy,",
    )
    files: Mapping[str, str | bytes | None] = {
        "study.yaml": STUDY.replace("[body, judgement]", "[body, mood, judgement]").replace(
            "forms: [body]", "forms: [body, mood]"
        ),
        "forms/body.yaml": body,
        "forms/mood.yaml": MOOD,
    }
    return small_study.definition(tmp_path_factory.mktemp("study"), dict(files))


def entered(study: StudyDefinition, visit: str, form: str, not_done: str = "", **values: str) -> Entered:
    return Entered(Place(visit, form), study, study.form(form), values, {}, not_done)


def casebook(*entries: Entered) -> Casebook:
    return {entry.place: entry for entry in entries}


def test_a_calculated_item_follows_the_form_it_reads(study: StudyDefinition) -> None:
    light = entered(study, "start", "body", weight="50", height="2.00", complaints_any="no")
    mood = entered(study, "start", "mood", points="3", why="thin")
    assessed = assess(casebook(mood, light))
    assert assessed.entries[mood.place].values["light"] == "yes"
    assert assessed.entries[mood.place].values["why"] == "thin"
    heavier = entered(study, "start", "body", weight="90", height="2.00", complaints_any="no")
    assert assess(casebook(mood, heavier)).entries[mood.place].values["light"] == "no"


def test_what_is_not_asked_any_more_is_kept_and_counts_again_when_it_is(study: StudyDefinition) -> None:
    mood = entered(study, "start", "mood", points="3", why="thin")
    alone = assess(casebook(mood)).entries[mood.place]
    assert "why" not in alone.values
    assert alone.unasked == {"why": {"value": "thin"}}
    assert alone.is_complete


def test_a_reason_on_a_question_that_is_not_asked_is_kept_as_well(study: StudyDefinition) -> None:
    place = Place("start", "mood")
    mood = Entered(place, study, study.form("mood"), {"points": "3"}, {"why": "not_done"})
    assert assess({place: mood}).entries[place].unasked == {"why": {"missing": "not_done"}}


def test_a_bad_value_on_a_question_that_is_not_asked_is_refused_as_if_it_were(study: StudyDefinition) -> None:
    body = entered(study, "start", "body", weight="50", height="2.00", complaints_any="no", hours="many")
    problems = assess(casebook(body)).entries[body.place].problems
    assert [problem.item_key for problem in problems] == ["hours"]


def test_forms_may_read_each_other_as_long_as_their_items_do_not(study: StudyDefinition) -> None:
    body = entered(study, "start", "body", weight="50", height="2.00", complaints_any="no")
    mood = entered(study, "start", "mood", points="6")
    assessed = assess(casebook(body, mood))
    assert assessed.entries[body.place].values["glum"] == "yes"
    assert assessed.entries[mood.place].values["light"] == "yes"
    assert assessed.entries[mood.place].wanting == ("why",)


def test_a_chain_over_visits_is_worked_out_to_its_end(study: StudyDefinition) -> None:
    book = casebook(
        entered(study, "later", "mood", points="1"),
        entered(study, "end", "mood", points="5"),
        entered(study, "start", "mood", points="9"),
    )
    assessed = assess(book)
    falls = [assessed.entries[Place(visit, "mood")].values.get("falls") for visit in ("start", "end", "later")]
    assert falls == [None, None, "8"]


def test_a_check_fires_and_stops_with_the_entry_it_reads(study: StudyDefinition) -> None:
    before, after = entered(study, "start", "mood", points="2"), entered(study, "end", "mood", points="5")
    fired = assess(casebook(before, after)).entries[after.place].warnings
    assert [warning.check_key for warning in fired] == ["worse"]
    corrected = entered(study, "start", "mood", points="3")
    assert assess(casebook(corrected, after)).entries[after.place].warnings == ()


def test_a_form_that_was_not_done_is_complete_whatever_it_asks(study: StudyDefinition) -> None:
    body = entered(study, "start", "body", not_done="not_done")
    found = assess(casebook(body)).entries[body.place]
    assert found.is_complete
    assert found.values == {}
    # Asked are also the questions that otherwise demand an answer; not those that a rule leaves out.
    assert found.missing["complaints_any"] == "not_done"
    assert "bmi" not in found.missing
    assert "complaints" not in found.missing


def test_entries_that_stand_are_read_and_left_alone(study: StudyDefinition) -> None:
    before, after = entered(study, "start", "mood", points="2"), entered(study, "end", "mood", points="5")
    stored = assess(casebook(before)).entries
    assessed = assess(casebook(after), stored)
    assert assessed.entries[before.place] is stored[before.place]
    assert assessed.entries[after.place].values["fall"] == "-3"
    assert assessed.asked["start.mood.points"] == "2"


def test_the_keys_of_an_entry_are_known_once_it_is_assessed(study: StudyDefinition) -> None:
    assessed = assess(casebook(entered(study, "start", "mood", points="2")))
    assert assessed.keys("start", "mood") == ("points", "double")
    assert assessed.keys("end", "mood") is None


def test_who_reads_whom_is_known_by_form_also_over_several_steps(study: StudyDefinition) -> None:
    assert followers([study], ["body"]) == {"body", "mood"}
    assert followers([study], ["judgement"]) == set()
    assert {source.form for source in sources(study.form("mood"))} == {"body", "mood"}


def test_rows_that_are_counted_are_read_too() -> None:
    assert parse("count(start.mood.spells) > points").reads == {("start", "mood", "spells"), ("points",)}


def test_in_reset_trd_the_outcome_follows_the_madrs() -> None:
    assert "outcome" in followers([shipped()], ["madrs"])


@given(order=st.randoms(use_true_random=False), points=st.lists(st.integers(0, 20), min_size=3, max_size=3))
def test_order_does_not_matter(study: StudyDefinition, order: random.Random, points: list[int]) -> None:
    entries = [
        entered(study, "start", "body", weight="50", height="2.00", complaints_any="no"),
        *(
            entered(study, visit, "mood", points=str(point))
            for visit, point in zip(("start", "end", "later"), points, strict=True)
        ),
    ]
    straight = assess(casebook(*entries)).entries
    order.shuffle(entries)
    assert assess(casebook(*entries)).entries == straight


@pytest.mark.parametrize(
    ("rule", "way"),
    [
        ("start.mood.heavier", "start.mood.heavier reads start.body.glum reads start.mood.heavier"),
        ("if(end.mood.heavier, true, false)", "end.mood.heavier reads start.body.glum reads end.mood.heavier"),
        # One item in two circles, by two visits, is told of once.
        (
            "start.mood.heavier or end.mood.heavier",
            "end.mood.heavier reads start.body.glum reads end.mood.heavier",
        ),
        ("any(start.mood.spells.long)", "start.mood.long reads start.body.glum reads start.mood.long"),
        ("count(start.mood.bouts) > 1", "start.mood.days reads start.body.glum reads start.mood.days"),
    ],
)
def test_items_that_wait_for_each_other_over_forms_are_refused(tmp_path: Path, rule: str, way: str) -> None:
    body = BODY.replace(
        "      - {key: heavy,",
        f"      - {{key: glum, type: yes_no, label: {{nl: Somber, en: Glum}}, derive: '{rule}'}}\n"
        "      - {key: heavy,",
    )
    mood = MOOD.replace(
        "checks:",
        "      - {key: heavier, type: yes_no, label: {nl: Zwaar, en: Heavy}, derive: start.body.glum}\n"
        "  - key: spells\n"
        "    label: {nl: Perioden, en: Spells}\n"
        "    repeats: {max: 3, row: {nl: Periode, en: Spell}}\n"
        "    items:\n"
        "      - {key: weeks, type: integer, label: {nl: Weken, en: Weeks}}\n"
        "      - {key: long, type: yes_no, label: {nl: Lang, en: Long}, derive: start.body.glum and weeks > 2}\n"
        "  - key: bouts\n"
        "    label: {nl: Buien, en: Bouts}\n"
        "    repeats: {max: 3, row: {nl: Bui, en: Bout}}\n"
        "    items:\n"
        "      - {key: days, type: integer, label: {nl: Dagen, en: Days}, ask_if: start.body.glum}\n"
        "checks:",
    )
    files: dict[str, str | bytes | None] = {
        "study.yaml": STUDY.replace("[body, judgement]", "[body, mood, judgement]").replace(
            "forms: [body]", "forms: [body, mood]"
        ),
        "forms/body.yaml": body,
        "forms/mood.yaml": mood,
    }
    told = small_study.faults(tmp_path, files)
    assert len(told) == 1
    assert f"the item waits for itself: {way}" in told[0]
    assert "forms/" in told[0]


def renamed(study: StudyDefinition, old: str, new: str, version: str) -> StudyDefinition:
    """The study with an item of the mood asked under another key, in its rules too."""
    document = json.loads(study.canonical_json().replace(f"mood.{old}", f"mood.{new}"))
    document["version"] = version
    mood = next(form for form in document["forms"] if form["key"] == "mood")
    for item in mood["sections"][0]["items"]:
        if item["key"] == old:
            item |= {"key": new, "replaces": [old]}
        item |= {"derive": re.sub(rf"\b{old}\b", new, item["derive"])} if item.get("derive") else {}
    for check in mood["checks"]:
        check["fires_if"] = re.sub(rf"\b{old}\b", new, check["fires_if"])
        check["items"] = [new if key == old else key for key in check["items"]]
    return StudyDefinition.from_json(document)


def test_an_item_of_another_version_is_found_by_the_key_it_has_there(study: StudyDefinition) -> None:
    newer = renamed(study, "points", "marks", "2.0")
    newest = renamed(newer, "marks", "grades", "3.0")
    names = key_names([study, newer, newest])
    keys = {study.version: "points", newer.version: "marks", newest.version: "grades"}
    for before in (study, newer, newest):
        for after in (study, newer, newest):
            first = entered(before, "start", "mood", **{keys[before.version]: "9"})
            second = entered(after, "end", "mood", **{keys[after.version]: "4"})
            book = casebook(first, second)
            assessed = assess(book, names=names)
            assert assessed.entries[second.place].values["fall"] == "5", (before.version, after.version)
            assert list(unread(book, names)) == []


def test_what_the_version_of_an_entry_does_not_have_counts_as_missing_and_is_named(study: StudyDefinition) -> None:
    newer = renamed(study, "points", "marks", "2.0")
    first, second = entered(study, "start", "mood", points="9"), entered(newer, "end", "mood", marks="4")
    book = casebook(first, second)
    assert "fall" not in assess(book).entries[second.place].values
    told = [(one.reader, one.path, one.entry, one.version) for one in unread(book, {})]
    assert told == [(second.place, ("previous", "mood", "marks"), first.place, study.version)]


def test_every_key_of_an_item_leads_to_the_others_also_in_a_row(study: StudyDefinition) -> None:
    newer = renamed(study, "points", "marks", "2.0")
    names = key_names([study, newer])
    assert called(names, "mood", "points") == ("points", "marks")
    assert called(names, "mood", "marks") == ("marks", "points")
    assert called(names, "mood", "main.2.marks") == ("main.2.marks", "main.2.points")
    assert called(names, "body", "points") == ("points",)
    assert called({}, "mood", "marks") == ("marks",)
    assessed = assess(casebook(entered(study, "start", "mood", points="2")), names=names)
    assert assessed.keys("start", "mood") == ("points", "marks", "double")


def test_rows_that_are_read_as_a_whole_are_not_missed(tmp_path: Path) -> None:
    line = "      - {key: often, type: yes_no, label: {nl: Vaak, en: Often}, derive: count(start.mood.bouts) > 1}\n"
    bouts = (
        "  - key: bouts\n    label: {nl: Buien, en: Bouts}\n    repeats: {max: 3, row: {nl: Bui, en: Bout}}\n"
        "    items:\n      - {key: days, type: integer, label: {nl: Dagen, en: Days}}\nchecks:"
    )
    files: dict[str, str | bytes | None] = {
        "study.yaml": STUDY.replace("[body, judgement]", "[body, mood, judgement]"),
        "forms/body.yaml": BODY.replace("      - {key: heavy,", f"{line}      - {{key: heavy,"),
        "forms/mood.yaml": re.sub("previous.mood.[a-z]+", "points", MOOD).replace("checks:", bouts),
    }
    study = small_study.definition(tmp_path, files)
    book = casebook(entered(study, "start", "body", weight="50"), entered(study, "start", "mood", points="3"))
    assert list(unread(book, {})) == []


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("replaces: [height]", "`height` is an item of this form"),
        ("replaces: [mass, mass]", "`mass` is replaced by another item already"),
    ],
)
def test_the_check_names_a_former_key_that_cannot_be(tmp_path: Path, line: str, told: str) -> None:
    files: dict[str, str | bytes | None] = {
        "forms/body.yaml": BODY.replace("key: weight\n", f"key: weight\n        {line}\n")
    }
    assert any(told in fault for fault in small_study.faults(tmp_path, files))
