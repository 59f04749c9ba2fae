"""What the frame of every page shows: the study, who is signed in, in which roles, and where they may go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from crf.drafts import person_mark
from trialmgr import __version__
from trialmgr.people.models import User
from trialmgr.people.permissions import ROLE_LABELS, Role
from trialmgr.studies.queries import NoStudyPublished, current_version


@dataclass(frozen=True, slots=True)
class Place:
    """One entry of the main menu, for whoever holds one of the permissions; for everybody when there are none."""

    view: str
    label: str | Promise
    permissions: tuple[str, ...] = ()


PLACES = (
    Place("overview:home", _("Work list")),
    Place("participants:list", _("Participants"), ("participants.view",)),
    Place("crf:sites", _("Standing of sites"), ("sites.view",)),
    Place("crf:queries", _("Queries"), ("queries.view",)),
    Place("crf:deviations", _("Deviations"), ("entries.view",)),
    Place("crf:freezes", _("Freezes"), ("entries.freeze",)),
    Place("exports:open_points", _("Open points"), ("sites.view",)),
    Place("overview:recruitment", _("Recruitment"), ("overview.view",)),
    Place("randomization:lists", _("Randomisation"), ("lists.view", "lists.activate")),
    Place("randomization:code_breaks", _("Code breaks"), ("breaks.view",)),
    Place("overview:trail", _("Audit trail"), ("audit.view",)),
    Place("exports:releases", _("Releases"), ("releases.view",)),
    Place("overview:versions", _("Study"), ("study.view",)),
    Place("people:list", _("People"), ("people.view",)),
    Place("people:sites", _("Sites"), ("people.view",)),
)


# Where nothing is drawn by lot there is no list and no code to break.
OF_RANDOMISED = ("randomization:lists", "randomization:code_breaks")


def surroundings(request: HttpRequest) -> dict[str, Any]:
    shown: dict[str, Any] = {"is_demo": settings.TRIALMGR_DEMO, "software_version": __version__, **_study()}
    user = getattr(request, "user", None)
    if isinstance(user, User) and user.is_active:
        shown |= {"nav_items": nav_items(user, request.path), "account_roles": role_lines(user)}
        sought = request.GET.get("number", "") if request.path == reverse("participants:list") else ""
        shown |= {"may_find": user.may("participants.view"), "number_sought": sought}
        shown |= {"account_name": user.actor_name, "person_mark": person_mark(user)}
        shown |= {"may_type": user.may("entries.enter"), "session_seconds": settings.SESSION_COOKIE_AGE}
    return shown


def _is_randomised() -> bool:
    try:
        return current_version().definition.is_randomised
    except NoStudyPublished:
        return True


def _study() -> dict[str, str]:
    try:
        version = current_version()
    except NoStudyPublished:
        return {}
    return {"study_short_title": version.definition.short_title, "study_version": version.label}


def nav_items(user: User, path: str) -> list[dict[str, Any]]:
    """The menu of this person; the place that holds ``path`` is the current one."""
    absent = () if _is_randomised() else OF_RANDOMISED
    items = [
        {"url": reverse(place.view), "label": place.label}
        for place in PLACES
        if place.view not in absent
        if not place.permissions or any(user.may(permission) for permission in place.permissions)
    ]
    return [item | {"current": _holds(str(item["url"]), path)} for item in items]


def _holds(url: str, path: str) -> bool:
    return path == url if url == "/" else path.startswith(url)


def role_lines(user: User) -> list[str]:
    """Role and site, as the header shows them."""
    return [
        f"{ROLE_LABELS[Role(membership.role)]}{f', {membership.site.code}' if membership.site else ''}"
        for membership in user.memberships_now
    ]
