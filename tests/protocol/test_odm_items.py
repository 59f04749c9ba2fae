"""Items of ODM files: types, texts, code lists, units, ranges, conditions and methods."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.protocol.odm_files import draft, imported, items_of, metadata, odm, one_form, told
from trialmgr.protocol.exchange.drafts import Draft


def _item(content: str = "", *, data_type: str = "text", more: str = "", after: str = "", **other: Any) -> Draft:
    definition = f'<ItemDef OID="I.a" Name="A" DataType="{data_type}" {more}>{content}</ItemDef>'
    return draft(one_form(definition + after, "I.a", **other))


@pytest.mark.parametrize(
    ("data_type", "more", "found"),
    [
        ("integer", 'Length="3"', {"type": "integer"}),
        ("float", 'SignificantDigits="2"', {"type": "decimal", "decimals": 2}),
        ("double", 'SignificantDigits="9"', {"type": "decimal", "decimals": 6}),
        ("float", "", {"type": "decimal"}),
        ("text", "", {"type": "text"}),
        ("text", 'Length="20"', {"type": "text", "max_length": 20}),
        ("text", 'Length="0"', {"type": "text"}),
        ("string", 'Length="501"', {"type": "long_text", "max_length": 501}),
        ("date", "", {"type": "date"}),
        ("incompleteDate", "", {"type": "partial_date"}),
        ("time", "", {"type": "time"}),
        ("boolean", "", {"type": "yes_no"}),
        ("base64Binary", "", {"type": "file"}),
        ("URI", "", {"type": "text"}),
    ],
)
def test_data_types(data_type: str, more: str, found: dict[str, Any]) -> None:
    item = items_of(_item(data_type=data_type, more=more))[0]
    assert {key: value for key, value in item.items() if key in ("type", "decimals", "max_length")} == found


def test_what_a_type_loses_is_told() -> None:
    made = _item(more='Length="20000"')
    assert items_of(made)[0]["max_length"] == 10_000
    assert "at most 10000 characters, not 20000" in told(made.notices.left_out)
    assert "is kept as text" in told(_item(data_type="durationDatetime").notices.left_out)
    assert "has no known type" in told(_item(data_type="colour").notices.warnings)


def test_a_moment_is_split_over_two_items(tmp_path: Path) -> None:
    content = "<Question><TranslatedText>Given at</TranslatedText></Question>"
    made = _item(content, data_type="datetime")
    date, time = items_of(made)
    assert (date["key"], date["type"], time["key"], time["type"]) == ("a", "date", "a_time", "time")
    assert time["label"] == {"nl": "Given at: tijd", "en": "Given at: time"}
    assert "is split over" in told(made.notices.left_out)


def test_texts_of_one_language_stand_in_both_and_are_told() -> None:
    german = '<Question><TranslatedText xml:lang="de">Gewicht</TranslatedText></Question>'
    made = _item(german)
    assert items_of(made)[0]["label"] == {"nl": "Gewicht", "en": "Gewicht"}
    assert "1 texts have no Dutch; de stands in its place" in told(made.notices.warnings)
    assert "1 texts in the language “de”" in told(made.notices.left_out)


def test_regional_languages_count_and_the_plain_one_first() -> None:
    content = (
        '<Question><TranslatedText xml:lang="en-US">Color</TranslatedText>'
        '<TranslatedText xml:lang="en">Colour</TranslatedText><TranslatedText xml:lang="nl-BE">Kleur</TranslatedText>'
        '<TranslatedText xml:lang="fr"> </TranslatedText></Question>'
        "<Description><TranslatedText>Of the eyes</TranslatedText></Description>"
    )
    item = items_of(_item(content))[0]
    assert item["label"] == {"nl": "Kleur", "en": "Colour"}
    assert item["hint"] == {"nl": "Of the eyes", "en": "Of the eyes"}


def test_a_description_without_a_question_is_the_label() -> None:
    item = items_of(_item("<Description><TranslatedText>Weight</TranslatedText></Description>"))[0]
    assert item["label"]["en"] == "Weight"
    assert "hint" not in item


def test_keys_come_from_oids_and_are_unique() -> None:
    oids = ["ItemDefs.OID.AGE", "I_AGE", "and", "1", "Lengte (cm)", "€"]
    definitions = "".join(f'<ItemDef OID="{oid}" Name="n" DataType="text"/>' for oid in oids)
    made = draft(one_form(definitions, *oids))
    assert [item["key"] for item in items_of(made)] == ["age", "age_2", "and_2", "x_1", "lengte_cm", "item"]


def test_units_are_taken_by_their_symbol() -> None:
    units = (
        '<BasicDefinitions><MeasurementUnit OID="MU.1" Name="KG"><Symbol><TranslatedText xml:lang="en">kg'
        '</TranslatedText></Symbol></MeasurementUnit><MeasurementUnit OID="MU.2" Name="LB"/></BasicDefinitions>'
    )
    one = '<MeasurementUnitRef MeasurementUnitOID="MU.1"/>'
    assert items_of(_item(one, data_type="float", before=units))[0]["unit"] == "kg"
    several = _item(
        one + '<MeasurementUnitRef MeasurementUnitOID="MU.2"/><MeasurementUnitRef MeasurementUnitOID="MU.3"/>',
        data_type="float",
        before=units,
    )
    assert "several units; kg is taken, not LB" in told(several.notices.left_out)
    assert "MeasurementUnitRef to MU.3: the file has no such unit" in told(several.notices.left_out)


@pytest.mark.parametrize(
    ("content", "more", "variable"),
    [
        ("", 'SDSVarName="AGE"', "AGE"),
        ('<Alias Context="SDTM" Name="BRTHDTC"/>', "", "BRTHDTC"),
        ('<Alias Context="CDASH" Name="BRTHDAT"/>', "", "BRTHDAT"),
        ('<Alias Context="Other" Name="x"/>', "", None),
    ],
)
def test_variables_are_taken_from_attribute_or_alias(content: str, more: str, variable: str | None) -> None:
    assert items_of(_item(content, more=more))[0].get("variable") == variable


def test_an_alias_is_kept_as_a_comment_and_told(tmp_path: Path) -> None:
    text = one_form('<ItemDef OID="I.a" Name="A" DataType="text"><Alias Context="Lab" Name="x1"/></ItemDef>', "I.a")
    report = imported(text, tmp_path)
    assert "Alias in the context “Lab”" in told(report.left_out)
    assert "# Alias Lab: x1" in (tmp_path / "study" / "forms" / "f_1.yaml").read_text("utf-8")


# --- code lists ------------------------------------------------------------------------------------------------------

_LISTED = '<CodeListRef CodeListOID="CL.1"/>'


def _list(content: str, before: str = "") -> str:
    return f'<CodeList OID="CL.1" Name="L" DataType="text">{before}{content}</CodeList>'


def test_code_lists_keep_their_order_and_labels() -> None:
    entries = (
        '<CodeListItem CodedValue="2" OrderNumber="2"><Decode><TranslatedText>Two</TranslatedText></Decode>'
        "</CodeListItem>"
        '<CodeListItem CodedValue="1" OrderNumber="1"/>'
    )
    made = _item(_LISTED, after=_list(entries))
    assert items_of(made)[0]["type"] == "choice"
    codes = [(entry["code"], entry["label"]["en"]) for entry in made.codelists[0]["items"]]
    assert codes == [("1", "1"), ("2", "Two")]


def test_codes_with_other_signs_get_new_ones() -> None:
    entries = "".join(
        f'<EnumeratedItem CodedValue="{code}"/>' for code in ("A B", "A-B", "A_B", "%", "é", "A B", "?", "!")
    )
    made = _item(_LISTED, after=_list(entries))
    assert [entry["code"] for entry in made.codelists[0]["items"]] == [
        "A_B",
        "A-B",
        "A_B_2",
        "pct",
        "e",
        "code",
        "code_2",
    ]
    assert "the code “A B” of CodeList CL.1 is written A_B" in told(made.notices.warnings)
    assert "the code “A B” stands twice" in told(made.notices.left_out)


def test_a_list_kept_elsewhere_makes_its_items_text() -> None:
    made = _item(_LISTED, after=_list('<ExternalCodeList Dictionary="MedDRA" Version="26"/>'))
    assert items_of(made)[0]["type"] == "text"
    assert "names the dictionary MedDRA 26" in told(made.notices.left_out)
    assert "names no codes" in told(_item(_LISTED, after=_list("")).notices.left_out)
    assert "CodeListRef to CL.1: the file has no such CodeList" in told(_item(_LISTED).notices.left_out)


# --- ranges ----------------------------------------------------------------------------------------------------------


def _range(comparator: str, *values: str, hard: str = "Hard", message: str = "") -> str:
    checks = "".join(f"<CheckValue>{value}</CheckValue>" for value in values)
    told_to = f"<ErrorMessage><TranslatedText>{message}</TranslatedText></ErrorMessage>" if message else ""
    comparing = f'Comparator="{comparator}"' if comparator else ""
    return f'<RangeCheck {comparing} SoftHard="{hard}">{checks}{told_to}</RangeCheck>'


def _bounds(content: str, data_type: str = "integer") -> tuple[dict[str, Any], list[str]]:
    made = _item(content, data_type=data_type)
    item = items_of(made)[0]
    bounds: dict[str, Any] = {key: item[key] for key in ("range", "soft_range") if key in item}
    return bounds, [check["fires_if"] for check in made.forms[0].get("checks", [])]


def test_bounds_are_ranges_hard_and_soft() -> None:
    content = _range("LE", "9") + _range("GE", "1") + _range("GT", "2", hard="Soft") + _range("LT", "8", hard="Soft")
    assert _bounds(content) == (
        {"range": {"min": Decimal(1), "max": Decimal(9)}, "soft_range": {"min": Decimal(3), "max": Decimal(7)}},
        [],
    )


@pytest.mark.parametrize(
    ("content", "data_type", "fires_if"),
    [
        (_range("GT", "0.5"), "float", "a <= 0.5"),
        (_range("GE", "1", message="No"), "integer", "a < 1"),
        (_range("GE", "-1,5") + _range("GE", "2"), "float", "a < 2"),
        (_range("GE", "5") + _range("LE", "3"), "integer", "a > 3"),
        (_range("EQ", "3"), "integer", "a != 3"),
        (_range("NE", "3"), "integer", "a = 3"),
        (_range("IN", "3", "4"), "integer", "not (a in (3, 4))"),
        (_range("NOTIN", "x", "y"), "text", "a in ('x', 'y')"),
        (_range("GE", "2020-01-01"), "date", "a < date('2020-01-01')"),
        (_range("EQ", "1"), "boolean", "a != true"),
    ],
)
def test_what_is_no_bound_is_an_edit_check(content: str, data_type: str, fires_if: str, tmp_path: Path) -> None:
    assert _bounds(content, data_type)[1] == [fires_if]
    imported(one_form(f'<ItemDef OID="I.a" Name="A" DataType="{data_type}">{content}</ItemDef>', "I.a"), tmp_path)


@pytest.mark.parametrize(
    ("content", "data_type"),
    [
        (_range("GE", "x"), "integer"),
        (_range("GE", "1e400"), "integer"),
        (_range("GE", "NaN"), "integer"),
        (_range("GE", "1" * 25, message="m"), "float"),
        (_range("", "1"), "integer"),
        (_range("GE", "1", "2"), "integer"),
        (_range("GE", "a"), "text"),
        (_range("EQ", "it's"), "text"),
        (_range("GE", "2020-02-31"), "date"),
        (_range("GE", "20200101"), "date"),
        (_range("EQ", "maybe"), "boolean"),
        (_range("IN", "1"), "boolean"),
        (_range("EQ", "10:00"), "time"),
        ('<RangeCheck SoftHard="Hard"/>', "integer"),
        (
            '<RangeCheck SoftHard="Soft"><FormalExpression Context="SAS">a gt 1</FormalExpression></RangeCheck>',
            "integer",
        ),
    ],
)
def test_a_range_that_cannot_be_said_is_told(content: str, data_type: str) -> None:
    made = _item(content, data_type=data_type)
    assert _bounds(content, data_type) == ({}, [])
    assert "a RangeCheck of a: " in told(made.notices.left_out)


def test_ranges_of_a_choice_go_by_our_codes() -> None:
    after = _list('<EnumeratedItem CodedValue="A B"/><EnumeratedItem CodedValue="C"/>')
    made = _item(_LISTED + _range("NE", "A B") + _range("NE", "Z"), after=after)
    assert [check["fires_if"] for check in made.forms[0]["checks"]] == ["a = 'A_B'"]


# --- conditions and methods ------------------------------------------------------------------------------------------

_TWO = '<ItemDef OID="I.a" Name="A" DataType="boolean"/><ItemDef OID="I.b" Name="B" DataType="{}"/>'
_GROUP = (
    '<FormDef OID="F.1" Name="F" Repeating="No"><ItemGroupRef ItemGroupOID="IG.1" Mandatory="Yes" {}/></FormDef>'
    '<ItemGroupDef OID="IG.1" Name="G" Repeating="No"><ItemRef ItemOID="I.a" Mandatory="Yes"/>'
    '<ItemRef ItemOID="I.b" Mandatory="Yes" {}/></ItemGroupDef>'
)
_WHEN = 'CollectionExceptionConditionOID="C.1"'


def _condition(expression: str, context: str = "OpenEDC") -> str:
    return (
        '<ConditionDef OID="C.1" Name="C"><Description><TranslatedText>In words</TranslatedText></Description>'
        f'<FormalExpression Context="{context}">{expression}</FormalExpression></ConditionDef>'
    )


def _method(expression: str, context: str = "OpenEDC") -> str:
    return (
        '<MethodDef OID="M.1" Name="M" Type="Computation"><Description/>'
        f'<FormalExpression Context="{context}">{expression}</FormalExpression></MethodDef>'
    )


def test_a_condition_that_is_understood_becomes_ask_if() -> None:
    made = draft(metadata(_GROUP.format("", _WHEN) + _TWO.format("date") + _condition("!(I.a == 1)")))
    second = items_of(made)[1]
    assert second["ask_if"] == "a = true"
    assert "required" not in second


def test_a_condition_of_a_group_holds_for_its_items() -> None:
    own = "urn:trialmgr:study-definition:1"
    text = metadata(_GROUP.format(_WHEN, _WHEN) + _TWO.format("date") + _condition("1 = 2", own))
    assert [item["ask_if"] for item in items_of(draft(text))] == ["not (1 = 2)", "(not (1 = 2)) and (not (1 = 2))"]


@pytest.mark.parametrize("condition", [_condition("a EQ b", "SAS"), _condition("!(Z == 1)"), ""])
def test_what_stood_under_a_lost_condition_is_not_required(condition: str) -> None:
    made = draft(metadata(_GROUP.format("", _WHEN) + _TWO.format("date") + condition))
    second = items_of(made)[1]
    assert second["required"] is False
    assert "ask_if" not in second
    assert "the condition C.1" in told(made.notices.left_out)


def test_a_condition_in_words_only_is_told_in_words() -> None:
    words = "<Description><TranslatedText>When ill</TranslatedText></Description>"
    only_words = f'<ConditionDef OID="C.1" Name="C">{words}</ConditionDef>'
    made = draft(metadata(_GROUP.format("", _WHEN) + _TWO.format("date") + only_words))
    assert "the condition C.1 of I.b: When ill" in told(made.notices.left_out)


@pytest.mark.parametrize(
    ("data_type", "expression", "context", "derive"),
    [
        ("integer", "I.a + 1", "OpenEDC", "if(a, 1, 0) + 1"),
        ("date", "I.a + 1", "OpenEDC", None),
        ("integer", "lag(I.a)", "OpenEDC", None),
        ("integer", "I.a", "Python", None),
        ("integer", "if(a, 1, 0)", "urn:trialmgr:study-definition:1", "if(a, 1, 0)"),
    ],
)
def test_methods(data_type: str, expression: str, context: str, derive: str | None) -> None:
    text = metadata(_GROUP.format("", 'MethodOID="M.1"') + _TWO.format(data_type) + _method(expression, context))
    made = draft(text)
    assert items_of(made)[1].get("derive") == derive
    assert ("the method M.1" in told(made.notices.left_out)) is (derive is None)


def test_a_method_that_is_not_there_is_told() -> None:
    made = draft(metadata(_GROUP.format("", 'MethodOID="M.9"') + _TWO.format("integer")))
    assert "the method M.9 is not in the file" in told(made.notices.left_out)


def test_openedc_names_items_by_group_and_item() -> None:
    group = _GROUP.format("", _WHEN).replace('"IG.1"', '"G.Q"').replace('"I.a"', '"G.1-x"')
    items = _TWO.format("date").replace('"I.a"', '"G.1-x"')
    made = draft(metadata(group + items + _condition('!(G.Q-G.1-x == "1" || G.1-x == "1")')))
    assert items_of(made)[1]["ask_if"] == "g_1_x = true or g_1_x = true"


# --- vendors ---------------------------------------------------------------------------------------------------------


def test_attributes_of_redcap_are_used() -> None:
    space = 'xmlns:redcap="https://projectredcap.org"'
    items = (
        '<ItemDef OID="age" Name="age" DataType="integer" redcap:Variable="age" redcap:RequiredField="y"/>'
        '<ItemDef OID="b" Name="b" DataType="text" redcap:BranchingLogic="[age] &gt;= 18" redcap:FieldNote="Adults"/>'
        '<ItemDef OID="c" Name="c" DataType="text" redcap:BranchingLogic="[nowhere] = 1"/>'
        '<ItemDef OID="d" Name="d" DataType="text" redcap:Calculation="sum([age],1)" redcap:FieldType="calc"/>'
        '<ItemDef OID="e" Name="e" DataType="text" redcap:Calculation="sqrt([age])"/>'
    )
    made = draft(one_form(items, "age", "b", "c", "d", "e", mandatory="No", attributes=space))
    age, b, c, d, e = items_of(made)
    assert "required" not in age
    assert (b["ask_if"], b["hint"]["en"]) == ("age >= 18", "Adults")
    assert ("ask_if" in c, c["required"]) == (False, False)
    assert (d["type"], d["derive"]) == ("decimal", "(age + 1)")
    assert "derive" not in e
    left_out = told(made.notices.left_out)
    assert "@redcap:FieldType of another system" in left_out
    assert "BranchingLogic of another" not in left_out
    assert "sum() passed over blank answers" in told(made.notices.warnings)


def test_lists_of_openclinica_of_which_several_may_be_chosen() -> None:
    space = 'xmlns:OpenClinica="http://www.openclinica.org/ns/odm_ext_v130/v3.1"'
    item = (
        '<ItemDef OID="I_X_SIDE" Name="side" DataType="text">'
        '<OpenClinica:MultiSelectListRef MultiSelectListID="MSL_1"/></ItemDef>'
        '<OpenClinica:MultiSelectList ID="MSL_1" Name="side" DataType="text">'
        '<OpenClinica:Other/><OpenClinica:MultiSelectListItem OpenClinica:CodedOptionValue="1"><Decode>'
        "<TranslatedText>Left</TranslatedText></Decode><Alias/></OpenClinica:MultiSelectListItem></OpenClinica:MultiSelectList>"
    )
    made = draft(one_form(item, "I_X_SIDE", attributes=space))
    assert items_of(made)[0]["type"] == "multi_choice"
    assert made.codelists[0]["items"] == [{"code": "1", "label": {"nl": "Left", "en": "Left"}}]


def test_the_version_may_stand_without_a_name() -> None:
    made = draft(odm('<MetaDataVersion OID="v7"><ItemDef OID="x" DataType="text"/></MetaDataVersion>'))
    assert made.study["version"] == "v7"
    assert items_of(made)[0]["label"]["en"] == "x"
