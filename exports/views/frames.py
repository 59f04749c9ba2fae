"""What the pages about lock and releases share: moments, breadcrumbs, heading."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from trialmgr.people.forms import ActForm, status_of


def moment(value: Any) -> str:
    """Day and time at the sites, with the zone."""
    local = localtime(value)
    return f"{date_format(local, 'j F Y H:i')} {local:%Z}"


def frame(heading: str, **context: Any) -> dict[str, Any]:
    back = reverse("exports:releases")
    crumbs = [{"label": _("Releases"), "url": back}, {"label": heading}]
    return {"heading": heading, "breadcrumbs": crumbs, "back": back, **context}


def page(request: HttpRequest, template: str, heading: str, form: ActForm, **context: Any) -> HttpResponse:
    whole = frame(heading, form=form, **context)
    return render(request, f"exports/{template}.html", whole, status=status_of(form))
