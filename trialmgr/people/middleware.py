from __future__ import annotations

import time
from collections.abc import Callable

from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import translation

RENEWED = "renewed"
RENEWED_AT_MOST_EVERY = 60  # seconds


def seconds_left(request: HttpRequest) -> int:
    """Until the idle sign-out, at least; 0 for whoever is not signed in."""
    if not request.user.is_authenticated:
        return 0
    renewed = int(request.session.get(RENEWED, time.time()))
    return max(0, renewed + settings.SESSION_COOKIE_AGE - int(time.time()))


def stay(request: HttpRequest) -> None:
    request.session[RENEWED] = int(time.time())


class IdleTimeMiddleware:
    """A request puts off the idle sign-out; it writes that down once a minute, so that reading pages writes little.
    Only to look how long is left puts off nothing.

    Whoever does nothing is signed out after ``SESSION_COOKIE_AGE``, or up to a minute sooner.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        now = int(time.time())
        due = now - request.session.get(RENEWED, 0) >= RENEWED_AT_MOST_EVERY
        is_look = request.method == "GET" and request.path_info == reverse("people:session")
        if due and not is_look and request.session.session_key:
            request.session[RENEWED] = now
        return self.get_response(request)


class SharedComputerMiddleware:
    """Ward computers are shared: no page of somebody's stays in the browser, and signing out wipes what they typed.

    Source: OWASP ASVS 5.0 V14.3 (client-side data protection).
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        was_signed_in = request.user.is_authenticated
        response = self.get_response(request)
        if was_signed_in:
            response.headers.setdefault("Cache-Control", "no-store, private")
        if was_signed_in and not request.user.is_authenticated:
            response.headers["Clear-Site-Data"] = '"cache", "storage"'
        return response


class OneRequestsLanguageMiddleware:
    """The language of a request ends with it: whatever the process does next begins with that of the installation."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with translation.override(translation.get_language()):
            return self.get_response(request)


class ChosenLanguageMiddleware:
    """Whoever once chose a language finds it again on another device; the device's own last choice wins."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        chosen = "" if settings.LANGUAGE_COOKIE_NAME in request.COOKIES else getattr(request.user, "language", "")
        if chosen:
            translation.activate(chosen)
            request.LANGUAGE_CODE = chosen
        return self.get_response(request)


class SecondFactorMiddleware:
    """Whoever has no second factor yet can do one thing: set it up. Source: OWASP ASVS 5.0 V6.3.3."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if self._must_set_up(request):
            return redirect("mfa_activate_totp")
        return self.get_response(request)

    def _must_set_up(self, request: HttpRequest) -> bool:
        if not settings.TRIALMGR_SECOND_FACTOR or not request.user.is_authenticated:
            return False
        names = ("account_logout", "account_reauthenticate", "mfa_index", "overview:set_language")
        allowed = (settings.STATIC_URL, *(reverse(name) for name in names))
        return not request.path.startswith(allowed) and not is_mfa_enabled(request.user)
