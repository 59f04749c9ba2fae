"""A whole trial with an amendment half way: ``python -m tests.rehearsal.amended_trial PARTICIPANTS FOLDER``.

Prints as JSON what the amendment in FOLDER was said to touch, what stood when it took effect, and what came of it.
"""

from __future__ import annotations

import datetime
import json
import sys
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

import django

django.setup()

from django.test import Client  # noqa: E402  Django is set up first

from crf.models import FormEntry  # noqa: E402
from tests.commands.calling import called  # noqa: E402
from tests.rehearsal.amendment import FORM  # noqa: E402
from trialmgr.overview.rehearsal.cast import standing_cast  # noqa: E402
from trialmgr.overview.rehearsal.trial import Progress, rehearse  # noqa: E402
from trialmgr.people.permissions import Role  # noqa: E402
from trialmgr.studies.clock import pretend  # noqa: E402


@dataclass
class Amended:
    """``stood``: the entries of the form that were there; ``high``: those of them with a pulse above 80."""

    folder: str
    told: dict[str, Any] = field(default_factory=dict)
    effective_from: str = ""
    stood: list[int] = field(default_factory=list)
    high: int = 0

    def half_way(self, now: Progress) -> None:
        if not self.told and now.day >= now.begin + (now.end - now.begin) / 2:
            with pretend(now.day):
                self._amend(now.day + datetime.timedelta(days=1))

    def _amend(self, first_day: datetime.date) -> None:
        standing = list(FormEntry.objects.standing().filter(form_key=FORM))
        self.stood = [entry.pk for entry in standing]
        self.high = sum(int(entry.data.get("pulse", "0")) > 80 for entry in standing)
        self.effective_from = first_day.isoformat()
        self.told = called("study", "diff", "1", self.folder, "--as", "data_manager", "--json").answer
        publish = ("study", "publish", self.folder, "--as", "data_manager", "--reason", "amendment 1")
        approve = ("study", "approve", "2", "--as", "unblinded_statistician", "--from", self.effective_from)
        for command in (publish, approve):
            answer = called(*command)
            assert answer.code == 0, answer.err


def versions(entries: list[FormEntry], first_day: datetime.date) -> dict[str, dict[str, int]]:
    """Entries by version, of visits before the first day and of those from it on."""
    found: dict[str, Counter[str]] = {"before": Counter(), "after": Counter()}
    for entry in entries:
        assert entry.visit.took_place_on is not None
        found["before" if entry.visit.took_place_on < first_day else "after"][entry.study_version.label] += 1
    return {name: dict(counter) for name, counter in found.items()}


def page_of(entry: FormEntry) -> str:
    """The page of an entry as the coordinator of its site opens it."""
    participant = entry.visit.participant
    client = Client(headers={"host": "127.0.0.1"})
    client.cookies["django_language"] = "en"
    reader = standing_cast().at(participant.site.code, Role.COORDINATOR)
    client.force_login(reader, backend="allauth.account.auth_backends.AuthenticationBackend")
    page = client.get(f"/participants/{participant.number}/visits/{entry.visit.slug}/forms/{FORM}/")
    assert page.status_code == 200
    return page.content.decode()


def main(participants: str, folder: str) -> None:
    amended = Amended(folder)
    rehearse(participants=int(participants), seed=1, report=amended.half_way)
    rows = FormEntry.objects.filter(form_key=FORM).select_related("visit__participant__site", "study_version")
    entries = list(rows.order_by("pk"))
    first_day = datetime.date.fromisoformat(amended.effective_from)
    newest = {entry.study_version.label: entry for entry in entries}
    outcome = {
        "versions": versions(entries, first_day),
        "of_those_that_stood": sorted({e.study_version.label for e in entries if e.pk in amended.stood}),
        "asks_for_the_height": {label: "Height" in page_of(entry) for label, entry in newest.items()},
    }
    print(json.dumps(asdict(amended) | outcome))


if __name__ == "__main__":
    main(*sys.argv[1:])
