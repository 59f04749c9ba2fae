"""The audit trail as one person may read it, and what they look for in it."""

from __future__ import annotations

import csv
import datetime
import json
from collections.abc import Iterable, Iterator
from typing import Any

from django import forms
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from audit import pages
from audit.acts.cells import neutralise
from audit.models import LedgerEntry, LedgerQuerySet
from audit.pages import NOWHERE, Clause, Search
from audit.trail import READING_ORDER
from trialmgr.overview.act_labels import ACT_LABELS
from trialmgr.participants.models import Participant
from trialmgr.people.models import SYSTEM, User
from trialmgr.people.queries import called
from trialmgr.people.visibility import Sight
from trialmgr.protocol.model import StudyDefinition

DAY_FORMATS = ["%d-%m-%Y", "%d/%m/%Y", "%Y-%m-%d"]
COLUMNS = ("seq", *READING_ORDER, "act", "hash")


def readable(user: User, definition: StudyDefinition) -> LedgerQuerySet:
    """Every entry that this person may read: own sites, forms in their sight, nothing restricted when blinded."""
    rows = _in_sight(user.sight(definition), definition)
    return rows if user.works_everywhere else rows.besides(*_own(user))


def _in_sight(sight: Sight, definition: StudyDefinition) -> LedgerQuerySet:
    rows = LedgerEntry.objects.all()
    if sight.blinded or len(sight.forms) < len(definition.forms):
        rows = rows.of_forms(sight.forms)
    return rows.open_part() if sight.blinded else rows


def _own(user: User) -> Clause:
    """Own sites, and those who came from another: whoever has their casebook now reads what was done before, too."""
    sites = {membership.site.code for membership in user.memberships_now if membership.site}
    moved = LedgerEntry.objects.filter(action="participant.moved").values("participant")
    came = Participant.every.at_sites_of(user).filter(number__in=moved).values_list("number", flat=True)
    of_them = [("participant__in", numbers)] if (numbers := tuple(came)) else []
    return (*(("site", code) for code in sorted(sites)), *of_them) or NOWHERE


Moments = tuple[datetime.datetime | None, datetime.datetime | None]


def search_for(
    user: User, definition: StudyDefinition, clauses: Iterable[Clause], besides: Iterable[Q], moments: Moments
) -> Search:
    """What this person asks of the trail, within what they may read.

    ``clauses``: what an index finds; ``besides``: what is held against each entry; ``moments``: from one until another.
    """
    first, last = pages.between(*moments)
    rows = _in_sight(user.sight(definition), definition).filter(*besides, *_within(*moments))
    own = [] if user.works_everywhere else [_own(user)]
    return Search(readable=readable(user, definition), rows=rows, first=first, last=last, clauses=(*clauses, *own))


def _within(since: datetime.datetime | None, until: datetime.datetime | None) -> Iterator[Q]:
    if since is not None:
        yield Q(at__gte=since)
    if until is not None:
        yield Q(at__lt=until)


class TrailFilter(forms.Form):
    """Everything is optional; what is filled in narrows the trail."""

    participant = forms.CharField(label=_("Participant"), max_length=30, required=False)
    who = forms.CharField(label=_("Who"), max_length=150, required=False)
    act = forms.ChoiceField(label=_("Act"), required=False)
    site = forms.ChoiceField(label=_("Site"), required=False)
    form = forms.ChoiceField(label=_("Form"), required=False)
    since = forms.DateField(label=_("From day"), input_formats=DAY_FORMATS, required=False)
    until = forms.DateField(label=_("Until day"), input_formats=DAY_FORMATS, required=False)
    text = forms.CharField(label=_("Text in values or reason"), max_length=100, required=False)

    def __init__(self, *args: Any, user: User, definition: StudyDefinition, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user, self.definition = user, definition
        language, sight = get_language() or "nl", user.sight(definition)
        own = {membership.site.code for membership in user.memberships_now if membership.site}
        sites = [(site.code, site.name) for site in definition.sites if user.works_everywhere or site.code in own]
        seen = [(form.key, form.label(language)) for form in definition.forms if sight.form(form)]
        acts = sorted(ACT_LABELS.items(), key=lambda pair: str(pair[1]))
        for name, choices in (("act", acts), ("site", sites), ("form", seen)):
            box = self.fields[name]
            self.fields[name] = forms.ChoiceField(label=box.label, required=False, choices=[("", _("All")), *choices])

    def clean(self) -> dict[str, Any]:
        """Who is meant: names are looked up among the people, not in the trail."""
        given = self.cleaned_data
        self.people = actors_called(given.get("who", ""))
        if len(self.people) > MOST_PEOPLE:
            text = _("More than %(n)s people are called so: type more of the name.")
            self.add_error("who", text % {"n": MOST_PEOPLE})
        return given

    def search(self) -> Search:
        """What is asked for, once it is understood."""
        asked = self.cleaned_data
        clauses: list[Clause] = [((name, asked[box]),) for box, name in _FOUND_BY.items() if asked[box]]
        if asked["participant"]:
            clauses.append((("participant", asked["participant"].upper()),))
        if asked["who"]:
            clauses.append(tuple(("actor_id", actor) for actor in self.people) or NOWHERE)
        moments = _moments(asked["since"], asked["until"])
        return search_for(self.user, self.definition, clauses, _text(asked["text"]), moments)

    def asked(self) -> dict[str, str]:
        """The question as it is kept in the trail itself."""
        return {name: str(value) for name, value in self.cleaned_data.items() if value}


_FOUND_BY = {"act": "action", "site": "site", "form": "form"}
MOST_PEOPLE = 20


def actors_called(text: str) -> list[str]:
    """Whom the trail may name by this part of a name: identifiers of people, and of the installation itself."""
    if not text:
        return []
    people = [str(pk) for pk in called(text).values_list("pk", flat=True)[: MOST_PEOPLE + 1]]
    return [*people, *([SYSTEM.actor_id] if text.lower() in SYSTEM.actor_name else [])]


def _moments(since: datetime.date | None, until: datetime.date | None) -> Moments:
    """At the very ends of the calendar there is no day before or after, and nothing that happened either."""
    begins = since is not None and since.year > datetime.MINYEAR
    ends = until is not None and until.year < datetime.MAXYEAR
    return (
        _midnight(since) if since and begins else None,
        _midnight(until + datetime.timedelta(days=1)) if until and ends else None,
    )


def _midnight(day: datetime.date) -> datetime.datetime:
    return timezone.make_aware(datetime.datetime.combine(day, datetime.time()))


def _text(text: str) -> Iterator[Q]:
    if text:
        yield Q(old__icontains=text) | Q(new__icontains=text) | Q(reason__icontains=text) | Q(object_id__icontains=text)


class _Line:
    """A file that hands back what is written to it, so that rows can be streamed."""

    def write(self, text: str) -> str:
        return text


def csv_lines(rows: LedgerQuerySet) -> Iterator[str]:
    """The entries as CSV (RFC 4180), read in parts; the first line names the columns."""
    writer = csv.writer(_Line(), quoting=csv.QUOTE_ALL)
    yield writer.writerow(COLUMNS)
    for entry in rows.iterator(chunk_size=1000):
        yield writer.writerow([_cell(getattr(entry, name)) for name in COLUMNS])


def _cell(value: Any) -> str:
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    text = json.dumps(value, ensure_ascii=False, sort_keys=True) if isinstance(value, dict) else str(value or "")
    return text if _is_number(text) else neutralise(text)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
