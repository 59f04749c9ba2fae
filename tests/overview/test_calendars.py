"""The calendar file, read by a second reader of RFC 5545: folding, escaping, identifiers, days; and who gets it."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterator

import pytest
from django.test import Client
from django.utils import translation

from audit.models import LedgerEntry
from crf.models import Visit
from tests import walk
from trialmgr.overview.calendars import calendar_file
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.overview.weeks import PlannedVisit
from trialmgr.participants.models import Participant
from trialmgr.people.models import User
from trialmgr.people.permissions import Role

SITE = walk.SITE
SignedIn = Callable[[User], Client]
MOMENT = datetime.datetime(2026, 3, 1, 23, 30, tzinfo=datetime.timezone(datetime.timedelta(hours=-2)))
Event = dict[str, str]


def read(content: bytes) -> list[Event]:
    """The events of a file: each property by its name with its parameters. Fails where RFC 5545 is not kept."""
    assert content.endswith(b"\r\n")
    assert b"\n" not in content.replace(b"\r\n", b"")
    assert b"\r" not in content.replace(b"\r\n", b"")
    lines = content.split(b"\r\n")[:-1]
    assert all(0 < len(line) <= 75 for line in lines)
    for line in lines:
        line.decode()  # no character is cut through
    unfolded = content.decode().replace("\r\n ", "").split("\r\n")[:-1]
    assert unfolded[0] == "BEGIN:VCALENDAR"
    assert unfolded[-1] == "END:VCALENDAR"
    return list(_events(unfolded[1:-1]))


def _events(lines: list[str]) -> Iterator[Event]:
    head: Event = {}
    event: Event | None = None
    for line in lines:
        found = re.fullmatch(r"([A-Z-]+(?:;[A-Z-]+=[^;:]+)*):(.*)", line)
        assert found, line
        name, value = found.groups()
        if (name, value) == ("BEGIN", "VEVENT"):
            assert event is None
            event = {}
        elif (name, value) == ("END", "VEVENT"):
            assert event is not None
            assert {"UID", "DTSTAMP", "DTSTART;VALUE=DATE"} <= event.keys()
            yield event
            event = None
        else:
            here = head if event is None else event
            assert name not in here, "each property once"
            here[name] = _unescaped(value) if name in ("SUMMARY", "DESCRIPTION") else value
    assert event is None
    assert head["VERSION"] == "2.0"
    assert head["PRODID"]


def _unescaped(value: str) -> str:
    assert not re.search(r"(?<!\\)(?:\\\\)*[;,]", value), value
    return re.sub(r"\\(.)", lambda found: {"n": "\n"}.get(found[1], found[1]), value)


def day(text: str) -> datetime.date:
    return datetime.datetime.strptime(text, "%Y%m%d").replace(tzinfo=datetime.UTC).date()


def visit(**given: object) -> Visit:
    return Visit(participant=Participant(number="UMCG-007"), slug="week_1", **given)


def test_what_is_special_in_the_format_comes_back_as_it_was() -> None:
    label = "Wéék 1; a, b \\ c\r\nnext " + "é" * 90
    on = datetime.date(2026, 12, 31)
    planned = PlannedVisit(visit(target_on=on), label, (("Rater", ("MADRS, full", "C;SSRS")),))
    with translation.override("en"):
        content = calendar_file([planned], "study", MOMENT).encode()
    [event] = read(content)
    assert event["SUMMARY"] == "UMCG-007: " + label.replace("\r", "")
    assert event["DESCRIPTION"] == "Rater: MADRS, full, C;SSRS"
    assert event["UID"] == "UMCG-007.week_1@study.trialmgr"
    assert event["DTSTAMP"] == "20260302T013000Z"
    assert day(event["DTSTART;VALUE=DATE"]) == on
    assert day(event["DTEND;VALUE=DATE"]) == datetime.date(2027, 1, 1), "the end is the day after"


def test_a_window_is_a_stretch_of_whole_days_with_the_planned_day_in_words() -> None:
    first, target, last = (datetime.date(2026, 3, number) for number in (2, 5, 9))
    planned = PlannedVisit(visit(earliest_on=first, target_on=target, latest_on=last), "Week 1", ())
    with translation.override("en"):
        [event] = read(calendar_file([planned], "study", MOMENT).encode())
    assert (day(event["DTSTART;VALUE=DATE"]), day(event["DTEND;VALUE=DATE"])) == (first, datetime.date(2026, 3, 10))
    assert event["SUMMARY"].startswith("UMCG-007: Week 1, planned for ")
    assert "DESCRIPTION" not in event


@pytest.mark.parametrize("length", range(40, 80))
def test_no_line_is_too_long_at_any_length_of_the_text(length: int) -> None:
    planned = PlannedVisit(visit(target_on=datetime.date(2026, 3, 2)), "ë" * length, ())
    [event] = read(calendar_file([planned], "study", MOMENT).encode())
    assert event["SUMMARY"].endswith("ë" * length)


class TestPage:
    def test_the_file_of_a_site_holds_numbers_alone_and_is_told_by_the_trail(
        self, cast: Cast, signed_in: SignedIn
    ) -> None:
        participant, elsewhere = walk.randomised(cast), walk.consented(cast, "LUMC")
        client = signed_in(cast.at(SITE, Role.COORDINATOR))
        url = f"/week/calendar/{SITE}/"
        page = client.get(url, HTTP_ACCEPT_LANGUAGE="en").content.decode()
        assert "It names the sessions of a treatment." in page
        assert not LedgerEntry.objects.filter(action="calendar.exported").exists()
        answer = client.post(url, HTTP_ACCEPT_LANGUAGE="en")
        assert answer["Content-Type"] == "text/calendar; charset=utf-8"
        assert answer["Content-Disposition"] == f'attachment; filename="{SITE}.ics"'
        events = read(answer.content)
        assert any(event["UID"].startswith(f"{participant.number}.week_8@") for event in events)
        assert elsewhere.number not in answer.content.decode()
        assert len({event["UID"] for event in events}) == len(events)
        kept = LedgerEntry.objects.get(action="calendar.exported")
        assert (kept.site, kept.participant, kept.new, kept.restricted) == (SITE, "", str(len(events)), True)
        again = read(client.post(url).content)
        assert [event["UID"] for event in again] == [event["UID"] for event in events]

    def test_the_file_of_a_participant_has_no_visit_of_an_arm_for_whoever_is_blinded(
        self, cast: Cast, signed_in: SignedIn
    ) -> None:
        seen = {}
        for arm in ("esketamine", "ect"):
            number = walk.randomised(cast, arm=arm).number
            url = f"/participants/{number}/calendar/"
            rater = signed_in(cast.at(SITE, Role.RATER))
            assert "It names the sessions" not in rater.get(url, HTTP_ACCEPT_LANGUAGE="en").content.decode()
            blind = read(rater.post(url).content)
            whole = read(signed_in(cast.at(SITE, Role.COORDINATOR)).post(url).content)
            assert len(whole) > len(blind)
            seen[arm] = [(event["UID"].removeprefix(number), event["SUMMARY"].removeprefix(number)) for event in blind]
            kept = LedgerEntry.objects.filter(action="calendar.exported", participant=number).order_by("seq")
            assert [entry.restricted for entry in kept] == [False, True]
        assert [uid for uid, _said in seen["esketamine"]] == [uid for uid, _said in seen["ect"]]

    def test_who_plans_no_visits_there_gets_none(self, cast: Cast, signed_in: SignedIn) -> None:
        for user, status in (
            (cast.at("", Role.MONITOR), 403),
            (cast.at("LUMC", Role.COORDINATOR), 404),
            (cast.at("", Role.STATISTICIAN), 403),
        ):
            assert signed_in(user).post(f"/week/calendar/{SITE}/").status_code == status
        assert not LedgerEntry.objects.filter(action="calendar.exported").exists()
