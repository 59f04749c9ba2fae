"""The list of planted faults keeps up with the code: each can still be planted where it says."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from django.template import engines

from tests.planted_faults.catalogue import ROOMS, ROOT, Fault, Unplantable, check_python, faults

FAULTS = faults()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.id)
def test_a_fault_stands_once_in_its_file_and_can_be_read_when_planted(fault: Fault) -> None:
    planted = fault.planted((ROOT / fault.file).read_text("utf-8"))
    check_python(fault, planted)
    if not fault.module:
        engines["django"].from_string(planted)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.id)
def test_a_fault_lies_in_its_room_and_names_tests_that_are_there(fault: Fault) -> None:
    assert fault.room in ROOMS
    assert fault.file.startswith((f"{fault.folder}/", "trialmgr/settings.py"))
    assert fault.database in {"sqlite", "postgresql"}
    assert fault.tests
    assert [test for test in fault.tests if not (ROOT / test).is_file()] == []


def test_sixty_faults_and_more_lie_in_every_room_and_are_of_many_kinds() -> None:
    assert len(FAULTS) >= 60
    assert [name for name, times in Counter(fault.id for fault in FAULTS).items() if times > 1] == []
    by_room = Counter(fault.room for fault in FAULTS)
    assert [room for room in ROOMS if by_room[room] < 3] == []
    assert len({fault.kind for fault in FAULTS}) >= 30


def test_a_fault_whose_text_is_gone_or_stands_twice_cannot_be_planted() -> None:
    fault = Fault("id", "audit", "kind", "audit/acts.py", find="once", replace="twice", tests=("tests/audit",))
    assert fault.planted("only once") == "only twice"
    for text in ("never", "once and once"):
        with pytest.raises(Unplantable, match=re.escape(f"{text.count('once')} times in audit/acts.py")):
            fault.planted(text)
