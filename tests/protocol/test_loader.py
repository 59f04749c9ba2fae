from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.protocol import small_study
from tests.protocol.small_study import FILES, broken, faults
from trialmgr.protocol.loader import StudyErrors, load_study
from trialmgr.protocol.model import StudyDefinition
from trialmgr.protocol.yaml_source import LARGEST_FILE

STUDY, BODY, DIARY, LEAVING = "study.yaml", "forms/body.yaml", "forms/diary.yaml", "forms/leaving.yaml"
CODELISTS, JUDGEMENT, EVENTS = "codelists.yaml", "forms/judgement.yaml", "forms/events.yaml"
RANDOMIZATION = "restricted/randomization.yaml"


def test_a_sound_study_loads_and_survives_its_own_json(tmp_path: Path) -> None:
    study = small_study.definition(tmp_path)
    again = StudyDefinition.from_json(json.loads(study.canonical_json()))
    assert again == study
    assert again.sha256 == study.sha256


def test_the_allocation_may_be_made_elsewhere(tmp_path: Path) -> None:
    assert small_study.definition(tmp_path, {RANDOMIZATION: None}).randomization is None


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StudyErrors, match="there is no such folder"):
        load_study(tmp_path / "nowhere")


def test_an_error_is_one_line_with_its_place_key_and_mend(tmp_path: Path) -> None:
    (told,) = faults(tmp_path, broken(BODY, "range: {min: 20, max: 300}", "range: {min: 300, max: 20}"))
    assert told == (
        "forms/body.yaml:13:9 sections[0].items[0].range: the range runs from 300 down to 20 — exchange `min` and `max`"
    )


def test_all_faults_are_told_at_once_in_order(tmp_path: Path) -> None:
    files = {
        **broken(STUDY, "phase: diet, anchor: allocation, day: 28", "phase: dite, anchor: allocation, day: 28"),
        **broken(LEAVING, "entered_by: [nurse]", "entered_by: [nurse, doctor]"),
        **broken(BODY, "complaints has 'thirst'", "complaints has thirst"),
    }
    assert [told.split(":")[0] for told in faults(tmp_path, files)] == [BODY, LEAVING, STUDY]


READING = [
    ({STUDY: None}, "study.yaml:1:1: the file is missing"),
    ({CODELISTS: None}, "codelists.yaml:1:1: the file is missing"),
    ({name: None for name in FILES if name.startswith("forms/")}, "forms:1:1: the study has no forms"),
    ({BODY: ""}, "forms/body.yaml:1:1: the file is empty"),
    ({BODY: "# nothing yet\n"}, "forms/body.yaml:1:1: the file is empty"),
    ({BODY: "{}"}, "forms/body.yaml:1:1: the file is empty"),
    ({BODY: "- a\n- b\n"}, "forms/body.yaml:1:1: the file must hold keys with values"),
    ({BODY: "only words"}, "forms/body.yaml:1:1: the file must hold keys with values"),
    (
        {BODY: "key: body\nlabel:\n\tnl: x\n"},
        "forms/body.yaml:3:1: a tab stands where spaces indent — indent with spaces, not with tabs",
    ),
    ({BODY: b"key: body\nlabel: {nl: caf\xe9, en: x}\n"}, "forms/body.yaml:2:16: the file is not UTF-8 here"),
    ({BODY: "key: 'open"}, "forms/body.yaml:1:6: a quote is opened here and never closed"),
    ({BODY: "key: body\x00"}, "forms/body.yaml:1:10: a sign stands here that no text may have"),
    ({BODY: "key: &a body\nlabel: *a\n"}, "forms/body.yaml:1:6: anchors and aliases"),
    ({BODY: "key: !!python/name:os.system x"}, "forms/body.yaml:1:6: tags such as"),
    ({BODY: "key: body\n---\nkey: again\n"}, "forms/body.yaml:2:1: the file holds a second document"),
    ({BODY: "? [a]\n: b\n"}, "a key must be a plain word"),
    ({BODY: "[" * 5_000}, "nested too deep"),
    ({BODY: "a: " + "x" * LARGEST_FILE}, "larger than 1 MB"),
    ({"forms/more.yml": "key: more"}, "forms/more.yml:1:1: this file is not read"),
    ({CODELISTS: FILES[CODELISTS] + "more: 1\n"}, "only `codelists` stands in this file"),
    ({STUDY: FILES[STUDY] + "forms: []\n"}, "forms: this key has a file of its own"),
    (broken(BODY, "label: {nl: Lichaam, en: Body}", "key: body"), "forms/body.yaml:2:1 key: the key stands here twice"),
    (broken(BODY, "en: Body}", "en: Body, en: Flesh}"), "label.en: the key stands here twice"),
    (broken(STUDY, "schema_version: 1", "schema_version: 2"), "study.yaml:1:1 schema_version: this should be 1"),
    (broken(STUDY, "sponsor: Nobody", "sponsor:"), "sponsor: a text is wanted here"),
    (broken(STUDY, "registration: TEST-1\n", ""), "study.yaml:1:1: the key `registration` is missing"),
    (broken(BODY, "key: body", "key: Body"), "use small letters"),
    (broken(BODY, "entered_by:", "entred_by:"), "did you mean `entered_by`?"),
    (broken(BODY, "entered_by:", "qqqqq: 1\nentered_by:"), "qqqqq: this key is not known — remove it"),
    (broken(BODY, "type: date", "type: dat"), "use one of the words named here"),
    (broken(BODY, "severity: soft", "severity: mild"), "use one of the words named here"),
    (broken(BODY, "decimals: 1", "decimals: one"), "write a whole number"),
    (broken(BODY, "min: 20", "min: twenty"), "write a number with a dot"),
    (broken(BODY, "min: 20", "min: .nan"), "sections[0].items[0].range.min"),
    (broken(BODY, "required: false", "required: maybe"), "write true or false"),
    (broken(BODY, "entered_by: [rater]", "entered_by: rater"), "a list is wanted here"),
    (broken(BODY, "entered_by: [rater]", "entered_by: []"), "add at least one"),
    (broken(BODY, "label: {nl: Lichaam, en: Body}", "label: Body"), "keys with values are wanted here"),
    (broken(STUDY, "day: 28", "day: 99999999"), "`99999999` is too high — write 36500 or less"),
    (broken(BODY, "key: body", '"two\\nlines": 1\nkey: body'), "two?lines: this key is not known"),
    (broken(BODY, "key: body", "key: torso"), "name the file forms/torso.yaml"),
]


@pytest.mark.parametrize(("files", "told"), READING)
def test_a_fault_of_form_is_told(tmp_path: Path, files: dict[str, str | bytes | None], told: str) -> None:
    found = faults(tmp_path, files)
    assert any(told in line for line in found), found


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    small_study.write(tmp_path, {CODELISTS: None})
    (tmp_path / CODELISTS).mkdir()
    with pytest.raises(StudyErrors, match=r"codelists.yaml:1:1: the file cannot be read"):
        load_study(tmp_path)


MEANING = [
    # keys that stand twice
    (STUDY, "key: pro,", "key: fibrediet,", "arms[1].key: `fibrediet` is used twice"),
    (STUDY, "  - {code: AA, name: Place A}", "  - {code: AA, name: A}\n  - {code: AA, name: B}", "sites[1].code"),
    (STUDY, "key: clerk", "key: rater", "roles[2].key"),
    (STUDY, "key: later", "key: end", "visits[3].key"),
    (STUDY, "id: E1", "id: I2", "criteria[2].id"),
    (CODELISTS, "code: moved", "code: done", "codelists[0].items[1].code"),
    (BODY, "key: height", "key: weight", "`weight` is used twice on this form"),
    (BODY, "key: gained", "key: thirsty_long", "checks[1].key"),
    (JUDGEMENT, "key: judged_on", "key: i1", "`i1` is used twice on this form"),
    (LEAVING, "key: status", "key: present", "`present` is a word of expressions"),
    # texts and dates
    (BODY, "nl: Lichaam", "nl: ' '", "forms/body.yaml:2:9 label.nl: the text in nl is empty"),
    (STUDY, 'valid_from: "2026-01-01"\narms', "valid_from: soon\narms", "'soon' is not a date"),
    (STUDY, 'Version 1}, valid_from: "2026-01-01"', 'Version 1}, valid_from: "20260101"', "'20260101' is not a date"),
    # references
    (STUDY, "phase: after", "phase: never", "there is no phase `never` — use one of: run_in, diet, after"),
    (STUDY, "arms: [fibrediet]", "arms: [fat]", "there is no arm `fat`"),
    (STUDY, "forms: [diary]", "forms: [diary, dairy]", "visits[1].forms[1]: there is no form `dairy`"),
    (STUDY, "forms: [body, judgement]", "forms: [body, judgement, body]", "`body` stands here twice"),
    (STUDY, "required_forms: [leaving]", "required_forms: [body]", "no form of the visit log `body`"),
    (BODY, "entered_by: [rater]", "entered_by: [rater, ghost]", "entered_by[1]: there is no role `ghost`"),
    (JUDGEMENT, "signed_by: nurse", "signed_by: ghost", "signed_by: there is no role `ghost`"),
    (STUDY, "forms: [events, leaving]", "forms: [leaving]", "no visit holds the form events"),
    (BODY, "items: [hours]", "items: [ours]", "checks[0].items[0]: there is no item of body `ours`"),
    (BODY, "codelist: complaints", "codelist: moans", "there is no code list `moans`"),
    (LEAVING, "ends_participation: status", "ends_participation: state", "there is no item of leaving `state`"),
    (BODY, "entered_by: [rater]", "entered_by: [rater]\nends_participation: hours", "`hours` is not a choice"),
    (LEAVING, "entered_by: [nurse]", "entered_by: [nurse]\ncloses_visits: [log]", "there is no scheduled visit `log`"),
    (LEAVING, "entered_by: [nurse]", "entered_by: [nurse]\ncloses_visits: [end]", "does not say from which day"),
    (BODY, "{given: {hours: 25}", "{given: {hour: 25}", "examples[0].given.hour: `hour` is no item"),
    (BODY, "start.body.weight: 40}", "start.body.height.m: 40}", "is no item"),
    # phases and visits
    (STUDY, "opens: gate\n", "opens: allocation\n", "the phase has a gate but does not open by it"),
    (STUDY, "opens: allocation}", "opens: gate}", "the phase opens by a gate but has none"),
    (STUDY, "visit: end", "visit: nowhere", "there is no visit `nowhere`"),
    (STUDY, "visit: end", "visit: later", "the gate waits for a visit of its own phase"),
    (STUDY, "phase: diet\n", "phase: run_in\n", "an arm's visit stands before the allocation"),
    (STUDY, "day: 28, forms: [body]", "day: 28, forms: [body], before_allocation: true", "visit of a later phase"),
    (STUDY, "days: [0, 3, 7]", "days: [0, 7, 7]", "the days do not rise"),
    (STUDY, "kind: unscheduled,", "kind: unscheduled, repeat: {days: [1]},", "kind unscheduled does not repeat"),
    (STUDY, "day: 90, forms: [body]", "day: 90, forms: [body, events]", "the repeating form events stands outside"),
    (JUDGEMENT, "eligibility: true\n", "", "no form is flagged"),
    (LEAVING, "entered_by:", "eligibility: true\nentered_by:", "a second form holds the eligibility"),
    # items
    (BODY, "type: text,", "type: text, range: {min: 1},", "`range` does not go with the type text"),
    (BODY, "type: integer,", "type: integer, decimals: 1,", "`decimals` does not go with the type integer"),
    (LEAVING, "type: choice, codelist: leaving,", "type: choice,", "the item has no code list"),
    (BODY, "range: {min: 1}", "range: {}", "the range has no ends"),
    (DIARY, "score: {", "derive: d1\n        score: {", "the item has a formula and a score"),
    (BODY, "type: yes_no, label: {nl: Zwaar", "type: time, label: {nl: Zwaar", "type time cannot be derived"),
    (DIARY, "cadss6_total", "cadss7_total", "there is no scoring function `cadss7_total`"),
    (DIARY, "d5, d6]", "d5]", "cadss6_total scores 6 items, not 5"),
    (DIARY, "d5, d6]", "d5, d5]", "`d5` stands here twice"),
    (DIARY, "d5, d6]", "d5, total]", "there is no earlier item `total`"),
    (DIARY, "range: {min: 0, max: 4}", "range: {min: 0, max: 5}", "`d1` may hold other answers than 0 to 4"),
    (DIARY, "range: {min: 0, max: 4}", "range: {max: 4}", "`d1` may hold other answers than 0 to 4"),
    (
        DIARY,
        "type: integer, label: {nl: Een, en: One}, range: {min: 0, max: 4}",
        "type: yes_no, label: {nl: Een, en: One}",
        "`d1` may hold",
    ),
    # blinding
    (DIARY, "reveals_allocation: true\n", "", "a visit of one arm, but does not reveal"),
    (DIARY, "entered_by: [nurse]", "entered_by: [rater]", "the blinded role rater would enter a form that reveals"),
    (LEAVING, "entered_by: [nurse]", "entered_by: [nurse, clerk]", "the role clerk sees nothing"),
    (STUDY, "nl: Twee manieren", "nl: Vezeldieet of twee manieren", "public_title.nl: blinded roles would read"),
    (STUDY, "en: Afterwards}", "en: After the pro}", "phases[2].label.en: blinded roles would read `pro`"),
    (CODELISTS, "nl: Dorst", "nl: Dorst door vezeldieetkoekjes", "codelists[1].items[0].label.nl: blinded roles"),
    (BODY, ", reveals_allocation: true}", "}", "items[12].label.nl: blinded roles would read `pro`"),
    (BODY, "bmi > 30", "log.events.what is missing", "names a form with many rows"),
    (BODY, "fires_if: hours > 24", "fires_if: secret is missing", "reveals the allocation"),
    (STUDY, "start.body.weight >= 40", "start.body.secret is present", "reveals the allocation"),
    # expressions
    (
        BODY,
        "hours > 10",
        "hours >",
        "forms/body.yaml:43:86 sections[0].items[11].ask_if: the expression stops too early",
    ),
    (BODY, "hours > 10", "nights > 10", "`nights` does not come earlier on this form"),
    (BODY, "derive: bmi > 30", "derive: bmi + 30", "the expression gives a number — let it give true or false"),
    (BODY, "fires_if: hours > 24", "fires_if: hours", "the expression gives a number"),
    (BODY, "hours > 10", "hours > date('2026-01-01')", "a date is compared with a number"),
    (BODY, "start.body.weight * 2", "begin.body.weight * 2", "names no visit of the study"),
    (BODY, "start.body.weight * 2", "meal.diary.d1 * 2", "names a visit that can happen more than once"),
    (BODY, "start.body.weight * 2", "extra.body.weight * 2", "names a visit that can happen more than once"),
    (BODY, "start.body.weight * 2", "start.leaving.status * 2", "names no form of that visit"),
    (BODY, "start.body.weight * 2", "start.body.wait * 2", "names no item of that form"),
    (STUDY, "percent_fall(start.body.weight,", "percent_fall(weight,", "`weight` is no item that comes earlier"),
    (STUDY, "judged_on < date", "judged < date", "`judged` is no item"),
    # the allocation
    (RANDOMIZATION, "{2: 1, 4: 1}", "{3: 1}", "a block of 3 cannot hold the ratio — use multiples of 2"),
    (RANDOMIZATION, "{2: 1, 4: 1}", "{0: 1}", "a block of 0 cannot hold the ratio"),
    (RANDOMIZATION, "{2: 1, 4: 1}", "{2: 0}", "the weight of block 2 is 0"),
    (RANDOMIZATION, "key: complaints", "key: site", "factors[1].key: `site` is used twice"),
    (RANDOMIZATION, "start.body.complaints_any", "start.body.hours", "neither site nor a choice or yes/no item"),
    (RANDOMIZATION, "start.body.complaints_any", "start.body.moans", "neither site nor a choice or yes/no item"),
    (RANDOMIZATION, "start.body.complaints_any", "complaints_any", "neither site nor a choice or yes/no item"),
]


@pytest.mark.parametrize(("name", "old", "new", "told"), MEANING)
def test_a_fault_of_meaning_is_told(tmp_path: Path, name: str, old: str, new: str, told: str) -> None:
    found = faults(tmp_path, broken(name, old, new))
    assert any(told in line for line in found), found


def test_a_visit_that_is_no_log_has_no_form_with_many_rows_to_refer_to(tmp_path: Path) -> None:
    assert faults(tmp_path, broken(EVENTS, "repeating: true", "repeating: false")) == []


def test_a_study_without_arms_cannot_fill_a_block(tmp_path: Path) -> None:
    arms = FILES[STUDY][FILES[STUDY].index("arms:\n") : FILES[STUDY].index("sites:")]
    text = FILES[STUDY].replace(arms, "arms: []\n").replace("    arms: [fibrediet]\n", "")
    assert any("a block of 2 cannot hold the ratio" in line for line in faults(tmp_path, {STUDY: text}))


def test_without_blinded_roles_texts_may_name_an_arm_and_expressions_may_read_all(tmp_path: Path) -> None:
    text = FILES[STUDY].replace("blinded: true", "blinded: false").replace("en: Two ways", "en: PRO and two ways")
    files = {STUDY: text, **broken(BODY, "fires_if: hours > 24", "fires_if: secret is missing")}
    assert faults(tmp_path, files) == []


def test_a_yes_no_item_may_be_scored_where_yes_is_one(tmp_path: Path) -> None:
    questions = "".join(
        f"      - {{key: q{number}, type: yes_no, label: {{nl: Vraag, en: Question}}}}\n" for number in range(1, 6)
    )
    total = (
        "      - {key: worst, type: integer, label: {nl: Hoogste, en: Highest},"
        " score: {function: cssrs_ideation, items: [q1, q2, q3, q4, q5]}}\n"
    )
    assert faults(tmp_path, {LEAVING: FILES[LEAVING] + questions + total}) == []


SIGNS = ["", "{", "]", "\t", ": ", "- ", "null", "true", "'", "9" * 400, "&a ", "\u0000", "é", "[[", "a.b"]
JUNK = st.sampled_from(SIGNS)


@settings(max_examples=60)
@given(
    name=st.sampled_from(sorted(FILES)),
    place=st.floats(0, 1),
    cut=st.integers(0, 30),
    junk=JUNK | st.text(max_size=6),
)
def test_whatever_is_in_a_file_the_loader_loads_it_or_tells_what_is_wrong(
    name: str, place: float, cut: int, junk: str
) -> None:
    text = FILES[name]
    start = int(place * len(text))
    spoilt = (text[:start] + junk + text[start + cut :]).encode("utf-8", "surrogatepass")
    with TemporaryDirectory() as folder:
        for told in faults(Path(folder), {name: spoilt}):
            assert told.count("\n") == 0
            assert " — " in told
