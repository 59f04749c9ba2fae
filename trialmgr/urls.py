"""Every address of the house. Each room names its own; here they meet."""

from __future__ import annotations

from allauth.account import views as account
from django.urls import URLPattern, URLResolver, include, path

# Accounts are made by an administrator and reached by name: no sign-up, no pages about e-mail.
_account = [
    path("login/", account.login, name="account_login"),
    path("logout/", account.logout, name="account_logout"),
    path("inactive/", account.account_inactive, name="account_inactive"),
    path("reauthenticate/", account.reauthenticate, name="account_reauthenticate"),
    path("password/change/", account.password_change, name="account_change_password"),
    path("2fa/", include("allauth.mfa.urls")),
]

handler400 = "trialmgr.overview.refusals.unreadable"
handler404 = "trialmgr.overview.refusals.not_found"
handler500 = "trialmgr.overview.refusals.failed"

urlpatterns: list[URLPattern | URLResolver] = [
    path("account/", include(_account)),
    path("api/", include("trialmgr.overview.api_urls")),
    path("", include("trialmgr.overview.urls")),
    path("", include("trialmgr.people.urls")),
    path("", include("crf.urls")),
    path("", include("randomization.urls")),
    path("", include("exports.urls")),
]
