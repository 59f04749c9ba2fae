"""The reader of translatable texts and the faults it must find in a catalogue."""

import ast

import polib
import pytest

from scripts.translations import Text, faults_of, in_python, in_template, texts_in_use
from tests.house.tree import parsed, relative, room_modules


def test_texts_in_python_are_found_under_every_gettext_name() -> None:
    source = (
        'title = _("Visits")\n'
        'gettext_lazy("One " "sentence")\n'
        'ngettext("one day", "%(n)d days", n)\n'
        'pgettext("of a form", "Freeze")\n'
        "_(computed)\n"
    )
    assert list(in_python(source)) == [
        ("", "Visits", ""),
        ("", "One sentence", ""),
        ("", "one day", "%(n)d days"),
        ("of a form", "Freeze", ""),
    ]


def test_texts_in_templates_are_found_in_tags_and_filters() -> None:
    source = (
        '{% translate "The site\'s list" %}{% translate "Freeze" context "of a form" %}'
        "{% blocktranslate count n=n trimmed %}one\n day{% plural %}{{ n }} days{% endblocktranslate %}"
        '{{ value|default:_("None yet") }}'
    )
    assert set(in_template(source)) == {
        ("", "The site's list", ""),
        ("of a form", "Freeze", ""),
        ("", "one day", "%(n)s days"),
        ("", "None yet", ""),
    }


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        (polib.POEntry(msgid="Visit", msgstr=""), "has no Dutch"),
        (
            polib.POEntry(msgid="Visit", msgstr="Bezoek", flags=["fuzzy"]),
            "is marked fuzzy",
        ),
        (polib.POEntry(msgid="In %(n)s days", msgstr="Over dagen"), "loses a placeholder in Dutch"),
        (polib.POEntry(msgid="Days", msgstr="%(n)s dagen"), "names a placeholder in Dutch that the English lacks"),
    ],
)
def test_each_fault_of_an_entry_is_named(entry: polib.POEntry, fault: str) -> None:
    assert list(faults_of(entry)) == [fault]


def test_a_complete_entry_has_no_fault() -> None:
    assert list(faults_of(polib.POEntry(msgid="In %(n)s days", msgstr="Over %(n)s dagen"))) == []


def test_the_rooms_hold_texts() -> None:
    used: dict[Text, str] = texts_in_use()
    assert len(used) > 20


def test_every_text_is_asked_for_by_a_name_that_the_reader_knows() -> None:
    """Under another name (``gettext as _t``) a text would be missing in Dutch without a word."""
    known = {"_"}
    aliases = {
        f"{relative(path)}: {name.asname}"
        for path in room_modules()
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation"
        for name in node.names
        if name.asname and "gettext" in name.name
    }
    assert {alias for alias in aliases if alias.rpartition(" ")[2] not in known} == set()
    assert aliases != set()
