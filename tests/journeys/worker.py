"""Prepares the installation that a journey walks through: ``python -m tests.journeys.worker people 2024-01-08``."""

from __future__ import annotations

import contextlib
import datetime
import json
import sys
from collections.abc import Callable

import django

django.setup()

import time_machine  # noqa: E402  Django is set up first
from django.conf import settings  # noqa: E402
from django.contrib.sessions.backends.db import SessionStore  # noqa: E402
from django.contrib.sessions.models import Session  # noqa: E402
from django.db.models import Q  # noqa: E402

from audit.models import LedgerEntry  # noqa: E402
from crf.actions import mark_not_done, set_visit_day  # noqa: E402
from crf.models import Draft  # noqa: E402
from randomization.actions import countersign_in_error, flag_in_error  # noqa: E402
from randomization.models import Allocation  # noqa: E402
from tests import walk  # noqa: E402
from tests.conftest import PASSWORD  # noqa: E402
from tests.fewer_forms import of_this_size  # noqa: E402
from tests.matrix.house import note_what_can_happen, wait_for_extension  # noqa: E402
from trialmgr.overview.rehearsal.cast import set_up, standing_cast  # noqa: E402
from trialmgr.overview.rehearsal.trial import rehearse  # noqa: E402
from trialmgr.participants.actions import correct_consent, withdraw_consent  # noqa: E402
from trialmgr.participants.models import Participant  # noqa: E402
from trialmgr.people.middleware import RENEWED  # noqa: E402
from trialmgr.people.permissions import Role  # noqa: E402

SEED = "two years"  # with it the first participant of the first site gets esketamine
INVENTED = 6


def people() -> str:
    """Study, sites, people and a list in force; in a demo the same list every time."""
    set_up(of_this_size(), password=PASSWORD, seed=SEED if settings.TRIALMGR_DEMO else None)
    return ""


def rehearsed() -> str:
    """The same, with a trial under way."""
    rehearse(participants=INVENTED, seed=1, ongoing=True, password=PASSWORD)
    return ""


def screened() -> str:
    """A participant whose screening visit took place; its forms are filled in, nobody has judged."""
    return _number(walk.screened(standing_cast()))


def not_responding() -> str:
    """A participant treated for eight weeks, whose score fell too little, and on whom nothing is decided."""
    cast = standing_cast()
    participant = walk.randomised(cast)
    for visit in participant.visits.filter(phase="treatment").order_by("target_on"):
        walk.visited(cast, participant, visit.slug, madrs=walk.MADRS_NO_RESPONSE)
    return _number(participant)


def treated() -> str:
    """A participant who came for the first session with esketamine, of which nothing is entered."""
    cast = standing_cast()
    participant = walk.randomised(cast, arm="esketamine")
    walk.came(cast, participant, "session_esk-1")
    return _number(participant)


def much_noted() -> str:
    """A randomised participant whose code was broken and who is flagged as randomised in error; a list to extend."""
    cast = standing_cast()
    participant = walk.randomised(cast)
    note_what_can_happen(cast, participant)
    wait_for_extension(cast)
    return _number(participant)


def slipped() -> str:
    """Two numbers: of somebody about whom judgements are contradicted and days ask for a reason; of one who ended."""
    cast = standing_cast()
    coordinator = cast.at(walk.SITE, Role.COORDINATOR)
    participant = walk.in_follow_up(cast)
    for slug, madrs in (("week_8", 40), ("screening", 10)):
        walk.fill(cast, walk.visit_of(participant, slug), "madrs", madrs=madrs, reason="misread")
    week_1 = walk.visit_of(participant, "week_1")
    late = (week_1.latest_on or participant.registered_on) + datetime.timedelta(days=2)
    set_visit_day(by=coordinator, visit=week_1, on=late, reason="a holiday")
    consent = participant.consents.get()
    day = participant.registered_on + datetime.timedelta(days=1)
    correct_consent(by=coordinator, consent=consent, version=consent.version, given_on=day, reason="misread")
    flag_in_error(by=coordinator, allocation=Allocation.objects.get(participant=participant), reason="not eligible")
    ended = walk.randomised(cast)
    walk.fill(cast, walk.visit_of(ended, "log"), "end_of_participation", given={"end_reason": "completed"})
    return f"{participant.number} {ended.number}"


def in_error() -> str:
    """Somebody for each slip that can be taken back, by what was recorded in error: numbers."""
    cast = standing_cast()
    coordinator, investigator = cast.at(walk.SITE, Role.COORDINATOR), cast.at(walk.SITE, Role.INVESTIGATOR)
    found = {name: walk.registered(cast) for name in ("registered", "registered late")}
    found |= {name: walk.consented(cast) for name in ("consent", "withdrawal", "day")}
    withdrawn = found["withdrawal"].consents.get()
    withdraw_consent(by=coordinator, consent=withdrawn, on=withdrawn.given_on, reason="somebody else")
    walk.came(cast, found["day"], "screening")
    found["form"] = walk.screened(cast)
    walk.came(cast, found["form"], "baseline")
    screening = walk.visit_of(found["form"], "screening")
    mark_not_done(by=coordinator, visit=screening, form_key="labs", code="not_done", reason="no blood")
    found["decision"] = walk.in_follow_up(cast)
    flag = flag_in_error(by=coordinator, allocation=found["decision"].allocation, reason="not eligible")
    countersign_in_error(by=investigator, flag=flag)
    found["ending"] = walk.consented(cast)
    walk.fill(cast, walk.visit_of(found["ending"], "log"), "end_of_participation")
    return json.dumps({name: participant.number for name, participant in found.items()})


def taken_back() -> str:
    """The acts that were done with the reason the journey gives, and the second signature, which has none."""
    wanted = Q(reason="recorded in error") | Q(action="allocation.flag_withdrawn")
    return json.dumps(list(LedgerEntry.objects.filter(wanted).values_list("action", flat=True)))


def half_way() -> str:
    """Numbers of somebody at screening, of whom nothing is entered, and of somebody at a session of esketamine."""
    cast = standing_cast()
    fresh = walk.consented(cast)
    walk.came(cast, fresh, "screening")
    treated = walk.randomised(cast, arm="esketamine")
    walk.came(cast, treated, "session_esk-1")
    return f"{fresh.number} {treated.number}"


def signed_out() -> str:
    """Every session is over."""
    Session.objects.all().delete()
    return ""


def nearly_signed_out() -> str:
    """Nothing was done in any session for so long that at most a minute and a half are left of it."""
    for row in Session.objects.all():
        held = row.get_decoded()
        held[RENEWED] -= settings.SESSION_COOKIE_AGE - 90
        row.session_data = SessionStore().encode(held)
        row.save()
    return ""


def drafts() -> str:
    """How many there are."""
    return str(Draft.objects.count())


def _number(participant: Participant) -> str:
    return participant.number


OF_TRIALS = (people, rehearsed, screened, not_responding, treated, much_noted, slipped, in_error, taken_back)
COMMANDS = (*OF_TRIALS, half_way, signed_out, nearly_signed_out, drafts)


def main(name: str, day: str = "") -> None:
    """Print, as JSON, what the command gives. ``day``: on which it is done; today where there is none."""
    commands: dict[str, Callable[[], str]] = {command.__name__: command for command in COMMANDS}
    noon = datetime.time(12, tzinfo=datetime.UTC)
    with contextlib.ExitStack() as stack:
        if day:
            then = datetime.datetime.combine(datetime.date.fromisoformat(day), noon)
            stack.enter_context(time_machine.travel(then, tick=False))
        print(json.dumps(commands[name]()))


if __name__ == "__main__":
    main(*sys.argv[1:])
