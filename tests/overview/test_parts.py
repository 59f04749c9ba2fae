"""The shared pieces of a page, drawn with the smallest context they need."""

from __future__ import annotations

import re
from types import SimpleNamespace as Row
from typing import Any

import pytest
from django import forms
from django.contrib.messages import SUCCESS
from django.contrib.messages.storage.base import Message
from django.core.paginator import Paginator
from django.template.loader import render_to_string
from django.test import RequestFactory
from django.utils import translation

from crf.layout.fields import DateParts, ErrorLink, FieldLink, FieldView, LineView, SectionView, ShownWhen, TableView
from tests.house.tree import ROOMS, ROOT

YES_NO = (("yes", "Yes"), ("no", "No"))
REASONS = (("not_done", "Not done"),)


@pytest.fixture(autouse=True)
def _english() -> Any:
    with translation.override("en"):
        yield


def drawn(part: str, **context: Any) -> str:
    """The part's HTML with runs of white space made one space."""
    context |= {"request": RequestFactory().get("/participants/?site=AMS"), "csrf_token": "token"}
    return " ".join(render_to_string(f"parts/{part}.html", context).split())


def field(kind: str, **more: Any) -> str:
    return drawn("field", field=FieldView(key="it", type=kind, label="Weight", **more))


class ReasonForm(forms.Form):
    reason = forms.CharField(label="Reason", help_text="Say what was wrong.")
    kind = forms.ChoiceField(label="Kind", choices=[("a", "Typing error")], widget=forms.RadioSelect)
    sure = forms.BooleanField(label="Checked", required=False)
    note = forms.CharField(label="Note", required=False)
    token = forms.CharField(widget=forms.HiddenInput, required=False)

    def clean(self) -> dict[str, Any]:
        raise forms.ValidationError("Nothing was chosen.")


def test_a_number_has_its_unit_beside_it_and_no_spinner() -> None:
    html = field("decimal", unit="kg", value="72.5", inputmode="decimal", hint="Without shoes.")
    assert 'type="text" inputmode="decimal"' in html
    assert '<span class="tm-unit" id="item-it-unit">kg</span>' in html
    assert 'aria-describedby="item-it-hint item-it-unit"' in html


def test_an_error_is_tied_to_its_box() -> None:
    html = field("integer", error="Enter a whole number.", value="1o")
    assert 'id="item-it-error"' in html
    assert 'aria-describedby="item-it-error" aria-invalid="true"' in html


def test_an_item_that_need_not_be_answered_says_so() -> None:
    assert "(optional)" in field("text", required=False)
    assert "(optional)" not in field("text")


def test_a_date_has_three_boxes_under_one_question() -> None:
    html = field("partial_date", parts=DateParts("", "11", "2024"), error="No.")
    assert '<span class="tm-label" id="item-it-label">Weight' in html
    assert 'role="group" aria-labelledby="item-it-label" aria-describedby="item-it-hint item-it-error"' in html
    assert (
        'name="item.it.month" type="text" inputmode="numeric" autocomplete="off" value="11" aria-invalid="true"' in html
    )
    assert "Leave empty what is not known." in html


def test_a_time_says_which_clock() -> None:
    assert "24-hour clock" in field("time")


def test_radios_carry_the_reason_for_no_value_in_their_own_group() -> None:
    html = field("yes_no", choices=YES_NO, missing_choices=REASONS, missing_reason="not_done")
    assert 'role="radiogroup" aria-labelledby="item-it-label"' in html
    assert '<details class="tm-reason" open>' in html
    assert 'name="item.it" value="missing:not_done" checked' in html


def test_other_boxes_carry_the_reason_in_a_select() -> None:
    html = field("integer", missing_choices=REASONS, missing_reason="not_done")
    assert '<option value="not_done" selected>Not done</option>' in html
    assert '<details class="tm-reason">' in field("integer", missing_choices=REASONS)


def test_several_answers_are_ticked() -> None:
    html = field("multi_choice", choices=YES_NO, value="no", hint="All that apply.")
    assert 'value="no" checked' in html
    assert 'value="yes" checked' not in html
    assert 'aria-describedby="item-it-hint"' in html


def test_a_long_list_of_codes_is_a_select_without_a_chosen_answer() -> None:
    choices = tuple((f"c{number}", f"C{number}") for number in range(13))
    html = field("choice", choices=choices, error="Choose.", value="c3")
    assert '<option value="">Choose</option>' in html
    assert '<option value="c3" selected>' in html
    assert "selected" not in field("choice", choices=choices)


def test_long_text_keeps_what_was_typed() -> None:
    assert "> so it went</textarea>" in field("long_text", value="so it went", error="Too long.", hint="Short.")


def test_a_derived_value_is_read_not_entered() -> None:
    assert ">22</output>" in field("integer", derived=True, shown="22")
    assert ">–</output>" in field("integer", derived=True, error="Unclear.")
    assert "<input" not in field("integer", derived=True)


def test_a_frozen_value_is_sent_back_as_it_was() -> None:
    html = field(
        "multi_choice", choices=YES_NO, frozen=True, value="yes no", shown="Yes; No", missing_reason="not_done"
    )
    assert html.count('type="hidden" name="item.it"') == 2
    assert 'type="hidden" name="missing.it" value="not_done"' in html
    assert "Frozen" in html
    assert "No value" in field("text", frozen=True)


@pytest.mark.parametrize("derived", [True, False])
def test_what_does_not_apply_is_marked_for_the_script_and_said_where_there_is_none(derived: bool) -> None:
    html = field("text", skipped=True, derived=derived)
    assert 'data-item="it" data-not-asked' in html
    assert ('<noscript><p class="tm-hint">Not asked, given the other answers.' in html) is not derived
    assert "asked" not in field("text", derived=derived)


def test_a_box_says_when_it_stands() -> None:
    html = field("text", shown_when=ShownWhen("item.any", "yes"), previous="Old")
    assert 'data-show-when-name="item.any" data-show-when-value="yes"' in html
    assert "Saved earlier: <strong>Old</strong>" in html


def test_marks_stand_under_the_box_as_words_with_shapes() -> None:
    html = field("text", queries=1, verified=True, links=(FieldLink("History", "/history"),))
    assert "1 open query" in html
    assert "#query" in html
    assert "Verified" in html
    assert '<a href="/history">History' in html


def test_a_section_has_a_heading_and_its_fields() -> None:
    section = SectionView("vital", "Vital signs", (FieldView(key="it", type="text", label="Weight"),))
    html = drawn("section", section=section)
    assert "Vital signs</h2>" in html
    assert 'id="item-it"' in html


def test_the_error_summary_takes_the_views_own_lines_first() -> None:
    html = drawn("error_summary", errors=[ErrorLink("item-it", "Weight: too high.")], form=ReasonForm({}))
    assert '<a href="#item-it">Weight: too high.</a>' in html
    assert "data-error-summary" in html
    assert "Nothing was chosen." not in html


def test_the_error_summary_reads_a_django_form() -> None:
    html = drawn("error_summary", form=ReasonForm({}))
    assert "<strong>Nothing was chosen.</strong>" in html
    assert '<a href="#id_reason">' in html
    assert '<a href="#id_kind_0">' in html


def test_a_page_without_errors_has_no_summary() -> None:
    assert drawn("error_summary", form=ReasonForm()) == ""
    assert drawn("error_summary", form=object()) == ""


def test_a_django_form_comes_out_in_the_same_markup() -> None:
    html = drawn(
        "form", form=ReasonForm({}), action="/go", submit="Go", cancel_url="/back", danger=True, warn_unsaved=True
    )
    assert 'action="/go" data-warn-unsaved' in html
    assert '<div class="tm-hint" id="id_reason_helptext">' in html
    assert 'id="id_reason_error"' in html
    assert 'Note <span class="tm-optional">(optional)</span>' in html
    assert 'tm-button--danger" type="submit">Go</button>' in html
    assert '<a href="/back">Cancel</a>' in html
    assert ">Save</button>" in drawn("form", form=ReasonForm())


def test_a_page_that_acts_shows_what_it_will_do() -> None:
    rows = [
        Row(key="Site", value="Amsterdam", url="/site"),
        Row(key="State", value="Ready", kind="done"),
        Row(key="Empty"),
    ]
    html = drawn("confirm", heading="Sign", caption="AMS-0001", lead="Read it.", rows=rows, warning="It is final.")
    assert "Check your answers" in html
    assert 'Change<span class="tm-visually-hidden"> Site</span>' in html
    assert "No value" in html
    assert "It is final." in html
    assert "<h1>Sign</h1>" in drawn("confirm", heading="Sign")


def test_a_summary_row_may_name_its_own_act() -> None:
    assert "Withdraw<span" in drawn(
        "summary_list", rows=[Row(key="Consent", value="Given", url="/w", action="Withdraw")]
    )


@pytest.mark.parametrize(
    ("kind", "word", "shape"),
    [
        ("success", "Done:", "done"),
        ("warning", "Warning:", "late"),
        ("error", "Error:", "stop"),
        ("info", "Notice:", "info"),
    ],
)
def test_a_message_has_a_word_and_a_shape(kind: str, word: str, shape: str) -> None:
    html = drawn("notification", kind=kind, title="Title", text="Text")
    assert word in html
    assert f"#{shape}" in html


def test_messages_stand_as_notifications() -> None:
    assert "Saved." in drawn("messages", messages=[Message(SUCCESS, "Saved.")])


def test_a_table_names_itself_its_columns_and_its_rows() -> None:
    cells = [
        Row(text="AMS-0001", url="/p", about="open"),
        Row(text="Late", kind="late"),
        Row(text=3, numeric=True),
        Row(text=None),
    ]
    columns = [Row(label="Participant"), Row(label="State"), Row(label="Queries", numeric=True), Row(label="Visit")]
    html = drawn("table", caption="Participants", columns=columns, rows=[cells], hide_caption=True, dense=True)
    assert '<th scope="row"><a href="/p">AMS-0001' in html
    assert '<td class="tm-number">3</td>' in html
    assert "<td>–</td>" in html
    assert "Nothing to show yet." in drawn("table", caption="Participants", rows=[])
    assert "No visits." in drawn("table", caption="Visits", rows=[], empty="No visits.")


def test_pages_keep_the_filter_and_leave_out_the_far_numbers() -> None:
    html = drawn("pagination", page_obj=Paginator(range(400), 20).page(7))
    assert 'href="?site=AMS&amp;page=6"' in html
    assert 'aria-current="page"' in html
    assert "121 to 140 of 400" in html
    assert drawn("pagination", page_obj=Paginator(range(4), 20).page(1)) == ""
    assert 'rel="prev"' not in drawn("pagination", page_obj=Paginator(range(40), 20).page(1))
    assert 'rel="next"' not in drawn("pagination", page_obj=Paginator(range(40), 20).page(2))


def test_a_task_has_a_state_and_perhaps_a_link() -> None:
    tasks = [
        Row(label="MADRS", url="/madrs", hint="By the rater", status="Due", kind="due"),
        Row(label="Later", url=""),
    ]
    html = drawn("task_list", tasks=tasks)
    assert '<a href="/madrs">MADRS</a>' in html
    assert "By the rater" in html
    assert "#due" in html


def test_a_filter_is_a_get_form_that_can_be_undone() -> None:
    html = drawn("filter_form", filter_form=ReasonForm({"note": "x"}))
    assert 'method="get"' in html
    assert "(optional)" not in html
    assert '<a href="/participants/">Show all</a>' in html
    assert "Show all" not in drawn("filter_form", filter_form=ReasonForm())


def test_breadcrumbs_end_with_the_page_itself() -> None:
    html = drawn("breadcrumbs", breadcrumbs=[Row(label="Participants", url="/"), Row(label="AMS-0001", url="")])
    assert '<a href="/">Participants</a>' in html
    assert '<span aria-current="page">AMS-0001</span>' in html


def test_every_form_that_is_sent_carries_a_token_against_forgery() -> None:
    templates = [path for room in ROOMS for path in (ROOT / room).rglob("templates/**/*.html")]
    sent = [
        (path.name, form)
        for path in templates
        for form in re.findall(r"<form\b.*?</form>", path.read_text("utf-8"), re.DOTALL)
        if 'method="post"' in form
    ]
    assert len(sent) > 5
    assert [name for name, form in sent if not re.search("{% (csrf|own)_token %}", form)] == []


STEPS = tuple((str(number), str(number)) for number in range(3))


def test_keys_are_radio_buttons_with_a_name_and_the_reason_in_their_group() -> None:
    html = field("integer", choices=STEPS, is_scale=True, value="2", missing_choices=REASONS)
    assert 'role="radiogroup" aria-labelledby="item-it-label"' in html
    assert 'type="radio" id="item-it-2" name="item.it" value="2" checked><span>2</span>' in html
    assert 'name="item.it" value="missing:not_done"' in html


def test_a_key_says_the_words_of_its_number_to_a_screen_reader() -> None:
    html = field("scale", choices=(("0", "0: none"), ("1", "1")), is_scale=True, bounds="0: none; 1: much")
    assert '<span>0<span class="tm-visually-hidden">: none</span></span>' in html
    assert '<span class="tm-hint tm-bounds" id="item-it-bounds">0: none; 1: much</span>' in html


def drawn_table(*fields: FieldView | None) -> str:
    table = TableView((("Upper", "mmHg"), ("Lower", "")), (LineView("Early", fields),))
    section = SectionView("main", "Measured", tuple(one for one in fields if one), hint="Sitting.", table=table)
    return drawn("section", section=section)


def test_a_table_of_measurements_names_every_box_in_full() -> None:
    upper = FieldView(key="up", type="integer", label="Upper, early", unit="mmHg", error="Too high.")
    choice = FieldView(key="arm", type="yes_no", label="Left arm", choices=YES_NO, is_scale=True)
    html = drawn_table(upper, choice)
    assert '<th scope="col">Upper <span class="tm-optional">mmHg</span></th><th scope="col">Lower</th>' in html
    assert '<th scope="row">Early</th>' in html
    assert '<label class="tm-label tm-cell__label" for="item-up">Upper, early' in html
    assert '<span class="tm-label tm-cell__label" id="item-arm-label">Left arm' in html
    assert "Too high." in html
    assert '<p class="tm-hint" id="section-main-hint">Sitting.</p>' in html


def test_a_table_shows_what_is_worked_out_and_leaves_a_place_for_what_is_hidden() -> None:
    html = drawn_table(FieldView(key="mean", type="integer", label="Mean, early", derived=True, shown="93"), None)
    assert 'id="item-mean"' in html
    assert ">93</output>" in html
    assert "<td></td> </tr>" in html
