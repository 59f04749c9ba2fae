"""Opening and sending pages as one of the cast."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from typing import Any

from django.test import Client

from crf.models import Visit
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.participants.models import Participant
from trialmgr.people.permissions import Role

SITE = "UMCG"


class Reader:
    """A browser in the hands of somebody of the cast, in English."""

    def __init__(self, signed_in: Callable[..., Client], cast: Cast, role: Role, site: str = SITE) -> None:
        self.user = cast.at(site, role)
        self.client = signed_in(self.user)
        self.client.cookies["django_language"] = "en"

    def get(self, url: str, status: int = 200) -> str:
        return self._text(self.client.get(url), status)

    def post(self, url: str, data: Mapping[str, Any], status: int = 302) -> str:
        return self._text(self.client.post(url, data), status)

    def send(self, url: str, data: Mapping[str, Any]) -> str:
        """Post, and the page to which it leads."""
        return self._text(self.client.post(url, data, follow=True), 200)

    def sign_in_again(self, password: str) -> None:
        self.client.post("/account/reauthenticate/", {"password": password})

    @staticmethod
    def _text(response: Any, status: int) -> str:
        text: str = response.content.decode()
        assert response.status_code == status, (response.status_code, response.headers.get("Location"), text[-2000:])
        return text


def day_boxes(name: str, day: datetime.date) -> dict[str, str]:
    """What the three boxes of a date send."""
    return {f"{name}_day": str(day.day), f"{name}_month": str(day.month), f"{name}_year": str(day.year)}


def boxes(values: Mapping[str, str], revision: int = 0, **more: str) -> dict[str, str]:
    """What the page of a form sends."""
    return {f"item.{key}": value for key, value in values.items()} | {"revision": str(revision), **more}


def casebook_url(participant: Participant) -> str:
    return f"/participants/{participant.number}/"


def visit_url(visit: Visit) -> str:
    return f"/participants/{visit.participant.number}/visits/{visit.slug}/"


def form_url(visit: Visit, form: str) -> str:
    return f"{visit_url(visit)}forms/{form}/"
