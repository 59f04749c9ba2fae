"""What a new definition would mean for the data that stand: which entries it touches, and which checks would fire."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from crf.models import FormEntry, Visit
from crf.outcomes import Outcome, outcomes, stored_entries
from trialmgr.people.models import User
from trialmgr.protocol.differences import Change
from trialmgr.protocol.model import StudyDefinition


@dataclass(frozen=True, slots=True)
class Impact:
    """``entries``: (form, site) -> entries; ``visits``: (visit, site) -> visits still to come.

    ``firing``: entries on which a check, range or code list fires that does not fire under their own version.
    ``recomputed``: entries of which a derived item comes out otherwise.
    """

    entries: dict[tuple[str, str], int]
    visits: dict[tuple[str, str], int]
    firing: tuple[Outcome, ...]
    recomputed: tuple[Outcome, ...]

    def as_json(self, language: str) -> dict[str, Any]:
        return {
            "entries": [{"form": form, "site": site, "entries": n} for (form, site), n in self.entries.items()],
            "visits": [{"visit": visit, "site": site, "visits": n} for (visit, site), n in self.visits.items()],
            "firing": [_firing(outcome, language) for outcome in self.firing],
            "recomputed": [
                {**place_of(outcome.entry), "items": [list(item) for item in outcome.recomputed]}
                for outcome in self.recomputed
            ],
        }


def place_of(entry: FormEntry) -> dict[str, Any]:
    """Participant, visit, form and row of an entry: how commands name it."""
    return {
        "participant": entry.visit.participant.number,
        "visit": entry.visit.slug,
        "form": entry.form_key,
        "row": entry.occurrence,
    }


def _firing(outcome: Outcome, language: str) -> dict[str, Any]:
    checks = [
        {"item": problem.item_key, "check": problem.check_key, "message": problem.message(language), "refuses": refuses}
        for problems, refuses in ((outcome.refuses, True), (outcome.asks, False))
        for problem in problems
    ]
    return {**place_of(outcome.entry), "checks": checks}


def touched_forms(changes: Sequence[Change], old: StudyDefinition, new: StudyDefinition) -> set[str]:
    """Keys of forms that differ, in themselves or in a code list that they use."""
    lists = {change.codelist for change in changes if change.codelist}
    users = {
        form.key
        for definition in (old, new)
        for form in definition.forms
        if lists & {item.codelist for item in form.items}
    }
    return users | {change.form for change in changes if change.form}


def entries_on(
    by: User, old: StudyDefinition, new: StudyDefinition, changes: Sequence[Change]
) -> dict[tuple[str, str], int]:
    """(form, site) -> standing entries in the sight of ``by`` on forms that differ."""
    rows = stored_entries(by, forms=touched_forms(changes, old, new)).order_by()
    return dict(sorted(Counter(rows.values_list("form_key", "visit__participant__site__code")).items()))


def impact(by: User, old: StudyDefinition, new: StudyDefinition, changes: Sequence[Change]) -> Impact:
    """Within the sight of ``by``. Every entry is held against its own version, not against ``old``."""
    found = list(outcomes(stored_entries(by, forms=touched_forms(changes, old, new)), new))
    return Impact(
        entries=entries_on(by, old, new, changes),
        visits=_visits(by, {change.visit for change in changes if change.visit}),
        firing=tuple(outcome for outcome in found if outcome.fires),
        recomputed=tuple(outcome for outcome in found if outcome.recomputed),
    )


def _visits(by: User, keys: Collection[str]) -> dict[tuple[str, str], int]:
    rows = Visit.objects.for_user(by).counted().filter(key__in=keys, took_place_on=None, not_done_reason="").order_by()
    return dict(sorted(Counter(rows.values_list("key", "participant__site__code")).items()))
