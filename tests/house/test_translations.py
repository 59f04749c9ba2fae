"""The reader of translatable texts and the faults it must find in a catalogue."""

import polib
import pytest

from scripts.translations import Text, faults_of, in_python, in_template, texts_in_use


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
