from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from audit import once
from audit.acts import Means, by_means_of

_TOKEN_OF_A_PAGE = 64  # the length of a token that was masked for one page; the bare secret is shorter


class MeansMiddleware:
    """What is done in a request is done by a page, or by the API where its address says so."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with by_means_of(Means.API if request.path_info.startswith("/api/") else Means.PAGE):
            return self.get_response(request)


class OnceMiddleware:
    """What a page sends is done once, however often it is sent.

    Django masks the CSRF token anew for each page it shows, so the token names the page, in every form and without
    scripts. A program names what it sends itself, see ``people.api``.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        is_page = request.method == "POST" and not request.path_info.startswith("/api/")
        with once.asked_by(_sent(request) if is_page else None):
            return self.get_response(request)


def _sent(request: HttpRequest) -> once.Request | None:
    sent = dict(request.POST.lists())
    token = "".join(sent.pop("csrfmiddlewaretoken", []))
    files = [f"{name} {file}" for name, file in request.FILES.items()]
    length = request.headers.get("Content-Length")
    if len(token) != _TOKEN_OF_A_PAGE:
        return None
    return once.Request(once.digest_of(token), once.digest_of(request.path, sent, files, length))
