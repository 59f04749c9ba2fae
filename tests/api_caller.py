"""Somebody who speaks with the API: by a session, as the pages do, or by a token."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from tests.conftest import PASSWORD
from trialmgr.people.models import User

BASE = "/api/v1"


class Caller:
    """``get("participants/")`` and so on give (status, document)."""

    def __init__(self, user: User | None, *, token: bool = False) -> None:
        self.client = APIClient(HTTP_ACCEPT_LANGUAGE="en")
        if user is not None and token:
            key = Token.objects.get_or_create(user=user)[0].key
            self.client.credentials(HTTP_AUTHORIZATION=f"Token {key}")
        elif user is not None:
            self.client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")

    def signed_in_again(self) -> Caller:
        """As a person does before an act that matters: with the password, a moment ago."""
        answer = self.client.post(reverse("account_reauthenticate"), {"password": PASSWORD}, format="multipart")
        assert answer.status_code == 302, answer.content
        return self

    def __call__(self, method: str, path: str, sent: Any = None, **headers: str) -> tuple[int, Any]:
        call = getattr(self.client, method)
        answer = call(f"{BASE}/{path}", sent, format="json" if method != "get" else None, headers=headers or None)
        return answer.status_code, answer.json()

    def get(self, path: str, **asked: str) -> tuple[int, Any]:
        return self("get", path, asked)

    def post(self, path: str, sent: Any = None, **headers: str) -> tuple[int, Any]:
        return self("post", path, sent, **headers)

    def put(self, path: str, sent: Any) -> tuple[int, Any]:
        return self("put", path, sent)

    def patch(self, path: str, sent: Any) -> tuple[int, Any]:
        return self("patch", path, sent)
