"""Soft checks at work: a warning opens a query, a corrected value closes it. Source: EMA guideline 6.1.4.

The truth of a check may change from the side of any form that it reads, so the queries follow the checks of the entry
that was saved and those of every entry that follows from it. A hard check that fires only because another form was
corrected can refuse nothing any more, so it asks as well.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast

from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from audit.statements import places, rows_where
from audit.storing import store_changed, store_new
from crf.actions.queries import moved, opened, said
from crf.models import FormEntry, Query, QueryMessage, QueryStatus
from crf.versions import key_names
from trialmgr.people.models import User
from trialmgr.protocol import expressions
from trialmgr.protocol.casebook import Place, read_place
from trialmgr.protocol.evaluation import Evaluation, Problem
from trialmgr.protocol.key_names import called
from trialmgr.protocol.model import Text

CORRECTED = _("The value was corrected; the check no longer fires.")
REMOVED = _("The row or form was removed.")
HARD_RANGE = "range"

Changed: TypeAlias = Mapping[Place, frozenset[str]]
"""Keys of the items that an act changed, by entry."""


Told: TypeAlias = tuple[Query, Text]
"""A query and what its check says."""


@dataclass(frozen=True, slots=True)
class Judged:
    """An entry and what it comes to now."""

    entry: FormEntry
    evaluation: Evaluation

    @property
    def firing(self) -> dict[tuple[str, str], Problem]:
        """By key of the check and item, what asks."""
        asking = [*self.evaluation.warnings, *self.evaluation.problems]
        return {(problem.check_key or HARD_RANGE, problem.item_key or ""): problem for problem in asking}


def follow_checks(judged: Sequence[Judged], changed: Changed, by: User, *, cause: str = "") -> None:
    """Open a query for each warning that this act caused; close those whose warning is gone.

    A query that somebody closed while its check still fired was accepted: it returns only when a value changes that the
    check reads. With a ``cause`` as many questions are put to the database whether a query follows or not.
    """
    known = _queries_of(judged, always=bool(cause))
    raised: list[Told] = []
    ended: list[Told] = []
    for one in judged:
        queries, firing = known[one.entry.pk], one.firing
        newest = {(query.check_key, query.item): query for query in queries if query.check_key}
        over = [query for key, query in newest.items() if query.state is not QueryStatus.CLOSED and key not in firing]
        ended += [(query, _in_both(CORRECTED)) for query in over]
        asking = {key: problem for key, problem in firing.items() if _asks(newest.get(key), one, problem, changed)}
        raised += _raised(one, asking, max((query.number for query in queries), default=0))
    _store(raised, ended, by, cause)


def follow_removal(entry: FormEntry, by: User) -> None:
    """A removed row asks nothing any more."""
    raised = entry.queries.exclude(check_key="").exclude(status=QueryStatus.CLOSED.value).order_by("number")
    _store([], [(query, _in_both(REMOVED)) for query in raised], by, "")


def _queries_of(judged: Sequence[Judged], *, always: bool) -> dict[int, list[Query]]:
    """Every query of these entries, by entry, oldest first; what was saved for the first time has none yet."""
    standing = {one.entry.pk: one.entry for one in judged if always or one.entry.revision > 1}
    found: dict[int, list[Query]] = defaultdict(list)
    if standing or always:
        # A bound that finds nothing asks the same question as one that finds something.
        keys = [*standing, -1]
        for query in rows_where(Query, f"entry_id IN ({places(len(keys))}) ORDER BY number", *keys):
            entry = standing[cast(int, query.entry_id)]
            query.entry = entry
            found[entry.pk].append(query)
    return found


def _asks(query: Query | None, one: Judged, problem: Problem, changed: Changed) -> bool:
    return query is None or (query.state is QueryStatus.CLOSED and _reads_what_changed(one.entry, problem, changed))


def _reads_what_changed(entry: FormEntry, problem: Problem, changed: Changed) -> bool:
    own = changed.get(entry.place, frozenset())
    rules = [check.fires_if for check in entry.form.checks if check.key == problem.check_key]
    paths = {path for rule in rules for path in expressions.parse(rule).reads}
    if problem.item_key in own or any(path[0] in own for path in paths if len(path) == 1):
        return True
    return any(_changed_elsewhere(entry, path, changed) for path in paths if len(path) > 1)


def _changed_elsewhere(entry: FormEntry, path: expressions.Path, changed: Changed) -> bool:
    """Rows of a group are read as a whole: whichever of its items changed, the check may see it."""
    place = entry.place if len(path) == 2 else read_place(entry.study_version.definition, entry.place, path)
    keys = {key.rpartition(".")[2] for key in changed.get(place, ())} if place else set()
    return place is not None and not keys.isdisjoint(called(key_names(), place.form, path[-1]))


def _raised(one: Judged, asking: Mapping[tuple[str, str], Problem], last: int) -> Iterator[Told]:
    form = one.entry.form
    for number, ((check_key, item), problem) in enumerate(asking.items(), start=last + 1):
        yield opened(one.entry, form, item, number, check_key), problem.message


def _store(raised: Sequence[Told], ended: Sequence[Told], by: User, cause: str) -> None:
    by_system = bool(cause)
    if raised or cause:
        store_new(Query, [query for query, _text in raised], by_system=by_system)
    if ended or cause:
        queries = [moved(query, "query.closed") for query, _text in ended]
        store_changed(Query, queries, ("status", "closed_at"), by_system=by_system)
    if raised or ended or cause:
        messages = [said(query, "query.raised", by, text, cause) for query, text in raised]
        messages += [said(query, "query.closed", by, text, cause) for query, text in ended]
        store_new(QueryMessage, messages, by_system=by_system)


def _in_both(text: str | Promise) -> Text:
    def spoken(language: str) -> str:
        with translation.override(language):
            return str(text)

    return Text(nl=spoken("nl"), en=spoken("en"))
