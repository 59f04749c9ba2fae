"""Everybody opens the first page: ``python -m tests.commands.first_page``."""

from __future__ import annotations

import django

django.setup()

from django.test import Client  # noqa: E402  Django is set up first

from trialmgr.people.models import User  # noqa: E402

if __name__ == "__main__":
    for user in User.objects.all():
        client = Client(headers={"host": "127.0.0.1"})
        client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        assert client.get("/").status_code == 200, user
