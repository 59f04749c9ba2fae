"""Invented answers fit the definition, whatever the items; a profile shapes them."""

from __future__ import annotations

import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from trialmgr.overview.rehearsal.invention.answers import Answers, Inventor, Occasion, Stuck
from trialmgr.overview.rehearsal.invention.persona import Persona
from trialmgr.overview.rehearsal.invention.profile import FILE, Course, Profile, ProfileError, chosen, load_profile
from trialmgr.protocol.evaluation import evaluate_entry
from trialmgr.protocol.model import (
    Check,
    CodeList,
    CodeListItem,
    Form,
    Item,
    ItemType,
    Range,
    Rows,
    Section,
    StudyDefinition,
    Text,
)

WORDS = Text(nl="vraag", en="question")
DAY = datetime.date(2026, 3, 2)


def nothing(visit: str, form: str, item: str) -> str | None:
    return None


def item(key: str, kind: ItemType = ItemType.INTEGER, **more: object) -> Item:
    return Item.model_validate({"key": key, "type": kind, "label": WORDS} | more)


def between(low: int | None, high: int | None) -> Range:
    return Range(min=None if low is None else Decimal(low), max=None if high is None else Decimal(high))


def form_of(*items: Item, checks: tuple[Check, ...] = ()) -> Form:
    return Form(
        key="food",
        label=WORDS,
        entered_by=("coordinator",),
        sections=(Section(key="all", label=WORDS, items=items),),
        checks=checks,
    )


def filled(
    study: StudyDefinition, form: Form, profile: Profile, *, number: int = 1, complete: bool = False, ordinal: int = 1
) -> Answers:
    fruit = CodeList(key="fruit", items=tuple(CodeListItem(code=code, label=WORDS) for code in ("fig", "kiwi", "pear")))
    definition = study.model_copy(update={"forms": (form,), "codelists": (fruit,)})
    inventor = Inventor(definition, Persona(1, number, profile))
    answers = inventor.fill(form, Occasion("test", DAY, ordinal, 10, complete), nothing)
    outcome = evaluate_entry(definition, form, answers.values, answers.missing, nothing)
    assert outcome.problems == ()
    return answers


def test_every_type_of_item_gets_an_answer_that_its_form_accepts(reset_trd: StudyDefinition) -> None:
    special = (ItemType.CHOICE, ItemType.MULTI_CHOICE, ItemType.SCALE, ItemType.FILE)
    types = [kind for kind in ItemType if kind not in special]
    lists = [item("one", ItemType.CHOICE, codelist="fruit"), item("many", ItemType.MULTI_CHOICE, codelist="fruit")]
    lists += [item("scale", ItemType.SCALE, range=between(0, 10)), item("later", ItemType.PARTIAL_DATE)]
    form = form_of(*(item(kind.value, kind) for kind in types), *lists)
    for number in range(1, 30):
        answers = filled(reset_trd, form, Profile(item_missing=0), number=number)
        assert set(answers.values) == {each.key for each in form.items}
        assert answers.values["partial_date"][:7] <= answers.values["later"][:7] <= DAY.isoformat()[:7]


def test_no_file_is_invented(reset_trd: StudyDefinition) -> None:
    form = form_of(item("letter", ItemType.FILE), item("scan", ItemType.FILE, required=False))
    answers = filled(reset_trd, form, Profile(), complete=True)
    assert (answers.values, answers.missing) == ({}, {"letter": "not_done"})


MEALS = Section(
    key="meals",
    label=WORDS,
    repeats=Rows(min=1, max=4, row=WORDS),
    items=(
        item("hot", ItemType.YES_NO),
        item("size", range=between(0, 9), ask_if="hot"),
        item("double", derive="size * 2"),
    ),
)


def test_a_group_gets_as_many_rows_as_is_usual_each_by_its_own_rules(reset_trd: StudyDefinition) -> None:
    form = form_of(item("name", ItemType.TEXT)).model_copy(update={"sections": (MEALS,)})
    seen = set()
    for number in range(1, 20):
        answers = filled(reset_trd, form, Profile(group_rows={"meals": (2, 9)}), number=number, complete=True)
        rows = MEALS.rows(answers.values)
        assert rows == tuple(range(1, len(rows) + 1))
        for row in rows:
            assert (f"meals.{row}.size" in answers.values) is (answers.values[f"meals.{row}.hot"] == "yes")
        seen.add(len(rows))
    assert seen <= {2, 3, 4}
    assert len(seen) > 1
    fewest = filled(reset_trd, form, Profile(group_rows={"meals": (0, 0)}), complete=True)
    assert MEALS.rows(fewest.values) == (1,), "as few as the form allows"


def test_rows_that_are_given_stand(reset_trd: StudyDefinition) -> None:
    form = form_of(item("name", ItemType.TEXT)).model_copy(update={"sections": (MEALS,)})
    inventor = Inventor(reset_trd.model_copy(update={"forms": (form,)}), Persona(1, 1, Profile()))
    given = {"meals.3.hot": "yes"}
    answers = inventor.fill(form, Occasion("test", DAY, complete=True), nothing, given)
    assert MEALS.rows(answers.values) == (3,)
    assert answers.values["meals.3.hot"] == "yes"
    assert "meals.3.size" in answers.values


@pytest.mark.parametrize(
    ("hard", "soft", "low", "high"),
    [
        (between(0, 300), between(90, 160), 90, 160),
        (between(0, 300), between(20, None), 20, 90),
        (between(0, 300), between(None, 120), 0, 120),
        (between(0, 90), None, 30, 60),
        (None, None, 33, 67),
        (between(40, None), None, 73, 107),
    ],
)
def test_numbers_stay_within_what_is_usual(
    reset_trd: StudyDefinition, hard: Range | None, soft: Range | None, low: int, high: int
) -> None:
    form = form_of(item("size", range=hard, soft_range=soft))
    sizes = [int(filled(reset_trd, form, Profile(), number=n, complete=True).values["size"]) for n in range(1, 40)]
    assert low <= min(sizes) <= max(sizes) <= high
    assert len(set(sizes)) > 3


def test_a_surprise_leaves_the_soft_range_and_never_the_hard_one(reset_trd: StudyDefinition) -> None:
    always = Profile(item_surprising=1, item_missing=0)
    high = form_of(item("size", range=between(0, 200), soft_range=between(50, 100)))
    assert 100 < int(filled(reset_trd, high, always).values["size"]) <= 200
    low = form_of(item("size", range=between(0, 200), soft_range=between(50, None)))
    assert 0 <= int(filled(reset_trd, low, always).values["size"]) <= 200


def test_a_profile_shapes_the_answers(reset_trd: StudyDefinition) -> None:
    form = form_of(
        item("weight", ItemType.DECIMAL, decimals=1),
        item("dose", ItemType.DECIMAL, decimals=1),
        item("double", ItemType.DECIMAL, decimals=1),
        item("unknown"),
        item("smokes", ItemType.YES_NO),
        item("fruit", ItemType.CHOICE, codelist="fruit"),
        item("remark", ItemType.TEXT),
        item("extra", required=False),
    )
    profile = Profile(
        item_missing=0,
        item_surprising=0,
        typical={"weight": (70, 70), "food.unknown": (5, 5)},
        rises={"dose": (0.5, 0.5, 1.0)},
        follows={"double": "weight * 2", "unknown": "extra * 2"},
        yes={"smokes": 0},
        weights={"fruit": {"pear": 1}},
        words={"rem*": ("eats well",)},
        answered={"extra": 0},
    )
    values = filled(reset_trd, form, profile, ordinal=9).values
    assert values == {
        "weight": "70.0",
        "dose": "1.0",
        "double": "140.0",
        "unknown": "5",
        "smokes": "no",
        "fruit": "pear",
        "remark": "eats well",
    }


def test_a_course_moves_the_items_of_its_forms(reset_trd: StudyDefinition) -> None:
    form = form_of(*(item(f"mood_{number}", range=between(0, 6)) for number in range(10)))
    profile = Profile(course=Course(forms=("food",), left_responder=(0.1, 0), left_other=(0.1, 0), relapse=0))
    persona = Persona(1, 1, profile)
    inventor = Inventor(reset_trd.model_copy(update={"forms": (form,)}), persona)
    totals = [
        sum(int(value) for value in inventor.fill(form, Occasion("t", DAY, 1, since, True), nothing).values.values())
        for since in (None, 20, 60)
    ]
    assert totals[0] > totals[1] > totals[2]


def test_after_a_relapse_the_severity_rises_again() -> None:
    profile = Profile(course=Course(relapse=1, left_responder=(0.2, 0), left_other=(0.2, 0)))
    persona = Persona(1, 1, profile)
    assert persona.severity(56) < persona.severity(420)


def test_a_decisive_form_has_no_gap_and_another_may_have(reset_trd: StudyDefinition) -> None:
    form, gaps = form_of(item("size")), Profile(item_missing=1)
    assert filled(reset_trd, form, gaps, complete=True).missing == {}
    missing = filled(reset_trd, form, gaps).missing
    assert set(missing) == {"size"}
    assert missing["size"] in reset_trd.missing_reasons.codes


def test_what_no_answers_can_satisfy_is_told_with_its_form(reset_trd: StudyDefinition) -> None:
    never = Check(key="never", severity="hard", fires_if="size >= 0", items=("size",), message=WORDS)
    with pytest.raises(Stuck, match="food refuses every invented set of answers: question"):
        filled(reset_trd, form_of(item("size"), checks=(never,)), Profile(), complete=True)


def test_a_study_without_a_profile_has_the_defaults(tmp_path: Path) -> None:
    assert load_profile(tmp_path) == Profile()
    (tmp_path / FILE).write_text("", "utf-8")
    assert load_profile(tmp_path) == Profile()


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("drop_out: [", "rehearsal.yaml: while parsing"),
        ("drop_out: 2", "rehearsal.yaml: drop_out: Input"),
        ("course: {tempo: 1}", "course.tempo"),
    ],
)
def test_a_profile_that_cannot_be_used_names_the_place(tmp_path: Path, text: str, place: str) -> None:
    (tmp_path / FILE).write_text(text, "utf-8")
    with pytest.raises(ProfileError, match=place):
        load_profile(tmp_path)


def test_a_pattern_names_items_on_every_form_or_on_one() -> None:
    table = {"vital.pulse": 1, "pul*": 2}
    assert chosen(table, "vital", "pulse") == 1
    assert chosen(table, "session", "pulse") == 2
    assert chosen(table, "vital", "weight") is None
