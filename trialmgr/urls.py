"""Every address of the house. Each room names its own; here they meet."""

from __future__ import annotations

from importlib.util import find_spec

from allauth.account import views as account
from django.urls import URLPattern, URLResolver, include, path

ROOMS = ["trialmgr.overview", "trialmgr.people", "crf", "randomization", "exports"]

# Accounts are made by an administrator and reached by name: no sign-up, no pages about e-mail.
_account = [
    path("login/", account.login, name="account_login"),
    path("logout/", account.logout, name="account_logout"),
    path("inactive/", account.account_inactive, name="account_inactive"),
    path("reauthenticate/", account.reauthenticate, name="account_reauthenticate"),
    path("password/change/", account.password_change, name="account_change_password"),
    path("2fa/", include("allauth.mfa.urls")),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("account/", include(_account)),
    *[path("", include(f"{room}.urls")) for room in ROOMS if find_spec(f"{room}.urls")],
]
if find_spec("trialmgr.overview.api_urls"):
    urlpatterns.append(path("api/", include("trialmgr.overview.api_urls")))
