"""One participant through every phase of a study, and its pages: ``python -m tests.rehearsal.other_study NAME``."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from unittest.mock import patch

import django

django.setup()

from django.conf import settings  # noqa: E402  Django is set up first
from django.test import Client  # noqa: E402
from django.urls import reverse  # noqa: E402

from audit.verification import verify  # noqa: E402
from crf.models import FormEntry, GateDecision, Visit  # noqa: E402
from exports.open_points import open_points  # noqa: E402
from trialmgr.overview.rehearsal import trial  # noqa: E402
from trialmgr.overview.rehearsal.cast import standing_cast  # noqa: E402
from trialmgr.overview.rehearsal.invention.profile import Rates, load_profile  # noqa: E402
from trialmgr.participants.models import Participant  # noqa: E402
from trialmgr.people.models import User  # noqa: E402
from trialmgr.people.permissions import Role  # noqa: E402

SIGN_IN = "allauth.account.auth_backends.AuthenticationBackend"
NEVER = Rates.model_validate(dict.fromkeys(Rates.model_fields, 0))
ALWAYS = {"screen_failure": 0.0, "drop_out": 0.0, "visit_not_done": 0.0, "item_missing": 0.0, "slips": NEVER}
PLACES = (
    "overview:home",
    "participants:list",
    "overview:recruitment",
    "overview:flow",
    "crf:queries",
    "overview:versions",
)
# What nobody may read in a study in which nothing is drawn by lot.
OF_LOTS = re.compile(r"randomi[sz]|allocat|code break|\barms?\b", re.IGNORECASE)


def walked(study: str) -> dict[str, object]:
    """What became of one participant who goes on wherever a gate asks, and what the pages say of it."""
    usual = load_profile(Path(settings.TRIALMGR_STUDIES) / study)
    goes_on = {"ev_wish": 1.0, "ev_advice": 1.0} | {key: share for key, share in usual.yes.items() if key[:3] != "ev_"}
    with patch.object(trial, "load_profile", return_value=usual.model_copy(update=ALWAYS | {"yes": goes_on})):
        trial.rehearse(participants=1, seed=1, study=study)
    [participant] = Participant.objects.all()
    return {
        "status": participant.status,
        "opened": list(GateDecision.objects.filter(opened=True).order_by("pk").values_list("phase", flat=True)),
        "visits": list(Visit.objects.exclude(took_place_on=None).order_by("pk").values_list("slug", flat=True)),
        "forms": sorted(set(FormEntry.objects.values_list("form_key", flat=True))),
        "open_points": len(open_points()),
        "whole": verify().is_whole,
        "pages": _pages(participant.number),
    }


def _pages(number: str) -> dict[str, list[str]]:
    """Role -> words of lots on the pages that this role may read."""
    told = {}
    for role in (Role.COORDINATOR, Role.INVESTIGATOR, Role.STATISTICIAN, Role.UNBLINDED_STATISTICIAN, Role.RATER):
        reader = standing_cast().at(next(iter(standing_cast().sites)), role)
        told[role.value] = sorted({word for url in _addresses(number) for word in _words(reader, url)})
    return told


def _addresses(number: str) -> list[str]:
    return [reverse(place) for place in PLACES] + [reverse("participants:detail", args=[number])]


def _words(reader: User, url: str) -> list[str]:
    client = Client(SERVER_NAME="localhost", headers={"accept-language": "en"})
    client.force_login(reader, backend=SIGN_IN)
    page = client.get(url)
    assert page.status_code in (200, 403, 404), (url, page.status_code)
    text = re.sub(r"<(script|style).*?</\1>|<[^>]*>", " ", page.content.decode(), flags=re.DOTALL)
    return OF_LOTS.findall(text) if page.status_code == 200 else []


if __name__ == "__main__":
    print(json.dumps(walked(sys.argv[1])))
