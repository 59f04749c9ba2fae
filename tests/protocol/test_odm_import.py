"""ODM files of other systems become study folders that ``study check`` passes; nothing is dropped in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.protocol.odm_files import SHIPPED, draft, imported, items_of, metadata, odm, one_form, told
from trialmgr.protocol.check import check_study
from trialmgr.protocol.exchange.drafts import REPORT_FILE, ImportRefused, ImportReport
from trialmgr.protocol.exchange.imports import import_study
from trialmgr.protocol.exchange.odm.source import read_source

FILES = sorted(path.name for path in SHIPPED.glob("*.xml"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, ImportReport]]:
    """Each file, imported once: its folder and its report."""
    folders = {name: tmp_path_factory.mktemp("import") / "study" for name in FILES}
    return {name: (folder, import_study(SHIPPED / name, folder)) for name, folder in folders.items()}


Made = dict[str, tuple[Path, ImportReport]]


@pytest.mark.parametrize("name", FILES)
def test_the_files_of_others_become_sound_studies(name: str, made: Made) -> None:
    folder, report = made[name]
    found = check_study(folder)
    assert found.is_sound
    assert report.check.definition == found.definition
    assert (folder / REPORT_FILE).read_text("utf-8") == "\n".join(report.lines()) + "\n"


def test_the_same_file_gives_the_same_study(made: Made, tmp_path: Path) -> None:
    name = "openedc_example_metadata.xml"
    again = import_study(SHIPPED / name, tmp_path / "again")
    assert again.check.definition.sha256 == made[name][1].check.definition.sha256


def test_every_order_error_is_named_and_read(made: Made) -> None:
    report = made["openedc_example_clinicaldata.xml"][1]
    named = [notice for notice in report.warnings if "the schema wants it before" in notice.message]
    assert len(named) == 90
    assert len({notice.line for notice in named}) == 90
    assert str(named[0]) == (
        "line 57: AuditRecord stands after StudyEventData in SubjectData 01; the schema wants it before"
    )


def test_a_file_with_data_only_gives_the_shape_of_its_data(made: Made) -> None:
    report = made["openedc_example_clinicaldata.xml"][1]
    study = report.check.definition
    types = {item.key: item.type.value for form in study.forms for item in form.items}
    assert (types["age"], types["weight"], types["gender"]) == ("integer", "decimal", "text")
    assert "1684 ItemData" in told(report.left_out)
    assert "clinical data only" in told(report.warnings)


def test_openedc_metadata_keep_their_conditions_and_methods(made: Made) -> None:
    folder, report = made["openedc_example_metadata.xml"]
    study = report.check.definition
    form = study.form("f_1")
    assert form.item("weekspregnant").ask_if == "pregnant = true"
    assert form.item("bmi").derive == "weight / (height * height)"
    assert form.item("age").range is not None
    assert form.item("weight").unit == "kg"
    written = (folder / "forms" / "f_1.yaml").read_text("utf-8")
    assert '# Not collected when (ConditionDef C.2): !(Gender == "Female") [OpenEDC]' in written


def test_conditions_of_an_unknown_language_are_comments_and_told(made: Made) -> None:
    folder, report = made["sas_cst_odm132_sample_full.xml"]
    assert "the condition ConditionDefs.OID.sample" in told(report.left_out)
    assert "If condition" in (folder / "forms" / "dm.yaml").read_text("utf-8")
    assert "ArchiveLayout: 4 times" in told(report.left_out)
    assert "SignatureDef elements" in told(report.left_out)
    assert not any(item.required for item in report.check.definition.form("dm").items)


def test_a_library_without_events_gets_a_visit_for_its_forms(made: Made) -> None:
    report = made["odmlib_cdash_library.xml"][1]
    assert {visit.key for visit in report.check.definition.visits} == {"eligibility", "log", "unplaced"}
    assert "stands in no form" in told(report.left_out)
    item = next(i for form in report.check.definition.forms for i in form.items if i.variable == "AETERM")
    assert item.hint is not None


def test_the_shape_of_data_widens_with_every_value() -> None:
    def form(oid: str, *values: str) -> str:
        items = "".join(f'<ItemData ItemOID="I.{n}" Value="{value}"/>' for n, value in enumerate(values))
        typed = '<ItemDataDate ItemOID="I.d">2020-01-02</ItemDataDate>'
        return f'<FormData FormOID="{oid}"><ItemGroupData ItemGroupOID="G">{items}{typed}</ItemGroupData></FormData>'

    def subject(*forms: str) -> str:
        event = f'<StudyEventData StudyEventOID="E">{"".join(forms)}</StudyEventData>'
        return f'<SubjectData SubjectKey="1">{event}</SubjectData>'

    data = subject(form("A", "1", "", "2020", "x" * 300), form("A", "1", "2.5", "2020-02-03", "10:00")) + subject(
        form("B", "1", "a", "2021-01", "y")
    )
    around = f'<ClinicalData StudyOID="S">{data}</ClinicalData>'
    text = f'<ODM xmlns="http://www.cdisc.org/ns/odm/v1.3" ODMVersion="1.3.2">{around}</ODM>'
    made = draft(text)
    assert [item["type"] for item in items_of(made)] == ["integer", "long_text", "partial_date", "text", "date"]
    assert "repeats" in made.forms[0]["sections"][0]
    assert items_of(made)[3]["max_length"] >= 300


# --- versions --------------------------------------------------------------------------------------------------------

_FORM = '<FormDef OID="F.{0}" Name="{0}" Repeating="No"><ItemGroupRef ItemGroupOID="G" Mandatory="No"/></FormDef>'
_REST = (
    '<ItemGroupDef OID="G" Name="G" Repeating="No"><ItemRef ItemOID="I" Mandatory="No"/></ItemGroupDef>'
    '<ItemDef OID="I" Name="I" DataType="integer"/>'
)


def _version(oid: str, content: str) -> str:
    return f'<MetaDataVersion OID="{oid}" Name="{oid}">{content}</MetaDataVersion>'


def test_of_several_versions_the_last_is_read() -> None:
    made = draft(odm(_version("1", _FORM.format("old") + _REST) + _version("2", _FORM.format("new") + _REST)))
    assert [form["key"] for form in made.forms] == ["new", "eligibility"]
    assert "MetaDataVersion 1: an older version; 2 is read" in told(made.notices.left_out)


def test_a_version_with_a_later_date_at_a_site_is_the_newest() -> None:
    ref = '<MetaDataVersionRef StudyOID="S.1" MetaDataVersionOID="{}" EffectiveDate="{}"/>'
    places = f'<Location OID="L.1" Name="Here">{ref.format(1, "2024-02-01")}{ref.format(2, "2023-02-01")}</Location>'
    text = odm(
        _version("1", _FORM.format("late") + _REST) + _version("2", _FORM.format("early") + _REST),
        around=f"<AdminData>{places}</AdminData>",
    )
    made = draft(text)
    assert made.forms[0]["key"] == "late"
    assert made.study["valid_from"] == "2024-02-01"
    assert made.study["sites"] == [{"code": "SITE1", "name": "Here", "confirm_with_protocol": True}]


def test_an_empty_newer_version_is_passed_over() -> None:
    made = draft(odm(_version("1", _FORM.format("full") + _REST) + _version("2", "")))
    assert made.forms[0]["key"] == "full"
    assert "MetaDataVersion 2: an empty version" in told(made.notices.left_out)


def test_what_a_version_includes_holds_where_it_says_nothing() -> None:
    older = "<Protocol/>" + _FORM.format("a") + _REST
    newer = '<Include StudyOID="S.1" MetaDataVersionOID="1"/><ItemDef OID="I" Name="I" DataType="date"/>'
    made = draft(odm(_version("1", older) + _version("2", newer)))
    assert items_of(made)[0]["type"] == "date"
    assert "is included" in told(made.notices.warnings)


@pytest.mark.parametrize("oid", ["elsewhere", "2"])
def test_an_include_that_leads_nowhere_or_in_a_circle_is_told(oid: str) -> None:
    newer = f'<Include StudyOID="S.1" MetaDataVersionOID="{oid}"/>' + _FORM.format("b") + _REST
    made = draft(odm(_version("2", newer)))
    assert f"Include of {oid}" in told(made.notices.left_out)


def test_one_study_is_imported_at_a_time() -> None:
    second = odm(_version("1", _FORM.format("x") + _REST)).replace(
        "</Study>", '</Study><Study OID="S.2"><GlobalVariables/></Study>'
    )
    assert "Study S.2: one study" in told(draft(second).notices.left_out)


# --- visits and forms ------------------------------------------------------------------------------------------------

_EVENT = (
    '<StudyEventDef OID="SE.{0}" Name="{0}" Repeating="{1}" Type="{2}">'
    '<FormRef FormOID="F.1" Mandatory="{3}" OrderNumber="1"/></StudyEventDef>'
)


def _visits(*events: str, form_repeats: str = "No", protocol: str = "", group_repeats: str = "No") -> str:
    group = '<ItemGroupRef ItemGroupOID="G" Mandatory="No"/>'
    form = f'<FormDef OID="F.1" Name="F" Repeating="{form_repeats}">{group}</FormDef>'
    rest = _REST.replace('Name="G" Repeating="No"', f'Name="G" Repeating="{group_repeats}"')
    return metadata(protocol + "".join(events) + form + rest)


def _kinds(text: str) -> dict[str, str]:
    return {visit["key"]: visit.get("kind", "scheduled") for visit in draft(text).study["visits"]}


def test_events_become_visits_of_their_kind() -> None:
    kinds = _kinds(
        _visits(
            _EVENT.format("base", "No", "Scheduled", "Yes"),
            _EVENT.format("again", "Yes", "Scheduled", "Yes"),
            _EVENT.format("extra", "Yes", "Unscheduled", "No"),
            _EVENT.format("ae", "Yes", "Common", "No"),
            _EVENT.format("notes", "No", "Common", "No"),
        )
    )
    assert kinds == {
        "eligibility": "scheduled",
        "base": "scheduled",
        "again": "unscheduled",
        "extra": "unscheduled",
        "ae": "unscheduled",
        "notes": "log",
    }


def test_the_order_of_protocol_holds_and_others_come_last() -> None:
    protocol = (
        '<Protocol><StudyEventRef StudyEventOID="SE.b" OrderNumber="2" Mandatory="Yes"/>'
        '<StudyEventRef StudyEventOID="SE.a" OrderNumber="1" Mandatory="Yes" CollectionExceptionConditionOID="C"/>'
        '<StudyEventRef StudyEventOID="SE.zz" OrderNumber="3" Mandatory="Yes"/></Protocol>'
    )
    events = [_EVENT.format(name, "No", "Scheduled", "Yes") for name in ("c", "b", "a")]
    made = draft(_visits(*events, protocol=protocol))
    assert [visit["key"] for visit in made.study["visits"]] == ["eligibility", "a", "b", "c"]
    assert "SE.c “c” is not named in Protocol" in told(made.notices.warnings)
    assert "StudyEventRef to SE.zz: the file has no such StudyEventDef" in told(made.notices.left_out)
    assert "the condition C of a whole visit" in told(made.notices.left_out)


def test_a_repeating_form_of_a_log_has_many_rows() -> None:
    made = draft(_visits(_EVENT.format("ae", "No", "Common", "No"), form_repeats="Yes", group_repeats="Yes"))
    assert made.forms[0]["repeating"] is True
    assert "repeats" not in made.forms[0]["sections"][0]
    assert "repeats inside a form that repeats" in told(made.notices.warnings)


def test_a_repeating_form_of_another_visit_gets_rows(tmp_path: Path) -> None:
    text = _visits(_EVENT.format("base", "No", "Scheduled", "Yes"), form_repeats="Yes")
    study = imported(text, tmp_path).check.definition
    assert any(form.groups for form in study.forms)


def test_a_repeating_form_without_a_visit_stands_in_a_log() -> None:
    made = draft(_visits(form_repeats="Yes"))
    assert [visit.get("kind") for visit in made.study["visits"]] == [None, "log"]


def test_a_repeating_group_gets_rows(tmp_path: Path) -> None:
    study = imported(
        _visits(_EVENT.format("b", "No", "Scheduled", "No"), group_repeats="Yes"), tmp_path
    ).check.definition
    assert any(form.groups for form in study.forms)


def test_a_form_under_a_condition_need_not_be_complete() -> None:
    event = _EVENT.format("b", "No", "Scheduled", "Yes").replace(
        'OrderNumber="1"', 'CollectionExceptionConditionOID="C"'
    )
    made = draft(_visits(event))
    assert made.study["visits"][1]["required_forms"] == []
    assert "the condition C of a whole form" in told(made.notices.left_out)


def test_references_that_lead_nowhere_or_stand_twice_are_told() -> None:
    text = one_form('<ItemDef OID="I.a" Name="A" DataType="text"/>', "I.a", "I.a", "I.b")
    made = draft(text)
    assert [item["key"] for item in items_of(made)] == ["a"]
    assert "ItemRef to I.a stands twice in IG.1" in told(made.notices.left_out)
    assert "ItemRef to I.b: the file has no such ItemDef" in told(made.notices.left_out)


def test_a_second_definition_of_one_oid_is_told() -> None:
    twice = '<ItemDef OID="I.a" Name="A" DataType="date"/><ItemDef OID="I.a" Name="A" DataType="time"/>'
    made = draft(one_form(twice, "I.a"))
    assert items_of(made)[0]["type"] == "date"
    assert "is defined a second time" in told(made.notices.left_out)


def test_empty_forms_and_groups_are_left_out_and_told() -> None:
    event = (
        '<StudyEventDef OID="SE.1" Name="x" Repeating="No" Type="Scheduled"><FormRef FormOID="F.0" Mandatory="Yes"/>'
        '<FormRef FormOID="F.1" Mandatory="Yes"/></StudyEventDef>'
    )
    empty = (
        '<FormDef OID="F.0" Name="Nothing" Repeating="No"><ItemGroupRef ItemGroupOID="E" Mandatory="No"/></FormDef>'
        '<ItemGroupDef OID="E" Name="Empty" Repeating="No"/>'
    )
    made = draft(metadata(event + empty + _FORM.format("1") + _REST))
    assert made.study["visits"][1]["forms"] == [made.forms[0]["key"]]
    assert "ItemGroupDef E “Empty” of f_0 has no items" in told(made.notices.left_out)
    assert "FormDef F.0 “Nothing” has no items; the form is left out" in told(made.notices.left_out)


def test_forms_that_no_event_holds_get_a_visit() -> None:
    made = draft(
        metadata(_EVENT.format("b", "No", "Scheduled", "Yes") + _FORM.format("1") + _FORM.format("other") + _REST)
    )
    assert made.study["visits"][-1]["forms"] == ["other"]
    assert "1 forms stand in no visit" in told(made.notices.warnings)


def test_groups_without_forms_are_forms() -> None:
    made = draft(metadata(_REST))
    assert [form["key"] for form in made.forms] == ["g", "eligibility"]


def test_items_without_groups_are_one_form(tmp_path: Path) -> None:
    report = imported(metadata('<ItemDef OID="I.a" Name="A" DataType="boolean"/>'), tmp_path)
    assert report.check.definition.form("items").item("a").type.value == "yes_no"
    assert "stands in no form" not in told(report.left_out)


def test_groups_of_several_domains_are_told() -> None:
    form = (
        '<FormDef OID="F" Name="F" Repeating="No"><ItemGroupRef ItemGroupOID="A" Mandatory="No"/>'
        '<ItemGroupRef ItemGroupOID="B" Mandatory="No"/></FormDef>'
    )
    group = '<ItemGroupDef OID="{0}" Name="{0}" Repeating="No" Domain="{1}"><ItemRef ItemOID="I{0}"/></ItemGroupDef>'
    items = '<ItemDef OID="IA" Name="A" DataType="text"/><ItemDef OID="IB" Name="B" DataType="text"/>'
    made = draft(metadata(form + group.format("A", "VS") + group.format("B", "DM") + items))
    assert "domain" not in made.forms[0]
    assert "holds several domains (DM, VS)" in told(made.notices.left_out)
    alike = draft(metadata(form + group.format("A", "VS") + group.format("B", "VS") + items))
    assert alike.forms[0]["domain"] == "VS"


def test_sponsor_and_names_are_taken_from_the_file() -> None:
    around = (
        '<AdminData><User OID="U"/><Location OID="LOC.AMS" Name="Amsterdam" LocationType="Site"/>'
        '<Location OID="X" Name="X" LocationType="Site"/><Location OID="SP" Name="Sponsor" LocationType="Sponsor"/>'
        "</AdminData><Association/>"
    )
    names = "<GlobalVariables><StudyName>Short</StudyName><ProtocolName>P-1 2</ProtocolName></GlobalVariables>"
    text = metadata(_REST, around=around, attributes='CreationDateTime="2024-05-06T00:00:00"')
    made = draft(text.replace("<GlobalVariables><StudyName>Study</StudyName></GlobalVariables>", names))
    assert [site["code"] for site in made.study["sites"]] == ["AMS", "SITEX"]
    assert (made.study["sponsor"], made.study["id"]) == ("Sponsor", "p_1_2")
    assert (made.study["registration"], made.study["valid_from"]) == ("P-1 2", "2024-05-06")
    assert "1 User elements" in told(made.notices.left_out)
    assert "Association elements" in told(made.notices.left_out)


def test_what_other_systems_add_is_counted_and_told() -> None:
    text = one_form(
        '<ItemDef OID="I.a" Name="A" DataType="text" v:Extra="1" Origin="CRF"><v:More/></ItemDef>',
        "I.a",
        attributes='xmlns:v="urn:v" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="x y"',
    )
    left_out = told(draft(text).notices.left_out)
    assert "@v:Extra of another system: 1 times" in left_out
    assert "v:More of another system: 1 times" in left_out
    assert "ItemDef/@Origin" in left_out
    assert "schemaLocation" not in left_out


# --- refusals --------------------------------------------------------------------------------------------------------

_HEAD = '<?xml version="1.0" encoding="{}"?>\n<ODM xmlns="http://www.cdisc.org/ns/odm/v1.3" ODMVersion="1.3.2">'
_BOMB = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "is empty"),
        ("<html/>", "line 1: the root is html, not the ODM of CDISC ODM 1.3"),
        ('<ODM xmlns="urn:other"/>', "the root is ODM, not the ODM"),
        ('<ODM xmlns="http://www.cdisc.org/ns/odm/v2.0"/>', "this is ODM 2.0; export the study as ODM 1.3.2"),
        ('<ODM xmlns="http://www.cdisc.org/ns/odm/v1.3" ODMVersion="2.0"/>', "this is ODM 2.0"),
        (f"{_BOMB}<ODM>&b;</ODM>", "the file has a DOCTYPE"),
        ('<!DOCTYPE ODM SYSTEM "file:///etc/hostname"><ODM/>', "the file has a DOCTYPE"),
        (_HEAD.format("UTF-8"), "the XML stops too early"),
        (_HEAD.format("UTF-8") + "<Study>", "the XML stops too early"),
        (_HEAD.format("UTF-8") + "<Study></ODM>", "line 2: the XML cannot be read (mismatched tag)"),
        (_HEAD.format("UTF-8") + "<Study a=<", "the XML cannot be read"),
        (_HEAD.format("KLINGON") + "</ODM>", "names an encoding that is not known"),
        (_HEAD.format("UTF-8").encode() + "é".encode("latin-1") + b"</ODM>", "save the file as UTF-8"),
        (_HEAD.format("UTF-8") + "<a>" * 100 + "</a>" * 100 + "</ODM>", "nested too deep"),
        (_HEAD.format("UTF-8") + "</ODM>", "the file has no metadata"),
        (b"PK\x03\x04rest", "is an archive or a workbook"),
    ],
)
def test_what_is_no_odm_is_refused_in_one_line(content: str | bytes, reason: str, tmp_path: Path) -> None:
    with pytest.raises(ImportRefused) as refused:
        imported(content, tmp_path)
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "study").exists()


def test_a_very_large_file_is_refused_unread(tmp_path: Path) -> None:
    file = tmp_path / "large.xml"
    with file.open("wb") as handle:
        handle.write(b"<ODM>")
        handle.truncate(100_000_000)
    with pytest.raises(ImportRefused, match="larger than 64 MB"):
        import_study(file, tmp_path / "study")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImportRefused, match="cannot be read"):
        read_source(tmp_path / "absent.xml")
    with pytest.raises(ImportRefused, match="cannot be read"):
        import_study(tmp_path / "absent.xml", tmp_path / "study")


@pytest.mark.parametrize("encoding", ["utf-16", "windows-1252", "utf-8"])
def test_other_encodings_are_read(encoding: str, tmp_path: Path) -> None:
    text = one_form('<ItemDef OID="I.a" Name="Ménière" DataType="text"/>', "I.a")
    content = f'<?xml version="1.0" encoding="{encoding}"?>{text}'.encode(encoding)
    assert imported(content, tmp_path).check.definition.forms[1].items[0].label.en == "Ménière"


def test_a_root_without_a_namespace_is_read_with_a_warning() -> None:
    text = one_form('<ItemDef OID="I.a" Name="A" DataType="text"/>', "I.a")
    made = draft(text.replace(' xmlns="http://www.cdisc.org/ns/odm/v1.3"', ""))
    assert "the root stands in no namespace" in told(made.notices.warnings)
