"""Ten changes and the one file each begins in: the page leads to files that are there and hold what it says."""

import re

import pytest

from tests.house.tree import ROOT

PAGE = (ROOT / "docs/finding-your-way.md").read_text("utf-8")
ROWS = re.findall(r"^\| ([^|]+) \| `([^`]+)` \| [^|]+ \|$", PAGE, re.MULTILINE)
# What stands in the file of each change, and in no other file of its level.
HOLDS = {
    "randomization/actions/limits.py": "def set_cap(",
    "randomization/actions/code_breaks.py": "_BROKEN_TEXT = ",
    "randomization/methods/lists/imports.py": "csv.reader(",
    "randomization/policies/allocations.py": "def reasons_not_allocatable(",
    "randomization/methods/balance/files.py": "def csv_of_balance(",
    "exports/tables/plans.py": '"visits.csv"',
    "exports/open_points.py": "def open_points(",
    "trialmgr/people/visibility/__init__.py": "class Sight",
    "trialmgr/people/permissions.py": '"queries.close"',
    "trialmgr/protocol/scoring/mood.py": "madrs",
}


def test_the_page_names_ten_changes() -> None:
    assert [file for _change, file in ROWS] == list(HOLDS)


@pytest.mark.parametrize(("change", "file"), ROWS)
def test_the_file_of_a_change_is_there_and_holds_it(change: str, file: str) -> None:
    assert HOLDS[file] in (ROOT / file).read_text("utf-8"), change
