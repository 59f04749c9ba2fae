"""Soft checks at work: a warning opens a query, a corrected value closes it. Source: EMA guideline 6.1.4."""

from __future__ import annotations

from django.utils import timezone
from django.utils.translation import gettext as _

from crf.actions.queries import close, open_query
from crf.models import FormEntry, QueryStatus
from trialmgr.people.models import User
from trialmgr.protocol.evaluation import Evaluation, Problem
from trialmgr.protocol.model import Form


def follow_checks(entry: FormEntry, form: Form, evaluation: Evaluation, changed: tuple[str, ...], by: User) -> None:
    """Open a query for each warning that this save caused; close those whose warning is gone."""
    firing = {(warning.check_key, warning.item_key): warning for warning in evaluation.warnings}
    standing = {(query.check_key, query.item): query for query in entry.queries.exclude(check_key="")}
    for key, query in standing.items():
        if query.state is not QueryStatus.CLOSED and key not in firing:
            close(query, by, _("The value was corrected; the check no longer fires."), timezone.now())
    for key, warning in firing.items():
        query_open = key in standing and standing[key].state is not QueryStatus.CLOSED
        if not query_open and set(changed) & _items_of(form, warning):
            _raise(entry, form, warning, by)


def _items_of(form: Form, warning: Problem) -> set[str]:
    """The items whose change may have made the warning fire."""
    items = {warning.item_key or ""}
    return items.union(*(check.items for check in form.checks if check.key == warning.check_key))


def _raise(entry: FormEntry, form: Form, warning: Problem, by: User) -> None:
    text = f"{warning.message.nl} / {warning.message.en}"
    open_query(entry, form, warning.item_key or "", text, by, check_key=warning.check_key or "")
