"""From definition to boxes, and from boxes back to raw strings."""

from __future__ import annotations

from typing import Any

import pytest

from crf.layout.boxes import read_submission
from crf.layout.fields import (
    ErrorLink,
    FieldLink,
    FieldView,
    Marks,
    SectionView,
    ShownWhen,
    build_fields,
    error_links,
    shown_value,
)
from trialmgr.protocol.model import CodeList, Form, StudyDefinition


def both(nl: str, en: str | None = None) -> dict[str, str]:
    return {"nl": nl, "en": en or nl}


def code_list(key: str, *codes: str) -> CodeList:
    return CodeList.model_validate(
        {"key": key, "items": [{"code": code, "label": both(code.title())} for code in codes]}
    )


def item(key: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"key": key, "type": kind, "label": both(f"NL {key}", f"EN {key}"), **more}


def form_of(*items: dict[str, Any]) -> Form:
    section = {"key": "main", "label": both("Deel", "Part"), "items": items}
    return Form.model_validate({"key": "f", "label": both("F"), "entered_by": ["coordinator"], "sections": [section]})


@pytest.fixture
def definition() -> StudyDefinition:
    """Only the parts that fields read; the rest of a definition plays no role here."""
    return StudyDefinition.model_construct(
        missing_reasons=code_list("reasons", "not_done", "unknown"),
        codelists=(
            code_list("position", "sitting", "lying"),
            code_list("effects", "nausea", "dizzy"),
            code_list("many", *(f"c{number}" for number in range(13))),
        ),
    )


def field_of(definition: StudyDefinition, kind: str, **more: Any) -> FieldView:
    """The one field of a form with the item ``it``; words about the page in ``given``."""
    given: dict[str, Any] = {"values": {}, "missing": {}, "errors": {}, "language": "en", **more.pop("given", {})}
    [section] = build_fields(definition, form_of(item("it", kind, **more)), **given)
    return section.fields[0]


def test_a_field_speaks_the_language_of_the_page(definition: StudyDefinition) -> None:
    hint = both("zonder schoenen", "without shoes")
    field = field_of(definition, "decimal", hint=hint, unit="kg", given={"language": "nl"})
    assert (field.label, field.hint, field.unit) == ("NL it", "zonder schoenen", "kg")
    assert field.missing_choices == (("not_done", "Not_Done"), ("unknown", "Unknown"))


def test_sections_keep_their_order_and_lose_what_is_hidden(definition: StudyDefinition) -> None:
    form = Form.model_validate(
        {
            **form_of(item("a", "text"), item("b", "text")).model_dump(),
            "sections": [
                {"key": "one", "label": both("Een", "One"), "items": [item("a", "text"), item("b", "text")]},
                {"key": "two", "label": both("Twee", "Two"), "items": [item("c", "text")]},
            ],
        }
    )
    sections = build_fields(definition, form, {}, {}, {}, "en", hidden={"b", "c"})
    assert [(section.label, [field.key for field in section.fields]) for section in sections] == [("One", ["a"])]


@pytest.mark.parametrize(
    ("kind", "more", "control", "box"),
    [
        ("text", {}, "text", "item-it"),
        ("integer", {}, "text", "item-it"),
        ("long_text", {}, "long_text", "item-it"),
        ("date", {}, "date", "item-it-day"),
        ("partial_date", {}, "date", "item-it-day"),
        ("yes_no", {}, "keys", "item-it-0"),
        ("choice", {"codelist": "position"}, "radios", "item-it-0"),
        ("choice", {"codelist": "many"}, "select", "item-it"),
        ("multi_choice", {"codelist": "many"}, "checkboxes", "item-it-0"),
        ("integer", {"derive": "1 + 1"}, "output", "item-it"),
    ],
)
def test_each_type_has_its_boxes(
    definition: StudyDefinition, kind: str, more: dict[str, Any], control: str, box: str
) -> None:
    field = field_of(definition, kind, **more)
    assert (field.control, field.first_box) == (control, box)
    role = {"date": "group", "checkboxes": "group", "radios": "radiogroup", "keys": "radiogroup"}.get(control, "")
    assert field.role == role


def test_numbers_ask_for_a_number_keyboard(definition: StudyDefinition) -> None:
    assert field_of(definition, "integer").inputmode == "numeric"
    assert field_of(definition, "decimal").inputmode == "decimal"
    assert field_of(definition, "text").inputmode == "text"


def test_boxes_are_named_by_the_key_of_their_item(definition: StudyDefinition) -> None:
    field = field_of(definition, "text")
    assert (field.name, field.missing_name, field.id) == ("item.it", "missing.it", "item-it")


def test_a_date_is_split_over_three_boxes(definition: StudyDefinition) -> None:
    field = field_of(definition, "partial_date", given={"values": {"it": "2024-11"}})
    assert field.parts == ("", "11", "2024")


def test_boxes_are_described_by_what_stands_near_them(definition: StudyDefinition) -> None:
    given = {"values": {"it": "9"}, "saved_values": {"it": "8"}, "errors": {"it": "Too high."}}
    field = field_of(definition, "integer", unit="kg", hint=both("h"), given=given)
    assert field.described_by == "item-it-hint item-it-unit item-it-error item-it-previous"
    assert field_of(definition, "time").described_by == "item-it-hint"
    assert field_of(definition, "integer").described_by == ""


def test_what_the_casebook_knows_of_an_item_comes_along(definition: StudyDefinition) -> None:
    marks = Marks(queries=2, verified=True, frozen=True, links=(FieldLink("History", "/history"),))
    field = field_of(
        definition, "multi_choice", codelist="effects", given={"values": {"it": "dizzy nausea"}, "marks": {"it": marks}}
    )
    assert (field.queries, field.verified, field.links) == (2, True, (FieldLink("History", "/history"),))
    assert (field.control, field.shown, field.codes) == ("output", "Dizzy; Nausea", ("dizzy", "nausea"))


def test_an_item_that_does_not_apply_keeps_its_boxes_for_when_it_does(definition: StudyDefinition) -> None:
    field = field_of(definition, "text", ask_if="it > 3", given={"marks": {"it": Marks(skipped=True)}})
    assert (field.control, field.skipped) == ("text", True)


@pytest.mark.parametrize(
    ("rule", "shown_when"),
    [
        ("gate", ShownWhen("item.gate", "yes")),
        ("not gate", ShownWhen("item.gate", "no")),
        ("gate = true", ShownWhen("item.gate", "yes")),
        ("gate = false", ShownWhen("item.gate", "no")),
        ("where = 'lying'", ShownWhen("item.where", "lying")),
        ("where in ('lying', 'sitting')", ShownWhen("item.where", "lying sitting")),
        ("effects has 'nausea'", ShownWhen("item.effects", "nausea")),
        ("number is present", ShownWhen("item.number", "*")),
        ("where is missing", ShownWhen("item.where", "!")),
        ("where != 'lying'", ShownWhen("item.where", "sitting")),
        ("gate != true", ShownWhen("item.gate", "no")),
        ("number != 3", None),
        ("elsewhere != 'x'", None),
        ("day is present", None),
        ("number = 3", None),
        ("number in (3, 4)", None),
        ("number > 3", None),
        ("gate and where = 'lying'", None),
        ("visit.other.gate", None),
        ("total = 'x'", None),
        ("secret", None),
        ("elsewhere", None),
    ],
)
def test_only_skip_logic_on_one_answer_of_this_page_goes_to_the_browser(
    definition: StudyDefinition, rule: str, shown_when: ShownWhen | None
) -> None:
    form = form_of(
        item("gate", "yes_no"),
        item("where", "choice", codelist="position"),
        item("effects", "multi_choice", codelist="effects"),
        item("number", "integer"),
        item("total", "text", derive="where"),
        item("secret", "yes_no"),
        item("day", "date"),
        item("it", "text", ask_if=rule),
    )
    [section] = build_fields(definition, form, {}, {}, {}, "en", hidden={"secret"})
    assert section.fields[-1].shown_when == shown_when


def test_a_changed_answer_shows_what_was_saved(definition: StudyDefinition) -> None:
    changed = {"values": {"it": "9"}, "saved_values": {"it": "8"}, "saved_missing": {}}
    assert field_of(definition, "integer", unit="kg", given=changed).previous == "8 kg"
    from_reason = {"values": {"it": "9"}, "saved_values": {}, "saved_missing": {"it": "unknown"}}
    assert field_of(definition, "integer", given=from_reason).previous == "Unknown"
    unchanged = {"values": {"it": "9"}, "saved_values": {"it": "9"}}
    assert field_of(definition, "integer", given=unchanged).previous == ""


def test_a_reason_for_no_value_is_one_more_radio(definition: StudyDefinition) -> None:
    field = field_of(definition, "yes_no", given={"missing": {"it": "unknown"}})
    assert field.missing_radios == (("missing:not_done", "Not_Done"), ("missing:unknown", "Unknown"))
    assert "missing:unknown" in field.selected
    assert field.shown == "Unknown"


def test_no_reason_is_offered_where_none_is_allowed(definition: StudyDefinition) -> None:
    assert field_of(definition, "integer", missing_allowed=False).missing_choices == ()


def test_the_error_summary_names_the_question_and_leads_to_its_box(definition: StudyDefinition) -> None:
    form = form_of(item("a", "text"), item("b", "date", label=both("Wanneer?", "When?")))
    sections: tuple[SectionView, ...] = build_fields(definition, form, {}, {}, {"b": "Enter a date."}, "en")
    assert error_links(sections) == (ErrorLink("item-b-day", "When: Enter a date."),)


@pytest.mark.parametrize(
    ("kind", "more", "value", "shown"),
    [
        ("integer", {}, "", ""),
        ("integer", {}, "12", "12"),
        ("decimal", {"unit": "mg"}, "12.50", "12.50 mg"),
        ("yes_no", {}, "yes", "Yes"),
        ("choice", {"codelist": "position"}, "lying", "Lying"),
        ("choice", {"codelist": "position"}, "floating", "floating"),
        ("multi_choice", {"codelist": "effects"}, "nausea dizzy", "Nausea; Dizzy"),
        ("date", {}, "2026-03-05", "5 Mar 2026"),
        ("partial_date", {}, "2026-03", "Mar 2026"),
        ("partial_date", {}, "2026", "2026"),
        ("date", {}, "2026-13-05", "2026-13-05"),
    ],
)
def test_a_value_is_shown_in_words(
    definition: StudyDefinition, kind: str, more: dict[str, Any], value: str, shown: str
) -> None:
    [asked] = form_of(item("it", kind, **more)).items
    assert shown_value(definition, asked, value, "en") == shown


def test_dutch_months_are_dutch(definition: StudyDefinition) -> None:
    [asked] = form_of(item("it", "date")).items
    assert shown_value(definition, asked, "2026-03-05", "nl") == "5 mrt 2026"


@pytest.mark.parametrize(
    ("kind", "post", "raw"),
    [
        ("text", {"item.it": " J.K. "}, "J.K."),
        ("integer", {"item.it": ["1", "2"]}, "2"),
        ("multi_choice", {"item.it": ["nausea", "dizzy"]}, "nausea dizzy"),
        ("multi_choice", {"item.it": "nausea"}, "nausea"),
        ("date", {"item.it.day": "5", "item.it.month": "3", "item.it.year": "2026"}, "2026-03-05"),
        ("date", {"item.it.day": "31", "item.it.month": "feb", "item.it.year": "26"}, "26-feb-31"),
        ("date", {"item.it": "2026-03-05"}, "2026-03-05"),
        ("partial_date", {"item.it.day": "", "item.it.month": "3", "item.it.year": "2026"}, "2026-03"),
        ("partial_date", {"item.it.year": "2026"}, "2026"),
        ("partial_date", {"item.it.day": "5", "item.it.year": "2026"}, "2026--05"),
        ("text", {"item.it": "missing:x"}, "missing:x"),
    ],
)
def test_boxes_come_back_as_raw_strings(kind: str, post: dict[str, str | list[str]], raw: str) -> None:
    codelist = {"codelist": "effects"} if kind == "multi_choice" else {}
    assert read_submission(form_of(item("it", kind, **codelist)), post) == ({"it": raw}, {})


def test_what_was_typed_in_a_date_stands_in_the_same_boxes_again(definition: StudyDefinition) -> None:
    post: dict[str, str | list[str]] = {"item.it.day": "31", "item.it.month": "feb", "item.it.year": "26"}
    values, _ = read_submission(form_of(item("it", "date")), post)
    assert field_of(definition, "date", given={"values": values}).parts == ("31", "feb", "26")


def test_a_reason_comes_from_its_select_or_from_the_radios() -> None:
    form = form_of(item("a", "integer"), item("b", "yes_no"), item("c", "choice", codelist="many"))
    post: dict[str, str | list[str]] = {
        "missing.a": "not_done",
        "item.b": "missing:unknown",
        "item.c": "c1",
        "missing.c": "unknown",
    }
    assert read_submission(form, post) == ({"c": "c1"}, {"a": "not_done", "b": "unknown", "c": "unknown"})


def test_empty_derived_and_hidden_boxes_give_nothing() -> None:
    form = form_of(item("a", "text"), item("b", "integer", derive="1"), item("c", "text"))
    post: dict[str, str | list[str]] = {"item.a": " ", "item.b": "7", "item.c": "x", "missing.c": "unknown"}
    assert read_submission(form, post, hidden={"c"}) == ({}, {})


def laid_out(definition: StudyDefinition, layout: dict[str, Any], *items: dict[str, Any], **given: Any) -> SectionView:
    """The one section of a form that is laid out so."""
    section = {"key": "main", "label": both("Deel", "Part"), "items": items, **layout}
    form = Form.model_validate({"key": "f", "label": both("F"), "entered_by": ["coordinator"], "sections": [section]})
    [view] = build_fields(definition, form, given.pop("values", {}), {}, {}, "en", **given)
    return view


SCALE = {"layout": "scale"}
FEW = {"range": {"min": 0, "max": 3}}


def test_in_a_scale_a_few_numbers_are_keys_and_carry_the_reason_in_their_group(definition: StudyDefinition) -> None:
    [field] = laid_out(definition, SCALE, item("it", "integer", **FEW)).fields
    assert (field.control, field.role, field.first_box) == ("keys", "radiogroup", "item-it-0")
    assert field.keys == (("0", "0", ""), ("1", "1", ""), ("2", "2", ""), ("3", "3", ""))
    assert read_submission(form_of(item("it", "integer")), {"item.it": "missing:unknown"}) == ({}, {"it": "unknown"})


def test_without_a_scale_a_number_is_typed(definition: StudyDefinition) -> None:
    assert field_of(definition, "integer", **FEW).control == "text"


def test_a_number_that_is_none_of_the_keys_stays_in_a_box_where_it_can_be_seen(definition: StudyDefinition) -> None:
    [field] = laid_out(definition, SCALE, item("it", "integer", **FEW), values={"it": "7"}).fields
    assert (field.control, field.value) == ("text", "7")


def test_a_scale_with_words_at_its_ends_shows_numbers_and_says_the_words(definition: StudyDefinition) -> None:
    anchors = {"min": both("geen", "none"), "max": both("veel", "much")}
    [field] = laid_out(definition, SCALE, item("it", "scale", **FEW, anchors=anchors)).fields
    assert field.keys[0] == ("0", "0", "none")
    assert field.keys[1] == ("1", "1", "")
    assert field.bounds_shown == "0: none; 3: much"
    assert field.described_by == "item-it-bounds"


def test_short_words_of_a_code_list_are_keys_and_long_ones_stay_radio_buttons(definition: StudyDefinition) -> None:
    [field] = laid_out(definition, SCALE, item("it", "choice", codelist="position")).fields
    assert (field.control, field.keys[0]) == ("keys", ("sitting", "Sitting", ""))
    long = definition.model_copy(update={"codelists": (code_list("position", "s" * 31, "l" * 30),)})
    [field] = laid_out(long, SCALE, item("it", "choice", codelist="position")).fields
    assert field.control == "radios"


def test_a_hint_that_all_keys_share_is_said_once_above_them(definition: StudyDefinition) -> None:
    hint = both("0 geen, 3 veel", "0 none, 3 much")
    asked = [item(key, "integer", **FEW, hint=hint) for key in ("a", "b")]
    typed = item("c", "text", hint=both("Kort", "Short"))
    view = laid_out(definition, SCALE, *asked, typed)
    assert view.hint == "0 none, 3 much"
    assert [field.hint for field in view.fields] == ["", "", "Short"]
    assert view.fields[0].described_by == "section-main-hint"


@pytest.mark.parametrize("other", [{}, {"hint": both("Anders", "Otherwise")}])
def test_hints_that_differ_stay_with_their_questions(definition: StudyDefinition, other: dict[str, Any]) -> None:
    first = item("a", "integer", **FEW, hint=both("h"))
    view = laid_out(definition, SCALE, first, item("b", "integer", **FEW, **other))
    assert (view.hint, view.fields[0].hint) == ("", "h")
    assert laid_out(definition, SCALE, first).hint == ""


MEASURED = {
    "layout": "table",
    "columns": [both("Boven", "Upper"), both("Onder", "Lower")],
    "lines": [
        {"label": both("Vroeg", "Early"), "items": ["up_1", "low_1"]},
        {"label": both("Laat", "Late"), "items": ["up_2", "low_2"]},
    ],
}
MEASURES = [
    item("before", "text"),
    item("up_1", "integer", unit="mmHg"),
    item("low_1", "integer", unit="mmHg"),
    item("between", "text"),
    item("up_2", "integer", unit="mmHg"),
    item("low_2", "integer"),
]


def test_a_table_stands_where_its_first_field_would_and_names_a_unit_that_a_column_shares(
    definition: StudyDefinition,
) -> None:
    view = laid_out(definition, MEASURED, *MEASURES)
    assert [table or (field and field.key) for table, field in view.blocks] == ["before", view.table, "between"]
    assert view.table is not None
    assert view.table.columns == (("Upper", "mmHg"), ("Lower", ""))
    assert [line.label for line in view.table.lines] == ["Early", "Late"]
    assert [[field.key for field in line.fields if field] for line in view.table.lines] == [
        ["up_1", "low_1"],
        ["up_2", "low_2"],
    ]


def test_a_table_leaves_out_what_is_hidden_and_the_lines_of_which_nothing_is_left(definition: StudyDefinition) -> None:
    view = laid_out(definition, MEASURED, *MEASURES, hidden={"up_1", "up_2", "low_2"})
    assert view.table is not None
    [line] = view.table.lines
    assert [field and field.key for field in line.fields] == [None, "low_1"]
    assert view.table.columns == (("Upper", ""), ("Lower", "mmHg"))
    assert [field.key for _table, field in view.blocks if field] == ["before", "between"]


def test_a_date_pasted_into_one_box_is_read_and_one_that_may_be_two_days_comes_back_there(
    definition: StudyDefinition,
) -> None:
    form = form_of(item("it", "date"))
    assert read_submission(form, {"item.it.day": "3 dec 2026"})[0] == {"it": "2026-12-03"}
    values = read_submission(form, {"item.it.day": "3/12/2026", "item.it.month": "", "item.it.year": ""})[0]
    assert values == {"it": "3/12/2026"}
    assert field_of(definition, "date", given={"values": values}).parts == ("3/12/2026", "", "")
    assert read_submission(form, {"item.it.day": "soon"})[0] == {"it": "soon"}
