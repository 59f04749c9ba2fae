"""What no file of this project may name, and what no module may be called."""

import re
from pathlib import Path

from tests.house.tree import ROOT, own_files, relative, texts

# Written in two halves, so that this file does not name them either.
HOSTS = [
    f"{name}.{ending}"
    for name, ending in [
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("debian", "org/debian"),
        ("proxy.golang", "org"),
        ("unpkg", "com"),
        ("jsdelivr", "net"),
    ]
]
CREDENTIALS_IN_ADDRESS = re.compile(r"https?://[^/\s\"'<>]+@")
UNEXPLAINED_EXCLUSIONS = ["pragma: no " + "cover", "pragma: no " + "branch"]
EMPTY_MODULE_NAMES = {"utils", "util", "helpers", "helper", "misc", "common", "tools", "stuff"}


def forbidden_in(text: str) -> list[str]:
    """Registry hosts, addresses with credentials, the place of this checkout, and coverage switched off."""
    lowered = text.lower()
    found = [word for word in [*HOSTS, *UNEXPLAINED_EXCLUSIONS] if word in lowered]
    if str(ROOT) in text:
        found.append("the folder this checkout happens to stand in")
    return found + CREDENTIALS_IN_ADDRESS.findall(text)


def says_nothing(path: Path) -> bool:
    """Whether a module or package is named for no subject."""
    return path.suffix == ".py" and bool(EMPTY_MODULE_NAMES & {path.stem, *path.parts})


def test_no_file_names_a_registry_a_credential_or_a_place_on_one_machine() -> None:
    found = {str(relative(path)): words for path, text in texts() if (words := forbidden_in(text))}
    assert found == {}


def test_every_module_is_named_for_its_subject() -> None:
    assert [str(relative(path)) for path in own_files() if says_nothing(relative(path))] == []


def test_the_checks_find_what_they_look_for() -> None:
    address = "https" + "://me:secret@"
    assert forbidden_in(f"see {HOSTS[0]} and {address}example.org") == [HOSTS[0], address]
    assert forbidden_in(f"{ROOT}/manage.py") == ["the folder this checkout happens to stand in"]
    assert forbidden_in("x = 1  # " + UNEXPLAINED_EXCLUSIONS[0]) == UNEXPLAINED_EXCLUSIONS[:1]
    assert says_nothing(Path("crf/utils.py"))
    assert says_nothing(Path("crf/helpers/dates.py"))
    assert not says_nothing(Path("crf/entries.py"))
