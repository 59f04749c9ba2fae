"""Planned visits as a calendar file: iCalendar, RFC 5545, as far as whole days need it.

A number, a visit and days: no name, no answer. The identifier of an event is made of the number and the name of the
visit, so that a file fetched later replaces what an earlier one brought, and nothing can be counted from it.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from trialmgr import __version__
from trialmgr.overview.weeks import PlannedVisit

LONGEST_LINE = 75
"""Octets of a line, its end not counted. Source: RFC 5545 3.1."""

_ESCAPED = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n", "\r": None})


def calendar_file(visits: Iterable[PlannedVisit], study: str, made_at: datetime.datetime) -> str:
    """``study``: identifier of the study, for those of the events. ``made_at``: aware."""
    stamp = made_at.astimezone(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        f"PRODID:-//trialmgr//trialmgr {__version__}//EN",
        "CALSCALE:GREGORIAN",
        *(line for visit in visits for line in _event(visit, study, stamp)),
        "END:VCALENDAR",
    ]
    return "".join(f"{folded}\r\n" for line in lines for folded in _folded(line))


def _event(one: PlannedVisit, study: str, stamp: str) -> Iterator[str]:
    """The whole window, or the planned day of a visit that has none; the planned day stands in the summary."""
    planned = one.visit.target_on or datetime.date.max
    first, last = one.window or (planned, planned)
    said = _("%(number)s: %(visit)s") % {"number": one.number, "visit": one.label}
    if one.window:
        said = _("%(said)s, planned for %(day)s") % {"said": said, "day": date_format(planned)}
    yield "BEGIN:VEVENT"
    yield f"UID:{one.number}.{one.visit.slug}@{study}.trialmgr"
    yield f"DTSTAMP:{stamp}"
    yield f"DTSTART;VALUE=DATE:{first:%Y%m%d}"
    # The day after the last: the end is no part of it.
    yield f"DTEND;VALUE=DATE:{last + datetime.timedelta(days=1):%Y%m%d}"
    yield f"SUMMARY:{_escaped(said)}"
    if one.forms:
        forms = "\n".join(f"{turn}: {', '.join(labels)}" for turn, labels in one.forms)
        yield f"DESCRIPTION:{_escaped(forms)}"
    yield "TRANSP:TRANSPARENT"
    yield "END:VEVENT"


def _escaped(text: str) -> str:
    return text.translate(_ESCAPED)


def _folded(line: str) -> Iterator[str]:
    """Lines short enough, no character of more octets cut through; each that goes on begins with a space."""
    piece, begin = "", ""
    for character in line:
        if len(f"{begin}{piece}{character}".encode()) > LONGEST_LINE:
            yield f"{begin}{piece}"
            piece, begin = "", " "
        piece += character
    yield f"{begin}{piece}"
