"""A judgement that the values contradict, as a page shows it: each value as it was judged and as it stands."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from crf.gates import read_line
from crf.judgements import contradicted, judgement_url
from crf.places import CasebookPlace
from crf.policies import contradiction_of
from trialmgr.participants.states import Status
from trialmgr.protocol.judgements import ELIGIBILITY, Contradiction


@dataclass(frozen=True, slots=True)
class ContradictionView:
    """``values``: rows of a summary list, of forms in sight. ``confirm_url``: "" for who may not, or cannot yet."""

    sentence: str
    values: tuple[dict[str, str], ...]
    confirm_url: str


def contradiction_view(place: CasebookPlace, about: str) -> ContradictionView | None:
    found = contradiction_of(place.participant, about)
    if found is None:
        return None
    confirmable = about != ELIGIBILITY or place.participant.state is not Status.SCREENING
    may = confirmable and place.may("participants.judge")
    return ContradictionView(
        sentence=contradicted(found),
        values=tuple(_line(place, path, *pair) for path, pair in seen_changes(place, found).items()),
        confirm_url=judgement_url(place.participant, found.judged, "confirm_") if may else "",
    )


def seen_changes(place: CasebookPlace, found: Contradiction) -> dict[str, tuple[str | None, str | None]]:
    """By path, the values in sight that are others now: as they were judged, as they stand."""
    return {path: pair for path, pair in found.changed.items() if place.sees_form(path.split(".")[1])}


def _line(place: CasebookPlace, path: str, then: str | None, now: str | None) -> dict[str, str]:
    judged, stands = (read_line(place, path, value) for value in (then, now))
    said = _("judged on %(then)s, now %(now)s")
    none = _("no value")
    return {"key": stands["key"], "value": said % {"then": judged["value"] or none, "now": stands["value"] or none}}
