"""One noun a thing: what a thing of the trial is called names its file, or its folder, on every level of its room."""

from pathlib import Path

import pytest

from tests.house.tree import ROOT

# Room -> its nouns, one line a room.
NOUNS = {
    "trialmgr/people": "accounts sites",
    "trialmgr/participants": "consents contact",
    "crf": "amendments casebooks consequences decisions deviations drafts entries evaluation files freezes "
    "participation queries "
    "selections signatures sites trail verifications visits",
    "randomization": "allocations balance code_breaks comparison confirmations corrections descriptions envelopes "
    "extensions flags limits lists supply",
    "exports": "locks open_points releases",
    "trialmgr/overview": "allocations amendments calendars casebooks duties exchange forms language lists "
    "participants preview recruitment refusals tasks trail versions weeks",
}
LEVELS = ("actions", "policies", "queries", "views", "api", "duties", "papers", "management")
SHARED = {"frames", "parts", "commands"}
"""``frames``, ``parts``: what the files of a level share. ``commands``: where Django looks for them."""


def levels(house: Path, room: str) -> list[Path]:
    return [house / room / level for level in LEVELS] + [house / room / "templates" / Path(room).name]


def names(folder: Path) -> set[str]:
    """Of files and packages; of none where the room has no such level."""
    return {path.stem for path in folder.glob("*") if not path.name.startswith("__")}


def strangers(house: Path, room: str, nouns: str) -> list[str]:
    """Files that are called after anything but a thing of the room."""
    known = {*nouns.split(), *SHARED}
    return [f"{folder.relative_to(house)}/{name}" for folder in levels(house, room) for name in names(folder) - known]


@pytest.mark.parametrize("room", NOUNS)
def test_every_file_of_a_room_is_called_after_a_thing(room: str) -> None:
    assert strangers(ROOT, room, NOUNS[room]) == []


@pytest.mark.parametrize("room", NOUNS)
def test_every_noun_of_a_room_names_a_file(room: str) -> None:
    found = set().union(*(names(folder) for folder in levels(ROOT, room)))
    assert set(NOUNS[room].split()) - found == set()


def test_a_file_called_after_what_is_done_is_found(tmp_path: Path) -> None:
    for path in ("actions/__init__.py", "actions/lists.py", "views/lists/imported.py", "templates/randomization/lists"):
        (tmp_path / "randomization" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "randomization" / path).touch()
    assert strangers(tmp_path, "randomization", "lists") == []
    (tmp_path / "randomization/actions/bringing.py").touch()
    (tmp_path / "randomization/templates/randomization/made.html").touch()
    assert strangers(tmp_path, "randomization", "lists") == [
        "randomization/actions/bringing",
        "randomization/templates/randomization/made",
    ]
