"""What changes between two versions of a study, in words of both languages."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sizes import size
from trialmgr.protocol.differences import Change, Kind, differences, forbidden
from trialmgr.protocol.lineage import with_dropped_parts
from trialmgr.protocol.model import StudyDefinition

Document = dict[str, Any]


def changed(study: StudyDefinition, edit: Callable[[Document], object]) -> StudyDefinition:
    document: Document = json.loads(study.canonical_json())
    edit(document)
    return StudyDefinition.from_json(document)


def one(study: StudyDefinition, edit: Callable[[Document], object]) -> Change:
    """The only change that an edit makes."""
    (change,) = differences(study, changed(study, edit))
    return change


def keyed(parts: list[Document], key: str, name: str = "key") -> Document:
    return next(part for part in parts if part[name] == key)


def form(document: Document, key: str) -> Document:
    return keyed(document["forms"], key)


def item(document: Document, form_key: str, key: str) -> Document:
    return next(
        item for section in form(document, form_key)["sections"] for item in section["items"] if item["key"] == key
    )


def said(change: Change) -> tuple[str, str]:
    return change.text("en"), change.text("nl")


NEW = {"key": "height", "type": "integer", "unit": "cm", "label": {"nl": "Lengte", "en": "Height"}}


def test_a_study_does_not_differ_from_itself(reset_trd: StudyDefinition) -> None:
    assert differences(reset_trd, changed(reset_trd, lambda document: None)) == ()


def test_examples_make_no_difference(reset_trd: StudyDefinition) -> None:
    def edit(document: Document) -> None:
        form(document, "vital_signs")["checks"][0]["examples"] = []
        item(document, "madrs", "madrs_total")["examples"] = []

    assert differences(reset_trd, changed(reset_trd, edit)) == ()


def test_a_new_item_is_named_with_its_form(reset_trd: StudyDefinition) -> None:
    change = one(reset_trd, lambda document: form(document, "demographics")["sections"][0]["items"].append(NEW))
    assert said(change) == (
        "Form demographics: Item height “Height” is new.",
        "Formulier demographics: Item height “Lengte” is nieuw.",
    )
    assert (change.kind, change.form, change.item, change.place) == (
        Kind.ADDED,
        "demographics",
        "height",
        "forms.demographics.height",
    )


def test_a_dropped_item_is_named(reset_trd: StudyDefinition) -> None:
    change = one(reset_trd, lambda document: form(document, "vital_signs")["sections"][0]["items"].pop())
    assert said(change)[0] == "Form vital_signs: Item weight_kg “Weight” is no longer there."
    assert change.kind is Kind.REMOVED


@pytest.mark.parametrize(
    ("field", "value", "english", "dutch"),
    [
        ("range", {"min": "50", "max": None}, "the range changes from 40–300 to 50–…", "het toegestane bereik"),
        ("required", False, "required changes from yes to no", "verplicht verandert van ja in nee"),
        ("hint", {"nl": "Liggend.", "en": "Lying."}, "the hint changes from nothing to “Lying.”", "van niets in"),
        ("variable", "X", "variable changes from “SYSBP” to “X”", "variable verandert van “SYSBP” in “X”"),
    ],
)
def test_a_changed_field_is_told_with_both_values(
    reset_trd: StudyDefinition, field: str, value: Any, english: str, dutch: str
) -> None:
    change = one(reset_trd, lambda document: item(document, "vital_signs", "systolic").update({field: value}))
    assert english in change.text("en")
    assert dutch in change.text("nl")
    assert (change.field, change.forbidden) == (field, False)


def test_the_plan_of_a_site_is_told_and_the_flow_only_to_the_unblinded(reset_trd: StudyDefinition) -> None:
    plan = one(reset_trd, lambda document: keyed(document["sites"], "LUMC", "code").update(target=40))
    assert said(plan) == (
        "Site LUMC: the target changes from nothing to “40”.",
        "Centrum LUMC: het streefaantal verandert van niets in “40”.",
    )
    flow = one(reset_trd, lambda document: document["flow"].update(received=[]))
    assert (plan.reveals, flow.reveals, flow.field) == (False, True, "flow")


def test_a_long_text_is_shortened(reset_trd: StudyDefinition) -> None:
    long = {"nl": "z" * 400, "en": "z" * 400}
    change = one(reset_trd, lambda document: item(document, "vital_signs", "systolic").update(hint=long))
    assert change.text("en").endswith("z…”.")
    assert len(change.text("en")) < 300


@pytest.mark.parametrize(
    ("edit", "why"),
    [
        (lambda d: item(d, "vital_signs", "pulse").update(type="text"), "give the item a new key"),
        (lambda d: item(d, "vital_signs", "weight_kg").update(unit="lb"), "give the item a new key"),
        (lambda d: form(d, "vital_signs").update(repeating=True), "a form of one row does not become one of many"),
        (lambda d: keyed(d["visits"], "session_ect").update(repeat=None), "the visits would be called differently"),
        (
            lambda d: keyed(keyed(d["codelists"], "sex")["items"], "f", "code").update(
                label={"nl": "Man", "en": "Male"}
            ),
            "a code keeps its meaning",
        ),
        (lambda d: d.update(id="other"), "an installation runs one study"),
    ],
)
def test_what_is_for_life_is_forbidden(
    reset_trd: StudyDefinition, edit: Callable[[Document], object], why: str
) -> None:
    refused = forbidden(differences(reset_trd, changed(reset_trd, edit)))
    assert any(f"Not allowed: {why}" in change.text("en") for change in refused)
    assert all("Niet toegestaan: " in change.text("nl") for change in refused)


def test_an_item_does_not_move_into_rows(reset_trd: StudyDefinition) -> None:
    rows = {"min": 0, "max": 3, "row": {"nl": "Meting", "en": "Measurement"}}
    edited = changed(reset_trd, lambda document: form(document, "vital_signs")["sections"][0].update(repeats=rows))
    refused = forbidden(differences(reset_trd, edited))
    assert {change.item for change in refused} == {item.key for item in reset_trd.form("vital_signs").items}


def test_another_code_list_may_not_turn_a_code_round(reset_trd: StudyDefinition) -> None:
    def edit(document: Document) -> None:
        labels = [{"code": "f", "label": {"nl": "Man", "en": "Male"}}, {"code": "q", "label": {"nl": "Q", "en": "Q"}}]
        document["codelists"].append({"key": "turned", "items": labels})
        item(document, "demographics", "sex")["codelist"] = "turned"

    (change,) = forbidden(differences(reset_trd, changed(reset_trd, edit)))
    assert (change.item, change.field) == ("sex", "codelist")


def test_another_code_list_with_the_same_meanings_is_allowed(reset_trd: StudyDefinition) -> None:
    def edit(document: Document) -> None:
        document["codelists"].append(keyed(document["codelists"], "sex") | {"key": "sexes"})
        item(document, "demographics", "sex")["codelist"] = "sexes"

    changes = differences(reset_trd, changed(reset_trd, edit))
    assert forbidden(changes) == ()
    assert {change.part for change in changes} == {"codelist", "item"}


def test_a_correction_of_spelling_leaves_the_meaning(reset_trd: StudyDefinition) -> None:
    label = {"nl": "vrouw", "en": "Female person"}
    change = one(
        reset_trd,
        lambda document: keyed(keyed(document["codelists"], "sex")["items"], "f", "code").update(label=label),
    )
    assert not change.forbidden
    assert (
        said(change)[0] == "Code list sex: Code f “Female person”: the text changes from “Female” to “Female person”."
    )


def test_codes_come_go_and_change_places(reset_trd: StudyDefinition) -> None:
    def edit(document: Document) -> None:
        items = keyed(document["codelists"], "sex")["items"]
        items.reverse()
        items.append({"code": "new", "label": {"nl": "Nieuw", "en": "New"}})

    english = [change.text("en") for change in differences(reset_trd, changed(reset_trd, edit))]
    assert english == ["Code list sex: Code new “New” is new.", "Code list sex: the order changes."]


def test_the_order_of_questions_is_a_change_of_the_form(reset_trd: StudyDefinition) -> None:
    change = one(reset_trd, lambda document: form(document, "vital_signs")["sections"][0]["items"].reverse())
    assert said(change) == (
        "Form vital_signs “Vital signs”: the order changes.",
        "Formulier vital_signs “Vitale functies”: de volgorde verandert.",
    )


def test_checks_come_go_and_change(reset_trd: StudyDefinition) -> None:
    def edit(document: Document) -> None:
        (check,) = form(document, "vital_signs")["checks"]
        check["fires_if"] = "diastolic > systolic"
        form(document, "vital_signs")["checks"].append(check | {"key": "second"})

    changes = differences(reset_trd, changed(reset_trd, edit))
    assert [(change.kind, change.check) for change in changes] == [
        (Kind.CHANGED, "pressures_exchanged"),
        (Kind.ADDED, "second"),
    ]
    assert "the rule changes from “diastolic >= systolic” to “diastolic > systolic”" in changes[0].text("en")


def test_a_visit_that_changes_is_named_with_its_window(reset_trd: StudyDefinition) -> None:
    change = one(
        reset_trd, lambda document: keyed(document["visits"], "week_8").update(window={"before": 9, "after": 9})
    )
    assert (change.visit, change.field, change.reveals) == ("week_8", "window", False)
    assert "to before: “9”, after: “9”" in change.text("en")


def test_forms_and_visits_come_and_go(reset_trd: StudyDefinition) -> None:
    def edit(document: Document) -> None:
        document["forms"] = [form for form in document["forms"] if form["key"] != "hdrs17"]
        document["visits"] = [visit for visit in document["visits"] if visit["key"] != "week_8"]

    gone = {(change.part, change.place) for change in differences(reset_trd, changed(reset_trd, edit))}
    assert {("form", "forms.hdrs17"), ("visit", "visits.week_8")} <= gone


def test_sections_are_named(reset_trd: StudyDefinition) -> None:
    def edit(document: Document) -> None:
        (section,) = form(document, "vital_signs")["sections"]
        section["label"] = {"nl": "Gemeten", "en": "Measured"}
        other = {"key": "more", "label": {"nl": "Meer", "en": "More"}, "items": [NEW]}
        form(document, "vital_signs")["sections"].append(other)

    parts = [(change.part, change.kind) for change in differences(reset_trd, changed(reset_trd, edit))]
    assert parts == [("section", Kind.ADDED), ("section", Kind.CHANGED), ("item", Kind.ADDED)] or parts == [
        ("section", Kind.CHANGED),
        ("section", Kind.ADDED),
        ("item", Kind.ADDED),
    ]


def test_criteria_change_within_their_version_and_are_not_for_the_blinded(reset_trd: StudyDefinition) -> None:
    def edit(document: Document) -> None:
        document["eligibility"][-1]["criteria"][0]["text"]["en"] = "of age"
        document["eligibility"].append(document["eligibility"][0] | {"version": "9"})

    changes = differences(reset_trd, changed(reset_trd, edit))
    assert [change.part for change in changes] == ["criterion", "eligibility"]
    assert all(change.reveals for change in changes)


def test_a_decision_on_a_phase_comes_goes_and_changes(reset_trd: StudyDefinition) -> None:
    gated = next(phase for phase in reset_trd.phases if phase.gate)

    def without(document: Document) -> None:
        keyed(document["phases"], gated.key)["gate"] = None

    def other_rule(document: Document) -> None:
        keyed(document["phases"], gated.key)["gate"]["rule"] = "true"

    bare = changed(reset_trd, without)
    (gone,), (come,) = differences(reset_trd, bare), differences(bare, reset_trd)
    assert (gone.kind, come.kind) == (Kind.REMOVED, Kind.ADDED)
    assert gone.text("nl").endswith("heeft geen fasebesluit meer.")
    assert "the rule changes from" in one(reset_trd, other_rule).text("en")


def test_phases_come_and_go(reset_trd: StudyDefinition) -> None:
    phase = {"key": "extra", "label": {"nl": "Extra", "en": "Extra"}, "opens": "gate"}
    change = one(reset_trd, lambda document: document["phases"].append(phase))
    assert said(change)[0] == "Phase extra “Extra” is new."


def test_arms_titles_and_their_visits_are_not_for_the_blinded(reset_trd: StudyDefinition) -> None:
    of_arm = next(visit for visit in reset_trd.visits if visit.arms)

    def edit(document: Document) -> None:
        document["arms"][0]["ratio"] = 2
        document["title"]["en"] = "another"
        document["public_title"]["en"] = "neutral"
        keyed(document["visits"], of_arm.key)["day"] += 1

    reveals = {change.place: change.reveals for change in differences(reset_trd, changed(reset_trd, edit))}
    assert reveals.pop(f"visits.{of_arm.key}")
    assert reveals.pop(f"arms.{reset_trd.arms[0].key}")
    fields = {change.field: change.reveals for change in differences(reset_trd, changed(reset_trd, edit))}
    assert (fields["title"], fields["public_title"]) == (True, False)


def test_what_reveals_on_either_side_is_not_for_the_blinded(reset_trd: StudyDefinition) -> None:
    hidden = next(form for form in reset_trd.forms if form.reveals_allocation)
    change = one(reset_trd, lambda document: form(document, hidden.key).update(citation="A paper."))
    assert change.reveals
    shown = one(reset_trd, lambda document: item(document, "madrs", "madrs_9").update(reveals_allocation=True))
    assert shown.reveals


def test_the_design_is_restricted(reset_trd: StudyDefinition) -> None:
    def edit(document: Document) -> None:
        document["randomization"]["length_per_stratum"] = 7

    assert one(reset_trd, edit).restricted
    without = changed(reset_trd, lambda document: document.update(randomization=None))
    (gone,), (come,) = differences(reset_trd, without), differences(without, reset_trd)
    assert differences(without, without) == ()
    assert (gone.text("en"), come.text("en")) == (
        "There is no randomisation any more.",
        "There is a randomisation now.",
    )


def test_a_change_is_plain_data_for_machines(reset_trd: StudyDefinition) -> None:
    change = one(reset_trd, lambda document: item(document, "vital_signs", "pulse").update(type="text"))
    assert change.as_json("en") == {
        "kind": "changed",
        "part": "item",
        "place": "forms.vital_signs.pulse",
        "field": "type",
        "form": "vital_signs",
        "item": "pulse",
        "forbidden": True,
        "text": change.text("en"),
    }


@settings(max_examples=size(8, 25), deadline=None)
@given(data=st.data())
def test_what_comes_one_way_goes_the_other(reset_trd: StudyDefinition, data: st.DataObject) -> None:
    """Dropping any set of forms, visits and items; and what is dropped stays known across versions."""
    forms = data.draw(st.sets(st.sampled_from([form.key for form in reset_trd.forms]), max_size=3))
    visits = data.draw(st.sets(st.sampled_from([visit.key for visit in reset_trd.visits]), max_size=3))

    def edit(document: Document) -> None:
        document["forms"] = [form for form in document["forms"] if form["key"] not in forms]
        document["visits"] = [visit for visit in document["visits"] if visit["key"] not in visits]
        for section in document["forms"][0]["sections"]:
            section["items"] = section["items"][:1]

    less = changed(reset_trd, edit)
    there, back = differences(reset_trd, less), differences(less, reset_trd)
    assert {change.place for change in there if change.kind is Kind.REMOVED} == {
        change.place for change in back if change.kind is Kind.ADDED
    }
    whole = with_dropped_parts([reset_trd, less])
    assert {form.key for form in whole.forms} == {form.key for form in reset_trd.forms}
    assert {visit.key for visit in whole.visits} == {visit.key for visit in reset_trd.visits}
    assert all(
        {item.key for item in whole.form(form.key).items} >= {item.key for item in form.items}
        for form in reset_trd.forms
    )
