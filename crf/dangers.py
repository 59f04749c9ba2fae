"""Saved answers that the study definition marks as dangerous, for many entries at once."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import NamedTuple

from django.db.models import Exists, OuterRef, Q
from django.utils.timezone import make_aware

from crf.models import EntryQuerySet, FormEntry
from trialmgr.people.models import User
from trialmgr.people.visibility import Sight
from trialmgr.protocol.evaluation import RowScope, Scope, read, truth_of
from trialmgr.protocol.model import Danger, Form, RowKey, StudyDefinition


class DangerousAnswer(NamedTuple):
    """``key``: of the item, in a row with its row."""

    entry: FormEntry
    key: str
    danger: Danger


def may_be_dangerous(user: User, definition: StudyDefinition, since: datetime.date) -> EntryQuerySet:
    """Entries in the sight of this person, on forms that mark an answer as dangerous, of visits or saved since a day.

    What is entered late, corrected, or stands in a log without a day is as new to whoever must act. A consequence does
    not raise the revision, so nobody learns here that something followed from what is out of their sight.
    """
    forms = [form.key for form in definition.forms if any(item.danger for item in form.items)]
    rows: EntryQuerySet = FormEntry.objects.for_user(user).counted().standing().filter(form_key__in=forms)
    begins = make_aware(datetime.datetime.combine(since, datetime.time.min))
    before = FormEntry.history.filter(id=OuterRef("pk"), revision=OuterRef("revision"), history_date__lt=begins)
    return rows.filter(Q(visit__took_place_on__gte=since) | ~Exists(before))


def dangerous_answers(entry: FormEntry, sight: Sight) -> Iterator[DangerousAnswer]:
    """As far as they are in sight. A rule reads its own form; what it reads elsewhere counts as not known here."""
    form = entry.form
    scope = _scope(entry, form)
    for key in scope.known:
        item = form.item(key)
        if item.danger and sight.item(item) and truth_of(item.danger.fires_if, _of_row(scope, form, key)) is True:
            yield DangerousAnswer(entry, key, item.danger)


def _scope(entry: FormEntry, form: Form) -> Scope:
    definition = entry.study_version.definition
    known = {key: read(definition, form.item(key), raw) for key, raw in entry.data.items() if form.has_item(key)}
    return Scope(definition, form, lambda *_path: None, known)


def _of_row(scope: Scope, form: Form, key: str) -> Scope | RowScope:
    row = RowKey.read(key)
    return RowScope(scope, form.groups[row.section], row.row) if row else scope
