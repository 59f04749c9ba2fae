"""Blinding as a pure function: whatever the study and the roles, a blinded sight holds nothing that tells the arm."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trialmgr.people.permissions import Role
from trialmgr.people.visibility import NOTHING, blinded_roles, sight_of
from trialmgr.protocol.model import (
    Form,
    Item,
    ItemType,
    RoleDefinition,
    Section,
    StudyDefinition,
    Text,
    VisitDefinition,
)

WORD = Text(nl="woord", en="word")
ROLES = ("nurse", "rater", "reader", "clerk")


def _item(key: str, reveals: bool) -> Item:
    return Item(key=key, type=ItemType.TEXT, label=WORD, reveals_allocation=reveals)


forms = st.builds(
    lambda entered, reveals, items: (entered, reveals, items),
    st.sets(st.sampled_from(ROLES), min_size=1),
    st.booleans(),
    st.lists(st.booleans(), min_size=1, max_size=3),
)
roles = st.tuples(st.booleans(), st.sampled_from(["all", "entered", "nothing"]))


@st.composite
def definitions(draw: st.DrawFn) -> StudyDefinition:
    """The parts that decide about sight; the rest of a study does not matter here."""
    drawn_roles = [
        RoleDefinition.model_validate({"key": key, "label": WORD, "blinded": blinded, "sees": sees})
        for key, (blinded, sees) in zip(ROLES, draw(st.tuples(*[roles] * len(ROLES))), strict=True)
    ]
    drawn_forms = [
        Form(
            key=f"form_{number}",
            label=WORD,
            entered_by=tuple(sorted(entered)),
            reveals_allocation=reveals,
            sections=(
                Section(key="s", label=WORD, items=tuple(_item(f"i{place}", told) for place, told in enumerate(items))),
            ),
        )
        for number, (entered, reveals, items) in enumerate(draw(st.lists(forms, min_size=1, max_size=5)))
    ]
    drawn_visits = [
        VisitDefinition(key=f"visit_{number}", label=WORD, phase="p", arms=tuple(arms), forms=("form_0",))
        for number, arms in enumerate(draw(st.lists(st.sampled_from([(), ("a",)]), max_size=3)))
    ]
    return StudyDefinition.model_construct(
        roles=tuple(drawn_roles), forms=tuple(drawn_forms), visits=tuple(drawn_visits)
    )


held_roles = st.sets(st.sampled_from(ROLES))


@given(definitions(), held_roles)
def test_a_blinded_sight_never_holds_what_tells_the_arm(definition: StudyDefinition, held: set[str]) -> None:
    sight = sight_of(definition, held)
    if not sight.blinded:
        return
    seen = [form for form in definition.forms if sight.form(form)]
    assert not any(form.reveals_allocation for form in seen)
    assert not any(sight.item(item) for form in definition.forms for item in form.items if item.reveals_allocation)
    assert not any(sight.visit(visit) for visit in definition.visits if visit.reveals_allocation)


@given(definitions(), held_roles, st.sampled_from(ROLES))
def test_one_blinded_role_blinds_the_person_whatever_else_they_hold(
    definition: StudyDefinition, held: set[str], role: str
) -> None:
    together = sight_of(definition, held | {role})
    assert together.blinded == bool((held | {role}) & blinded_roles(definition))
    if definition.role(role).blinded:
        assert together.blinded


@given(definitions(), held_roles)
def test_roles_together_see_what_each_sees_but_for_what_tells_the_arm(
    definition: StudyDefinition, held: set[str]
) -> None:
    together = sight_of(definition, held)
    each = frozenset().union(*(sight_of(definition, [role]).forms for role in held))
    revealing = {form.key for form in definition.forms if form.reveals_allocation}
    assert together.forms == (each - revealing if together.blinded else each)


@given(definitions(), held_roles)
def test_an_unblinded_sight_sees_every_visit_and_item(definition: StudyDefinition, held: set[str]) -> None:
    sight = sight_of(definition, held)
    if not sight.blinded:
        assert all(sight.visit(visit) for visit in definition.visits)
        assert all(sight.item(item) for form in definition.forms for item in form.items)


@given(definitions())
def test_who_holds_no_role_sees_nothing(definition: StudyDefinition) -> None:
    assert sight_of(definition, []) == NOTHING


def test_what_the_roles_of_this_study_see(reset_trd: StudyDefinition) -> None:
    every = {form.key for form in reset_trd.forms}
    revealing = {form.key for form in reset_trd.forms if form.reveals_allocation}
    assert sight_of(reset_trd, [Role.COORDINATOR]).forms == every
    assert sight_of(reset_trd, [Role.RATER]).forms == {
        form.key for form in reset_trd.forms if Role.RATER in form.entered_by
    }
    assert sight_of(reset_trd, [Role.STATISTICIAN]).forms == every - revealing
    assert sight_of(reset_trd, [Role.ADMINISTRATOR]).forms == frozenset()
    assert blinded_roles(reset_trd) == {Role.RATER, Role.STATISTICIAN, Role.ADMINISTRATOR}
    assert {role.key for role in reset_trd.roles} == set(Role)


@given(definitions(), st.sets(st.sampled_from(ROLES)))
def test_with_a_role_that_the_study_does_not_name_nothing_is_seen(definition: StudyDefinition, held: set[str]) -> None:
    assert sight_of(definition, held | {"stranger"}) == NOTHING
