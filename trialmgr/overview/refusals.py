"""What a person or a program meets when something is refused: the reasons in words, never a traceback."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.defaults import bad_request, page_not_found, server_error
from rest_framework import status
from rest_framework.response import Response
from rest_framework.views import exception_handler, set_rollback

from audit.acts import ActionRefused
from crf.actions import EntryRefused
from crf.actions.entries import ReasonWanted
from randomization.methods.lists.sealing import KeyUnusable, SealBroken
from trialmgr.studies.queries import NoStudyPublished

NotReady = (NoStudyPublished, KeyUnusable, SealBroken)


class RefusalMiddleware:
    """Turns a refusal that a view let through into a page with its reasons."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, ActionRefused):
            reasons = {"reasons": exception.reasons}
            return render(request, "overview/refusals/refused.html", reasons, status=status.HTTP_409_CONFLICT)
        if isinstance(exception, NotReady):
            mend = {"mend": _what_is_wanting(exception)}
            return render(request, "overview/refusals/not_ready.html", mend, status=status.HTTP_503_SERVICE_UNAVAILABLE)
        return None


class ReadableMiddleware:
    """U+0000 is in no text: PostgreSQL takes none, so nothing that is asked for can hold one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        asked = [request.path, *(text for name, texts in request.GET.lists() for text in (name, *texts))]
        if any("\0" in text for text in asked):
            return unreadable(request, BadRequest())
        return self.get_response(request)


def unreadable(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _for_program(request, 400, _("This request cannot be read.")) or bad_request(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _for_program(request, 404, _("There is no such address.")) or page_not_found(request, exception)


def failed(request: HttpRequest) -> HttpResponse:
    detail = _("Whether this was kept is not known. Sent again with its Idempotency-Key it makes nothing twice.")
    return _for_program(request, 500, detail) or server_error(request)


def _for_program(request: HttpRequest, status: int, detail: str) -> HttpResponse | None:
    """The API answers in JSON, whatever happened."""
    return JsonResponse({"detail": detail}, status=status) if request.path_info.startswith("/api/") else None


def _what_is_wanting(exception: NoStudyPublished | KeyUnusable | SealBroken) -> str:
    if isinstance(exception, SealBroken):
        return _("The randomisation list does not open with the key of this installation (TRIALMGR_LIST_KEY).")
    if isinstance(exception, KeyUnusable):
        return _("The key that seals the randomisation list is not set or not usable (TRIALMGR_LIST_KEY).")
    return _("No study definition has been published yet.")


def api_exception_handler(exception: Exception, context: dict[str, Any]) -> Response | None:
    """The API's answer to the same refusals; anything else as the framework has it (403, 404, 405, 400)."""
    for kind, answer in _ANSWERS:
        if isinstance(exception, kind):
            set_rollback()
            return answer(exception)
    return exception_handler(exception, context)


def _entry_refused(refusal: EntryRefused) -> Response:
    language = get_language() or "nl"
    items = [
        {"item": problem.item_key, "check": problem.check_key, "message": problem.message(language)}
        for problem in refusal.problems
    ]
    return Response({"refused": refusal.reasons, "items": items}, status=status.HTTP_422_UNPROCESSABLE_ENTITY)


def _reason_wanted(refusal: ReasonWanted) -> Response:
    body = {"refused": refusal.reasons, "reason_wanted": refusal.items}
    return Response(body, status=status.HTTP_409_CONFLICT)


def _refused(refusal: ActionRefused) -> Response:
    return Response({"refused": refusal.reasons}, status=status.HTTP_409_CONFLICT)


def _not_ready(exception: NoStudyPublished | KeyUnusable | SealBroken) -> Response:
    return Response({"detail": _what_is_wanting(exception)}, status=status.HTTP_503_SERVICE_UNAVAILABLE)


_ANSWERS: tuple[tuple[type[Exception], Callable[[Any], Response]], ...] = (
    (EntryRefused, _entry_refused),
    (ReasonWanted, _reason_wanted),
    (ActionRefused, _refused),
    (NoStudyPublished, _not_ready),
    (KeyUnusable, _not_ready),
    (SealBroken, _not_ready),
)
