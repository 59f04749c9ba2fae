"""What a correction changes on other forms is shown before it is saved, and nobody is shown what they may not see."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from crf.models import FormEntry, Visit
from tests import walk
from tests.crf.pages import Reader, boxes, form_url
from tests.crf.test_pages_entries import answers
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.permissions import Role

SignedIn = Callable[..., Client]


@pytest.fixture
def visit(cast: Cast) -> Visit:
    """At screening a man's laboratory form is complete, without a pregnancy test."""
    visit = walk.came(cast, walk.consented(cast), "screening")
    walk.fill(cast, visit, "demographics", given={"sex": "m"})
    walk.fill(cast, visit, "labs")
    return visit


def labs(visit: Visit) -> FormEntry:
    return FormEntry.objects.get(visit=visit, form_key="labs")


def sent(visit: Visit, **more: str) -> dict[str, str]:
    entry = FormEntry.objects.get(visit=visit, form_key="demographics")
    values = {key: value for key, value in entry.data.items() if not entry.form.item(key).is_derived}
    day: dict[str, str] = {}
    for key in [key for key in values if entry.form.item(key).type == "date"]:
        year, month, number = values.pop(key).split("-")
        day |= {f"item.{key}.day": number, f"item.{key}.month": month, f"item.{key}.year": year}
    return boxes(values | {"sex": "f"}, entry.revision, reason_choice="typing") | day | more


def test_the_page_says_first_what_else_changes_and_then_saves(signed_in: SignedIn, cast: Cast, visit: Visit) -> None:
    coordinator = Reader(signed_in, cast, Role.COORDINATOR)
    url = form_url(visit, "demographics")
    shown = coordinator.post(url, sent(visit), status=200)
    assert "This changes other forms too" in shown
    assert "Screening, Laboratory and ECG: Incomplete" in shown
    assert labs(visit).status == "complete"
    mark = shown.split('name="follows_seen" value="')[1].split('"')[0]
    coordinator.post(url, sent(visit, follows_seen="something else"), status=200)
    coordinator.post(url, sent(visit, follows_seen=mark))
    assert labs(visit).status == "incomplete"


def test_a_value_that_would_count_no_more_is_shown_with_what_becomes_of_it(
    signed_in: SignedIn, cast: Cast, visit: Visit
) -> None:
    walk.fill(cast, visit, "demographics", given={"sex": "f"}, reason="correction")
    walk.fill(cast, visit, "labs", given={"lb_pregnancy": "negative"}, reason="asked")
    coordinator = Reader(signed_in, cast, Role.COORDINATOR)
    back = {**sent(visit), "item.sex": "m"}
    shown = coordinator.post(form_url(visit, "demographics"), back, status=200)
    assert "Screening, Laboratory and ECG: Pregnancy test: Negative → no value" in shown
    assert "Laboratory and ECG: Complete" not in shown


def test_an_answer_that_is_not_asked_any_more_stays_in_its_box_and_is_read_as_kept_aside(
    signed_in: SignedIn, cast: Cast, visit: Visit
) -> None:
    walk.fill(cast, visit, "demographics", given={"sex": "f"}, reason="correction")
    walk.fill(cast, visit, "labs", given={"lb_pregnancy": "negative"}, reason="asked")
    walk.fill(cast, visit, "demographics", given={"sex": "m"}, reason="correction")
    assert labs(visit).unasked.keys() == {"lb_pregnancy"}
    read = Reader(signed_in, cast, Role.MONITOR, "").get(form_url(visit, "labs"))
    assert "not asked, given the other answers; kept aside: " in read
    coordinator = Reader(signed_in, cast, Role.COORDINATOR)
    page = coordinator.get(form_url(visit, "labs"))
    chosen = page[page.index('id="item-lb_pregnancy') :]
    assert "checked" in chosen[: chosen.index('class="tm-line__label"')]


def test_a_rater_is_not_shown_what_changes_on_a_form_out_of_sight(signed_in: SignedIn, cast: Cast) -> None:
    participant = walk.at_week_8(cast)
    week_8 = walk.visit_of(participant, "week_8")
    if not FormEntry.objects.filter(visit=week_8, form_key="outcome").exists():
        walk.fill(cast, week_8, "outcome")
    rater = Reader(signed_in, cast, Role.RATER)
    revision = FormEntry.objects.get(visit=week_8, form_key="madrs").revision
    lower = dict.fromkeys(answers(week_8, "madrs"), "0")
    rater.post(form_url(week_8, "madrs"), boxes(lower, revision, reason_choice="typing"))
    outcome = FormEntry.objects.get(visit=week_8, form_key="outcome")
    assert outcome.data["oc_fall"] == "100.0"


def test_what_is_refused_is_refused_before_anything_is_said_of_other_forms(
    signed_in: SignedIn, cast: Cast, visit: Visit
) -> None:
    coordinator = Reader(signed_in, cast, Role.COORDINATOR)
    refused = coordinator.post(
        form_url(visit, "demographics"), sent(visit) | {"item.birth_year": "years ago"}, status=422
    )
    assert "This changes other forms too" not in refused
    assert labs(visit).status == "complete"
