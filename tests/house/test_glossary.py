"""One word for one thing: the glossary is complete, and the words it rejects are nowhere used."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import polib
import pytest

from tests.house.tree import ROOT, own_files, parsed, relative, room_modules

GLOSSARY = ROOT / "docs/glossary.md"
CATALOGUE = ROOT / "trialmgr/locale/nl/LC_MESSAGES/django.po"


@dataclass(frozen=True)
class Term:
    english: str
    dutch: str
    meaning: str
    rejected: tuple[str, ...]


@cache
def terms() -> tuple[Term, ...]:
    rows = [line.strip("| ").split("|") for line in GLOSSARY.read_text("utf-8").splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in row] + [""] for row in rows[1:]]
    return tuple(
        Term(row[0], row[1], row[2], tuple(word.strip() for word in row[3].split(",") if word.strip())) for row in cells
    )


@cache
def _rejected() -> re.Pattern[str]:
    words = sorted({word for term in terms() for word in term.rejected}, key=len, reverse=True)
    return re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, words))})s?(?![\w-])", re.IGNORECASE)


def rejected_in(text: str) -> list[str]:
    return [found.lower() for found in _rejected().findall(text)]


def _page_texts() -> Iterator[tuple[str, str]]:
    for entry in polib.pofile(str(CATALOGUE)):
        texts = [entry.msgid, entry.msgid_plural, entry.msgstr, *entry.msgstr_plural.values()]
        yield entry.msgid, " ".join(texts)


def _names(path: Path) -> Iterator[str]:
    """Names that a module gives to its own things, in words."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def _in_words(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", name)


def test_every_term_has_both_languages_and_stands_once() -> None:
    assert len(terms()) > 40
    assert [term.english for term in terms() if not (term.english and term.dutch)] == []
    for language in ("english", "dutch"):
        written = [getattr(term, language) for term in terms()]
        assert sorted(set(written)) == sorted(written)


def test_no_term_is_rejected_by_another() -> None:
    assert {term.english: found for term in terms() if (found := rejected_in(f"{term.english}; {term.dutch}"))} == {}


def test_pages_use_no_rejected_word_in_either_language() -> None:
    assert {msgid: found for msgid, text in _page_texts() if (found := rejected_in(text))} == {}


def test_code_names_nothing_with_a_rejected_word() -> None:
    found = {
        f"{relative(path)}: {name}" for path in room_modules() for name in _names(path) if rejected_in(_in_words(name))
    }
    assert found == set()


def test_documentation_uses_no_rejected_word() -> None:
    pages = [path for path in own_files() if path.suffix == ".md" and path != GLOSSARY]
    assert {str(relative(path)): found for path in pages if (found := rejected_in(path.read_text("utf-8")))} == {}


@pytest.mark.parametrize("text", ["two Patients", "subject_number", "SDV", "the hard lock", "Treatment groups"])
def test_a_rejected_word_is_found_in_any_spelling(text: str) -> None:
    assert rejected_in(_in_words(text)) != []
