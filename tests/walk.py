"""Steps of a participant's way through the trial, each through the real actions, by the right person, on its own day.

Every step takes the cast and a site code and walks all earlier steps first: ``randomised(cast, "UMCG")`` registers,
consents, screens, judges, completes the baseline and randomises. The days lie in the past, so that week 8 has passed.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from fnmatch import fnmatchcase

import time_machine
from django.utils import timezone

from crf.actions import decide_gate, judge_eligibility, register_participant, save_entry, set_visit_day
from crf.loaded_casebook import LoadedCasebook
from crf.models import FormEntry, Visit
from randomization.actions import allocate
from randomization.models import Allocation
from tests.audit.staging import sql
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.participants.actions import record_consent
from trialmgr.participants.models import Participant
from trialmgr.participants.queries import form_for
from trialmgr.people.models import User
from trialmgr.people.permissions import Role
from trialmgr.protocol.evaluation import RowScope, Scope, derived_value, read, truth_of
from trialmgr.protocol.model import Form, Item, ItemType, StudyDefinition

SITE = "UMCG"
DAYS_AGO = 150
MADRS_BEFORE = 30
MADRS_RESPONSE, MADRS_NO_RESPONSE = 12, 24
# Answers that no check asks about, where the middle of the range or a plain yes would make one fire.
CALM = {
    "cs_*": "no",
    "k[abf]_*": "0",
    "kf_extra": "no",
    "kf_blood": "no",
    "mini_psychotic": "no",
    "mini_modules": "panic",
    "mh_*": "no",
    "bg_first_age": "20",
    "ids_18": "1",
    "moca_points": "28",
    "flumazenil": "yes",
    "benzodiazepine": "no",
}
# Two antidepressants failed, and so did one augmentation.
ROWS = {"trials.1.th_augmentation": "no", "trials.2.th_augmentation": "no"}


def number_next(number: int, site: str = SITE) -> None:
    """As at a site that has come so far: its next participant gets this number."""
    sql("UPDATE people_site SET next_participant = %s WHERE code = %s", number, site)


def registered(cast: Cast, site: str = SITE) -> Participant:
    """A person in screening, with the screening visits planned and no consent yet."""
    begin = timezone.localdate() - datetime.timedelta(days=DAYS_AGO)
    with _on(begin):
        return register_participant(by=cast.at(site, Role.COORDINATOR), site=cast.sites[site], on=begin)


def consented(cast: Cast, site: str = SITE) -> Participant:
    participant = registered(cast, site)
    version = participant.study_version.definition.consents[-1].key
    with _on(participant.registered_on):
        record_consent(
            by=cast.at(site, Role.COORDINATOR),
            participant=participant,
            version=version,
            given_on=participant.registered_on,
        )
    return participant


def screened(cast: Cast, site: str = SITE, *, madrs: int = MADRS_BEFORE) -> Participant:
    """All forms of the screening visit are complete; nobody has judged them."""
    participant = consented(cast, site)
    visited(cast, participant, "screening", madrs=madrs)
    return participant


def eligible(cast: Cast, site: str = SITE) -> Participant:
    """The investigator has judged, and signed, that the participant is eligible."""
    participant = screened(cast, site)
    with _on(participant.registered_on):
        judge_eligibility(by=cast.at(site, Role.INVESTIGATOR), participant=participant)
    return participant


def baseline_done(cast: Cast, site: str = SITE) -> Participant:
    participant = eligible(cast, site)
    visited(cast, participant, "baseline", madrs=MADRS_BEFORE)
    return participant


def randomised(cast: Cast, site: str = SITE, *, arm: str | None = None) -> Participant:
    """In the trial, the day after baseline. ``arm``: randomise participants until one falls in that arm."""
    while True:
        participant = _allocated(cast, baseline_done(cast, site))
        if arm in (None, Allocation.objects.get(participant=participant).arm):
            return participant


def enter_trial(cast: Cast, participant: Participant) -> None:
    """Somebody who was screened is judged, has the baseline visit, and is randomised."""
    with _on(participant.registered_on):
        judge_eligibility(by=cast.at(participant.site.code, Role.INVESTIGATOR), participant=participant)
    visited(cast, participant, "baseline", madrs=MADRS_BEFORE)
    _allocated(cast, participant)


def at_week_8(cast: Cast, site: str = SITE, *, response: bool = True) -> Participant:
    """The forms of week 8 are complete; the decision on the follow-up year has not been taken."""
    participant = randomised(cast, site)
    visited(cast, participant, "week_8", madrs=MADRS_RESPONSE if response else MADRS_NO_RESPONSE)
    return participant


def in_follow_up(cast: Cast, site: str = SITE) -> Participant:
    """A responder whose follow-up year has opened."""
    participant = at_week_8(cast, site)
    decide_gate(by=cast.at(site, Role.INVESTIGATOR), participant=participant, phase="follow_up")
    participant.refresh_from_db()
    return participant


def came(cast: Cast, participant: Participant, slug: str) -> Visit:
    """The visit took place on its planned day; nothing is entered yet."""
    visit = visit_of(participant, slug)
    day = visit.target_on or participant.registered_on
    with _on(day):
        by = cast.at(participant.site.code, Role.COORDINATOR)
        return set_visit_day(by=by, visit=visit, on=day, reason="correction")


def visited(cast: Cast, participant: Participant, slug: str, *, madrs: int = MADRS_BEFORE) -> Visit:
    """The visit took place on its planned day and its required forms are filled in."""
    visit = came(cast, participant, slug)
    with _on(visit.took_place_on or participant.registered_on):
        for form_key in visit.definition.must_complete:
            fill(cast, visit, form_key, madrs=madrs)
    return visit


def fill(
    cast: Cast,
    visit: Visit,
    form_key: str,
    *,
    madrs: int = MADRS_BEFORE,
    given: Mapping[str, str] | None = None,
    occurrence: int | None = 1,
    reason: str = "",
) -> FormEntry:
    """Fill in a form by somebody who enters it; ``given`` answers win over the invented ones."""
    participant = visit.participant
    form = form_for(participant, participant.study_version.definition, form_key)
    values = answers(participant, form, visit.took_place_on or participant.registered_on, madrs=madrs, given=given)
    return save_entry(
        by=enterer(cast, participant.site.code, form),
        visit=visit,
        form_key=form_key,
        values=values,
        occurrence=occurrence,
        reason=reason,
    ).entry


def enterer(cast: Cast, site: str, form: Form) -> User:
    """The first of the roles that enter the form."""
    return cast.at(site, Role(form.entered_by[0]))


def visit_of(participant: Participant, slug: str) -> Visit:
    """The visit that pages call ``slug``."""
    visits: Iterable[Visit] = participant.visits.select_related("participant__site")
    return next(visit for visit in visits if visit.slug == slug)


def answers(
    participant: Participant,
    form: Form,
    day: datetime.date,
    *,
    madrs: int = MADRS_BEFORE,
    given: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """An answer to each question that is asked, by its type, range and code list; the MADRS adds up to ``madrs``."""
    definition = participant.study_version.definition
    wished = _madrs_items(form, madrs) | dict(given or {})
    scope = Scope(definition, form, LoadedCasebook(participant))
    values: dict[str, str] = {}
    for number, (item, key, here) in enumerate(_questions(form, scope)):
        if item.ask_if is not None and truth_of(item.ask_if, here) is not True:
            continue
        if item.is_derived:
            raw = derived_value(item, here) or ""
        else:
            usual = ROWS.get(key) or _calm(item) or _invented(definition, item, number, day)
            raw = values[key] = wished.get(key, usual)
        scope.known[key] = read(definition, item, raw)
    return values


def _questions(form: Form, scope: Scope) -> Iterator[tuple[Item, str, Scope | RowScope]]:
    """Each question with the key of its answer; of a group with rows three rows."""
    for section in form.sections:
        if section.repeats is None:
            yield from ((item, item.key, scope) for item in section.items)
        else:
            for row in (1, 2, 3):
                here = RowScope(scope, section, row)
                yield from ((item, section.row_key(row, item.key), here) for item in section.items)


def _madrs_items(form: Form, total: int) -> dict[str, str]:
    """The total spread over the items of the scale as evenly as it goes."""
    scored = [item.score.items for item in form.items if form.key == "madrs" and item.score]
    keys = scored[0] if scored else ()
    return {key: str((total + place) // len(keys)) for place, key in enumerate(keys)}


def _calm(item: Item) -> str | None:
    words = [answer for pattern, answer in CALM.items() if fnmatchcase(item.key, pattern)]
    return words[-1] if words and _fits(item, words[-1]) else None


def _fits(item: Item, answer: str) -> bool:
    if item.type is ItemType.YES_NO or answer in ("yes", "no"):
        return item.type is ItemType.YES_NO and answer in ("yes", "no")
    return (item.type in (ItemType.INTEGER, ItemType.DECIMAL)) is answer.isdigit()


def _invented(definition: StudyDefinition, item: Item, number: int, day: datetime.date) -> str:
    match item.type:
        case ItemType.INTEGER | ItemType.DECIMAL:
            return _middle(item)
        case ItemType.DATE | ItemType.PARTIAL_DATE:
            return day.isoformat()
        case ItemType.TIME:
            return f"{9 + number // 12:02d}:{number % 12 * 5:02d}"
        case ItemType.YES_NO:
            return "no" if definition.eligibility and item.key[1:].isdigit() and item.key.startswith("e") else "yes"
        case ItemType.CHOICE | ItemType.MULTI_CHOICE:
            return definition.codelist(item.codelist or "").items[0].code
        case _:
            return "tekst"


def _middle(item: Item) -> str:
    bounds = item.soft_range or item.range
    low = bounds.min if bounds and bounds.min is not None else Decimal(0)
    high = bounds.max if bounds and bounds.max is not None else low + 2
    places = (item.decimals or 0) if item.type is ItemType.DECIMAL else 0
    return f"{(low + high) / 2:.{places}f}"


def _allocated(cast: Cast, participant: Participant) -> Participant:
    baseline = visit_of(participant, "baseline").took_place_on or participant.registered_on
    with _on(baseline + datetime.timedelta(days=1)):
        coordinator = cast.at(participant.site.code, Role.COORDINATOR)
        allocate(by=coordinator, participant=participant, idempotency_key=uuid.uuid4().hex)
    participant.refresh_from_db()
    return participant


def _on(day: datetime.date) -> time_machine.travel:
    """At noon of that day; the clock stands still."""
    return time_machine.travel(datetime.datetime.combine(day, datetime.time(12), tzinfo=datetime.UTC), tick=False)


def corrected(
    cast: Cast,
    entry: FormEntry,
    values: dict[str, str],
    reason: str = "correction",
    missing: dict[str, str] | None = None,
) -> FormEntry:
    """The entry saved once more, by somebody who may enter it."""
    by = enterer(cast, "UMCG", entry.form)
    saved = save_entry(by=by, visit=entry.visit, form_key=entry.form_key, values=values, missing=missing, reason=reason)
    return saved.entry
