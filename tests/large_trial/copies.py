"""Who is copied, how often, and what each copy has of its own: number, place in the list, contact details."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice

from randomization.models import ListRow, Stratum
from randomization.queries.lists import opened_rows
from trialmgr.participants.contact import identity_marks, seal
from trialmgr.participants.models import Participant
from trialmgr.studies.queries import current_definition


class NoSource(Exception):
    """No copy can be allocated: in no stratum was somebody rehearsed in each arm, and the next place may be any."""


@dataclass(frozen=True, slots=True)
class Place:
    row: int
    position: int
    arm: str


@dataclass(frozen=True, slots=True)
class Copy:
    """``rank``: from 1, over all. ``generation``: from 1, over the copies of one source. ``ordinal``: at the site."""

    rank: int
    source: int
    generation: int
    source_number: str
    number: str
    ordinal: int
    place: Place | None

    @property
    def details(self) -> dict[str, str]:
        return {"name": f"Proefpersoon {self.number}", "email": f"{self.number.lower()}@example.org"}

    @property
    def row(self) -> tuple[object, ...]:
        """As ``tables.COPIES`` keeps it."""
        row, position = (self.place.row, self.place.position) if self.place else (None, None)
        own = (self.rank, self.source, self.generation, self.source_number, self.number, self.ordinal)
        return (*own, position, row, f"copy-{self.number}", seal(self.details))

    @property
    def marks(self) -> Iterator[tuple[int, str, str]]:
        for kind, mark in identity_marks(self.details).items():
            yield self.rank, kind, mark


def sources() -> list[Participant]:
    """Everybody but those of a stratum in which nobody was rehearsed in one of the arms. Raises NoSource."""
    people = list(Participant.objects.select_related("site", "allocation__row__stratum__list").order_by("pk"))
    rehearsed = defaultdict[int, set[str]](set)
    for each in people:
        if (stratum := stratum_of(each)) is not None:
            rehearsed[stratum.pk].add(each.allocation.arm)
    arms = {arm.key for arm in current_definition().arms}
    whole = {pk for pk, found in rehearsed.items() if found == arms}
    if rehearsed and not whole:
        raise NoSource("in no stratum was somebody rehearsed in each arm: rehearse more participants")
    return [each for each in people if (stratum := stratum_of(each)) is None or stratum.pk in whole]


def stratum_of(participant: Participant) -> Stratum | None:
    allocation = getattr(participant, "allocation", None)
    return allocation.row.stratum if allocation is not None else None


def places_wanted(originals: Sequence[Participant], copies: int) -> Counter[str]:
    """How many more places each stratum must have."""
    strata = (stratum_of(each) for each in islice(cycle(originals), copies))
    return Counter(stratum.key for stratum in strata if stratum is not None)


def planned(originals: Sequence[Participant], copies: int) -> Iterator[Copy]:
    """One after another as they stand; but whoever is allocated takes the next place, and is of the arm found there."""
    ordinals = {each.site.code: each.site.next_participant for each in originals}
    generations, lots = Counter[int](), _Lots(originals)
    for rank, model in enumerate(islice(cycle(originals), copies), start=1):
        source, place = lots.draw(model)
        generations[source.pk] += 1
        code = source.site.code
        ordinal, ordinals[code] = ordinals[code], ordinals[code] + 1
        number = f"{code}-{ordinal:03d}"
        yield Copy(rank, source.pk, generations[source.pk], source.number, number, ordinal, place)


class _Lots:
    """The free places of each stratum in their order, and in turn those who were rehearsed in each arm of it."""

    def __init__(self, originals: Sequence[Participant]) -> None:
        strata = {stratum.pk: stratum for stratum in map(stratum_of, originals) if stratum is not None}
        self.places = {pk: free_places(stratum) for pk, stratum in strata.items()}
        rehearsed = defaultdict[tuple[int, str], list[Participant]](list)
        for each in originals:
            if (stratum := stratum_of(each)) is not None:
                rehearsed[stratum.pk, each.allocation.arm].append(each)
        self.rehearsed = {lot: cycle(people) for lot, people in rehearsed.items()}

    def draw(self, model: Participant) -> tuple[Participant, Place | None]:
        stratum = stratum_of(model)
        if stratum is None:
            return model, None
        place = next(self.places[stratum.pk])
        return next(self.rehearsed[stratum.pk, place.arm]), place


def free_places(stratum: Stratum) -> Iterator[Place]:
    """Behind the cursor, but for those kept for envelopes."""
    kept = range(stratum.reserved_from or 0, (stratum.reserved_to or -1) + 1)
    arms = {row.position: row.arm for row in opened_rows(stratum.list)[stratum.key]}
    rows = ListRow.objects.filter(stratum=stratum, position__gt=stratum.used, position__lte=stratum.length)
    for pk, position in rows.order_by("position").values_list("pk", "position"):
        if position not in kept:
            yield Place(pk, position, arms[position])
