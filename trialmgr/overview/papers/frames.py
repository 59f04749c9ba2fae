"""What the papers of this room share: who printed it and when, and values as they stand on paper."""

from __future__ import annotations

import datetime
from typing import Any

from django.http import HttpResponse
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from randomization.views.frames import moment
from trialmgr.people.models import Site, User
from trialmgr.people.permissions import role_labels

Paper = dict[str, Any]


def printed(user: User, site: Site | None, at: datetime.datetime) -> str:
    """The foot of every page: name, role, the time at the sites and UTC."""
    return _("Printed by %(name)s (%(roles)s), %(local)s, %(utc)s UTC") % {
        "name": user.actor_name,
        "roles": role_labels(user.role_names(site)),
        "local": moment(at),
        "utc": f"{at.astimezone(datetime.UTC):%Y-%m-%d %H:%M:%S}",
    }


def day(value: datetime.date | None) -> str:
    return date_format(value, "j F Y") if value else ""


def handed_out(paper: bytes, name: str) -> HttpResponse:
    """The file, for somebody to take along. ``name``: without the ending."""
    answer = HttpResponse(paper, content_type="application/pdf")
    answer["Content-Disposition"] = f'attachment; filename="{name}.pdf"'
    return answer
