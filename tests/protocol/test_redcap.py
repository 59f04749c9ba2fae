"""REDCap data dictionaries become study folders; what has no place is told."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.protocol.odm_files import items_of, told
from trialmgr.protocol.check import check_study
from trialmgr.protocol.evaluation import evaluate_entry
from trialmgr.protocol.exchange.drafts import Draft, ImportRefused, ImportReport
from trialmgr.protocol.exchange.imports import import_study
from trialmgr.protocol.exchange.redcap import draft_of, read_rows

DICTIONARY = Path(__file__).parents[1] / "data" / "redcap" / "sleep_study_DataDictionary.csv"
HEADER = (
    "field_name,form_name,section_header,field_type,field_label,select_choices_or_calculations,field_note,"
    "text_validation_type_or_show_slider_number,text_validation_min,text_validation_max,identifier,branching_logic,"
    "required_field,custom_alignment,question_number,matrix_group_name,matrix_ranking,field_annotation"
)
FIRST = "record_id,f,,text,Record,,,,,,,,,,,,,"


@pytest.fixture(scope="module")
def sleep(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ImportReport]:
    folder = tmp_path_factory.mktemp("redcap") / "study"
    return folder, import_study(DICTIONARY, folder)


def draft(tmp_path: Path, *rows: str) -> Draft:
    file = tmp_path / "d.csv"
    file.write_text("\n".join([HEADER, FIRST, *rows]) + "\n", "utf-8")
    return draft_of(read_rows(file), "d")


def item(tmp_path: Path, row: str) -> dict[str, Any]:
    return items_of(draft(tmp_path, row))[0]


def test_a_dictionary_becomes_a_sound_study(sleep: tuple[Path, ImportReport]) -> None:
    folder, report = sleep
    assert check_study(folder).is_sound
    study = report.check.definition
    assert (study.short_title, study.id) == ("sleep_study", "sleep_study")
    assert [form.key for form in study.forms] == ["eligibility", "intake", "sleep_questions"]
    assert [section.key for section in study.form("intake").sections] == ["who_you_are", "body"]


def test_logic_and_calculations_are_put_over(sleep: tuple[Path, ImportReport]) -> None:
    study = sleep[1].check.definition
    intake, questions = study.form("intake"), study.form("sleep_questions")
    assert intake.item("weeks").ask_if == "sex = '1' and pregnant = true"
    assert intake.item("aids_other").ask_if == "aids has '9'"
    assert intake.item("bmi").derive == "weight * 10000 / ((height * height))"
    assert intake.item("bmi").decimals == 1
    assert intake.item("age").derive == "age_in_years(birth_date, seen_on)"
    assert questions.item("older").ask_if == (
        "record.intake.bmi >= 25 and (record.intake.sex != '2' or record.intake.sex is missing)"
    )
    assert "q1 = '1', 1, 2" in (questions.item("total").derive or "")


def test_what_cannot_be_put_over_is_told_and_not_required(sleep: tuple[Path, ImportReport]) -> None:
    folder, report = sleep
    left_out = told(report.left_out)
    assert "the calculation of age_today: datediff([birth_date],'today','y')" in left_out
    assert "the branching logic of later_one: [last] = '1'" in left_out
    assert not report.check.definition.form("sleep_questions").item("later_one").required
    assert "# Branching logic: [last] = '1'" in (folder / "forms" / "sleep_questions.yaml").read_text("utf-8")


@pytest.mark.parametrize(
    "words",
    [
        "explain: a text between the questions: The next questions are about sleep .",
        "seen_on: the limits - to today",
        "pain: the word in the middle of the slider: Some",
        "place: the type sql becomes text",
        "record_id: the number of the participant",
        "q3: an answer piped into a text",
        "action tag @HIDDEN-SURVEY",
        "custom alignment",
        "ranking of a field",
        "HTML of a text",
        "the sort email",
    ],
)
def test_what_has_no_place_is_told(words: str, sleep: tuple[Path, ImportReport]) -> None:
    assert words in told(sleep[1].left_out)


def test_the_questions_of_a_matrix_stand_side_by_side_unless_more_than_one_answer_is_ticked(
    sleep: tuple[Path, ImportReport], tmp_path: Path
) -> None:
    assert sleep[1].check.definition.form("sleep_questions").sections[0].layout == "scale"
    ticked = 'a,f,,checkbox,A,"1, One | 2, Two",,,,,,,,,,m1,,'
    left_out = draft(tmp_path, ticked).notices.left_out
    assert "matrix group m1: its questions stand below one another" in told(left_out)


def test_identifying_fields_are_pointed_out(sleep: tuple[Path, ImportReport]) -> None:
    assert "family_name is marked as identifying" in told(sleep[1].warnings)


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ("a,f,,notes,A,,,,,,,,,,,,,", {"type": "long_text"}),
        ("a,f,,yesno,A,,,,,,,,,,,,,", {"type": "yes_no"}),
        ("a,f,,truefalse,A,,,,,,,,,,,,,", {"type": "choice", "codelist": "true_false"}),
        ("a,f,,file,A,,,,,,,,,,,,,", {"type": "file"}),
        ("a,f,,text,A,,,integer,,,,,,,,,,", {"type": "integer"}),
        ("a,f,,text,A,,,number_comma_decimal,,,,,,,,,,", {"type": "decimal"}),
        ("a,f,,text,A,,,number_2dp_comma_decimal,,,,,,,,,,", {"type": "decimal", "decimals": 2}),
        ("a,f,,text,A,,,date_mdy,,,,,,,,,,", {"type": "date"}),
        ("a,f,,text,A,,,time_hh_mm_ss,,,,,,,,,,", {"type": "time"}),
        ("a,f,,text,A,,,time_mm_ss,,,,,,,,,,", {"type": "text"}),
        ("a,f,,hologram,A,,,,,,,,,,,,,", {"type": "text"}),
        ("a,f,,,A,,,,,,,,,,,,,", {"type": "text"}),
        ("a,f,,radio,A,,,,,,,,,,,,,", {"type": "text"}),
        ('a,f,,dropdown,A,"1, One | 2, Two",,,,,,,,,,,,', {"type": "choice", "codelist": "a"}),
        ('a,f,,checkbox,A,"1, One | 2",,,,,,,,,,,,', {"type": "multi_choice", "codelist": "a"}),
    ],
)
def test_field_types(row: str, found: dict[str, Any], tmp_path: Path) -> None:
    made = item(tmp_path, row)
    assert {key: made[key] for key in ("type", "codelist", "decimals") if key in made} == found


@pytest.mark.parametrize(
    ("limits", "validation", "bounds"),
    [
        ("1,5", "integer", {"min": Decimal(1), "max": Decimal(5)}),
        ('"1,5",', "number_1dp", {"min": Decimal("1.5")}),
        (",9", "number", {"max": Decimal(9)}),
        ("5,1", "integer", None),
        ("[low],9", "integer", None),
        ("1e,", "number", None),
        ("Infinity,", "number", None),
        ("10:00,12:00", "time", None),
    ],
)
def test_limits_ask(limits: str, validation: str, bounds: dict[str, Decimal] | None, tmp_path: Path) -> None:
    made = draft(tmp_path, f"a,f,,text,A,,,{validation},{limits},,,,,,,,")
    assert items_of(made)[0].get("soft_range") == bounds
    assert ("a: the limits" in told(made.notices.left_out)) is (bounds is None)


def test_limits_of_dates_are_soft_checks(tmp_path: Path) -> None:
    made = draft(
        tmp_path, "a,f,,text,A,,,date_ymd,2020-01-01,2020-12-31,,,,,,,,", "b,f,,text,B,,,date_ymd,202,,,,,,,,,"
    )
    assert [check["fires_if"] for check in made.forms[0]["checks"]] == [
        "a < date('2020-01-01') or a > date('2020-12-31')"
    ]
    assert "b: the limits 202 to -" in told(made.notices.left_out)


@pytest.mark.parametrize(
    ("words", "limits", "bounds", "ends"),
    [
        ("None | Much", ",", (0, 100), ("None", "Much")),
        ("Low | | High", "1,10", (1, 10), ("Low", "High")),
        ("", "0.5,3", (0, 100), ("0.5", "3")),
        ("Only", "9,1", (0, 100), ("Only", "1")),
    ],
)
def test_sliders_are_scales(words: str, limits: str, bounds: Any, ends: Any, tmp_path: Path) -> None:
    made = item(tmp_path, f"a,f,,slider,A,{words},,number,{limits},,,,,,,,")
    assert (made["range"]["min"], made["range"]["max"]) == bounds
    assert (made["anchors"]["min"]["en"], made["anchors"]["max"]["en"]) == ends


def test_a_moment_is_split_under_its_condition(tmp_path: Path) -> None:
    made = draft(tmp_path, "a,f,,yesno,A,,,,,,,,,,,,,", "b,f,,text,B,,,datetime_ymd,,,,[a]='1',y,,,,,")
    _a, date, time = items_of(made)
    assert (date["type"], time["type"], time["key"]) == ("date", "time", "b_time")
    assert date["ask_if"] == time["ask_if"] == "a = true"


def test_fields_with_the_same_choices_share_a_list(tmp_path: Path) -> None:
    choices = '"1, Yes | 0, No"'
    made = draft(tmp_path, f"a,f,,radio,A,{choices},,,,,,,,,,,,", f"b,f,,radio,B,{choices},,,,,,,,,,,,")
    assert len(made.codelists) == 1


def test_codes_with_other_signs_and_twice_the_same_are_told(tmp_path: Path) -> None:
    made = draft(tmp_path, 'a,f,,radio,A,"a b, One | a_b, Two | a b, Three | , Four",,,,,,,,,,,,')
    assert [entry["code"] for entry in made.codelists[0]["items"]] == ["a_b", "a_b_2"]
    assert "a: the code “a b” stands twice" in told(made.notices.left_out)
    assert "a: the code “a b” is written a_b" in told(made.notices.warnings)


def test_a_field_that_stands_twice_gets_another_key(tmp_path: Path) -> None:
    made = draft(tmp_path, "a,f,,text,A,,,,,,,,,,,,,", "a,f,,text,B,,,,,,,,,,,,,")
    assert [each["key"] for each in items_of(made)] == ["a", "a_2"]
    assert "a stands twice" in told(made.notices.warnings)


def test_a_form_of_texts_only_is_left_out(tmp_path: Path) -> None:
    made = draft(tmp_path, "a,f,,text,A,,,,,,,,,,,,,", "b,g,Head,descriptive,B,,,,,,,,,,,,,")
    assert [form["key"] for form in made.forms] == ["f", "eligibility"]
    assert "the form g has no questions" in told(made.notices.left_out)


def test_events_named_by_formulas_become_visits(tmp_path: Path) -> None:
    rows = (
        "a,f,,yesno,A,,,,,,,,,,,,,",
        'b,g,,calc,B,"round([base_arm_1][a] + [week_4_arm_1][a], 0)",,,,,,[base_arm_1][a] = 1,,,,,,',
        "c,g,,text,C,,,,,,,[a] = 1,,,,,,",
        "d,g,,calc,D,,,,,,,,,,,,,",
        "e,g,,text,E,,,,,,,[nowhere] = 1,,,,,,",
    )
    made = draft(tmp_path, *rows)
    assert [visit["key"] for visit in made.study["visits"]] == ["eligibility", "base", "week_4"]
    b, c, d, e = items_of(made, 1)
    assert "ask_if" not in e
    assert (b["type"], b["derive"]) == ("integer", "if(base.f.a, 1, 0) + if(week_4.f.a, 1, 0)")
    assert b["ask_if"] == "base.f.a = true"
    assert "ask_if" not in c
    assert "derive" not in d
    assert "visits are made of those its formulas name" in told(made.notices.warnings)


def test_a_sum_that_passed_over_blanks_is_pointed_out(tmp_path: Path) -> None:
    made = draft(tmp_path, "a,f,,text,A,,,integer,,,,,,,,,,", 'b,f,,calc,B,"sum([a],1)",,,,,,,,,,,,')
    assert "the calculation of b: sum() passed over blank answers" in told(made.notices.warnings)


def test_an_if_that_took_a_blank_for_not_so_is_pointed_out(tmp_path: Path) -> None:
    made = draft(tmp_path, "a,f,,yesno,A,,,,,,,,,,,,,", "b,f,,calc,B,\"if([a]='1',1,0)\",,,,,,,,,,,,")
    assert "the calculation of b: if() took a blank answer for not so" in told(made.notices.warnings)


def test_a_calculation_that_is_not_rounded_keeps_its_digits(tmp_path: Path) -> None:
    numbers = [f"{name},f,,text,{name},,,number,,,,,,,,,," for name in "wh"]
    calculated = ["q,f,,calc,Q,[w]/[h],,,,,,,,,,,,", 'm,f,,calc,M,"mean([w],[h])",,,,,,,,,,,,']
    folder = tmp_path / "study"
    file = tmp_path / "d.csv"
    file.write_text("\n".join([HEADER, FIRST, *numbers, *calculated]) + "\n", "utf-8")
    study = import_study(file, folder).check.definition
    form = next(form for form in study.forms if form.has_item("q"))
    found = evaluate_entry(study, form, {"w": "62.5", "h": "1.7"}, {}, lambda *_place: None).values
    assert (found["q"], found["m"]) == ("36.764706", "32.1")
    assert check_study(folder).without_decimals == tuple(f"forms.{form.key}.{key}" for key in "qm")


def test_a_bar_within_the_label_of_a_choice_stays_in_it(tmp_path: Path) -> None:
    choices = "1, American Indian | -2, Asian | 3, Native Hawaiian |or| Pacific Islander | 66, Unknown"
    made = draft(tmp_path, f'a,f,,checkbox,A,"{choices}",,,,,,,,,,,,')
    labels = [entry["label"]["en"] for entry in made.codelists[-1]["items"]]
    assert labels == ["American Indian", "Asian", "Native Hawaiian |or| Pacific Islander", "Unknown"]


# --- the file --------------------------------------------------------------------------------------------------------

_SHORT = "field_name,form_name,field_type,field_label\n"


@pytest.mark.parametrize(
    "content",
    [
        (_SHORT + "id,f,text,Id\na,f,text,Ä\n").encode("utf-16"),
        ("\ufeff" + _SHORT + "id,f,text,Id\na,f,text,Ä\n").encode(),
        (_SHORT + "id,f,text,Id\n\na,f,text,Ä\n").replace(",", ";").encode(),
        (_SHORT + "id,f,text,Id\na,f,text,Ä\n").replace(",", "\t").encode(),
        '"Variable / Field Name","Form Name","Field Type","Field Label"\nid,f,text,Id\na,f,text,Ä\n'.encode(),
    ],
)
def test_the_spellings_of_a_dictionary(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "d.csv"
    file.write_bytes(content)
    assert [row.label for row in read_rows(file)] == ["Id", "Ä"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"a,b,c\n1,2,3\n", "d.csv, line 1: this is no REDCap data dictionary; its header has no column for name"),
        (_SHORT.encode(), "the dictionary has 0 fields"),
        (_SHORT.encode() + b"id,f,text,Id\n,f,text,A\n", "d.csv, line 3: the field has no name or no form"),
        (_SHORT.encode() + b'id,f,text,"Id\n', "this is not CSV"),
        (_SHORT.encode() + "id,f,text,é\n".encode("latin-1"), "d.csv, line 2: the file is not UTF-8"),
        (_SHORT.encode() + b"id,f,text,Id\n", "has no questions besides the number of the participant"),
    ],
)
def test_what_is_no_dictionary_is_refused_in_one_line(content: bytes, reason: str, tmp_path: Path) -> None:
    file = tmp_path / "d.csv"
    file.write_bytes(content)
    with pytest.raises(ImportRefused) as refused:
        import_study(file, tmp_path / "study")
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "study").exists()


def test_a_very_large_dictionary_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "d.csv"
    with file.open("wb") as handle:
        handle.write(_SHORT.encode())
        handle.truncate(30_000_000)
    with pytest.raises(ImportRefused, match="larger than 20 MB"):
        import_study(file, tmp_path / "study")


def test_a_row_has_the_columns_of_a_dictionary_only(tmp_path: Path) -> None:
    row = read_rows(DICTIONARY)[0]
    assert (row.name, row.annotation, hasattr(row, "colour")) == ("record_id", "", False)


def test_a_dictionary_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImportRefused, match="cannot be read"):
        read_rows(tmp_path / "absent.csv")
