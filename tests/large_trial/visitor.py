"""Opens the pages of a copied participant in a large trial, and saves: ``python -m tests.large_trial.visitor``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import django

django.setup()

from django.test import Client  # noqa: E402  Django is set up first

from crf.actions import save_entry  # noqa: E402
from crf.models import EntryStatus, FormEntry  # noqa: E402
from trialmgr.overview.rehearsal.cast import Cast, standing_cast  # noqa: E402
from trialmgr.participants.models import Participant  # noqa: E402
from trialmgr.people.models import User  # noqa: E402
from trialmgr.people.permissions import Role  # noqa: E402

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
FORM, ITEM = "madrs", "madrs_1"


def copied_entry() -> FormEntry:
    """Of the newest copy that has one: a form that its rater may still change."""
    copies = Participant.objects.filter(allocation__idempotency_key__startswith="copy-", ended_on=None)
    found = FormEntry.objects.filter(form_key=FORM, status=EntryStatus.COMPLETE.value, visit__participant__in=copies)
    entry: FormEntry = found.select_related("visit__participant__site").latest("visit__participant__pk", "pk")
    return entry


def pages(entry: FormEntry, number: str) -> dict[str, str]:
    casebook = f"/participants/{number}/"
    form = f"{casebook}visits/{entry.visit.slug}/forms/{entry.form_key}/"
    return {
        "casebook": casebook,
        "form": form,
        "history": f"{form}rows/{entry.occurrence}/history/",
        "trail": f"/audit/?participant={number}",
    }


def seen(cast: Cast, entry: FormEntry, number: str) -> Iterator[tuple[str, list[Any]]]:
    """As each role, at the site of the entry: "role page" -> answer, and whether it names the participant."""
    for role in Role:
        client = Client(HTTP_HOST="127.0.0.1")
        client.force_login(cast.at(entry.visit.participant.site.code, role), backend=BACKEND)
        for page, path in pages(entry, number).items():
            answer = client.get(path, follow=True)
            yield f"{role.value} {page}", [answer.status_code, number in answer.content.decode()]


def source_of(entry: FormEntry) -> str:
    """Whoever was rehearsed with the same answers."""
    alike = FormEntry.objects.filter(
        form_key=FORM, visit__slug=entry.visit.slug, data=entry.data, visit__participant__site=entry.participant.site
    )
    return str(alike.earliest("visit__participant__pk").visit.participant.number)


def saved(by: User, entry: FormEntry) -> dict[str, Any]:
    value = "2" if entry.data[ITEM] != "2" else "3"
    outcome = save_entry(by=by, visit=entry.visit, form_key=FORM, values={ITEM: value}, reason="read anew")
    return {"changed": ITEM in outcome.changed, "stands": FormEntry.objects.get(pk=entry.pk).data[ITEM] == value}


def visit() -> dict[str, Any]:
    cast, entry = standing_cast(), copied_entry()
    number, source = entry.participant.number, source_of(entry)
    told = {"copy": dict(seen(cast, entry, number)), "source": dict(seen(cast, entry, source))}
    return told | {"saved": saved(cast.at(entry.participant.site.code, Role.RATER), entry)}


if __name__ == "__main__":
    print(json.dumps(visit()))
