"""Two people in one casebook at the same moment: ``python -m tests.faults.casebook_races prepare 8 ACT``.

One corrects the score of week 8, or of screening; the other does ACT, which rests on it. ``work`` does one of the two
for each participant, at moments that both processes know. ``prepare`` shows what comes of either order.
"""

from __future__ import annotations

import functools
import json
import logging
import random
import sys
import time
from collections.abc import Callable
from typing import Any

import django

django.setup()

from django.conf import settings  # noqa: E402  Django is set up first
from django.test import Client  # noqa: E402
from django.utils.translation import override  # noqa: E402

from audit.acts import ActionRefused  # noqa: E402
from audit.verification import verify  # noqa: E402
from crf.actions import (  # noqa: E402
    decide_gate,
    freeze,
    remove_entry,
    sign_entry,
    verify_items,
)
from crf.faults import faults  # noqa: E402
from crf.judgements import judgements_of  # noqa: E402
from crf.models import FormEntry, Freeze, Query  # noqa: E402
from randomization.actions import allocate  # noqa: E402
from randomization.models import Allocation  # noqa: E402
from tests import walk  # noqa: E402
from tests.fewer_forms import of_this_size  # noqa: E402
from tests.law.machine import check  # noqa: E402
from trialmgr.overview.rehearsal.cast import Cast, set_up, standing_cast  # noqa: E402
from trialmgr.participants.actions import withdraw_consent  # noqa: E402
from trialmgr.participants.models import Consent, Participant  # noqa: E402
from trialmgr.people.models import User  # noqa: E402
from trialmgr.people.permissions import Role  # noqa: E402

settings.ALLOWED_HOSTS.append("testserver")
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
BETWEEN = 0.8  # seconds from one participant to the next
NEAR = (0.5, 0.1)  # seconds by which one of the two, in turn, may come later; who corrects has a page to load
ACTS = ("outcome", "decide", "allocate", "freeze", "withdraw", "sign")
MADRS = [f"madrs_{number}" for number in range(1, 11)]


# --- what the two do --------------------------------------------------------------------------------------------------


def correct(cast: Cast, participant: Participant) -> str:
    """By page, as a rater does: every answer is 4, which makes 40, or at screening 0, which is too little."""
    entered = FormEntry.objects.filter(visit__participant=participant, form_key="madrs")
    revisions = dict(entered.values_list("visit__slug", "revision"))
    slug = "week_8" if "week_8" in revisions else "screening"
    value = {"week_8": "4", "screening": "0"}[slug]
    sent = {f"item.{key}": value for key in MADRS} | {"reason_text": "read wrongly", "revision": str(revisions[slug])}
    answer = _rater(cast.at(walk.SITE, Role.RATER)).post(
        f"/participants/{participant.number}/visits/{slug}/forms/madrs/", sent
    )
    return str(answer.status_code)


@functools.cache
def _rater(user: User) -> Client:
    client = Client(raise_request_exception=False, headers={"accept-language": "en"})
    client.force_login(user, backend=BACKEND)
    return client


def outcome(cast: Cast, participant: Participant) -> object:
    return walk.fill(cast, walk.visit_of(participant, "week_8"), "outcome")


def decide(cast: Cast, participant: Participant) -> object:
    return decide_gate(by=cast.at(walk.SITE, Role.INVESTIGATOR), participant=participant, phase="follow_up")


def allocated(cast: Cast, participant: Participant) -> object:
    key = f"key of {participant.number}"
    return allocate(by=cast.at(walk.SITE, Role.COORDINATOR), participant=participant, idempotency_key=key)


def frozen(cast: Cast, participant: Participant) -> object:
    return freeze(by=cast.at("", Role.DATA_MANAGER), participant=participant)


def withdrawn(cast: Cast, participant: Participant) -> object:
    """On a day before week 8, so that nothing may be entered there any more."""
    by, consent = cast.at(walk.SITE, Role.COORDINATOR), Consent.objects.get(participant=participant)
    return withdraw_consent(by=by, consent=consent, on=participant.registered_on, reason="no longer wants to")


def signed(cast: Cast, participant: Participant) -> object:
    """The outcome, which follows from the score, is signed; whoever had read another one reads again."""
    by = cast.at(walk.SITE, Role.INVESTIGATOR)
    try:
        return sign_entry(by=by, entry=_outcome(participant), meaning="seen")
    except ActionRefused:
        return sign_entry(by=by, entry=_outcome(participant), meaning="seen")


def _outcome(participant: Participant) -> FormEntry:
    entry: FormEntry = FormEntry.objects.get(visit__participant=participant, form_key="outcome")
    return entry


DONE: dict[str, Callable[[Cast, Participant], object]] = {
    "correct": correct,
    "outcome": outcome,
    "decide": decide,
    "allocate": allocated,
    "freeze": frozen,
    "withdraw": withdrawn,
    "sign": signed,
}


def do(act: str, cast: Cast, participant: Participant) -> str:
    """How it ended: done, or the first reason of a refusal; what is neither is a failure, which nobody may meet."""
    participant = Participant.objects.select_related("site").get(pk=participant.pk)
    try:
        with override("en"):
            made = DONE[act](cast, participant)
    except ActionRefused as refusal:
        return f"refused: {refusal.reasons[0]}"
    except Exception as failure:
        return f"failed: {failure!r}"
    return made if isinstance(made, str) else "done"


# --- before, during, after --------------------------------------------------------------------------------------------


def prepare(count: str, act: str) -> dict[str, Any]:
    """So many participants to race about, and two who show either order."""
    cast = set_up(of_this_size(), password=None, seed=None)
    people = [_ready(cast, act) for _number in range(int(count) + 2)]
    first, second = people[:2]
    orders = {}
    for name, person, order in (("correct", first, ("correct", act)), (act, second, (act, "correct"))):
        ended = {each: do(each, cast, person) for each in order}
        orders[name] = told(person) | {"ended": ended}
    return {"numbers": [person.number for person in people[2:]], "orders": orders}


def _ready(cast: Cast, act: str) -> Participant:
    if act == "allocate":
        return walk.baseline_done(cast)
    participant = walk.at_week_8(cast)
    entries = FormEntry.objects.select_related("visit__participant__site").filter(visit__participant=participant)
    standing = entries.standing().filter(form_key="outcome").first()
    if standing is None and act != "outcome":
        walk.fill(cast, walk.visit_of(participant, "week_8"), "outcome")
    elif standing is not None and act == "outcome":
        remove_entry(by=cast.at(walk.SITE, Role.COORDINATOR), entry=standing, reason="entered too early")
    if act == "sign":
        verify_items(by=cast.at("", Role.MONITOR), entry=_outcome(participant), items=["oc_fall", "oc_response"])
    return participant


def work(act: str, begin: str, seed: str, *numbers: str) -> dict[str, str]:
    """How each ended, the participants one after the other at the moments that the other process knows too."""
    logging.disable(logging.CRITICAL)
    cast, drawn = standing_cast(), random.Random(f"{seed} {act}")  # noqa: S311  when, not what
    people = {each.number: each for each in Participant.objects.select_related("site")}
    if act == "correct":
        _rater(cast.at(walk.SITE, Role.RATER)).get("/")  # so that the first page is not the slowest
    ended = {}
    for turn, number in enumerate(numbers):
        waits = NEAR[act == "correct"] if turn % 2 == (act == "correct") else 0
        moment = float(begin) + turn * BETWEEN + drawn.uniform(0, waits)
        time.sleep(max(0.0, moment - time.time()))
        ended[number] = do(act, cast, people[number])
    return ended


def examine(*numbers: str) -> dict[str, Any]:
    """What stands, by participant, and every fault that anybody can find."""
    found = {}
    for number in numbers:
        participant = Participant.objects.select_related("site", "study_version").get(number=number)
        check(participant)
        found[number] = told(participant)
    broken = [str(fault) for fault in faults()] + [fault for kind in verify().faults.values() for fault in kind]
    return {"found": found, "faults": broken}


def told(participant: Participant) -> dict[str, Any]:
    """All that the two acts may change, without what differs between people: the arm, numbers, times."""
    participant.refresh_from_db()
    rows = FormEntry.objects.filter(visit__participant=participant, form_key__in=["madrs", "outcome", "eligibility"])
    entries = [
        [entry.visit.slug, entry.form_key, entry.status, entry.revision, entry.data, entry.missing, entry.unasked]
        for entry in rows.select_related("visit").order_by("visit__slug", "form_key")
    ]
    marks = [
        [
            entry.form_key,
            entry.signatures.filter(lapsed_at=None).count(),
            entry.verifications.filter(stands=True).count(),
        ]
        for entry in rows.order_by("visit__slug", "form_key")
    ]
    queries = Query.objects.filter(entry__visit__participant=participant).order_by("entry__form_key", "number")
    found = judgements_of([participant])[participant.pk]
    return {
        "entries": entries,
        "marks": marks,
        "queries": [[query.entry.form_key, query.check_key, query.status] for query in queries],
        "status": participant.status,
        "allocated": Allocation.objects.filter(participant=participant).exists(),
        "frozen": Freeze.objects.filter(participant=participant, unfrozen_at=None).exists(),
        "withdrawn": Consent.objects.exclude(withdrawn_on=None).filter(participant=participant).exists(),
        "decided": [[one.phase, one.opened, one.inputs] for one in participant.gate_decisions.order_by("pk")],
        "contradictions": [each.judged.about for each in found.contradictions],
        "visits": participant.visits.filter(reveals_allocation=False).count(),
    }


if __name__ == "__main__":
    commands: dict[str, Callable[..., Any]] = {"prepare": prepare, "work": work, "examine": examine}
    print(json.dumps(commands[sys.argv[1]](*sys.argv[2:])))
