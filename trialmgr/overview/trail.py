"""The audit trail as one person may read it, and what they look for in it."""

from __future__ import annotations

import csv
import datetime
import json
from collections.abc import Iterator
from typing import Any

from django import forms
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from audit.acts.cells import neutralise
from audit.models import LedgerEntry, LedgerQuerySet
from audit.trail import READING_ORDER
from trialmgr.overview.act_labels import ACT_LABELS
from trialmgr.participants.models import Participant
from trialmgr.people.models import User
from trialmgr.protocol.model import StudyDefinition

DAY_FORMATS = ["%d-%m-%Y", "%d/%m/%Y", "%Y-%m-%d"]
SORTS = {"time": "seq", "who": "actor", "act": "action", "participant": "participant", "form": "form"}
COLUMNS = ("seq", *READING_ORDER, "act", "hash")


def readable(user: User, definition: StudyDefinition) -> LedgerQuerySet:
    """Every entry that this person may read: own sites, forms in their sight, nothing restricted when blinded."""
    sight = user.sight(definition)
    rows = LedgerEntry.objects.of_forms(sight.forms)
    if not user.works_everywhere:
        rows = rows.at_sites(
            {membership.site.code for membership in user.memberships_now if membership.site}, _moved_to(user)
        )
    return rows.open_part() if sight.blinded else rows


def _moved_to(user: User) -> list[str]:
    """Numbers of those who came from another site: whoever has their casebook now reads what was done before, too."""
    moved = LedgerEntry.objects.filter(action="participant.moved").values("participant")
    return list(Participant.every.at_sites_of(user).filter(number__in=moved).values_list("number", flat=True))


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
        language, sight = get_language() or "nl", user.sight(definition)
        own = {membership.site.code for membership in user.memberships_now if membership.site}
        sites = [(site.code, site.name) for site in definition.sites if user.works_everywhere or site.code in own]
        seen = [(form.key, form.label(language)) for form in definition.forms if sight.form(form)]
        acts = sorted(ACT_LABELS.items(), key=lambda pair: str(pair[1]))
        for name, choices in (("act", acts), ("site", sites), ("form", seen)):
            box = self.fields[name]
            self.fields[name] = forms.ChoiceField(label=box.label, required=False, choices=[("", _("All")), *choices])

    def narrow(self, rows: LedgerQuerySet) -> LedgerQuerySet:
        """The entries asked for; none when the question is not understood."""
        if not self.is_valid():
            return rows.none()
        asked = self.cleaned_data
        for name, lookup in _LOOKUPS.items():
            if asked[name]:
                rows = rows.filter(**{lookup: asked[name]})
        return rows.filter(*_days(asked["since"], asked["until"]), *_text(asked["text"]))

    def asked(self) -> dict[str, str]:
        """The question as it is kept in the trail itself."""
        return {name: str(value) for name, value in self.cleaned_data.items() if value}


_LOOKUPS = {
    "participant": "participant__iexact",
    "who": "actor__icontains",
    "act": "action",
    "site": "site",
    "form": "form",
}


def _days(since: datetime.date | None, until: datetime.date | None) -> Iterator[Q]:
    """At the very ends of the calendar there is no day before or after, and nothing that happened either."""
    if since is not None and since.year > datetime.MINYEAR:
        yield Q(at__gte=_midnight(since))
    if until is not None and until.year < datetime.MAXYEAR:
        yield Q(at__lt=_midnight(until + datetime.timedelta(days=1)))


def _midnight(day: datetime.date) -> datetime.datetime:
    return timezone.make_aware(datetime.datetime.combine(day, datetime.time()))


def _text(text: str) -> Iterator[Q]:
    if text:
        yield Q(old__icontains=text) | Q(new__icontains=text) | Q(reason__icontains=text) | Q(object_id__icontains=text)


def sorted_by(rows: LedgerQuerySet, sort: str) -> LedgerQuerySet:
    """``sort``: a key of ``SORTS``, with a minus for the other way round; the newest first when it is none of them."""
    name = sort.removeprefix("-")
    if name not in SORTS:
        return rows.order_by("-seq")
    sign = "-" if sort.startswith("-") else ""
    return rows.order_by(f"{sign}{SORTS[name]}", f"{sign}seq")


class _Line:
    """A file that hands back what is written to it, so that rows can be streamed."""

    def write(self, text: str) -> str:
        return text


def csv_lines(rows: LedgerQuerySet) -> Iterator[str]:
    """The entries as CSV (RFC 4180), in their order, read in parts; the first line names the columns."""
    writer = csv.writer(_Line(), quoting=csv.QUOTE_ALL)
    yield writer.writerow(COLUMNS)
    for entry in rows.order_by("seq").iterator(chunk_size=1000):
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
