"""Papers: what was given stands on them letter by letter, the same bytes each time, tagged and with their fonts."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfReader

from randomization.papers.confirmations import TEMPLATE
from tests.printing.reading import squeezed, text_of
from trialmgr.printing import printable, typeset

AT = datetime(2026, 3, 2, 11, 30, tzinfo=UTC)


def paper(value: str, *, at: datetime = AT) -> bytes:
    data = {
        "study": "RESET-TRD",
        "kind": "Confidential",
        "made": "",
        "rows": ({"key": "Participant", "value": value},),
        "proof": "Proof",
        "explained": "",
        "proofs": [{"key": "Hash", "value": "ab" * 32, "code": True}],
        "warning": "",
    }
    return typeset(TEMPLATE, data, title="Allocation", language="en", at=at)


MARKUP = st.text(alphabet="#*_$=`@<>[](){}\\/-+~'\"&%;:.,!?aZ9é ", max_size=60)


@given(MARKUP)
def test_nothing_that_is_given_is_taken_for_markup(value: str) -> None:
    assert squeezed(value) in squeezed(text_of(paper(value)))


@pytest.mark.parametrize(
    "value",
    [
        '#panic("x")',
        '#import "@preview/x:1.0.0"',
        "$x^2$",
        "= Kop",
        "*vet*",
        "`code`",
        "<label> @label",
        "\\u{41}",
        "//x",
    ],
)
def test_what_would_be_markup_stands_there_as_it_was_written(value: str) -> None:
    assert squeezed(value) in squeezed(text_of(paper(value)))


@given(st.text(max_size=40))
def test_any_text_at_all_can_be_printed(value: str) -> None:
    assert paper(value).startswith(b"%PDF-")


def test_a_sign_that_the_font_lacks_is_named_and_not_lost() -> None:
    assert printable("Žižka Ōe Ђорђе ≥ – €") == "Žižka Ōe Ђорђе ≥ – €"
    assert printable("漢\x07") == "[U+6F22][U+0007]"
    assert printable("e\u0301") == "é"
    assert "[U+1F642]" in text_of(paper("🙂"))


def test_a_word_that_no_line_can_hold_is_broken_where_the_line_ends() -> None:
    read = text_of(paper("w" * 300))
    assert "w" * 300 in squeezed(read)
    assert max(map(len, read.splitlines())) < 150


def test_the_same_data_give_the_same_bytes_and_another_time_others() -> None:
    assert paper("UMCG-001") == paper("UMCG-001")
    assert paper("UMCG-001") != paper("UMCG-001", at=AT + timedelta(days=1))


def test_a_paper_is_tagged_titled_and_holds_its_fonts() -> None:
    reader = PdfReader(io.BytesIO(paper("UMCG-001")))
    root: Any = reader.trailer["/Root"]
    assert (root["/Lang"], root["/MarkInfo"]["/Marked"]) == ("en", True)
    assert "/StructTreeRoot" in root
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    metadata = reader.metadata
    assert metadata is not None
    assert (metadata.title, metadata.creation_date) == ("Allocation", AT)
    described = root["/Metadata"].get_data().decode()
    assert "pdfuaid" in described
    assert "pdfaid" in described
    resources: list[Any] = [page["/Resources"] for page in reader.pages]
    fonts = [font.get_object() for each in resources for font in each["/Font"].values()]
    assert fonts
    for font in fonts:
        descriptor = font["/DescendantFonts"][0]["/FontDescriptor"]
        assert "/FontFile2" in descriptor or "/FontFile3" in descriptor


def test_a_time_without_a_zone_and_a_template_that_is_none_are_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        paper("x", at=datetime(2026, 3, 2))  # noqa: DTZ001  that is what is refused
    with pytest.raises(FileNotFoundError, match=r"none\.typ"):
        typeset(TEMPLATE.with_name("none.typ"), {}, title="x", language="en", at=AT)
