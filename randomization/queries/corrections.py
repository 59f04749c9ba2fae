"""Strata as randomised, as corrected, and as the casebook has them now: where they differ, somebody has to look."""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from django.db.models import F, OuterRef, Q, Subquery, TextField, Value
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce
from django.db.models.lookups import Exact

from audit.models import LedgerEntry
from crf.models import FormEntry
from randomization.models import Allocation, AllocationQuerySet, RandomizationList, StratumCorrection
from trialmgr.participants.models import by_number


@dataclass(frozen=True, slots=True)
class Difference:
    """A factor whose level in the casebook is neither the one as randomised nor the one as corrected."""

    allocation: Allocation
    factor: str
    held: str
    now: str


def strata_that_differ(allocations: AllocationQuerySet) -> list[Difference]:
    """In order of participant; a fixed number of database queries. ``now`` is "" where the casebook holds no value.

    The database leaves out those of whom every level is as the casebook has it: of a whole trial few are read.
    """
    rows = allocations.filter(_may_differ())
    rows = rows.select_related("participant__site", "row__stratum__list").prefetch_related("corrections")
    found = list(rows.order_by(*by_number("participant__")))
    values = _values(found)
    return [difference for each in found for difference in _of(each, values[each.participant_id])]


def _may_differ() -> Q:
    """Allocations with a level that is not what stands in the casebook, and those of who went to another site."""
    moved = LedgerEntry.objects.filter(action="participant.moved").values("participant")
    found = Q(participant__number__in=moved)
    for listed in RandomizationList.objects.only("factors"):
        here = Q(row__stratum__list=listed)
        for factor, source in listed.factors.items():
            found |= here & ~Q(Exact(_held(factor), _now(source)))
    return found


def _held(factor: str) -> Coalesce:
    """The level as corrected last, else as randomised."""
    corrections = StratumCorrection.objects.filter(allocation=OuterRef("pk"), factor=factor).reverse()
    corrected = Subquery(corrections.values("corrected")[:1], output_field=TextField())
    return Coalesce(corrected, KeyTextTransform(factor, "levels"), Value(""), output_field=TextField())


def _now(source: str) -> Coalesce:
    if source == "site":
        return Coalesce(F("participant__site__code"), Value(""), output_field=TextField())
    visit, form, item = source.split(".")
    entries = FormEntry.objects.filter(visit__participant=OuterRef("participant"), visit__slug=visit).standing()
    values = entries.filter(form_key=form, occurrence=1).order_by().values(value=KeyTextTransform(item, "data"))
    return Coalesce(Subquery(values[:1], output_field=TextField()), Value(""), output_field=TextField())


def _of(allocation: Allocation, values: dict[str, str]) -> Iterator[Difference]:
    corrected = {one.factor: one.corrected for one in allocation.corrections.all()}
    for factor, source in allocation.row.stratum.list.factors.items():
        held, now = corrected.get(factor, allocation.levels.get(factor, "")), values.get(source, "")
        # The site at which somebody was randomised is no value of the casebook: a corrected one is the last word.
        is_settled = source == "site" and factor in corrected
        if held != now and not is_settled:
            yield Difference(allocation, factor, held, now)


def _values(allocations: Collection[Allocation]) -> dict[int, dict[str, str]]:
    """Participant key -> source of a factor (visit.form.item) -> value as it stands now."""
    wanted = {source for each in allocations for source in each.row.stratum.list.factors.values() if source != "site"}
    forms = {source.split(".")[1] for source in wanted}
    entries = FormEntry.objects.filter(
        visit__participant__in=[each.participant_id for each in allocations], form_key__in=forms, occurrence=1
    ).standing()
    items: dict[str, list[str]] = defaultdict(list)
    for source in wanted:
        place, _dot, item = source.rpartition(".")
        items[place].append(item)
    found: dict[int, dict[str, str]] = defaultdict(dict)
    found |= {each.participant_id: {"site": code} for each, code in _sites(allocations)}
    for entry in entries.select_related("visit__participant"):
        place = f"{entry.visit.slug}.{entry.form_key}"
        known = {f"{place}.{item}": entry.data.get(item) or "" for item in items[place]}
        found[entry.visit.participant_id].update(known)
    return found


def _sites(allocations: Collection[Allocation]) -> Iterator[tuple[Allocation, str]]:
    """Where each was randomised: where a participant went later changes nothing of the allocation."""
    numbers = {each.participant.number for each in allocations}
    lines = LedgerEntry.objects.filter(action="participant.moved", participant__in=numbers).order_by("seq")
    moves: dict[str, list[tuple[datetime.datetime, str]]] = defaultdict(list)
    for number, at, old in lines.values_list("participant", "at", "old"):
        moves[number].append((at, old or ""))
    for each in allocations:
        later = [left for at, left in moves[each.participant.number] if at > each.allocated_at]
        yield each, later[0] if later else each.participant.site.code
