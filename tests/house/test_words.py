"""What no file of this project may name, and what no module may be called."""

import re
from pathlib import Path

import polib
import pytest

from tests.house.test_glossary import CATALOGUE, GLOSSARY
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


# House words for which the field has its own. What the audit trail stored under such a name keeps it.
STORED = ["casebook.thawed"]
HOUSE_WORDS = {
    "thaw: unfreeze": r"thaw|ontdooi",
    "letter: e-mail": r"\bletters? (?:is sent|sent|goes?)\b|\bsends? (?:\w+ )?letters?\b|\bmail\b.{0,30}\bletters?\b"
    r"|\b(?:entry|log|list) and (?:one|a) letter|, letters? (?:and|tell)|send_letter|^\*\*letters\*\*",
    "sign: character": r"\b(?:\d+|random|other|most|last four) (?:\w+-\w+ )?signs\b|sign by sign",
    "key: API key": r"\bkeys? for the API|sleutels? voor de API|\bAPI[- ]tokens?|with a token",
    "brought: imported": r"\bbrought (?:in\b|into the system|lists?)|lists? brought|lijst invoeren|ingevoerde lijst",
    "wanting: missing": r"signatures wanting|still wanting:",
    "notice: acknowledge": r"\btake notice\b|\bnotice taken\b",
}


def house_words_in(text: str) -> list[str]:
    for name in STORED:
        text = text.replace(name, "")
    return [word for word, pattern in HOUSE_WORDS.items() if re.search(pattern, text, re.IGNORECASE)]


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


def test_no_page_says_a_house_word_for_what_the_field_has_a_word_for() -> None:
    entries = polib.pofile(str(CATALOGUE))
    said = {entry.msgid: " / ".join([entry.msgid, entry.msgstr, *entry.msgstr_plural.values()]) for entry in entries}
    assert {text: found for text, both in said.items() if (found := house_words_in(both))} == {}


def test_no_code_and_no_documentation_says_one_either() -> None:
    """The glossary and this file name them; migrations that landed and the log of changes tell of the past."""
    apart = {GLOSSARY, Path(__file__).resolve(), ROOT / "CHANGELOG.md"}
    found = {
        f"{relative(path)}:{number}": words
        for path, text in texts()
        if path not in apart and path.suffix in {".py", ".md", ".html", ".typ"} and "migrations" not in path.parts
        for number, line in enumerate(text.splitlines(), 1)
        if (words := house_words_in(line))
    }
    assert found == {}


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("the casebook is Thawed", "thaw"),
        ("one letter is sent to whoever makes lists", "letter"),
        ("send_letter(people)", "letter"),
        ("at most 40 signs", "sign"),
        ("a key for the API", "key"),
        ("a list brought in from elsewhere", "brought"),
        ("Signatures wanting", "wanting"),
        ("Code breaks to take notice of", "notice"),
    ],
)
def test_a_house_word_is_found(text: str, word: str) -> None:
    assert [found.partition(":")[0] for found in house_words_in(text)] == [word]


@pytest.mark.parametrize(
    "text", ["small letters, digits and _", "Vital signs", "casebook.thawed", "the key of the item", "who signs it"]
)
def test_a_word_of_the_field_is_not_taken_for_one(text: str) -> None:
    assert house_words_in(text) == []


def test_the_checks_find_what_they_look_for() -> None:
    address = "https" + "://me:secret@"
    assert forbidden_in(f"see {HOSTS[0]} and {address}example.org") == [HOSTS[0], address]
    assert forbidden_in(f"{ROOT}/manage.py") == ["the folder this checkout happens to stand in"]
    assert forbidden_in("x = 1  # " + UNEXPLAINED_EXCLUSIONS[0]) == UNEXPLAINED_EXCLUSIONS[:1]
    assert says_nothing(Path("crf/utils.py"))
    assert says_nothing(Path("crf/helpers/dates.py"))
    assert not says_nothing(Path("crf/entries.py"))
