"""What every part of the API shares: who may, how a refusal looks, and how an operation is described.

The API speaks of things by their natural keys and never gives a database id: a gap in ids could tell the allocation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar, cast

from allauth.account.internal.flows.reauthentication import is_reauthentication_required
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import MethodNotAllowed, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.once import Request as Once
from audit.once import ask, digest_of
from trialmgr.people.models import Site, User
from trialmgr.people.permissions import PERMISSIONS

LONGEST_KEY = 64
F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


class ApiView(APIView):
    """Each of its methods is an ``operation``, which names the permissions of which a person needs one."""

    metadata_class = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """What carries a key is done once; by the docs of each operation that makes something."""
        super().initial(request, *args, **kwargs)
        key = idempotency_key(request)
        if key:
            ask(Once(digest_of(key), digest_of(request.method, request.path, request.data)))

    def get_permissions(self) -> list[Any]:
        return [RolePermission()]

    def check_at(self, site: Site) -> None:
        """Right site, wrong role: 403. For things found through ``for_user``, which answers 404 for a wrong site."""
        if not any(person(self.request).may(permission, site=site) for permission in permissions_of(self) or ()):
            raise PermissionDenied(_("Your role does not allow this."))


def idempotency_key(request: Request) -> str:
    """What the caller chose to name this request by; empty where nothing was chosen."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return ""
    if not 1 <= len(key) <= LONGEST_KEY or not key.isprintable():
        raise serializers.ValidationError(
            {"Idempotency-Key": [_("Send this header with a key of 1 to 64 characters.")]}
        )
    return key


class RolePermission(BasePermission):
    """The API twin of ``guards.permitted``: 401 for strangers, 403 for whoever holds the permission nowhere."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not request.user.is_authenticated:
            return False
        wanted = permissions_of(view)
        if wanted is None:
            raise MethodNotAllowed(str(request.method))
        if not any(person(request).may(permission) for permission in wanted):
            raise PermissionDenied(_("Your role does not allow this."))
        return True


def permissions_of(view: APIView) -> tuple[str, ...] | None:
    """What the operation that this request asks for needs; None where the view has no such operation."""
    handler = getattr(view, str(view.request.method).lower(), None)
    wanted: tuple[str, ...] | None = getattr(handler, "may", None)
    return wanted


def person(request: Request) -> User:
    """The user of a request that ``RolePermission`` let in."""
    return cast(User, request.user)


def check_signed_in_again(request: Request) -> None:
    """An act that matters is done by a person who has just signed in again; a token is not a person.

    Source: 21 CFR Part 11 11.200(a)(1).
    """
    if not isinstance(request.successful_authenticator, SessionAuthentication):
        raise PermissionDenied(_("This is done by a person who has just signed in again, never with an API key."))
    if is_reauthentication_required(request._request, app=""):
        raise PermissionDenied(_("Sign in again first, at /account/reauthenticate/, and send this within a minute."))


def listed(serializer: type[serializers.Serializer[T]], rows: Iterable[T]) -> Response:
    """An answer of many documents."""
    return Response([serializer(row).data for row in rows])


def checked(serializer: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    """What was sent, if it has the shape that ``serializer`` asks for; a field that it does not know is refused too."""
    sent = serializer(data=request.data)
    sent.is_valid(raise_exception=True)
    unknown = sorted(set(request.data) - set(sent.fields))
    if unknown:
        raise serializers.ValidationError({name: [_("This field is not known.")] for name in unknown})
    return cast(dict[str, Any], sent.validated_data)


class Denied(serializers.Serializer[Any]):
    """Why this person may not, or what is not there."""

    detail = serializers.CharField()


class Refused(serializers.Serializer[Any]):
    """Every reason why the state of things forbids it. ``reason_wanted``: these saved values change, so say why."""

    refused = serializers.ListField(child=serializers.CharField())
    reason_wanted = serializers.ListField(child=serializers.CharField(), required=False)


class ItemProblem(serializers.Serializer[Any]):
    item = serializers.CharField(allow_null=True)
    check = serializers.CharField(allow_null=True)
    message = serializers.CharField()


class EntryProblems(serializers.Serializer[Any]):
    """What was entered cannot be saved; each problem names its item and, where one fired, the edit check."""

    refused = serializers.ListField(child=serializers.CharField())
    items = ItemProblem(many=True)


_REFUSALS: dict[int, Any] = {
    400: OpenApiResponse(OpenApiTypes.OBJECT, "What was sent does not have the shape asked for: messages by field."),
    401: OpenApiResponse(Denied, "Nobody is signed in: send a session cookie or an API key."),
    403: OpenApiResponse(Denied, "The role of this person does not allow it, or they have to sign in again first."),
    404: OpenApiResponse(Denied, "There is no such thing, or not at the sites of this person."),
    409: OpenApiResponse(Refused, "The state of things does not allow it."),
    422: OpenApiResponse(EntryProblems, "These values cannot be saved."),
    413: OpenApiResponse(Denied, "What was sent is too large."),
    415: OpenApiResponse(Denied, "What is sent is JSON and says so in its content type."),
    503: OpenApiResponse(Denied, "The installation is not ready: the answer says what is wanting."),
}
_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY},
    OpenApiParameter.HEADER,
    description="Chosen by the caller, kept a week. The same request with the same key makes nothing twice and is "
    "answered as the first time; another request with it is refused with 409.",
)
READING = (400, 401, 403, 404, 503)
WRITING = (400, 401, 403, 404, 409, 413, 415, 503)
ENTERING = (*WRITING, 422)


def operation(
    name: str,
    summary: str,
    *,
    may: tuple[str, ...],
    answer: Any,
    request: Any = None,
    status: int = 200,
    refusals: Sequence[int] = READING,
    parameters: Sequence[OpenApiParameter] = (),
) -> Callable[[F], F]:
    """One operation: who may, what it asks, what it answers, and every way in which it can refuse."""

    def decorate(method: F) -> F:
        method.__dict__["may"] = may
        describe = extend_schema(
            operation_id=name,
            summary=summary,
            description=_for_whom(may),
            request=request,
            responses={status: answer} | {code: _REFUSALS[code] for code in refusals},
            parameters=[*parameters, *([] if parameters or status != 201 else [_KEY])],
        )
        return describe(method)

    return decorate


def _for_whom(may: tuple[str, ...]) -> str:
    roles = [role.value for role, permissions in PERMISSIONS.items() if permissions & set(may)]
    return f"Roles: {', '.join(roles)}."
