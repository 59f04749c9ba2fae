"""Two worlds that differ in the arms alone.

The same people do the same on the same days; only the secret of the list differs, so that each participant falls in the
other arm. What is entered on the arm's own forms differs too, in kind and in number, as it does in life.
"""

from __future__ import annotations

import datetime
from unittest import mock

import time_machine
from django.utils import timezone

from crf.actions import (
    freeze_visit,
    raise_query,
    raise_query_on_form,
    raise_query_on_visit,
    set_visit_day,
    sign_entry,
    verify_items,
)
from crf.models import Visit
from randomization.actions import activate_list, make_list
from randomization.methods.definition import design_of
from randomization.methods.lists import sealing
from randomization.methods.lists.rows import canonical_stratum_key, make_rows
from randomization.models import Allocation
from randomization.policies.lists import purpose_here
from tests.walk import fill, randomised, screened, visit_of, visited
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.participants.models import Participant
from trialmgr.people.permissions import Role
from trialmgr.protocol.model import StudyDefinition
from trialmgr.studies.queries import current_definition

SITES = ("UMCG", "UMCG", "LUMC")
SESSIONS = {"esketamine": 5, "ect": 2}


def build(cast: Cast, arms: tuple[str, ...]) -> list[Participant]:
    """One participant at each of ``SITES``, in these ``arms``, in week 8 of treatment; and one more in screening."""
    _list_that_gives(cast, arms)
    people = [randomised(cast, site) for site in SITES]
    assert tuple(Allocation.objects.get(participant=person).arm for person in people) == arms
    for person, arm in zip(people, arms, strict=True):
        _treat(cast, person, arm)
        visited(cast, person, "week_1")
        visited(cast, person, "week_8", madrs=12)
    fill(cast, visit_of(people[1], "log"), "end_of_participation", given={"end_reason": "completed"})
    return [*people, screened(cast, "UMCG")]


def _treat(cast: Cast, participant: Participant, arm: str) -> None:
    """Sessions of the arm, with everything that may hang on an entry; more of them in one arm than in the other."""
    sessions = Visit.objects.filter(participant=participant, reveals_allocation=True).order_by("target_on")
    site = participant.site.code
    for visit in sessions[: SESSIONS[arm]]:
        day = visit.target_on or participant.registered_on
        with time_machine.travel(_noon(day), tick=False):
            set_visit_day(by=cast.at(site, Role.TREATING_TEAM), visit=visit, on=day)
            entry = fill(cast, visit, visit.definition.forms[0])
            item = next(iter(entry.data))
            raise_query(by=cast.at("", Role.MONITOR), entry=entry, item=item, text=f"about {arm}")
            verify_items(by=cast.at("", Role.MONITOR), entry=entry, items=[item])
            raise_query_on_visit(by=cast.at("", Role.MONITOR), visit=visit, text=f"when was {arm}")
            log = visit_of(participant, "log")
            raise_query_on_form(by=cast.at("", Role.MONITOR), visit=log, form_key="adverse_event", text=f"after {arm}")
            sign_entry(by=cast.at(site, Role.INVESTIGATOR), entry=entry, meaning=arm)
            for _event in range(SESSIONS[arm]):
                fill(cast, visit_of(participant, "log"), "adverse_event", given={"ae_term": arm}, occurrence=None)
            freeze_visit(by=cast.at("", Role.DATA_MANAGER), visit=visit)


def _list_that_gives(cast: Cast, arms: tuple[str, ...]) -> None:
    """Put a list in force whose first rows are the wanted arms: secrets are tried until one gives them."""
    definition = current_definition()
    secret = next(
        secret
        for secret in (number.to_bytes(32, "big") for number in range(10_000))
        if _first_arms(definition, secret) == arms
    )
    with mock.patch.object(sealing, "new_secret", return_value=secret):
        listed = make_list(by=cast.at("", Role.UNBLINDED_STATISTICIAN))
    activate_list(by=cast.at("", Role.DATA_MANAGER), listed=listed)


def _first_arms(definition: StudyDefinition, secret: bytes) -> tuple[str, ...]:
    rows = {
        site: make_rows(
            design_of(definition),
            secret=secret,
            trial_id=definition.id,
            purpose=purpose_here().value,
            stratum_key=canonical_stratum_key({"site": site}),
            count=SITES.count(site),
        )
        for site in dict.fromkeys(SITES)
    }
    return tuple(row.arm for site in rows for row in rows[site])


def _noon(day: datetime.date) -> datetime.datetime:
    return timezone.make_aware(datetime.datetime.combine(day, datetime.time(12)))
