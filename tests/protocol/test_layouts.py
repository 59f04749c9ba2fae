"""How a section says it is laid out, what is refused of that, and that it changes no answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.protocol import small_study
from tests.protocol.small_study import broken, faults
from trialmgr.protocol.differences import differences
from trialmgr.protocol.model import Item, ItemType, Range, StudyDefinition, Text

LABEL = "    label: {nl: Metingen, en: Measurements}\n"
COLUMNS = "    columns: [{nl: Eerste, en: First}, {nl: Tweede, en: Second}]\n"
LINES = "    lines:\n      - {label: {nl: Vroeg, en: Early}, items: [weight, height]}\n"
TABLE = f"    layout: table\n{COLUMNS}{LINES}"


def laid_out(layout: str) -> dict[str, str | bytes | None]:
    return broken("forms/body.yaml", LABEL, LABEL + layout)


@pytest.mark.parametrize(
    ("layout", "told"),
    [
        (COLUMNS, "sections[0].columns: `columns` goes with `layout: table` — add that, or remove this key"),
        (LINES, "sections[0].lines: `lines` goes with `layout: table`"),
        ("    layout: table\n", "sections[0].layout: the table has no columns or no lines"),
        (f"    layout: table\n{COLUMNS}", "the table has no columns or no lines — add `columns` and `lines`"),
        (TABLE.replace("height", "hight"), "there is no item of this section `hight` — did you mean `height`?"),
        (TABLE.replace("height", "weight"), "sections[0].lines[0].items: `weight` stands in the table twice"),
        (TABLE.replace(", height", ""), "the line has 1 items for 2 columns — name one item a column"),
        ("    layout: grid\n", "this should be 'scale' or 'table' — use one of the words named here"),
        (TABLE.replace("en: First", 'en: "First, PRO"'), "columns[0].en: blinded roles would read `pro`"),
        (TABLE + "    repeats: {max: 2, row: {nl: Rij, en: Row}}\n", "a group with rows is no table of measurements"),
    ],
)
def test_a_layout_that_does_not_fit_is_refused_with_its_mend(tmp_path: Path, layout: str, told: str) -> None:
    found = faults(tmp_path, laid_out(layout))
    assert any(told in line for line in found), found


def test_a_scale_of_questions_without_a_few_answers_is_refused(tmp_path: Path) -> None:
    layout = broken("forms/judgement.yaml", "    items:\n", "    layout: scale\n    items:\n")
    (fault,) = faults(tmp_path, layout)
    assert "sections[0].layout: no question of this section has a few answers to choose from — give an item" in fault


def test_a_layout_that_fits_says_nothing_of_the_values(tmp_path: Path) -> None:
    plain = small_study.definition(tmp_path / "plain")
    table = small_study.definition(tmp_path / "table", laid_out(TABLE))
    assert [item.model_dump() for item in table.form("body").items] == [
        item.model_dump() for item in plain.form("body").items
    ]
    assert StudyDefinition.from_json(table.model_dump(mode="json")) == table
    changes = differences(plain, table)
    assert {change.field for change in changes} == {"layout", "columns", "lines"}
    assert not any(change.forbidden for change in changes)
    assert changes[0].text.en == "Section main “Measurements”: the layout changes from nothing to “table”."


@pytest.mark.parametrize(
    ("type_", "ends", "steps"),
    [
        (ItemType.INTEGER, (0, 3), ("0", "1", "2", "3")),
        (ItemType.SCALE, (1, 12), tuple(str(number) for number in range(1, 13))),
        (ItemType.INTEGER, (0, 12), ()),
        (ItemType.INTEGER, (0, None), ()),
        (ItemType.INTEGER, (None, 3), ()),
        (ItemType.DECIMAL, (0, 3), ()),
    ],
)
def test_a_few_whole_numbers_are_steps(
    type_: ItemType, ends: tuple[int | None, int | None], steps: tuple[str, ...]
) -> None:
    low, high = ends
    bounds = Range.model_validate({"min": low, "max": high})
    item = Item(key="it", type=type_, label=Text(nl="A", en="A"), range=bounds)
    assert item.steps == steps
    assert item.model_copy(update={"derive": "1"}).steps == ()
