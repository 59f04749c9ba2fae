from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from audit.acts import Means, by_means_of


class MeansMiddleware:
    """What is done in a request is done by a page, or by the API where its address says so."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with by_means_of(Means.API if request.path_info.startswith("/api/") else Means.PAGE):
            return self.get_response(request)
