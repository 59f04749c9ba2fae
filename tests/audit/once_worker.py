"""One person presses the button of one page several times at the same moment, each press in a connection of its own."""

from __future__ import annotations

import json
import threading
from typing import Any

import django

django.setup()

from django.conf import settings  # noqa: E402  only after setup
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402

from tests import walk  # noqa: E402
from tests.audit.test_once import Browser, day  # noqa: E402
from trialmgr.overview.rehearsal.cast import standing_cast  # noqa: E402
from trialmgr.participants.models import Participant  # noqa: E402
from trialmgr.people.permissions import Role  # noqa: E402

PRESSES = 4
URL = "/participants/register/"


settings.ALLOWED_HOSTS.append("testserver")


def race() -> dict[str, Any]:
    browser = Browser(standing_cast().at(walk.SITE, Role.COORDINATOR))
    sent = {**browser.hidden(URL), "site": walk.SITE, **day()}
    together, led = threading.Barrier(PRESSES), []

    def press() -> None:
        client = Client(enforce_csrf_checks=True)
        client.cookies = browser.client.cookies
        together.wait()
        led.append(client.post(URL, sent).headers.get("Location", ""))
        connection.close()

    presses = [threading.Thread(target=press) for _time in range(PRESSES)]
    for each in presses:
        each.start()
    for each in presses:
        each.join()
    return {"led": led, "participants": Participant.objects.count()}


if __name__ == "__main__":
    print(json.dumps(race()))
