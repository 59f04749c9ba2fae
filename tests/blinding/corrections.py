"""A world in which a blinded rater corrects: ``python -m tests.blinding.corrections correct ARMS much FOLDER MOMENT``.

``much`` follows from the corrections out of the rater's sight, or ``little``. ``correct`` prints as JSON of each answer
what was asked, its status, the digest of the rest (under which the whole text stands in FOLDER), and how many
statements it took. ``time`` prints how long saves take from which much follows, and others from which nothing does.
"""

from __future__ import annotations

import datetime
import gc
import hashlib
import json
import logging
import re
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import django

django.setup()

import time_machine  # noqa: E402  Django is set up first
from django.conf import settings  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402

from audit.models import LedgerEntry  # noqa: E402
from crf.actions import raise_query, remove_entry, sign_entry, verify_items  # noqa: E402
from crf.models import FormEntry, Verification  # noqa: E402
from tests import walk  # noqa: E402
from tests.blinding.one_world import prepare  # noqa: E402
from tests.blinding.reader import plain  # noqa: E402
from tests.blinding.worlds import build  # noqa: E402
from trialmgr.overview.rehearsal.cast import Cast, standing_cast  # noqa: E402
from trialmgr.participants.models import Participant  # noqa: E402
from trialmgr.people.models import User  # noqa: E402
from trialmgr.people.permissions import Role  # noqa: E402

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
MADRS = [f"madrs_{number}" for number in range(1, 11)]
_REVISION = re.compile(r'name="revision" value="(\d+)"')


@dataclass
class Rater:
    """``told``: what was asked, status, digest, statements; in the order of asking."""

    client: Client
    folder: Path
    told: list[list[Any]] = field(default_factory=list)

    @classmethod
    def of(cls, user: User, folder: Path) -> Rater:
        client = Client(raise_request_exception=False)
        client.force_login(user, backend=BACKEND)
        return cls(client, folder)

    def ask(self, method: str, url: str, sent: Any = None, **how: Any) -> str:
        with CaptureQueriesContext(connection) as asked:
            answer = plain(getattr(self.client, method)(url, sent, headers={"Accept-Language": "en"}, **how))
        digest = hashlib.sha256(answer.whole.encode()).hexdigest()
        (self.folder / digest).write_text(answer.whole, "utf-8")
        (self.folder / f"{len(self.told)}.sql").write_text("\n".join(one["sql"] for one in asked), "utf-8")
        self.told.append([f"{len(self.told)} {method} {url}", answer.status, digest, len(asked)])
        return answer.body

    def send(self, method: str, url: str, sent: Any) -> Any:
        """To the API."""
        return json.loads(self.ask(method, url, json.dumps(sent), content_type="application/json"))


def correct(arms: str, much: str, folder: str, moment: str) -> dict[str, Any]:
    """Everything a rater may do with a score that others read, in two casebooks, one of them of somebody who left.

    ``followed``: how many lines the audit trail has of what followed.
    """
    logging.disable(logging.ERROR)
    settings.ALLOWED_HOSTS.append("testserver")
    with time_machine.travel(datetime.datetime.fromisoformat(moment), tick=False), transaction.atomic():
        cast = standing_cast()
        people = build(cast, tuple(arms.split(",")))
        for person in people[:2]:
            {"much": _much_follows, "little": _nothing_follows}[much](cast, person)
        by = cast.at(walk.SITE, Role.RATER)
        rater = Rater.of(by, Path(folder))
        for person in people[:2]:
            for slug in ("week_8", "baseline"):
                _by_pages(rater, f"/participants/{person.number}/visits/{slug}/")
                _by_api(rater, f"/api/v1/participants/{person.number}/visits/{slug}/")
        for url in ("/", "/api/v1/participants/", "/api/v1/queries/"):
            rater.ask("get", url)
        followed = LedgerEntry.objects.exclude(cause="").filter(on_behalf_of=by.actor_name).count()
    return {"told": rater.told, "followed": followed}


def _much_follows(cast: Cast, participant: Participant) -> None:
    """The outcome is entered, verified, signed and asked about."""
    entry = _outcome(cast, participant)
    verify_items(by=cast.at("", Role.MONITOR), entry=entry, items=["oc_fall", "oc_response", "oc_remission"])
    raise_query(by=cast.at("", Role.MONITOR), entry=entry, item="oc_fall", text="Really?")
    sign_entry(by=cast.at(participant.site.code, Role.INVESTIGATOR), entry=entry, meaning="seen")


def _nothing_follows(cast: Cast, participant: Participant) -> None:
    """There is no outcome: it was taken out."""
    by = cast.at(participant.site.code, Role.COORDINATOR)
    remove_entry(by=by, entry=_outcome(cast, participant), reason="entered too early")


def _outcome(cast: Cast, participant: Participant) -> FormEntry:
    visit = walk.visit_of(participant, "week_8")
    if not FormEntry.objects.filter(visit=visit, form_key="outcome").exists():
        walk.fill(cast, visit, "outcome")
    found: FormEntry = FormEntry.objects.select_related("visit__participant__site").get(visit=visit, form_key="outcome")
    return found


def _by_pages(rater: Rater, visit: str) -> None:
    url = f"{visit}forms/madrs/"

    def send(value: int, reason: str = "", **more: str) -> None:
        found = _REVISION.search(rater.ask("get", url))
        boxes = {f"item.{key}": str(value) for key in MADRS} | {"reason_text": reason}
        rater.ask("post", url, boxes | {"revision": found[1] if found else ""} | more)

    send(4)  # without a reason
    for value in (4, 0, 5):
        send(value, "read wrongly from the paper")
    send(1, "read wrongly from the paper", revision="0")  # somebody else saved
    send(7, "read wrongly from the paper")  # out of range
    send(1, "one was not asked", **{"item.madrs_10": "", "missing.madrs_10": "refused"})
    rater.ask("post", f"{url}rows/1/live/", {f"item.{key}": "2" for key in MADRS})
    for page in (url, visit, f"{url}rows/1/history/", visit.partition("visits/")[0]):
        rater.ask("get", page)


def _by_api(rater: Rater, visit: str) -> None:
    form = f"{visit}forms/madrs/"
    row = f"{form}rows/1/"

    def send(method: str, value: int, *, keys: list[str] = MADRS, reason: str = "read wrongly") -> None:
        revision = json.loads(rater.ask("get", row))["revision"]
        sent = {"values": {key: str(value) for key in keys}, "reason": reason, "revision": revision}
        rater.send(method, row, sent)

    send("put", 6, reason="")
    for value in (6, 0, 3):
        send("put", value)
        send("patch", value + 1 if value < 6 else 1, keys=MADRS[:3])
    rater.send("post", f"{form}not-done/", {"code": "not_done", "reason": "the wrong person"})
    send("put", 2)
    rater.send("post", f"{row}remove/", {"reason": "the wrong visit"})
    send("put", 3)
    for url in (row, visit):
        rater.ask("get", url)


# --- time -------------------------------------------------------------------------------------------------------------


def timed(pairs: str) -> dict[str, list[float]]:
    """Seconds of saves by page in two casebooks, in turn: in one the outcome follows each time, the other has none.

    Which of the two comes first changes from pair to pair.
    """
    logging.disable(logging.ERROR)
    settings.ALLOWED_HOSTS.append("testserver")
    cast = standing_cast()
    build(cast, ("esketamine", "ect", "esketamine"))
    one, other = (walk.at_week_8(cast) for _world in range(2))
    _much_follows(cast, one)
    _nothing_follows(cast, other)
    assert Verification.objects.filter(entry__visit__participant=one, stands=True).exists()
    client = Client()
    client.force_login(cast.at(walk.SITE, Role.RATER), backend=BACKEND)
    saves = {"much": _saves(client, one), "little": _saves(client, other)}
    for save in saves.values():
        next(save)
    taken: dict[str, list[float]] = {"much": [], "little": []}
    gc.collect()
    gc.freeze()
    for turn in range(int(pairs)):
        for world in ("much", "little") if turn % 2 else ("little", "much"):
            taken[world].append(next(saves[world]))
    return taken


def _saves(client: Client, participant: Participant) -> Iterator[float]:
    visit = walk.visit_of(participant, "week_8")
    url = f"/participants/{participant.number}/visits/{visit.slug}/forms/madrs/"
    while True:
        for value in ("1", "4"):
            revision = FormEntry.objects.get(visit=visit, form_key="madrs").revision
            sent = {f"item.{key}": value for key in MADRS} | {"reason_text": "read wrongly", "revision": str(revision)}
            gc.collect()
            began = time.perf_counter()
            answer = client.post(url, sent)
            yield time.perf_counter() - began
            assert answer.status_code == 302, answer.content


if __name__ == "__main__":
    commands: dict[str, Callable[..., Any]] = {"prepare": prepare, "correct": correct, "time": timed}
    print(json.dumps(commands[sys.argv[1]](*sys.argv[2:])))
