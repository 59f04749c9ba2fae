"""Source data verification across entries: which hold answers that the plan wants verified, found by SQL.

The plan is that of the newest version, for all that stands. A verification falls with its answer, so after a change
what changed is all that is left to verify.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from django.db.models import BooleanField, CharField, F, Func, Q, Value
from django.db.models.functions import MD5, Concat, Left
from django.db.models.lookups import LessThan
from django.utils.translation import gettext as _

from audit.once import digest_of
from crf.models import EntryQuerySet, EntryStatus, FormEntry, Verification
from trialmgr.participants.models import Participant, ParticipantQuerySet
from trialmgr.people.models import User
from trialmgr.people.visibility import Sight
from trialmgr.protocol.model import StudyDefinition
from trialmgr.protocol.monitoring import DIGITS, FormPlan, Progress, bound_of, form_plans, is_drawn, item_of, progress
from trialmgr.studies.queries import current_definition

MARK = 16
"""So many hexadecimal digits say whether an entry is what was looked at."""


@dataclass(frozen=True)
class Plan:
    """The plan of verification as far as it lies within somebody's sight."""

    definition: StudyDefinition
    sight: Sight

    @classmethod
    def of(cls, user: User) -> Plan:
        definition = current_definition()
        return cls(definition, user.sight(definition))

    @cached_property
    def forms(self) -> Mapping[str, FormPlan]:
        plans = form_plans(self.definition, self._hidden)
        return {key: plan for key, plan in plans.items() if key in self.sight.forms}

    @cached_property
    def _hidden(self) -> Mapping[str, frozenset[str]]:
        """By form, the items that this person does not meet."""
        return {
            form.key: frozenset(item.key for item in form.items if not self.sight.item(item))
            for form in self.definition.forms
        }

    def mark(self, entry: FormEntry) -> str:
        """Names what this person saw of an entry: when it holds something else, it has another mark."""
        hidden = self._hidden[entry.form_key]
        seen = [
            {key: value for key, value in held.items() if item_of(key) not in hidden}
            for held in (entry.data, entry.missing)
        ]
        return digest_of(entry.status, *seen)[:MARK]

    def progress(self, entry: FormEntry, verified: Collection[str], number: str) -> Progress:
        """Of one entry, whose document is at hand; ``number``: of the participant."""
        plan = self.forms[entry.form_key]
        drawn = plan.share is not None and is_drawn(self.definition.id, number, plan.share)
        return progress(plan, (*entry.data, *entry.missing), verified, is_drawn=drawn)

    def planned(self, entries: EntryQuerySet, *, unverified: bool = False) -> EntryQuerySet:
        """Of complete entries those with an answer that is to be verified; that still is, if ``unverified``."""
        found = Q(pk__in=[])
        for condition in self._conditions(unverified):
            found |= condition
        rows: EntryQuerySet = entries.filter(found, status=EntryStatus.COMPLETE.value)
        return rows

    def _conditions(self, unverified: bool) -> Iterator[Q]:
        plans = self.forms
        yield self._on([key for key, plan in plans.items() if plan.extent == "all"], unverified, critical=False)
        yield self._on([key for key, plan in plans.items() if plan.extent == "critical"], unverified, critical=True)
        for share in sorted({plan.share for plan in plans.values() if plan.share is not None}):
            shared = [key for key, plan in plans.items() if plan.share == share]
            drawn = Q(visit__participant__in=self._drawn(share))
            yield drawn & self._on(shared, unverified, critical=False)
            yield ~drawn & self._on(shared, unverified, critical=True)

    def _on(self, forms: list[str], unverified: bool, *, critical: bool) -> Q:
        """Entries of these forms with an answer that counts; of those without a critical item none is looked into."""
        wanted = [key for key in forms if not critical or self.forms[key].critical]
        return Q(form_key__in=wanted) & Q(self._answers(wanted, unverified, critical=critical))

    def _drawn(self, share: int) -> ParticipantQuerySet:
        """As ``protocol.monitoring.is_drawn``; once for each participant, not for each entry."""
        number = Concat(Value(f"{self.definition.id}:"), F("number"), output_field=CharField())
        draws_less = LessThan(Left(MD5(number), DIGITS), Value(bound_of(share)))
        rows: ParticipantQuerySet = Participant.every.filter(draws_less).order_by().only("pk")
        return rows

    def _answers(self, forms: Iterable[str], unverified: bool, *, critical: bool) -> AnyAnswer:
        named = {key: self.forms[key].critical if critical else self.forms[key].passed_over for key in forms}
        items = sorted(f"{form}.{item}" for form, keys in named.items() for item in keys)
        return AnyAnswer(items, among=critical, unverified=unverified)


class AnyAnswer(Func):
    """Whether an entry has an answer, or a reason for none, on an item that is ``among`` these, or is not.

    ``items``: ``form.item``. ``unverified``: one without a verification that stands.
    """

    output_field = BooleanField()
    conditional = True
    _KEYS: ClassVar[dict[str, str]] = {"sqlite": "json_each({}) k", "postgresql": "jsonb_object_keys({}) k(key)"}
    # Of a key in a row, ``section.row.item``, the item.
    _ITEM: ClassVar[dict[str, str]] = {
        "sqlite": "replace(k.key, rtrim(k.key, replace(k.key, '.', '')), '')",
        "postgresql": "regexp_replace(k.key, '^.*[.]', '')",
    }

    def __init__(self, items: Collection[str], *, among: bool, unverified: bool) -> None:
        super().__init__(F("pk"), F("form_key"), F("data"), F("missing"))
        self.items, self.among, self.unverified = tuple(items), among, unverified

    def as_sql(self, compiler: Any, connection: Any, **_extra: Any) -> tuple[str, list[Any]]:  # type: ignore[override]
        pk, form, data, missing = (compiler.compile(column)[0] for column in self.get_source_expressions())
        wanted, values = self._wanted(f"{form} || '.' || {self._ITEM[connection.vendor]}")
        if self.unverified:
            table = Verification._meta.db_table
            standing = f"SELECT 1 FROM {table} v WHERE v.entry_id = {pk} AND v.stands AND v.item = k.key"  # noqa: S608  words of our own
            wanted += f" AND NOT EXISTS ({standing})"
        keys = self._KEYS[connection.vendor]
        held = (f"SELECT 1 FROM {keys.format(column)} WHERE {wanted}" for column in (data, missing))  # noqa: S608  as above
        return f"({' OR '.join(f'EXISTS ({one})' for one in held)})", [*values, *values]

    def _wanted(self, item: str) -> tuple[str, tuple[str, ...]]:
        if not self.items:
            return ("1 = 0" if self.among else "1 = 1"), ()
        places = ", ".join(["%s"] * len(self.items))
        return f"{item} {'IN' if self.among else 'NOT IN'} ({places})", self.items


def progress_words(found: Progress) -> str:
    """Such as "verified 3 of 5 planned"."""
    return _("verified %(done)s of %(planned)s planned") % {"done": found.done, "planned": len(found.planned)}
