from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from trialmgr.studies.queries import one_version


class OneVersionMiddleware:
    """A page is drawn from one study version, which is read once."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with one_version():
            return self.get_response(request)
