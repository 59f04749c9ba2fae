"""Soft checks at work: a warning opens a query, a corrected value closes it. Source: EMA guideline 6.1.4."""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils import timezone, translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from crf.actions.queries import close, open_query
from crf.models import FormEntry, Query, QueryStatus
from trialmgr.people.models import User
from trialmgr.protocol import expressions
from trialmgr.protocol.evaluation import Evaluation, Problem
from trialmgr.protocol.model import Form, Text

CORRECTED = _("The value was corrected; the check no longer fires.")
ROW_REMOVED = _("The row was removed.")


def follow_checks(entry: FormEntry, form: Form, evaluation: Evaluation, changed: tuple[str, ...], by: User) -> None:
    """Open a query for each warning that this save caused; close those whose warning is gone.

    A query that somebody closed while its check still fired was accepted: it returns only when a value changes.
    """
    firing = {(warning.check_key, warning.item_key): warning for warning in evaluation.warnings}
    # What was saved for the first time a moment ago has no query yet.
    known = _raised_by_checks(entry) if entry.revision > 1 else ()
    newest: dict[tuple[str | None, str | None], Query] = {(query.check_key, query.item): query for query in known}
    for key, query in newest.items():
        if query.state is not QueryStatus.CLOSED and key not in firing:
            close(query, by, _in_both(CORRECTED), timezone.now())
    for key, warning in firing.items():
        if key not in newest or _returns(newest[key], form, warning, changed):
            _raise(entry, form, warning, by)


def follow_removal(entry: FormEntry, by: User) -> None:
    """A removed row asks nothing any more."""
    for query in _raised_by_checks(entry):
        if query.state is not QueryStatus.CLOSED:
            close(query, by, _in_both(ROW_REMOVED), timezone.now())


def _raised_by_checks(entry: FormEntry) -> QuerySet[Query]:
    return entry.queries.exclude(check_key="").order_by("number")


def _returns(query: Query, form: Form, warning: Problem, changed: tuple[str, ...]) -> bool:
    return query.state is QueryStatus.CLOSED and not _items_of(form, warning).isdisjoint(changed)


def _items_of(form: Form, warning: Problem) -> set[str]:
    """The items whose change may have made the warning fire."""
    rules = [check.fires_if for check in form.checks if check.key == warning.check_key]
    read = {path[0] for rule in rules for path in expressions.parse(rule).references if len(path) == 1}
    return read | {warning.item_key or ""}


def _raise(entry: FormEntry, form: Form, warning: Problem, by: User) -> None:
    open_query(entry, form, warning.item_key or "", warning.message, by, check_key=warning.check_key or "")


def _in_both(text: str | Promise) -> Text:
    def spoken(language: str) -> str:
        with translation.override(language):
            return str(text)

    return Text(nl=spoken("nl"), en=spoken("en"))
