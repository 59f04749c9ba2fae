"""The first line of every page: signed in, and in a role that may. Which rows, is for ``for_user``."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, cast

from allauth.account.decorators import reauthentication_required
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from trialmgr.people.models import User

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]


def permitted(*permissions: str) -> Callable[[View[P]], View[P]]:
    """Let in whoever holds one of these permissions somewhere; others get 403 and why, strangers the sign-in page."""

    def decorate(view: View[P]) -> View[P]:
        @login_required
        @wraps(view)
        def run(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            user = person(request)
            if not any(user.may(permission) for permission in permissions):
                raise PermissionDenied(_("Your role does not allow this."))
            return view(request, *args, **kwargs)

        return cast(View[P], run)

    return decorate


def person(request: HttpRequest) -> User:
    """The signed-in user of a guarded view."""
    return cast(User, request.user)


def signed_in_again(view: View[P]) -> View[P]:
    """An act that counts as a signature: the page may be read, its POST waits until the person has signed in again."""
    return cast(View[P], reauthentication_required(view, allow_get=True))


def signed_in_again_first(view: View[P]) -> View[P]:
    """The same for an act with a file, which cannot wait meanwhile: the page itself comes after the sign-in."""
    return cast(View[P], reauthentication_required(view))
